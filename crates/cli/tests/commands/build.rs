//! `hw build`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn builds_and_tests_in_the_order_of_the_graph() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["build"]), @"");
}

#[test]
fn skips_what_reads_a_failed_test() {
    let project = TestProject::new(
        "
=== models/a.sql
select 1 as id union all select 1
=== models/b.sql
select * from {{ ref('a') }}
=== models/properties.yml
models:
  - name: a
    columns: [{name: id, data_tests: [unique]}]
",
    );
    assert_snapshot!(project.hw(&["build"]), @"");
}
