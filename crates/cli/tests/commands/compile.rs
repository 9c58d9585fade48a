//! `hw compile`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn prints_one_model_and_writes_all() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["compile", "-s", "daily_revenue"]), @r#"
    exit 0
    --- stdout

    select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
    from "shop"."main"."raw_orders"
    group by 1
    "#);
    assert_snapshot!(project.read("target/compiled/shop/models/daily_revenue.sql"), @r#"
    select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
    from "shop"."main"."raw_orders"
    group by 1
    "#);
    assert_snapshot!(project.hw(&["compile", "--inline", "select * from {{ ref('raw_orders') }}"]), @r#"
    exit 0
    --- stdout
    select * from "shop"."main"."raw_orders"
    "#);
    assert_snapshot!(project.hw(&["compile"]), @r#"
    exit 0
    --- stdout

    select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
    from "shop"."main"."raw_orders"
    group by 1
    "#);
}
