//! `hw ls`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn lists_in_every_form() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["ls"]), @r#"
    exit 0
    --- stdout
    shop.daily_revenue
    shop.raw_orders
    shop.not_null_daily_revenue_day
    shop.unique_daily_revenue_day
    "#);
    assert_snapshot!(project.hw(&["list", "--output", "name", "--resource-type", "model"]), @r#"
    exit 0
    --- stdout
    daily_revenue
    "#);
    assert_snapshot!(project.hw(&["ls", "--output", "path", "-s", "+daily_revenue", "--exclude", "resource_type:test"]), @r#"
    exit 0
    --- stdout
    models/daily_revenue.sql
    seeds/raw_orders.csv
    "#);
    assert_snapshot!(project.hw(&["ls", "--output", "json", "-m", "daily_revenue", "--resource-types", "model", "--output-keys", "name", "resource_type", "depends_on"]), @r#"
    exit 0
    --- stdout
    {"name":"daily_revenue","resource_type":"model","depends_on":{"macros":[],"nodes":["seed.shop.raw_orders"]}}
    "#);
    assert_snapshot!(project.hw(&["ls", "-s", "tag:none"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  no node matches this selection
    "#);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    use std::process::Stdio;
    let many: String = (0..4000).map(|number| format!("=== models/m{number}.sql\nselect {number} as id\n")).collect();
    let project = TestProject::new(&many);
    let mut child = project.command(&["ls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hw starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("hw ends");
    assert_eq!(project.report(&output), "exit 0\n");
}
