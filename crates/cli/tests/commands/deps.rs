//! `hw deps`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn installs_local_packages() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["deps"]), @"");
    project.write_all(
        "
=== packages.yml
packages: [{local: ../FOLDER/shared}]
=== shared/dbt_project.yml
name: shared
version: '1.0'
=== shared/models/common.sql
select 1 as id
",
    );
    project.write("packages.yml", "packages: [{local: shared}]\n");
    assert_snapshot!(project.hw(&["deps"]), @"");
    assert_snapshot!(project.hw(&["ls", "--resource-type", "model"]), @"");
}
