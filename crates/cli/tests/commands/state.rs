//! `--state`, `--defer` and `hw clone`: against what an earlier run left behind.

use std::fs;

use crate::TestProject;

const PROJECT: &str = "
=== dbt_project.yml
name: shop
version: '1.0'
profile: shop
models:
  shop:
    +meta: {built_in: '{{ target.name }}'}
    +persist_docs: {relation: '{{ target.schema == none }}'}
=== profiles.yml
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: dev}
    prod: {type: duckdb, path: shop.duckdb, schema: prod}
=== macros/cents.sql
{% macro cents(column) %}{{ whole(column) }} * 100{% endmacro %}
{% macro whole(column) %}cast({{ column }} as integer){% endmacro %}
=== seeds/raw.csv
id,amount
1,2
=== models/orders.sql
{{ config(materialized='table') }}
select id, {{ cents('amount') }} as amount from {{ ref('raw') }}
=== models/big.sql
select * from {{ ref('orders') }} where amount > 100
=== models/properties.yml
models:
  - name: orders
    description: Orders.
    columns: [{name: id, data_tests: [unique]}]
";

/// The project, built in prod, with the artifacts of that in `state/`.
fn deployed() -> TestProject {
    let project = TestProject::new(PROJECT);
    project.ok(&["build", "--target", "prod"]);
    fs::create_dir_all(project.path("state")).expect("the folder");
    for name in ["manifest.json", "run_results.json"] {
        fs::copy(project.path("target").join(name), project.path("state").join(name)).expect("a copy");
    }
    project
}

fn listed(project: &TestProject, selector: &str) -> Vec<String> {
    let mode = ["--indirect-selection", "empty"];
    let text =
        project.stdout(&[&["ls", "--state", "state", "--select", selector, "--output", "name"], &mode[..]].concat());
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn each_part_of_a_modification_is_found_and_nothing_else() {
    let project = deployed();
    assert!(listed(&project, "state:modified").is_empty(), "another target modifies nothing, whatever it configures");
    assert!(listed(&project, "state:new").is_empty());
    assert_eq!(listed(&project, "state:old"), ["big", "orders", "raw", "unique_orders_id"]);
    assert_eq!(listed(&project, "result:success"), ["big", "orders", "raw"]);
    let orders = project.read("models/orders.sql");

    project.write("models/orders.sql", &orders.replace("amount from", "amount, 1 as one from"));
    assert_eq!(listed(&project, "state:modified"), ["orders"]);
    assert_eq!(listed(&project, "state:modified.body"), ["orders"]);
    assert!(listed(&project, "state:modified.configs").is_empty());
    assert_eq!(listed(&project, "state:modified+"), ["big", "orders", "unique_orders_id"]);
    assert_eq!(listed(&project, "state:unmodified"), ["big", "raw", "unique_orders_id"]);

    project.write("models/orders.sql", &orders);
    project.write("macros/cents.sql", &project.read("macros/cents.sql").replace("as integer", "as bigint"));
    assert_eq!(listed(&project, "state:modified.macros"), ["orders"], "through a macro that a macro calls");
    assert!(listed(&project, "state:modified.body").is_empty());
    project.write("macros/cents.sql", &project.read("macros/cents.sql").replace("as bigint", "as integer"));

    project.write("seeds/raw.csv", "id,amount\n1,3\n");
    assert_eq!(listed(&project, "state:modified.body"), ["raw"]);
    project.write("models/properties.yml", &project.read("models/properties.yml").replace("Orders.", "All orders."));
    assert_eq!(listed(&project, "state:modified"), ["raw"], "a description that is not persisted is no modification");
    project.write("models/extra.sql", "{{ config(alias='more') }} select 1 as one");
    assert_eq!(listed(&project, "state:new"), ["extra"]);
    assert_eq!(listed(&project, "state:modified.relation"), ["extra"]);
}

#[test]
fn references_defer_to_what_is_not_built_here() {
    let project = deployed();
    let told = project.hw(&["run", "--select", "big"]);
    assert!(told.starts_with("exit 1"), "nothing is built in dev: {told}");
    project.ok(&["run", "--select", "big", "--defer", "--state", "state"]);
    assert!(project.read("target/compiled/shop/models/big.sql").contains("\"prod\".\"orders\""));
    project.ok(&["build", "--select", "+orders"]);
    project.ok(&["run", "--select", "big", "--defer", "--state", "state"]);
    assert!(project.read("target/compiled/shop/models/big.sql").contains("\"dev\".\"orders\""));
    project.ok(&["run", "--select", "big", "--defer", "--favor-state", "--state", "state"]);
    assert!(project.read("target/compiled/shop/models/big.sql").contains("\"prod\".\"orders\""));
    let told = project.hw(&["run", "--defer"]);
    assert!(told.starts_with("exit 2") && told.contains("HW0235"), "{told}");
    // The command line takes back what the environment says.
    let mut command = project.command(&["run", "--no-defer", "--select", "big"]);
    let told = project.report(&command.env("DBT_DEFER", "1").output().expect("it starts"));
    assert!(told.starts_with("exit 0"), "{told}");
}

#[test]
fn a_run_is_told_when_it_writes_over_what_it_is_compared_with() {
    let project = deployed();
    let same = "The state and target directories are the same: 'target'";
    let told = project.hw(&["run", "--target", "prod", "--select", "state:modified", "--state", "target"]);
    assert!(told.starts_with("exit 0") && told.contains(same), "{told}");
    let told = project.hw(&["run", "--target", "prod", "--select", "state:modified", "--state", "state"]);
    assert!(told.starts_with("exit 0") && !told.contains(same), "{told}");
}

#[test]
fn a_clone_is_a_view_on_the_earlier_table() {
    let project = deployed();
    project.ok(&["clone", "--state", "state"]);
    let rows = project.json(&["show", "--inline", "select amount from dev.orders", "--output", "json"]);
    assert_eq!(rows["show"][0]["amount"], 200);
    let told = project.hw(&["clone", "--state", "state", "--select", "orders"]);
    assert!(told.starts_with("exit 0") && told.contains("No-op"), "{told}");
    assert!(told.contains(r#"Relation "shop"."dev"."orders" already exists"#), "{told}");
    let told = project.hw(&["clone"]);
    assert!(told.starts_with("exit 2") && told.contains("HW0235"), "{told}");
    project.ok(&["clone", "--full-refresh", "--defer-state", "state", "--select", "orders"]);
}

#[test]
fn a_clone_onto_itself_spares_what_stands_and_fails_where_nothing_does() {
    let project = deployed();
    let told = project.hw(&["clone", "--state", "state", "--target", "prod", "--full-refresh", "--select", "orders"]);
    assert!(told.starts_with("exit 0") && told.contains("are the same, skipping clone for relation"), "{told}");
    let rows = project.json(&["show", "--inline", "select amount from prod.orders", "--output", "json"]);
    assert_eq!(rows["show"][0]["amount"], 200);
    project.write("models/big.sql", "{{ config(alias='bigger') }}select 1 as one");
    project.ok(&["parse", "--target", "prod"]);
    fs::copy(project.path("target/manifest.json"), project.path("state/manifest.json")).expect("a copy");
    let told = project.hw(&["clone", "--state", "state", "--target", "prod", "--select", "big"]);
    assert!(told.starts_with("exit 1") && told.contains("bigger"), "{told}");
}

#[test]
fn macros_carry_the_white_space_they_strip_and_it_modifies_nothing() {
    let macros = "{% macro first() %}1{% endmacro %}\n\n{%- macro second() -%}\n2\n{%- endmacro -%}\n\n\
                  {%- macro third() -%}3{%- endmacro %}\n\n{% macro fourth() %}4{% endmacro %}\n";
    let project =
        TestProject::new(&format!("=== macros/all.sql\n{macros}=== models/a.sql\nselect {{{{ second() }}}} as id\n"));
    project.ok(&["parse"]);
    let text = fs::read_to_string(project.path("target/manifest.json")).expect("a manifest");
    let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("json");
    let sql = |name: &str| manifest["macros"][format!("macro.shop.{name}")]["macro_sql"].clone();
    // These are dbt's texts, character by character.
    assert_eq!(sql("first"), "{% macro first() %}1{% endmacro %}");
    assert_eq!(sql("second"), "\n\n{%- macro second() -%}\n2\n{%- endmacro -%}\n\n");
    assert_eq!(sql("third"), "{%- macro third() -%}3{%- endmacro %}");
    assert_eq!(sql("fourth"), "{% macro fourth() %}4{% endmacro %}");
    fs::create_dir_all(project.path("state")).expect("the folder");
    let mut modified = |sql: &str| {
        manifest["macros"]["macro.shop.second"]["macro_sql"] = sql.into();
        fs::write(project.path("state/manifest.json"), manifest.to_string()).expect("written");
        listed(&project, "state:modified")
    };
    assert!(modified("{%- macro second() -%}\n2\n{%- endmacro -%}").is_empty());
    assert_eq!(modified("{%- macro second() -%}\n3\n{%- endmacro -%}"), ["a"]);
}
