//! `hw compile`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn prints_one_model_and_writes_all() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["compile", "-s", "daily_revenue"]), @"");
    assert_snapshot!(project.read("target/compiled/shop/models/daily_revenue.sql"), @"");
    assert_snapshot!(project.hw(&["compile", "--inline", "select * from {{ ref('raw_orders') }}"]), @"");
    assert_snapshot!(project.hw(&["compile"]), @"");
}
