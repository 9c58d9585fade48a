//! `hw parse`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn writes_the_manifest() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["parse"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  shop holds together: 1 model, 1 seed, 2 tests
    "#);
    let manifest: serde_json::Value = serde_json::from_str(&project.read("target/manifest.json")).expect("json");
    assert!(manifest["nodes"]["model.shop.daily_revenue"].is_object());
}

#[test]
fn writes_nothing_when_told_not_to() {
    let project = TestProject::new(SHOP);
    project.ok(&["parse", "--no-write-json"]);
    assert!(!project.path("target/manifest.json").exists());
}

const METRICS: &str = r#"
=== models/orders.sql
select 1 as order_id, 2 as amount, date '2026-11-01' as ordered_at
=== models/days.sql
select date '2026-11-01' as day
=== models/metrics.yml
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
  - name: orders
    columns:
      - name: order_id
        constraints: [{type: not_null}]
groups:
  - name: finance
    owner: {email: someone@example.com}
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_at}
    entities: [{name: order, type: primary, expr: order_id}]
    dimensions: [{name: ordered_at, type: time, type_params: {time_granularity: day}}]
    measures:
      - {name: amount, agg: sum}
      - {name: order_count, agg: sum, expr: 1, create_metric: true}
metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amount}
    filter: "{{ Dimension('order__ordered_at') }} > '2026-01-01'"
  - name: growth
    label: Growth
    type: derived
    type_params:
      expr: revenue - before
      metrics: [revenue, {name: revenue, alias: before, offset_window: 1 months}]
  - name: so_far
    label: So far
    type: cumulative
    type_params: {measure: amount, window: 30 days}
saved_queries:
  - name: weekly
    query_params: {metrics: [growth], group_by: ["TimeDimension('metric_time', 'week')"]}
    exports: [{name: weekly, config: {export_as: table}}]
"#;

#[test]
fn the_semantic_layer_in_the_artifacts() {
    let project = TestProject::new(METRICS);
    assert_snapshot!(project.hw(&["parse"]), @r#"
exit 0
--- stderr
[CLOCK]  shop holds together: 2 models, 4 metrics, 1 semantic model, 1 saved query
"#);
    let read = |file: &str| -> serde_json::Value { serde_json::from_str(&project.read(file)).expect("JSON") };
    let manifest = read("target/manifest.json");
    let parts = [
        "/semantic_models/semantic_model.shop.orders/measures/1",
        "/semantic_models/semantic_model.shop.orders/node_relation",
        "/metrics/metric.shop.revenue/filter",
        "/metrics/metric.shop.growth/type_params/metrics",
        "/metrics/metric.shop.growth/type_params/input_measures",
        "/metrics/metric.shop.so_far/type_params/cumulative_type_params",
        "/metrics/metric.shop.order_count/type_params/measure",
        "/parent_map/metric.shop.revenue",
        "/parent_map/metric.shop.growth",
        "/saved_queries/saved_query.shop.weekly/depends_on/nodes",
        "/saved_queries/saved_query.shop.weekly/exports",
        "/groups/group.shop.finance/owner",
        "/nodes/model.shop.days/time_spine",
        "/nodes/model.shop.orders/columns/order_id/constraints",
    ];
    let parts = parts.map(|place| format!("{place}  {}", manifest.pointer(place).unwrap_or(&serde_json::Value::Null)));
    assert_snapshot!(parts.join("\n"), @r#"
/semantic_models/semantic_model.shop.orders/measures/1  {"name":"order_count","agg":"sum","description":null,"label":null,"create_metric":true,"expr":"1","agg_params":null,"non_additive_dimension":null,"agg_time_dimension":null,"config":{"meta":{}}}
/semantic_models/semantic_model.shop.orders/node_relation  {"alias":"orders","schema_name":"main","database":"shop","relation_name":"\"shop\".\"main\".\"orders\""}
/metrics/metric.shop.revenue/filter  {"where_filters":[{"where_sql_template":"{{ Dimension('order__ordered_at') }} > '2026-01-01'"}]}
/metrics/metric.shop.growth/type_params/metrics  [{"name":"revenue","filter":null,"alias":null,"offset_window":null,"offset_to_grain":null},{"name":"revenue","filter":null,"alias":"before","offset_window":{"count":1,"granularity":"month"},"offset_to_grain":null}]
/metrics/metric.shop.growth/type_params/input_measures  [{"name":"amount","filter":null,"alias":null,"join_to_timespine":false,"fill_nulls_with":null}]
/metrics/metric.shop.so_far/type_params/cumulative_type_params  {"window":{"count":30,"granularity":"day"},"grain_to_date":null,"period_agg":"first","metric":null}
/metrics/metric.shop.order_count/type_params/measure  {"name":"order_count","filter":null,"alias":null,"join_to_timespine":false,"fill_nulls_with":null}
/parent_map/metric.shop.revenue  ["semantic_model.shop.orders"]
/parent_map/metric.shop.growth  ["metric.shop.revenue"]
/saved_queries/saved_query.shop.weekly/depends_on/nodes  ["metric.shop.growth"]
/saved_queries/saved_query.shop.weekly/exports  [{"name":"weekly","config":{"export_as":"table","schema_name":"main","alias":"weekly","database":"shop"},"unrendered_config":{"export_as":"table"}}]
/groups/group.shop.finance/owner  {"email":"someone@example.com","name":null}
/nodes/model.shop.days/time_spine  {"standard_granularity_column":"day","custom_granularities":[]}
/nodes/model.shop.orders/columns/order_id/constraints  [{"type":"not_null","name":null,"expression":null,"warn_unenforced":true,"warn_unsupported":true,"to":null,"to_columns":[]}]
"#);
    let semantic = read("target/semantic_manifest.json");
    assert_snapshot!(semantic["project_configuration"].to_string(), @r#"{"time_spine_table_configurations":[],"metadata":null,"dsi_package_version":{"major_version":"0","minor_version":"9","patch_version":"0"},"time_spines":[{"node_relation":{"alias":"days","schema_name":"main","database":"shop","relation_name":"\"shop\".\"main\".\"days\""},"primary_column":{"name":"day","time_granularity":"day"},"custom_granularities":[]}]}"#);
    let names: Vec<_> = semantic["metrics"].as_array().expect("a list").iter().map(|metric| &metric["name"]).collect();
    assert_snapshot!(format!("{names:?} {}", semantic["saved_queries"][0]), @r#"[String("order_count"), String("revenue"), String("growth"), String("so_far")] {"name":"weekly","query_params":{"metrics":["growth"],"group_by":["TimeDimension('metric_time', 'week')"],"where":null,"order_by":[],"limit":null},"description":null,"metadata":null,"label":null,"exports":[{"name":"weekly","config":{"export_as":"table","schema_name":"main","alias":"weekly"}}],"tags":[]}"#);
    assert_snapshot!(project.hw(&["ls", "--select", "+saved_query:weekly"]), @r#"
exit 0
--- stdout
metric:shop.growth
metric:shop.revenue
shop.orders
saved_query:shop.weekly
semantic_model:shop.orders
"#);
}

#[test]
fn versions_and_arguments_in_the_manifest() {
    let project = TestProject::new(
        "
=== dbt_project.yml
name: shop
version: '1.0'
profile: shop
models: {+tags: \"{{ target.name }}\"}
=== profiles.yml
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb}
=== macros/m.sql
{% a link to somewhere %}
{% macro cents(column, digits=2) %}{{ column }}{% endmacro %}
{% macro quiet(column) %}{{ column }}{% endmacro %}
=== macros/m.yml
macros:
  - name: cents
    arguments: [{name: column, type: string, description: In euros.}]
=== models/orders_v2.sql
select 1 as id
=== models/orders_v1.sql
select id from {{ ref('orders', v=2) }}
=== models/m.yml
models:
  - name: orders
    latest_version: 2
    columns: [{name: id, data_tests: [unique]}]
    versions: [{v: 1}, {v: 2}]
",
    );
    project.ok(&["parse"]);
    let manifest: serde_json::Value = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let test =
        manifest["nodes"].as_object().expect("nodes").keys().find(|id| id.contains("orders_v1_id")).expect("a test");
    let parts = [
        "/macros/macro.shop.cents/arguments".to_owned(),
        "/macros/macro.shop.quiet/arguments".to_owned(),
        "/nodes/model.shop.orders.v1/refs".to_owned(),
        "/nodes/model.shop.orders.v1/unrendered_config".to_owned(),
        "/nodes/model.shop.orders.v1/config/tags".to_owned(),
        format!("/nodes/{test}/file_key_name"),
    ];
    let parts = parts.map(|place| format!("{place}  {}", manifest.pointer(&place).unwrap_or(&serde_json::Value::Null)));
    assert_snapshot!(parts.join("\n"), @r#"
/macros/macro.shop.cents/arguments  [{"name":"column","type":"string","description":"In euros."}]
/macros/macro.shop.quiet/arguments  []
/nodes/model.shop.orders.v1/refs  [{"name":"orders","package":null,"version":2}]
/nodes/model.shop.orders.v1/unrendered_config  {"tags":"{{ target.name }}"}
/nodes/model.shop.orders.v1/config/tags  ["dev"]
/nodes/test.shop.unique_orders_v1_id.4f8f74f68f/file_key_name  "models.orders"
"#);
}
