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

/// As dbt lists them: analyses only when asked for, unit tests by what selects them, of JSON what the manifest has.
#[test]
fn lists_what_dbt_lists() {
    let project = TestProject::new(
        "
=== analyses/idea.sql
select 1 as id
=== models/a_v1.sql
select 1 as id
=== models/a.yml
models: [{name: a, latest_version: 1, versions: [{v: 1}]}]
unit_tests: [{name: counts, model: a, given: [], expect: {rows: [{id: 1}]}}]
",
    );
    assert_snapshot!(project.hw(&["ls"]), @"
    exit 0
    --- stdout
    shop.a.v1
    unit_test:shop.counts_v1
    ");
    assert_snapshot!(project.hw(&["ls", "--resource-type", "analysis", "model", "--output", "name"]), @"
    exit 0
    --- stdout
    idea
    a.v1
    ");
    assert_snapshot!(project.hw(&["ls", "-s", "a", "--resource-type", "model", "--output", "json"]), @r#"
exit 0
--- stdout
{"name":"a","resource_type":"model","package_name":"shop","original_file_path":"models/a_v1.sql","unique_id":"model.shop.a.v1","alias":"a_v1","config":{"enabled":true,"alias":null,"schema":null,"database":null,"tags":[],"meta":{},"group":null,"static_analysis":null,"materialized":"view","incremental_strategy":null,"batch_size":null,"lookback":1,"begin":null,"persist_docs":{},"post-hook":[],"pre-hook":[],"quoting":{},"column_types":{},"full_refresh":null,"unique_key":null,"on_schema_change":"ignore","on_configuration_change":"apply","grants":{},"packages":[],"docs":{"show":true,"node_color":null},"contract":{"enforced":false,"alias_types":true},"event_time":null,"concurrent_batches":null,"access":"protected","freshness":null},"tags":[],"depends_on":{"macros":[],"nodes":[]}}
"#);
    assert_snapshot!(project.hw(&["ls", "-s", "a", "--resource-type", "model", "--output", "json", "--output-keys", "name", "config.materialized"]), @r#"
exit 0
--- stdout
{"name":"a","config.materialized":"view"}
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
