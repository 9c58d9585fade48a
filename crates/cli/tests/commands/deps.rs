//! `hw deps`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn installs_local_packages() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["deps"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  no packages to install
    "#);
    project.write_all(
        "
=== packages.yml
packages: [{local: shared}]
=== shared/dbt_project.yml
name: shared
version: '1.0'
=== shared/models/common.sql
select 1 as id
",
    );
    assert_snapshot!(project.hw(&["deps"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  shared from [FOLDER]/shared
    "#);
    assert_snapshot!(project.hw(&["ls", "--resource-type", "model"]), @r#"
    exit 0
    --- stdout
    shared.common
    shop.daily_revenue
    "#);
}
