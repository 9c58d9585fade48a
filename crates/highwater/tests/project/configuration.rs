//! What wins when several files configure a node.

use highwater::manifest::Node;

use crate::support::{build, errors};

fn config(node: &Node, keys: &[&str]) -> String {
    let value = |key: &&str| format!("{key}: {}", node.config.get(key).cloned().unwrap_or_default());
    keys.iter().map(value).collect::<Vec<_>>().join("\n")
}

const LAYERS: &str = r#"==> dbt_project.yml
name: shop
profile: shop
models:
  +materialized: view
  +tags: all
  +meta: {owner: everybody, level: project}
  +pre-hook: "select 'root'"
  shop:
    staging:
      materialized: table
      +tags: [staging]
      +pre-hook: ["select 'folder'"]
      +grants: {select: [bi]}
==> models/staging/orders.sql
{{ config(tags=['own'], meta={'level': 'file'}, pre_hook="select 'file'", grants={'+select': ['ml']}) }}
select 1 as id
==> models/staging/schema.yml
models:
  - name: orders
    config:
      materialized: incremental
      tags: properties
      meta: {level: properties, tier: 1}
      pre_hook: {sql: "select 'properties'", transaction: false}
      unique_key: id
==> models/other.sql
select 1 as id
"#;

#[test]
fn the_file_wins_over_properties_over_folders_and_some_keys_add_up() {
    let (manifest, warnings) = build(LAYERS);
    assert_eq!(warnings, "");
    let orders = &manifest.nodes["model.shop.orders"];
    insta::assert_snapshot!(config(orders, &["materialized", "tags", "meta", "pre-hook", "grants", "unique_key"]), @r#"
    materialized: "incremental"
    tags: ["all","staging","properties","own"]
    meta: {"owner":"everybody","level":"file","tier":1}
    pre-hook: [{"sql":"select 'root'","transaction":true,"index":null},{"sql":"select 'folder'","transaction":true,"index":null},{"sql":"select 'properties'","transaction":false,"index":null},{"sql":"select 'file'","transaction":true,"index":null}]
    grants: {"select":["bi","ml"]}
    unique_key: "id"
    "#);
    assert_eq!(orders.tags, ["all", "staging", "properties", "own"]);
    let other = &manifest.nodes["model.shop.other"];
    insta::assert_snapshot!(config(other, &["materialized", "tags", "meta", "grants", "on_schema_change"]), @r#"
    materialized: "view"
    tags: ["all"]
    meta: {"owner":"everybody","level":"project"}
    grants: {}
    on_schema_change: "ignore"
    "#);
}

#[test]
fn the_project_has_the_last_word_on_its_packages() {
    let (manifest, _) = build(
        r#"==> dbt_project.yml
name: shop
profile: shop
models: {utils: {+materialized: table, +tags: [from_project]}}
==> dbt_packages/utils/dbt_project.yml
name: utils
models: {utils: {+materialized: ephemeral, +tags: [from_package]}}
==> dbt_packages/utils/models/calendar.sql
{{ config(materialized='view', tags=['own']) }} select 1 as id
"#,
    );
    let calendar = &manifest.nodes["model.utils.calendar"];
    insta::assert_snapshot!(config(calendar, &["materialized", "tags"]), @r#"
    materialized: "table"
    tags: ["from_package","own","from_project"]
    "#);
    assert_eq!(calendar.original_file_path, "models/calendar.sql");
}

#[test]
fn places_are_named_by_macros_the_project_may_override() {
    let files = "==> models/a.sql\n{{ config(schema='marts', alias='first') }} select 1 as id
==> models/b.sql\nselect 1 as id
==> seeds/s.csv\na\n1
";
    let place = |text: &str| {
        let (manifest, _) = build(text);
        manifest.nodes.values().map(|node| node.relation.sql()).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(place(files), @r#"
    "shop"."main_marts"."first"
    "shop"."main"."b"
    "shop"."main"."s"
    "#);
    let overridden = format!(
        "{files}==> macros/names.sql\n{{% macro generate_schema_name(custom_schema_name, node) %}}
  {{{{ custom_schema_name or node.resource_type }}}}
{{% endmacro %}}
{{% macro generate_alias_name(custom_alias_name=none, node=none) %}}{{{{ node.name }}}}_x{{% endmacro %}}
"
    );
    insta::assert_snapshot!(place(&overridden), @r#"
    "shop"."marts"."a_x"
    "shop"."model"."b_x"
    "shop"."seed"."s_x"
    "#);
}

#[test]
fn disabled_nodes_are_kept_apart() {
    let (manifest, warnings) = build(
        "==> models/a.sql\n{{ config(enabled=false) }} select 1 as id
==> models/b.sql\nselect 1 as id
==> models/schema.yml\nmodels:\n  - {name: a, columns: [{name: id, tests: [unique]}]}\n  - {name: b, config: {enabled: false}}
",
    );
    assert!(manifest.nodes.is_empty());
    let disabled: Vec<&String> = manifest.disabled.keys().collect();
    insta::assert_snapshot!(format!("{disabled:#?}"), @r#"
    [
        "model.shop.a",
        "model.shop.b",
        "test.shop.unique_a_id.f6a5f640da",
    ]
    "#);
    assert_eq!(warnings, "");
}

#[test]
fn hooks_of_a_model_may_refer_to_other_models() {
    let (manifest, _) = build(
        "==> models/a.sql\n{{ config(post_hook=\"insert into log select * from {{ ref('b') }}\") }} select 1 as id
==> models/b.sql\nselect 1 as id
==> dbt_project.yml\nname: shop\nprofile: shop\non-run-end: [\"select * from {{ ref('a') }}\", select 2]
",
    );
    assert_eq!(manifest.nodes["model.shop.a"].depends_on.nodes, ["model.shop.b"]);
    let hook = &manifest.nodes["operation.shop.shop-on-run-end-0"];
    assert_eq!((hook.tags[0].as_str(), hook.depends_on.nodes[0].as_str()), ("on-run-end", "model.shop.a"));
}

#[test]
fn sources_take_the_word_of_the_table_over_that_of_the_source() {
    let (manifest, _) = build(
        r#"==> models/sources.yml
sources:
  - name: raw
    schema: "raw_{{ target.name }}"
    loader: fivetran
    tags: [src]
    meta: {a: 1, b: 1}
    config: {event_time: loaded_at, loaded_at_field: loaded_at}
    freshness: {warn_after: {count: 1, period: day}}
    tables:
      - name: orders
        identifier: ORDERS_V1
        tags: [hot]
        meta: {b: 2}
        config: {event_time: created_at}
        freshness: {error_after: {count: 2, period: day}}
      - name: customers
        freshness: null
"#,
    );
    let orders = &manifest.sources["source.shop.raw.orders"];
    insta::assert_snapshot!(
        format!("{}\n{}\n{}\n{:?}", orders.relation, orders.freshness, serde_json::json!(orders.config), orders.tags), @r#"
    "shop"."raw_dev"."ORDERS_V1"
    {"warn_after":{"count":1,"period":"day"},"error_after":{"count":2,"period":"day"}}
    {"enabled":true,"event_time":"created_at","meta":{"a":1,"b":2},"tags":["hot","src"],"freshness":{"warn_after":{"count":1,"period":"day"},"error_after":{"count":2,"period":"day"}},"loaded_at_field":"loaded_at"}
    ["hot", "src"]
    "#);
    let customers = &manifest.sources["source.shop.raw.customers"];
    assert_eq!(customers.config.text("event_time"), Some("loaded_at"));
    assert!(customers.freshness.is_null());
}

#[test]
fn configuration_that_cannot_be_meant_is_refused() {
    insta::assert_snapshot!(errors(
        "==> models/a.sql\n{{ config(access='open', materialized='incremental', incremental_strategy='microbatch', event_time='t') }} select 1
==> snapshots/s.sql\n{% snapshot s %}{{ config(strategy='timestamp', unique_key='id') }} select 1{% endsnapshot %}
==> models/schema.yml\nmodels: [{name: a, config: {group: finanse}, columns: [{name: id, tests: [{unique: {severity: bad}}]}]}]\n"), @r"
    error HW0208: `access: open` of `a` is none of dbt's words
      at models/a.sql:1:1
      note: it is described in models/schema.yml
      help: use private, protected or public
    error HW0208: the microbatch model `a` does not say `begin`
      at models/a.sql:1:1
      note: it is described in models/schema.yml
      help: it must provide a 'begin', as event_time, begin and batch_size are needed
    error HW0208: the microbatch model `a` does not say `batch_size`
      at models/a.sql:1:1
      note: it is described in models/schema.yml
      help: it must provide a 'batch_size', as event_time, begin and batch_size are needed
    error HW0208: the snapshot `s` must say `updated_at`
      at snapshots/s.sql:1:1 `{% snapshot s %}{{ config(strategy='timestamp', unique_key='id') }} select 1{% endsnapshot %}`
      help: name the column that tells when a row changed
    error HW0208: `severity: bad` of `unique_a_id` is neither warn nor error
      at models/schema.yml:1:75 `{unique: {severity: bad}}`
      help: use warn or error
    ");
}
