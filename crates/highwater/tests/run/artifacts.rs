//! `manifest.json` and `run_results.json`, and what happens when they cannot be written.

use highwater::run::{Command, RunOptions};
use serde_json::{Value, json};

use crate::project::{Project, lines};

fn read(project: &Project, name: &str) -> Value {
    serde_json::from_str(&project.read(&format!("target/{name}"))).expect("JSON")
}

#[test]
fn what_tools_read() {
    let project = Project::new(&[
        ("seeds/raw.csv", "id\n1\n"),
        (
            "models/a.sql",
            "{{ config(materialized='table', post_hook='select 1', tags=['core']) }} select id from {{ ref('raw') }}",
        ),
        (
            "models/a.yml",
            "models:\n- name: a\n  description: all of it\n  columns: [{name: id, data_tests: [unique]}]\n",
        ),
    ]);
    project.run(Command::Build);
    let manifest = read(&project, "manifest.json");
    assert_eq!(manifest["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/manifest/v12.json");
    assert_eq!(manifest["metadata"]["adapter_type"], "duckdb");
    assert_eq!(manifest["parent_map"]["model.shop.a"], json!(["seed.shop.raw"]));
    let summary = read(&project, "graph_summary.json");
    assert_eq!(summary["_invocation_id"], manifest["metadata"]["invocation_id"]);
    let linked = summary["linked"].as_object().expect("nodes");
    let named = |id: &str| linked.values().find(|node| node["name"] == id).expect("the node");
    let (raw, model) = (named("seed.shop.raw"), named("model.shop.a"));
    assert_eq!(linked[&raw["succ"][0].to_string()], *model);
    let test = &linked[&model["succ"][0].to_string()];
    assert_eq!((&test["type"], test.get("succ")), (&json!("test"), None));
    let node = &manifest["nodes"]["model.shop.a"];
    let keys = [
        "name",
        "alias",
        "schema",
        "database",
        "relation_name",
        "description",
        "tags",
        "compiled",
        "compiled_code",
        "compiled_path",
        "depends_on",
    ];
    let chosen: serde_json::Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), node[*key].clone())).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&chosen).expect("text"), @r#"
    {
      "name": "a",
      "alias": "a",
      "schema": "main",
      "database": "shop",
      "relation_name": "\"shop\".\"main\".\"a\"",
      "description": "all of it",
      "tags": [
        "core"
      ],
      "compiled": true,
      "compiled_code": " select id from \"shop\".\"main\".\"raw\"",
      "compiled_path": "target/compiled/shop/models/a.sql",
      "depends_on": {
        "macros": [],
        "nodes": [
          "seed.shop.raw"
        ]
      }
    }
    "#);
    assert_eq!(node["config"]["post-hook"], json!([{"sql": "select 1", "transaction": true, "index": null}]));
    let results = read(&project, "run_results.json");
    assert_eq!(results["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/run-results/v6.json");
    assert_eq!(results["args"]["which"], "build");
    let rows: Vec<String> = results["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {} {}",
                row["unique_id"], row["status"], row["message"], row["failures"], row["relation_name"]
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    "seed.shop.raw" "success" "INSERT 1" null "\"shop\".\"main\".\"raw\""
    "model.shop.a" "success" "OK" null "\"shop\".\"main\".\"a\""
    "test.shop.unique_a_id.f6a5f640da" "pass" null 0 null
    "#);
    assert_eq!(results["results"][1]["timing"][0]["name"], "compile");
}

#[test]
fn a_target_folder_that_cannot_be_written_does_not_undo_the_run() {
    let project = Project::new(&[("models/a.sql", "{{ config(materialized='table') }} select 1 as id")]);
    project.write("target", "a file where the folder should be");
    let results = project.results(&RunOptions::new(Command::Run));
    assert_eq!(lines(&results), "model.shop.a success OK");
    assert_eq!(results.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["HW0451"]);
    assert_eq!(project.query("from a"), "1");
}

/// What dbt 1.11 writes for the same files, in its order.
#[test]
fn what_dbt_puts_in_order() {
    let project = Project::new(&[
        ("models/a.sql", "\n\n  select id from {{ source('raw', 'orders') }}\n"),
        ("models/b.sql", "select id from {{ ref('a') }} union all select id from {{ source('raw', 'orders') }}"),
        (
            "models/all.yml",
            "sources:
- name: raw
  tags: [late]
  freshness: null
  config: {monitored: true}
  tables:
  - name: orders
    tags: [early, late]
    columns: [{name: id, data_tests: [not_null]}]
  - {name: files, meta: {external_location: 'in/{name}.csv'}}
models:
- name: b
  columns:
  - {name: z, data_tests: [unique, not_null]}
  - {name: y, data_tests: [unique, not_null]}
exposures:
- name: board
  type: dashboard
  tags: [b, a]
  meta: {of: us}
  owner: {name: me}
  depends_on: [\"ref('b')\", \"source('raw', 'orders')\"]
",
        ),
    ]);
    let mut compile = RunOptions::new(Command::Compile);
    compile.selection.select = vec!["a".to_owned()];
    project.results(&compile);
    let manifest = read(&project, "manifest.json");
    let (a, b) = (&manifest["nodes"]["model.shop.a"], &manifest["nodes"]["model.shop.b"]);
    let sources = &manifest["sources"];
    let (orders, files) = (&sources["source.shop.raw.orders"], &sources["source.shop.raw.files"]);
    let tests = manifest["nodes"].as_object().expect("nodes").values();
    let test = tests.clone().find(|node| node["name"] == "source_not_null_raw_orders_id").expect("the test");
    let exposure = &manifest["exposures"]["exposure.shop.board"];
    let told = [
        &a["raw_code"],
        &a["compiled_code"],
        &b["depends_on"]["nodes"],
        &b["primary_key"],
        &orders["config"],
        &orders["freshness"],
        &files["relation_name"],
        &test["attached_node"],
        &test["file_key_name"],
        &exposure["tags"],
        &exposure["meta"],
        &exposure["unrendered_config"],
        &exposure["depends_on"]["nodes"],
        &manifest["docs"]["doc.dbt.__overview__"]["name"],
    ];
    insta::assert_snapshot!(told.map(Value::to_string).join("\n"), @r#"
    "select id from {{ source('raw', 'orders') }}"
    "select id from \"shop\".\"raw\".\"orders\""
    ["source.shop.raw.orders","model.shop.a"]
    ["y","z"]
    {"enabled":true,"event_time":null,"freshness":null,"loaded_at_field":null,"loaded_at_query":null,"meta":{},"tags":["early","late"],"static_analysis":null,"monitored":true}
    null
    "'in/files.csv'"
    null
    "sources.raw"
    ["a","b"]
    {"of":"us"}
    {}
    ["source.shop.raw.orders","model.shop.b"]
    "__overview__"
    "#);
}

/// What dbt 1.11 writes for the same files, word for word.
#[test]
fn what_is_written_in_a_project_is_told_as_it_is_written() {
    let project = Project::new(&[
        (
            "models/a.sql",
            "{{ config(tags='core', post_hook='select 1') }} select id from {{ source('raw', 'orders') }} \
             union all select id from {{ source('raw', 'orders') }}",
        ),
        ("models/b.sql", "select id from {{ ref('a') }} union all select id from {{ ref('a') }}"),
        (
            "models/all.yml",
            r#"sources:
- name: raw
  schema: "raw_{{ target.type }}"
  database: "{{ target.database }}"
  freshness: {warn_after: {count: 1, period: day}}
  tables: [{name: orders, external: {location: orders.csv}}]
models:
- name: a
  columns:
  - name: id
    data_type: |
      integer
    mapping: {from: "{{ target.type }}"}
unit_tests:
- name: counts
  model: b
  config: {tags: ["{{ target.type }}"]}
  given: [{input: ref('a'), rows: [{id: 1}]}]
  expect: {rows: [{id: 1}, {id: 1}]}
groups:
- name: g
  owner: {name: me}
"#,
        ),
        (
            "snapshots/s.sql",
            "{% snapshot s %}\n\n{{ config(strategy='check', unique_key='id', check_cols='all') }}\nselect * from {{ ref('a') }}\n\n\
             {% endsnapshot %}\n",
        ),
    ]);
    let session = project.session();
    highwater::artifacts::write_manifest(&project.path("target/manifest.json"), &session, &Default::default())
        .expect("written");
    let manifest = read(&project, "manifest.json");
    let (a, b) = (&manifest["nodes"]["model.shop.a"], &manifest["nodes"]["model.shop.b"]);
    let source = &manifest["sources"]["source.shop.raw.orders"];
    let test = &manifest["unit_tests"]["unit_test.shop.b.counts"];
    let told = [
        &a["sources"],
        &b["refs"],
        &a["unrendered_config"],
        &a["columns"]["id"],
        &manifest["nodes"]["snapshot.shop.s"]["raw_code"],
        &source["unrendered_config"],
        &source["unrendered_database"],
        &source["unrendered_schema"],
        &source["external"],
        &test["path"],
        &test["overrides"],
        &test["config"],
        &manifest["groups"]["group.shop.g"]["config"],
    ];
    insta::assert_snapshot!(told.map(Value::to_string).join("\n"), @r#"
    [["raw","orders"],["raw","orders"]]
    [{"name":"a","package":null,"version":null},{"name":"a","package":null,"version":null}]
    {"tags":"core","post-hook":"select 1"}
    {"name":"id","description":"","meta":{},"data_type":"integer","constraints":[],"quote":null,"config":{"meta":{},"tags":[]},"tags":[],"granularity":null,"doc_blocks":[],"mapping":{"from":"duckdb"}}
    "\n\n{{ config(strategy='check', unique_key='id', check_cols='all') }}\nselect * from {{ ref('a') }}\n\n"
    {"loaded_at_field":null,"loaded_at_query":null,"meta":{},"tags":[],"freshness":{"warn_after":{"count":1,"period":"day"},"error_after":{"count":null,"period":null},"filter":null}}
    "{{ target.database }}"
    "raw_{{ target.type }}"
    {"location":"orders.csv","file_format":null,"row_format":null,"tbl_properties":null,"partitions":null}
    "all.yml"
    null
    {"tags":["duckdb"],"meta":{},"enabled":true,"static_analysis":null}
    {"meta":{}}
    "#);
}
