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
        "{{ (make_temp_relation(r) | string | length) > 22 }} {{ make_intermediate_relation(r) }} {{ make_backup_relation(r, 'table') }}",
        "{{ r ~ '' | upper }} {{ (r | string) | replace('\"', '') }}",
    ];
    let templates: Vec<String> = templates.iter().map(|template| format!("{this}{template}")).collect();
    let rows =
        templates.iter().map(|template| format!("{}  =>  {}", &template[this.len()..], fixture.render(template)));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r#"
    {{ r }} {{ r.database }} {{ r.schema }} {{ r.identifier }} {{ r.name }} {{ r.table }} {{ r.type }}  =>  "db"."s"."t" db s t t t view
    {{ r.is_view }} {{ r.is_table }} {{ r.is_cte }}  =>  True False False
    {{ r.include(database=false) }} {{ r.include(false, false) }} {{ r.without_identifier() }}  =>  "s"."t" "t" "db"."s"
    {{ r.quote(identifier=false) }} {{ r.render() }}  =>  "db"."s".t "db"."s"."t"
    {{ r.incorporate(path={'identifier': 'u'}, type='table') }} {{ r.incorporate(type='table').is_table }}  =>  "db"."s"."u" True
    {{ r.replace_path(schema='other') }} {{ r.information_schema('columns') }}  =>  "db"."other"."t" "db".information_schema.columns
    {{ r == api.Relation.create(database='db', schema='s', identifier='t', type='view') }} {{ r is none }} {{ r is defined }}  =>  True False True
    {{ (make_temp_relation(r) | string | length) > 22 }} {{ make_intermediate_relation(r) }} {{ make_backup_relation(r, 'table') }}  =>  True "db"."s"."t__dbt_tmp" "db"."s"."t__dbt_backup"
    {{ r ~ '' | upper }} {{ (r | string) | replace('"', '') }}  =>  "db"."s"."t" db.s.t
    "#);
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
        "{% do adapter.create_schema(api.Relation.create(schema='named')) %}{% do drop_schema_named('named') %}{{ adapter.check_schema_exists('memory', 'named') }}",
        "{% do adapter.rename_relation(o, o.incorporate(path={'identifier': 'renamed'})) %}{{ adapter.already_exists('main', 'orders') }} {{ adapter.already_exists('main', 'renamed') }}",
        "{% do adapter.drop_relation(api.Relation.create('memory', 'main', 'v')) %}{{ load_relation(api.Relation.create('memory', 'main', 'v')) }}",
        "{% do run_query('create temp table t2 as select 1 as id, 2 as extra') %}{{ adapter.get_missing_columns(api.Relation.create(identifier='t2'), api.Relation.create('memory', 'main', 'renamed')) }}",
        "{{ adapter.quote('a b') }} {{ adapter.type() }} {{ adapter.valid_incremental_strategies() }}",
        "{% set answer = adapter.execute('select 1 as x', fetch=true) %}{{ answer[0].code }} {{ answer[1].rows[0].x }}",
        "{{ get_or_create_relation('memory', 'main', 'new', 'table') }}",
        "{{ get_quoted_csv(['a', 'b']) }}",
        "{{ adapter.nothing() }}",
    ]), @r#"
    {{ o }} {{ o.type }} {{ adapter.get_relation('memory', 'main', 'ORDERS').identifier }} {{ adapter.get_relation('memory', 'main', 'none') }}  =>  "memory"."main"."orders" table orders None
    {{ adapter.get_columns_in_relation(o) }}  =>  [<Column id (INTEGER)>, <Column Name (VARCHAR)>, <Column price (DECIMAL(18,3))>]
    {% for c in adapter.get_columns_in_relation(o) %}{{ c.name }}:{{ c.quoted }}:{{ c.dtype }}:{{ c.data_type }}:{{ c.is_string() }}:{{ c.is_numeric() }}:{{ c.numeric_scale }} {% endfor %}  =>  id:"id":INTEGER:INTEGER:False:False:None Name:"Name":VARCHAR:VARCHAR:True:False:None price:"price":DECIMAL:DECIMAL(18,3):False:True:3
    {{ adapter.get_columns_in_relation(o) | map(attribute='name') | join(', ') }}  =>  id, Name, price
    {{ get_columns_in_query('select 1 as a, 2 as b') }}  =>  ['a', 'b']
    {{ adapter.get_column_schema_from_query('select 1 as a, date_trunc(\'day\', now()) as b') }}  =>  [<Column a (INTEGER)>, <Column b (TIMESTAMP WITH TIME ZONE)>]
    {{ adapter.check_schema_exists('memory', 'main') }} {{ adapter.check_schema_exists('memory', 'nope') }}  =>  True False
    {{ adapter.list_relations_without_caching(o.without_identifier()) }}  =>  ["memory"."main"."orders", "memory"."main"."v"]
    {% do adapter.create_schema(api.Relation.create(database='memory', schema='extra')) %}{{ adapter.check_schema_exists('memory', 'extra') }}  =>  True
    {% do adapter.drop_schema(api.Relation.create(database='memory', schema='extra')) %}{{ adapter.check_schema_exists('memory', 'extra') }}  =>  False
    {% do adapter.create_schema(api.Relation.create(schema='named')) %}{% do drop_schema_named('named') %}{{ adapter.check_schema_exists('memory', 'named') }}  =>  False
    {% do adapter.rename_relation(o, o.incorporate(path={'identifier': 'renamed'})) %}{{ adapter.already_exists('main', 'orders') }} {{ adapter.already_exists('main', 'renamed') }}  =>  False True
    {% do adapter.drop_relation(api.Relation.create('memory', 'main', 'v')) %}{{ load_relation(api.Relation.create('memory', 'main', 'v')) }}  =>  None
    {% do run_query('create temp table t2 as select 1 as id, 2 as extra') %}{{ adapter.get_missing_columns(api.Relation.create(identifier='t2'), api.Relation.create('memory', 'main', 'renamed')) }}  =>  [<Column extra (INTEGER)>]
    {{ adapter.quote('a b') }} {{ adapter.type() }} {{ adapter.valid_incremental_strategies() }}  =>  "a b" duckdb ['append', 'delete+insert', 'merge', 'microbatch', 'exact']
    {% set answer = adapter.execute('select 1 as x', fetch=true) %}{{ answer[0].code }} {{ answer[1].rows[0].x }}  =>  OK 1
    {{ get_or_create_relation('memory', 'main', 'new', 'table') }}  =>  [False, "memory"."main"."new"]
    {{ get_quoted_csv(['a', 'b']) }}  =>  "a", "b"
    {{ adapter.nothing() }}  =>  HW0302: 'adapter.nothing' is undefined
     --> inline.sql:1:66 `adapter.nothing`
    "#);
}

#[test]
fn packages_recognise_relations_and_compare_their_columns_as_sets() {
    let fixture = shop();
    insta::assert_snapshot!(fixture.table(&[
        "{% set r = api.Relation.create('db', 's', 't') %}{{ r is mapping }} {{ r.get('metadata', {}).get('type', '').endswith('Relation') }} {{ r.metadata.type }} {{ 'x' is mapping }}",
        "{% set r = api.Relation.create('db', 's', 't') %}{{ 'yes' if r else 'no' }} {{ {r.identifier: r} }}",
        "{{ api.Relation.add_ephemeral_prefix('x') }}",
        "{{ set(['a', 'b']) == set(['b', 'a']) }} {{ set(['a']) != set(['b', 'a']) }} {{ set(['a', 'b']) - set(['a']) }}",
        "{{ run_query('select ' ~ dateadd('quarter', 'x', \"date '2026-01-31'\") ~ ' from range(1, 2) as t(x)').rows[0][0] }}",
        "{{ run_query('select ' ~ dateadd('week', 2, \"date '2026-01-01'\") ~ ', ' ~ dateadd('day', '-1', \"date '2026-01-01'\")).rows[0].values() | join(' ') }}",
        "{{ run_query('select ' ~ datediff(\"'2026-01-03'\", \"'2026-01-04'\", 'week') ~ ', ' ~ datediff(\"'2026-01-03'\", \"'2026-01-04'\", 'day')).rows[0].values() | join(' ') }}",
        "{{ information_schema_name('db') }} {{ check_schema_exists(api.Relation.create('memory').information_schema(), 'main') }} {{ 'main' in list_schemas('memory') }}",
    ]), @r#"
    {% set r = api.Relation.create('db', 's', 't') %}{{ r is mapping }} {{ r.get('metadata', {}).get('type', '').endswith('Relation') }} {{ r.metadata.type }} {{ 'x' is mapping }}  =>  True True DuckDBRelation False
    {% set r = api.Relation.create('db', 's', 't') %}{{ 'yes' if r else 'no' }} {{ {r.identifier: r} }}  =>  yes {'t': "db"."s"."t"}
    {{ api.Relation.add_ephemeral_prefix('x') }}  =>  __dbt__cte__x
    {{ set(['a', 'b']) == set(['b', 'a']) }} {{ set(['a']) != set(['b', 'a']) }} {{ set(['a', 'b']) - set(['a']) }}  =>  True True {'b'}
    {{ run_query('select ' ~ dateadd('quarter', 'x', "date '2026-01-31'") ~ ' from range(1, 2) as t(x)').rows[0][0] }}  =>  2026-04-30 00:00:00
    {{ run_query('select ' ~ dateadd('week', 2, "date '2026-01-01'") ~ ', ' ~ dateadd('day', '-1', "date '2026-01-01'")).rows[0].values() | join(' ') }}  =>  2026-01-15 00:00:00 2025-12-31 00:00:00
    {{ run_query('select ' ~ datediff("'2026-01-03'", "'2026-01-04'", 'week') ~ ', ' ~ datediff("'2026-01-03'", "'2026-01-04'", 'day')).rows[0].values() | join(' ') }}  =>  1 1
    {{ information_schema_name('db') }} {{ check_schema_exists(api.Relation.create('memory').information_schema(), 'main') }} {{ 'main' in list_schemas('memory') }}  =>  "db".information_schema True True
    "#);
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
        "{{ run_query('select timestamptz \\'2026-02-01 10:00:00+02\\' as t').rows[0].t.strftime('%d.%m.%Y %H:%M %Z') }} {{ (run_started_at - modules.datetime.timedelta(days=1)).date() }}",
        "{{ run_query('select 12345678901234567.25::decimal(20,2)').rows[0][0] }}",
        "{{ run_query('select 1 where false').rows | length }} {{ run_query('select null').columns[0].values()[0] is none }}",
    ];
    let rows =
        templates.map(|template| format!("{template}  =>  {}", fixture.render(&format!("{result}{template}")).trim()));
    insta::assert_snapshot!(rows.join("\n"), @r#"
    {{ r.columns[0].values() }} {{ r.columns['Name'].values() }} {{ r.columns[2].name }} {{ r.columns | length }}  =>  [1, 2] ['a', None] price 3
    {{ r.rows[0][0] }} {{ r.rows[0]['id'] }} {{ r.rows[1].price }} {{ r.rows | length }} {{ r | length }}  =>  1 1 2.25 2 2
    {{ r.column_names }} {{ r.column_types }}  =>  ['id', 'Name', 'price'] ['INTEGER', 'VARCHAR', 'DECIMAL(18,3)']
    {% for row in r %}[{{ row[0] }}{{ row['Name'] }}]{% endfor %} {% for row in r.rows %}{{ row.values() }}{% endfor %}  =>  [1a][2None] [1, 'a', 1.5][2, None, 2.25]
    {% for id, name, price in r.rows %}{{ id }}-{{ name }} {% endfor %}  =>  1-a 2-None
    {{ r.columns['price'].values() | sum }} {{ r.rows[0].dict() }} {{ r.rows[-1][0] }}  =>  3.75 {'id': 1, 'Name': 'a', 'price': 1.5} 2
    {{ r.select(['id']).columns | length }} {{ r.exclude(['id']).column_names }}  =>  1 ['Name', 'price']
    {{ load_result('run_query_statement').response.code }} {{ load_result('run_query_statement').data }}  =>  OK [[1, 'a', 1.5], [2, None, 2.25]]
    {{ run_query('select date \'2026-02-01\' as d, timestamp \'2026-02-01 10:00:00\' as t').rows[0].values() | join(' ') }}  =>  2026-02-01 2026-02-01 10:00:00
    {{ run_query('select timestamptz \'2026-02-01 10:00:00+02\' as t').rows[0].t.strftime('%d.%m.%Y %H:%M %Z') }} {{ (run_started_at - modules.datetime.timedelta(days=1)).date() }}  =>  01.02.2026 08:00 UTC 2026-01-31
    {{ run_query('select 12345678901234567.25::decimal(20,2)').rows[0][0] }}  =>  12345678901234567.25
    {{ run_query('select 1 where false').rows | length }} {{ run_query('select null').columns[0].values()[0] is none }}  =>  0 True
    "#);
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
    let sql = ["append", "delete_insert", "merge"].map(|strategy| {
        fixture.call("orders", &format!("get_incremental_{strategy}_sql"), std::slice::from_ref(&arguments), &[])
    });
    insta::assert_snapshot!(sql.join("\n---\n"), @r#"
    insert into "memory"."main"."orders" ("id", "Name")
    select "id", "Name"
    from "memory"."main"."fresh"
    ---
    delete from "memory"."main"."orders"
    where (id) in (select (id) from "memory"."main"."fresh");
    insert into "memory"."main"."orders" ("id", "Name")
    select "id", "Name"
    from "memory"."main"."fresh"
    ---

    merge into "memory"."main"."orders" as DBT_INTERNAL_DEST
    using "memory"."main"."fresh" as DBT_INTERNAL_SOURCE
    on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)
    when matched  then update by name
    when not matched   then insert by name
    "#);
    for statement in &sql {
        fixture.run(statement);
    }
    insta::assert_snapshot!(fixture.call("orders", "get_test_sql", &["select 1".into(), "count(*)".into(), "!= 0".into(), "!= 0".into(), Value::from(10)], &[]), @"
    select
        count(*) as failures,
        count(*) != 0 as should_warn,
        count(*) != 0 as should_error
      from (
        select 1
        limit 10
      ) as dbt_internal_test
    ");
    insta::assert_snapshot!(fixture.call("orders", "get_where_subquery", &[of("orders")], &[]), @r#"(select * from "memory"."main"."orders" where id > 1) dbt_subquery"#);
    insta::assert_snapshot!(fixture.call("orders", "process_schema_changes", &["fail".into(), of("orders"), of("v")], &[]), @r#"
    HW0303: the columns of "memory"."main"."orders" and "memory"."main"."v" differ, and on_schema_change is fail
    note: in model.shop.orders
    note:   new: id, Name, price
      gone: x
      other type:
    "#);
}

#[test]
fn a_materialization_of_the_project_runs_in_one_transaction() {
    let fixture = shop();
    let found = fixture.macros.materialization("swap").expect("the project's own").unique_id.clone();
    let run = |name: &str| {
        let node = fixture.node(name);
        let compiled = fixture.compiler.compile(node, &fixture.connection).expect("compiled");
        match fixture.compiler.call_materialization(node, &compiled, &fixture.connection, &found) {
            Ok(done) => done.returned.to_string(),
            Err(problem) => super::text(&problem),
        }
    };
    insta::assert_snapshot!(run("own"), @r#"{'relations': ["memory"."main"."own"]}"#);
    assert_eq!(fixture.column("select id from own"), "7");
    insta::assert_snapshot!(run("broken"), @"
    HW0303: no luck
     --> macros/mine.sql:8:37 `exceptions.raise_compiler_error('no luck')`
    ");
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
    insta::assert_snapshot!(format!("{}\n{}", super::lock(&fixture.said).join("\n"), super::text(&wrong)), @"
    Info: grant a,b to reader
    HW0310: no macro 'grant_too' was found
    note: in shop
    help: did you mean grant_to?
    ");
}

#[test]
fn tables_are_cut_sorted_and_renamed() {
    let fixture = Fixture::new(&[(
        "macros/m.sql",
        "{% macro t() %}{% do return(run_query(\"select * from (values (1, 'b'), (2, 'a'), (3, null), (4, 'a')) v(n, s)\")) %}{% endmacro %}\
         {% macro is_a(row) %}{% do return(row['s'] == 'a') %}{% endmacro %}",
    )]);
    let rows = |template: &str| {
        format!("{{% for row in ({template}).rows %}}{{{{ row.values() | join('') }}}} {{% endfor %}}")
    };
    insta::assert_snapshot!(
        fixture.table(&[
            &rows("t().order_by('s')"),
            &rows("t().order_by(['s', 'n'], reverse=true)"),
            &rows("t().limit(1, 3)"),
            &rows("t().limit(0, 4, 2)"),
            &rows("t().distinct('s')"),
            &rows("t().where(is_a)"),
            "{{ t().columns['s'].values_sorted() }}",
            "{{ t().rename({'n': 'm'}).column_names }} {{ t().rename(['x', 'y']).column_names }} {{ t().rename(['x']) }}",
        ]),
        @r#"
{% for row in (t().order_by('s')).rows %}{{ row.values() | join('') }} {% endfor %}  =>  2a 4a 1b 3None
{% for row in (t().order_by(['s', 'n'], reverse=true)).rows %}{{ row.values() | join('') }} {% endfor %}  =>  3None 1b 4a 2a
{% for row in (t().limit(1, 3)).rows %}{{ row.values() | join('') }} {% endfor %}  =>  2a 3None
{% for row in (t().limit(0, 4, 2)).rows %}{{ row.values() | join('') }} {% endfor %}  =>  1b 3None
{% for row in (t().distinct('s')).rows %}{{ row.values() | join('') }} {% endfor %}  =>  1b 2a 3None
{% for row in (t().where(is_a)).rows %}{{ row.values() | join('') }} {% endfor %}  =>  2a 4a
{{ t().columns['s'].values_sorted() }}  =>  ['a', 'a', 'b', None]
{{ t().rename({'n': 'm'}).column_names }} {{ t().rename(['x', 'y']).column_names }} {{ t().rename(['x']) }}  =>  HW0303: rename got 1 names for 2 columns
 --> inline.sql:1:88 `t().rename(['x'])`
"#
    );
}

#[test]
fn the_type_of_a_column_makes_values_that_json_can_hold() {
    let fixture = shop();
    let query = "{% set r = run_query(\"select 1 as i, 1.50 as d, null as n, true as b, 'x' as s, date '2026-02-01' as day\") %}";
    let template = format!(
        "{query}{{% for c in r.columns %}}{{{{ tojson(c.data_type.jsonify(c[0])) }}}} {{% endfor %}}{{{{ r.columns.get('i').data_type }}}} {{{{ r.columns.get('s') | list }}}}"
    );
    insta::assert_snapshot!(fixture.render(&template), @r#"1 1.5 null true "x" "2026-02-01" INTEGER ['x']"#);
}
