//! Templates that talk to the database: `adapter`, relations, columns, query results, materializations in Jinja.

use highwater_jinja::Value;

use super::super::relation_value;
use super::Fixture;
use crate::engine::{Relation, RelationKind};

fn shop() -> Fixture {
    let fixture = Fixture::new(&[
        (
            "models/orders.sql",
            "{{ config(materialized='incremental', unique_key='id', where='id > 1') }}select 1 as id",
        ),
        (
            "macros/mine.sql",
            "{% materialization swap, adapter='duckdb' %}
  {%- set target = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks) }}
  {%- set old = load_cached_relation(this) -%}
  {% call statement('main') %}{{ create_table_as(false, make_intermediate_relation(target), sql) }}{% endcall %}
  {% do drop_relation_if_exists(old) %}
  {% do adapter.rename_relation(make_intermediate_relation(target), target) %}
  {% if config.get('fails') %}{% do exceptions.raise_compiler_error('no luck') %}{% endif %}
  {% do adapter.commit() %}
  {% do return({'relations': [target]}) %}
{% endmaterialization %}",
        ),
        (
            "models/own.sql",
            "{{ config(materialized='swap', pre_hook='create table if not exists main.hooked (id int)') }}select 7 as id",
        ),
        ("models/broken.sql", "{{ config(materialized='swap', fails=true) }}select 8 as id"),
    ]);
    fixture.run("create table main.orders (id int, \"Name\" varchar, price decimal(18,3)); insert into orders values (1, 'a', 1.5), (2, null, 2.25); create view main.v as select 1 as x");
    fixture
}

#[test]
fn relations_print_and_change() {
    let fixture = shop();
    let this = "{% set r = api.Relation.create(database='db', schema='s', identifier='t', type='view') %}";
    let templates = [
        "{{ r }} {{ r.database }} {{ r.schema }} {{ r.identifier }} {{ r.name }} {{ r.table }} {{ r.type }}",
        "{{ r.is_view }} {{ r.is_table }} {{ r.is_cte }}",
        "{{ r.include(database=false) }} {{ r.include(false, false) }} {{ r.without_identifier() }}",
        "{{ r.quote(identifier=false) }} {{ r.render() }}",
        "{{ r.incorporate(path={'identifier': 'u'}, type='table') }} {{ r.incorporate(type='table').is_table }}",
        "{{ r.replace_path(schema='other') }} {{ r.information_schema('columns') }}",
        "{{ r == api.Relation.create(database='db', schema='s', identifier='t', type='view') }} {{ r is none }} {{ r is defined }}",
        "{{ make_temp_relation(r) | length > 3 }} {{ make_backup_relation(r, 'table') }}",
        "{{ r ~ '' | upper }} {{ (r | string) | replace('\"', '') }}",
    ];
    let templates: Vec<String> = templates.iter().map(|template| format!("{this}{template}")).collect();
    let rows =
        templates.iter().map(|template| format!("{}  =>  {}", &template[this.len()..], fixture.render(template)));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @"");
}

#[test]
fn the_adapter_asks_and_changes_the_database() {
    let fixture = shop();
    let orders = "{% set o = adapter.get_relation('memory', 'main', 'orders') %}";
    let table = |templates: &[&str]| {
        let rows = templates
            .iter()
            .map(|template| format!("{template}  =>  {}", fixture.render(&format!("{orders}{template}")).trim()));
        rows.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(table(&[
        "{{ o }} {{ o.type }} {{ adapter.get_relation('memory', 'main', 'ORDERS').identifier }} {{ adapter.get_relation('memory', 'main', 'none') }}",
        "{{ adapter.get_columns_in_relation(o) }}",
        "{% for c in adapter.get_columns_in_relation(o) %}{{ c.name }}:{{ c.quoted }}:{{ c.dtype }}:{{ c.data_type }}:{{ c.is_string() }}:{{ c.is_numeric() }}:{{ c.numeric_scale }} {% endfor %}",
        "{{ adapter.get_columns_in_relation(o) | map(attribute='name') | join(', ') }}",
        "{{ get_columns_in_query('select 1 as a, 2 as b') }}",
        "{{ adapter.get_column_schema_from_query('select 1 as a, date_trunc(\\'day\\', now()) as b') }}",
        "{{ adapter.check_schema_exists('memory', 'main') }} {{ adapter.check_schema_exists('memory', 'nope') }}",
        "{{ adapter.list_relations_without_caching(o.without_identifier()) }}",
        "{% do adapter.create_schema(api.Relation.create(database='memory', schema='extra')) %}{{ adapter.check_schema_exists('memory', 'extra') }}",
        "{% do adapter.drop_schema(api.Relation.create(database='memory', schema='extra')) %}{{ adapter.check_schema_exists('memory', 'extra') }}",
        "{% do adapter.rename_relation(o, o.incorporate(path={'identifier': 'renamed'})) %}{{ adapter.already_exists('main', 'orders') }} {{ adapter.already_exists('main', 'renamed') }}",
        "{% do adapter.drop_relation(api.Relation.create('memory', 'main', 'v')) %}{{ load_relation(api.Relation.create('memory', 'main', 'v')) }}",
        "{% do run_query('create temp table t2 as select 1 as id, 2 as extra') %}{{ adapter.get_missing_columns(api.Relation.create(identifier='t2'), api.Relation.create('memory', 'main', 'renamed')) }}",
        "{{ adapter.quote('a b') }} {{ adapter.type() }} {{ adapter.valid_incremental_strategies() }}",
        "{% set answer = adapter.execute('select 1 as x', fetch=true) %}{{ answer[0].code }} {{ answer[1].rows[0].x }}",
        "{{ get_or_create_relation('memory', 'main', 'new', 'table') }}",
        "{{ get_quoted_csv(['a', 'b']) }}",
        "{{ adapter.nothing() }}",
    ]), @"");
}

#[test]
fn results_of_queries_go_by_position_and_name() {
    let fixture = shop();
    let result = "{% set r = run_query('select id, \"Name\", price from orders order by id') %}";
    let templates = [
        "{{ r.columns[0].values() }} {{ r.columns['Name'].values() }} {{ r.columns[2].name }} {{ r.columns | length }}",
        "{{ r.rows[0][0] }} {{ r.rows[0]['id'] }} {{ r.rows[1].price }} {{ r.rows | length }} {{ r | length }}",
        "{{ r.column_names }} {{ r.column_types }}",
        "{% for row in r %}[{{ row[0] }}{{ row['Name'] }}]{% endfor %} {% for row in r.rows %}{{ row.values() }}{% endfor %}",
        "{% for id, name, price in r.rows %}{{ id }}-{{ name }} {% endfor %}",
        "{{ r.columns['price'].values() | sum }} {{ r.rows[0].dict() }} {{ r.rows[-1][0] }}",
        "{{ r.select(['id']).columns | length }} {{ r.exclude(['id']).column_names }}",
        "{{ load_result('run_query_statement').response.code }} {{ load_result('run_query_statement').data }}",
        "{{ run_query('select date \\'2026-02-01\\' as d, timestamp \\'2026-02-01 10:00:00\\' as t').rows[0].values() | join(' ') }}",
        "{{ run_query('select 12345678901234567.25::decimal(20,2)').rows[0][0] }}",
        "{{ run_query('select 1 where false').rows | length }} {{ run_query('select null').columns[0].values()[0] is none }}",
    ];
    let rows =
        templates.map(|template| format!("{template}  =>  {}", fixture.render(&format!("{result}{template}")).trim()));
    insta::assert_snapshot!(rows.join("\n"), @"");
}

#[test]
fn macros_of_incremental_models_work_with_relations_from_outside() {
    let fixture = shop();
    fixture.run("create table main.fresh as select * from orders where false; insert into fresh values (1, 'b', 9)");
    let of = |name: &str| relation_value(&Relation::new("memory", "main", name), Some(RelationKind::Table));
    let columns = ["id", "Name"].map(|name| crate::engine::Column { name: name.into(), data_type: "VARCHAR".into() });
    let arguments = highwater_jinja::dict(vec![
        (Value::from("target_relation"), of("orders")),
        (Value::from("temp_relation"), of("fresh")),
        (Value::from("unique_key"), Value::from("id")),
        (Value::from("dest_columns"), super::super::columns_value(&columns)),
        (Value::from("incremental_predicates"), Value::from(())),
    ]);
    let sql = ["append", "delete_insert", "merge"]
        .map(|strategy| fixture.call("orders", &format!("get_incremental_{strategy}_sql"), &[arguments.clone()], &[]));
    insta::assert_snapshot!(sql.join("\n---\n"), @"");
    for statement in &sql {
        fixture.run(statement);
    }
    insta::assert_snapshot!(fixture.call("orders", "get_test_sql", &["select 1".into(), "count(*)".into(), "!= 0".into(), "!= 0".into(), Value::from(10)], &[]), @"");
    insta::assert_snapshot!(fixture.call("orders", "get_where_subquery", &[of("orders")], &[]), @"");
    insta::assert_snapshot!(fixture.call("orders", "process_schema_changes", &["fail".into(), of("orders"), of("v")], &[]), @"");
}

#[test]
fn a_materialization_of_the_project_runs_in_one_transaction() {
    let fixture = shop();
    let found = fixture.macros.materialization("swap").expect("the project's own").unique_id.clone();
    let run = |name: &str| {
        let node = fixture.node(name);
        let compiled = fixture.compiler.compile(node, &fixture.connection).expect("compiled");
        match fixture.compiler.call_materialization(node, &compiled, &fixture.connection, &found) {
            Ok(value) => value.to_string(),
            Err(problem) => super::text(&problem),
        }
    };
    insta::assert_snapshot!(run("own"), @"");
    assert_eq!(fixture.column("select id from own"), "7");
    insta::assert_snapshot!(run("broken"), @"");
    assert_eq!(fixture.column("select table_name from duckdb_tables() order by 1"), "hooked orders own");
}

#[test]
fn an_operation_gets_its_arguments_by_name() {
    let fixture = Fixture::new(&[(
        "macros/op.sql",
        "{% macro grant_to(role, tables=[]) %}{% do log('grant ' ~ tables | join(',') ~ ' to ' ~ role, info=true) %}{% endmacro %}",
    )]);
    let arguments = serde_json::json!({"role": "reader", "tables": ["a", "b"]});
    let arguments = arguments.as_object().expect("an object").clone().into_iter().collect();
    fixture.compiler.run_operation(&fixture.connection, "grant_to", &arguments).expect("ran");
    let wrong =
        fixture.compiler.run_operation(&fixture.connection, "grant_too", &arguments).expect_err("no such macro");
    insta::assert_snapshot!(format!("{}\n{}", super::lock(&fixture.said).join("\n"), super::text(&wrong)), @"");
}
