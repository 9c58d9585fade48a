//! What `ref` and `source` come to, and what is said when they come to nothing.

use highwater::manifest::graph;

use crate::support::{build, errors};

#[test]
fn references_become_a_graph() {
    let (manifest, _) = build(
        "==> models/c.sql\nselect * from {{ ref('b') }} join {{ source('raw', 'orders') }}
==> models/b.sql\nselect * from {{ ref('a') }} {% if is_incremental() %} where false {% endif %}
==> seeds/a.csv\nid\n1
==> models/s.yml\nsources: [{name: raw, tables: [{name: orders}]}]\nexposures: [{name: board, type: dashboard, owner: {name: x}, depends_on: [ref('c')]}]\nmetrics: [{name: m, type: simple, meta: {highwater: {model: c}}}, {name: n, type: ratio, type_params: {numerator: m, denominator: {name: m}}}]
",
    );
    let order = graph::order(&manifest);
    insta::assert_snapshot!(order.join("\n"), @r"
    seed.shop.a
    source.shop.raw.orders
    model.shop.b
    model.shop.c
    exposure.shop.board
    metric.shop.m
    metric.shop.n
    ");
    insta::assert_snapshot!(format!("{:?}", graph::ancestors(&manifest, &["exposure.shop.board".to_owned()], None)), @r#"{"model.shop.c": 1, "source.shop.raw.orders": 2, "model.shop.b": 2, "seed.shop.a": 3}"#);
    insta::assert_snapshot!(format!("{:?}", graph::descendants(&manifest, &["seed.shop.a".to_owned()], Some(2))), @r#"{"model.shop.b": 1, "model.shop.c": 2}"#);
    assert_eq!(manifest.parents()["metric.shop.n"], ["metric.shop.m"]);
    assert_eq!(manifest.parents()["metric.shop.m"], ["model.shop.c"]);
}

#[test]
fn unknown_references_are_shown_in_the_file_with_what_is_near() {
    insta::assert_snapshot!(errors(
        "==> models/staging/stg_orders.sql\nselect 1 as id
==> models/fct_orders.sql\nselect o.id\nfrom {{ ref('stg_order') }} o\njoin {{ ref(\"payments\") }} p using (id)
join {{ source('raw', 'customer') }} using (id) join {{ source('rew', 'orders') }} using (id) join {{ source('other', 'x') }} using (id)
join {{ ref('orders') }} using (id) join {{ ref('shop', 'stg_order') }} using (id)
==> models/s.yml\nsources: [{name: raw, tables: [{name: orders}, {name: customers}]}]
"), @r#"
    error HW0214: `source('raw', 'customer')` names no source
      at models/fct_orders.sql:4:23 `'customer'` (no such table in this project or its packages)
      help: did you mean `customers`?
    error HW0214: `source('rew', 'orders')` names no source
      at models/fct_orders.sql:4:64 `'rew'` (no such source in this project or its packages)
      help: did you mean `raw`?
    error HW0214: `source('other', 'x')` names no source
      at models/fct_orders.sql:4:110 `'other'` (no such source in this project or its packages)
      help: describe it in a properties file: sources: [{name: other, tables: [{name: x}]}]
    error HW0213: `ref('stg_order')` names no model, seed or snapshot
      at models/fct_orders.sql:2:13 `'stg_order'` (not found in this project or its packages)
      help: did you mean `stg_orders` (models/staging/stg_orders.sql)?
    error HW0213: `ref('payments')` names no model, seed or snapshot
      at models/fct_orders.sql:3:13 `"payments"` (not found in this project or its packages)
      help: add the model, or correct the name
    error HW0213: `ref('orders')` names no model, seed or snapshot
      at models/fct_orders.sql:5:13 `'orders'` (not found in this project or its packages)
      help: it is a source: source('raw', 'orders')
    error HW0213: `ref('shop', 'stg_order')` names no model, seed or snapshot
      at models/fct_orders.sql:5:57 `'stg_order'` (not found in the package `shop`)
      help: did you mean `stg_orders` (models/staging/stg_orders.sql)?
    "#);
}

#[test]
fn references_to_what_is_disabled_say_so() {
    insta::assert_snapshot!(errors(
        "==> models/a.sql\n{{ config(enabled=false) }} select 1 as id
==> models/b.sql\nselect * from {{ ref('a') }} join {{ source('raw', 'orders') }}
==> models/s.yml\nsources: [{name: raw, tables: [{name: orders, config: {enabled: false}}]}]
"), @"
    error HW0216: `source('raw', 'orders')` names a source that is disabled
      at models/b.sql:1:52 `'orders'` (disabled)
      help: enable it in models/s.yml (`enabled: true`), or remove the reference
    error HW0215: `ref('a')` names a model that is disabled
      at models/b.sql:1:22 `'a'` (disabled)
      help: enable models/a.sql (`enabled: true`), or remove the reference
    ");
}

#[test]
fn circles_name_their_path() {
    insta::assert_snapshot!(errors(
        "==> models/a.sql\nselect * from {{ ref('b') }}
==> models/b.sql\nselect * from {{ ref('c') }}
==> models/c.sql\nselect * from {{ ref('a') }}
==> models/d.sql\nselect * from {{ ref('a') }}
"), @r"
error HW0220: these read each other in a circle: a -> b -> c -> a
  at models/a.sql:1:22 `'b'`
  at models/b.sql:1:22 `'c'`
  at models/c.sql:1:22 `'a'`
  help: take one of the references out, or move what both need into a model of its own
");
    insta::assert_snapshot!(errors("==> models/a.sql\nselect * from {{ ref('a') }}\n"), @r"
    error HW0220: `a` reads itself
      at models/a.sql:1:22 `'a'`
      help: in an incremental model its own table is {{ this }}
    ");
}

#[test]
fn two_nodes_of_one_name_are_refused() {
    insta::assert_snapshot!(errors("==> models/x/a.sql\nselect 1\n==> models/y/a.sql\nselect 2\n"), @r"
    error HW0201: there are two models `a`
      at models/y/a.sql:1:1
      at models/x/a.sql:1:1 (the other one)
      note: they stand in models/x/a.sql and models/y/a.sql
      help: `ref` could not tell them apart: rename or disable one of them
    ");
    insta::assert_snapshot!(errors("==> models/a.sql\nselect 1\n==> seeds/a.csv\nid\n1\n"), @r"
    error HW0201: `a` is both a model and a seed
      at seeds/a.csv:1:1
      at models/a.sql:1:1 (the other one)
      note: they stand in models/a.sql and seeds/a.csv
      help: `ref` could not tell them apart: rename or disable one of them
    ");
    insta::assert_snapshot!(errors("==> models/a.sql\n{{ config(alias='B') }} select 1\n==> models/b.sql\nselect 2\n"), @r#"
    error HW0202: `a` and `b` would both be built as "shop"."main"."b"
      at models/b.sql:1:1
      at models/a.sql:1:1 (the other one)
      note: they stand in models/a.sql and models/b.sql
      help: give one of them another `alias` or `schema`
    "#);
    let (manifest, _) =
        build("==> models/x/a.sql\nselect 1\n==> models/y/a.sql\n{{ config(enabled=false) }} select 2\n");
    assert_eq!(manifest.nodes["model.shop.a"].path, "x/a.sql");
}

#[test]
fn of_two_files_the_enabled_one_counts_with_its_tests() {
    let (manifest, warnings) = build(
        "==> models/x/a.sql\n{{ config(enabled=false) }} select 1 as id
==> models/y/a.sql\nselect 1 as id
==> models/s.yml\nmodels: [{name: a, columns: [{name: id, tests: [unique]}]}]
",
    );
    assert_eq!(warnings, "");
    assert_eq!(manifest.nodes["model.shop.a"].path, "y/a.sql");
    assert_eq!(manifest.nodes.len(), 2);
}

#[test]
fn private_models_are_open_to_their_group_alone() {
    let files = |group: &str| {
        format!(
            "==> models/a.sql\n{{{{ config(access='private', group='finance') }}}} select 1 as id
==> models/b.sql\n{{{{ config(group='{group}') }}}} select * from {{{{ ref('a') }}}}
==> models/g.yml\ngroups: [{{name: finance, owner: {{name: x}}}}, {{name: sales, owner: {{name: y}}}}]
"
        )
    };
    assert_eq!(errors(&files("finance")), "nothing");
    insta::assert_snapshot!(errors(&files("sales")), @r"
    error HW0218: `ref('a')` names a private model of another group
      at models/b.sql:1:50 `'a'` (not open to this node)
      help: give this node the group `finance`, or make the model protected
    ");
}

#[test]
fn exposures_point_at_the_line_that_is_wrong() {
    insta::assert_snapshot!(errors(
        "==> models/e.yml\nexposures:\n  - name: board\n    type: dashboard\n    owner: {name: x}\n    depends_on:\n      - ref('nowhere')\n      - orders\n      - metric('m')\n"), @r"
    error HW0213: `ref('nowhere')` names no model, seed or snapshot
      at models/e.yml:6:9 `ref('nowhere')` (not found in this project or its packages)
      help: add the model, or correct the name
    error HW0103: `orders` is no reference
      at models/e.yml:7:9 `orders`
      help: write ref('model'), source('source', 'table') or metric('name')
    error HW0214: `metric('m')` names no metric
      at models/e.yml:8:9 `metric('m')`
      help: correct the name
    ");
}
