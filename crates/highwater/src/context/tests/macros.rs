//! Macros: lookup, packages, dispatch, and our own cross-database ones run on DuckDB.

use super::Fixture;

#[test]
fn cross_database_macros_give_what_they_promise() {
    let fixture = Fixture::new(&[]);
    let templates = [
        "{{ dbt.dateadd('day', 3, \"date '2026-02-01'\") }}",
        "{{ dbt.dateadd('month', -1, \"timestamp '2026-03-31 10:00:00'\") }}",
        "{{ dbt.datediff(\"'2026-02-01'\", \"'2026-03-01'\", 'day') }}",
        "{{ dbt.datediff(\"date '2025-12-31'\", \"date '2026-01-01'\", 'year') }}",
        "{{ dbt.date_trunc('month', \"date '2026-02-17'\") }}",
        "{{ dbt.last_day(\"date '2028-02-17'\", 'month') }}",
        "{{ dbt.last_day(\"date '2026-02-17'\", 'quarter') }}",
        "{{ dbt.date(2026, 2, 1) }}",
        "{{ dbt.concat([\"'a'\", \"'b'\", \"'c'\"]) }}",
        "{{ dbt.split_part(\"'a|b|c'\", \"'|'\", 2) }}",
        "{{ dbt.split_part(\"'a|b|c'\", \"'|'\", 4) }} is null",
        "{{ dbt.split_part(\"'a|b|c'\", \"'|'\", -1) }}",
        "{{ dbt.hash(\"'x'\") }}",
        "{{ dbt.listagg('v', \"', '\", 'order by v desc') }} from (values ('a'), ('b'), ('c')) t(v)",
        "{{ dbt.listagg('v', \"', '\", 'order by v desc', 2) }} from (values ('a'), ('b'), ('c')) t(v)",
        "{{ dbt.replace(\"'banana'\", \"'a'\", \"'o'\") }}",
        "{{ dbt.right(\"'banana'\", 3) }}",
        "{{ dbt.left(\"'banana'\", 3) }}",
        "{{ dbt.position(\"'n'\", \"'banana'\") }}",
        "{{ dbt.length(\"'banana'\") }}",
        "{{ dbt.string_literal(dbt.escape_single_quotes(\"it's\")) }}",
        "{{ dbt.safe_cast(\"'7'\", dbt.type_int()) }} = 7",
        "{{ dbt.cast(\"'1.5'\", dbt.type_numeric()) }}",
        "{{ dbt.cast_bool_to_text('true') }}",
        "{{ dbt.equals('null', 'null') }} is null",
        "{{ dbt.any_value('v') }} from (values (1), (1)) t(v)",
        "{{ dbt.bool_or('v > 1') }} from (values (1), (2)) t(v)",
        "{{ dbt.array_construct([1, 2]) }}",
        "{{ dbt.array_construct() }}",
        "{{ dbt.array_append(dbt.array_construct([1]), 2) }}",
        "{{ dbt.array_concat(dbt.array_construct([1]), dbt.array_construct([2])) }}",
        "{{ dbt.current_timestamp() }} is not null",
        "count(*) from ({{ dbt.generate_series(5) }})",
        "count(*) from ({{ default__generate_series(5) }})",
        "string_agg(date_day::date::text, ' ' order by 1) from ({{ dbt.date_spine('day', \"date '2026-02-27'\", \"date '2026-03-02'\") }})",
        "string_agg(date_day::date::text, ' ' order by 1) from ({{ default__date_spine('day', \"date '2026-02-27'\", \"date '2026-03-02'\") }})",
        "count(*) from (select 1 {{ dbt.except() }} select 2)",
        "count(*) from (select 1 {{ dbt.intersect() }} select 2)",
    ];
    let rows = templates.map(|template| {
        let sql = fixture.render(template);
        format!("{template}  =>  {}", fixture.column(&format!("select {}", sql.trim())))
    });
    insta::assert_snapshot!(rows.join("\n"), @r#"
    {{ dbt.dateadd('day', 3, "date '2026-02-01'") }}  =>  2026-02-04 00:00:00
    {{ dbt.dateadd('month', -1, "timestamp '2026-03-31 10:00:00'") }}  =>  2026-02-28 10:00:00
    {{ dbt.datediff("'2026-02-01'", "'2026-03-01'", 'day') }}  =>  28
    {{ dbt.datediff("date '2025-12-31'", "date '2026-01-01'", 'year') }}  =>  1
    {{ dbt.date_trunc('month', "date '2026-02-17'") }}  =>  2026-02-01 00:00:00
    {{ dbt.last_day("date '2028-02-17'", 'month') }}  =>  2028-02-29
    {{ dbt.last_day("date '2026-02-17'", 'quarter') }}  =>  2026-03-31
    {{ dbt.date(2026, 2, 1) }}  =>  2026-02-01
    {{ dbt.concat(["'a'", "'b'", "'c'"]) }}  =>  abc
    {{ dbt.split_part("'a|b|c'", "'|'", 2) }}  =>  b
    {{ dbt.split_part("'a|b|c'", "'|'", 4) }} is null  =>  true
    {{ dbt.split_part("'a|b|c'", "'|'", -1) }}  =>  c
    {{ dbt.hash("'x'") }}  =>  9dd4e461268c8034f5c8564e155c67a6
    {{ dbt.listagg('v', "', '", 'order by v desc') }} from (values ('a'), ('b'), ('c')) t(v)  =>  c, b, a
    {{ dbt.listagg('v', "', '", 'order by v desc', 2) }} from (values ('a'), ('b'), ('c')) t(v)  =>  c, b
    {{ dbt.replace("'banana'", "'a'", "'o'") }}  =>  bonono
    {{ dbt.right("'banana'", 3) }}  =>  ana
    {{ dbt.left("'banana'", 3) }}  =>  ban
    {{ dbt.position("'n'", "'banana'") }}  =>  3
    {{ dbt.length("'banana'") }}  =>  6
    {{ dbt.string_literal(dbt.escape_single_quotes("it's")) }}  =>  it's
    {{ dbt.safe_cast("'7'", dbt.type_int()) }} = 7  =>  true
    {{ dbt.cast("'1.5'", dbt.type_numeric()) }}  =>  1.500000
    {{ dbt.cast_bool_to_text('true') }}  =>  true
    {{ dbt.equals('null', 'null') }} is null  =>  true
    {{ dbt.any_value('v') }} from (values (1), (1)) t(v)  =>  1
    {{ dbt.bool_or('v > 1') }} from (values (1), (2)) t(v)  =>  true
    {{ dbt.array_construct([1, 2]) }}  =>  [1, 2]
    {{ dbt.array_construct() }}  =>  []
    {{ dbt.array_append(dbt.array_construct([1]), 2) }}  =>  [1, 2]
    {{ dbt.array_concat(dbt.array_construct([1]), dbt.array_construct([2])) }}  =>  [1, 2]
    {{ dbt.current_timestamp() }} is not null  =>  true
    count(*) from ({{ dbt.generate_series(5) }})  =>  5
    count(*) from ({{ default__generate_series(5) }})  =>  5
    string_agg(date_day::date::text, ' ' order by 1) from ({{ dbt.date_spine('day', "date '2026-02-27'", "date '2026-03-02'") }})  =>  2026-02-27 2026-02-28 2026-03-01
    string_agg(date_day::date::text, ' ' order by 1) from ({{ default__date_spine('day', "date '2026-02-27'", "date '2026-03-02'") }})  =>  2026-02-27 2026-02-28 2026-03-01
    count(*) from (select 1 {{ dbt.except() }} select 2)  =>  1
    count(*) from (select 1 {{ dbt.intersect() }} select 2)  =>  0
    "#);
}

#[test]
fn types_have_names() {
    let fixture = Fixture::new(&[]);
    let types = "{{ [type_string(), type_timestamp(), type_int(), type_bigint(), type_float(), type_numeric(), type_boolean()] | join(' ') }}";
    assert_eq!(fixture.render(types), "TEXT timestamp integer bigint float numeric(28,6) boolean");
}

/// A project with a package in the style of published ones.
const PACKAGE: [(&str, &str); 5] = [
    ("packages.yml", "packages:\n  - local: vendor/tools\n"),
    ("dbt_packages/tools/dbt_project.yml", "name: tools\nversion: '1.0'\nvars: {greeting: hello, currency: USD}\n"),
    (
        "dbt_packages/tools/macros/tools.sql",
        "{% macro pivot() %}{% do return(adapter.dispatch('pivot', 'tools')(*varargs, **kwargs)) %}{% endmacro %}
{% macro default__pivot(column, values=[]) %}{% for value in values %}{{ column }}_{{ value }}{{ ', ' if not loop.last }}{% endfor %}{% endmacro %}
{% macro helper() %}helper of tools{% endmacro %}
{% macro calls_helper() %}{{ helper() }} {{ var('greeting') }} {{ var('currency') }}{% endmacro %}
{% macro whose() %}{{ return(adapter.dispatch('whose')()) }}{% endmacro %}
{% macro default__whose() %}tools{% endmacro %}
{% macro get_column_values(relation, column) %}
  {%- call statement('values', fetch_result=true) -%}
    select distinct {{ column }} from {{ relation }} order by 1
  {%- endcall -%}
  {%- set answer = load_result('values') -%}
  {%- set values = answer['data'] | map(attribute=0) | list if answer else [] -%}
  {{ return(values) }}
{% endmacro %}",
    ),
    ("vendor/tools/dbt_project.yml", "name: tools\nversion: '1.0'\n"),
    ("macros/own.sql", "{% macro helper() %}helper of shop{% endmacro %}"),
];

#[test]
fn packages_are_namespaces_and_can_be_overridden() {
    let fixture = Fixture::new(&PACKAGE);
    insta::assert_snapshot!(fixture.table(&[
        "{{ tools.pivot('size', values=['s', 'm']) }}",
        "{{ tools.pivot('size', ['l']) }}",
        "{{ tools.helper() }} / {{ helper() }} / {{ shop.helper() }}",
        "{{ tools.calls_helper() }}",
        "{{ tools.whose() }}",
        "{{ tools.get_column_values('(values (2), (1)) t(v)', 'v') }}",
        "{{ tools.pivott() }}",
    ]), @"
    {{ tools.pivot('size', values=['s', 'm']) }}  =>  size_s, size_m
    {{ tools.pivot('size', ['l']) }}  =>  size_l
    {{ tools.helper() }} / {{ helper() }} / {{ shop.helper() }}  =>  helper of tools / helper of shop / helper of shop
    {{ tools.calls_helper() }}  =>  helper of shop hello EUR
    {{ tools.whose() }}  =>  tools
    {{ tools.get_column_values('(values (2), (1)) t(v)', 'v') }}  =>  [1, 2]
    {{ tools.pivott() }}  =>  HW0310: package 'tools' has no macro 'pivott'
     --> inline.sql:1:4 `tools.pivott()`
    help: did you mean pivot?
    ");
    let mut files = PACKAGE.to_vec();
    files.push(("macros/over.sql", "{% macro duckdb__pivot(column, values=[]) %}own pivot of {{ column }}{% endmacro %}{% macro default__whose() %}shop{% endmacro %}"));
    let fixture = Fixture::new(&files);
    insta::assert_snapshot!(fixture.table(&["{{ tools.pivot('size') }}", "{{ tools.whose() }}"]), @"
    {{ tools.pivot('size') }}  =>  own pivot of size
    {{ tools.whose() }}  =>  shop
    ");
}

#[test]
fn the_project_says_where_dispatch_looks() {
    let mut files = PACKAGE.to_vec();
    let rule = "name: shop\nversion: '1.0'\nprofile: shop\ndispatch:\n  - macro_namespace: tools\n    search_order: [tools, shop]\n";
    files.push(("dbt_project.yml", rule));
    files.push(("macros/over.sql", "{% macro default__pivot(column, values=[]) %}own pivot{% endmacro %}"));
    let fixture = Fixture::new(&files);
    assert_eq!(fixture.render("{{ tools.pivot('size', ['l']) }}"), "size_l");
}

#[test]
fn a_namespace_that_is_no_package_is_as_good_as_none() {
    let mut files = PACKAGE.to_vec();
    let macros = "{% macro sub() %}{{ return(adapter.dispatch('sub', 'macros')()) }}{% endmacro %}
{% macro default__sub() %}of any engine{% endmacro %}
{% macro duckdb__type_string() %}of the engine{% endmacro %}
{% macro default__whose() %}shop's{% endmacro %}";
    files.push(("macros/dispatching.sql", macros));
    let fixture = Fixture::new(&files);
    assert_eq!(
        fixture.render("{{ sub() }} {{ adapter.dispatch('type_string', 'elsewhere')() }}"),
        "of any engine of the engine"
    );
    let mut files = PACKAGE.to_vec();
    files.push(("macros/own_default.sql", "{% macro default__current_timestamp() %}never{% endmacro %}"));
    let fixture = Fixture::new(&files);
    let ours = fixture.render("{{ adapter.dispatch('current_timestamp')() }}");
    assert_ne!(ours, "never", "without a namespace a macro for the engine comes before any default");
}

#[test]
fn packages_are_dictionaries_and_the_adapter_knows_the_settings() {
    let fixture = Fixture::new(&PACKAGE);
    insta::assert_snapshot!(fixture.table(&[
        "{{ context.get('tools', {}).get('helper')() }} {{ context.get(project_name, {}).get('missing') }} {{ tools.get('missing', 1) }}",
        "{{ adapter.config.quoting.schema }} {{ adapter.config.project_name }} {{ adapter.config.credentials.type }}",
    ]), @r#"
{{ context.get('tools', {}).get('helper')() }} {{ context.get(project_name, {}).get('missing') }} {{ tools.get('missing', 1) }}  =>  helper of tools None 1
{{ adapter.config.quoting.schema }} {{ adapter.config.project_name }} {{ adapter.config.credentials.type }}  =>  True shop duckdb
"#);
}

#[test]
fn what_macros_call_is_known_without_rendering() {
    let fixture = Fixture::new(&PACKAGE);
    assert_eq!(fixture.macros.calls_of("macro.tools.pivot"), ["macro.tools.default__pivot"]);
    assert_eq!(fixture.macros.calls_of("macro.tools.calls_helper"), ["macro.tools.helper"]);
    assert_eq!(fixture.macros.generic_test("shop", None, "unique").expect("ours").unique_id, "macro.dbt.test_unique");
    assert!(fixture.macros.materialization("table").is_none());
    assert!(fixture.project.package("tools").is_some());
}

#[test]
fn functions_of_the_context() {
    let fixture = Fixture::new(&[]);
    insta::assert_snapshot!(fixture.table(&[
        "{{ var('currency') }} {{ var('none', 'default') }} {{ var.has_var('days') }} {{ var('days') + 1 }}",
        "{{ target.name }} {{ target.type }} {{ target.schema }} {{ target.database }} {{ target.threads }}",
        "{{ execute }} {{ project_name }} {{ dbt_version }} {{ flags.FULL_REFRESH }} {{ flags.WHICH }}",
        "{{ database }}.{{ schema }}",
        "{{ tojson({'b': [1, none, true], 'a': 'é'}) }} {{ tojson({'b': 1, 'a': 2}, sort_keys=true) }}",
        "{{ fromjson('{\"a\": [1, 2]}')['a'][1] }} {{ fromjson('no', 'default') }}",
        "{{ toyaml({'a': 1}) }} {{ fromyaml('a: [1, x]').a }}",
        "{{ set([1, 2, 2, 1]) }} {{ set(1) }} {{ set_strict([1, 1]) }}",
        "{{ zip([1, 2], ['a', 'b', 'c']) | list }} {{ zip(1) }}",
        "{{ local_md5('x') }}",
        "{{ run_started_at }} {{ thread_id is string }} {{ invocation_id | length }}",
        "{{ builtins.keys() | list }}",
        "{{ graph.nodes | length }} {{ selected_resources }}",
        "{{ context['target'].name }}",
        "{{ log('quiet') }}{{ log('loud', info=true) }}{{ print('said') }}{{ exceptions.warn('careful') }}",
        "{{ should_full_refresh() }} {{ should_store_failures() }}",
        "{{ diff_of_two_dicts({'a': [1, 2]}, {'a': [1]}) }}",
        "{{ diff_of_two_dicts({'SELECT': ['me', 'Her']}, {'select': ['her']}) }}",
        "{% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}",
    ]), @r#"
    {{ var('currency') }} {{ var('none', 'default') }} {{ var.has_var('days') }} {{ var('days') + 1 }}  =>  EUR default True 4
    {{ target.name }} {{ target.type }} {{ target.schema }} {{ target.database }} {{ target.threads }}  =>  dev duckdb main memory 1
    {{ execute }} {{ project_name }} {{ dbt_version }} {{ flags.FULL_REFRESH }} {{ flags.WHICH }}  =>  True shop 1.11.0 False run
    {{ database }}.{{ schema }}  =>  memory.main
    {{ tojson({'b': [1, none, true], 'a': 'é'}) }} {{ tojson({'b': 1, 'a': 2}, sort_keys=true) }}  =>  {"b": [1, null, true], "a": "\u00e9"} {"a": 2, "b": 1}
    {{ fromjson('{"a": [1, 2]}')['a'][1] }} {{ fromjson('no', 'default') }}  =>  2 default
    {{ toyaml({'a': 1}) }} {{ fromyaml('a: [1, x]').a }}  =>  a: 1
     [1, 'x']
    {{ set([1, 2, 2, 1]) }} {{ set(1) }} {{ set_strict([1, 1]) }}  =>  {1, 2} None {1}
    {{ zip([1, 2], ['a', 'b', 'c']) | list }} {{ zip(1) }}  =>  [(1, 'a'), (2, 'b')] None
    {{ local_md5('x') }}  =>  9dd4e461268c8034f5c8564e155c67a6
    {{ run_started_at }} {{ thread_id is string }} {{ invocation_id | length }}  =>  2026-02-01 10:00:00+00:00 True 36
    {{ builtins.keys() | list }}  =>  ['ref', 'source', 'config']
    {{ graph.nodes | length }} {{ selected_resources }}  =>  0 []
    {{ context['target'].name }}  =>  dev
    {{ log('quiet') }}{{ log('loud', info=true) }}{{ print('said') }}{{ exceptions.warn('careful') }}  =>  
    {{ should_full_refresh() }} {{ should_store_failures() }}  =>  False False
    {{ diff_of_two_dicts({'a': [1, 2]}, {'a': [1]}) }}  =>  {'a': [2]}
    {{ diff_of_two_dicts({'SELECT': ['me', 'Her']}, {'select': ['her']}) }}  =>  {'SELECT': ['me']}
    {% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}  =>  2
    "#);
    insta::assert_snapshot!(super::lock(&fixture.said).join("\n"), @"
    Debug: quiet
    Info: loud
    Print: said
    Warning: careful
    ");
}

#[test]
fn two_macros_of_one_name_are_refused() {
    let folder = super::write(&[
        ("macros/a.sql", "{% macro x() %}1{% endmacro %}"),
        ("macros/b.sql", "{% macro x() %}2{% endmacro %}"),
    ]);
    let problems = super::load_macros(&super::load(folder.path())).expect_err("two macros");
    insta::assert_snapshot!(super::texts(&problems), @"
    HW0312: two macros of package shop are called x
     --> macros/b.sql:1:1 `{% macro x() %}2{% endmacro %}` (the second)
    note: the first is in macros/a.sql
    help: rename one of them
    ");
}

#[test]
fn statements_for_materializations_of_packages() {
    let fixture = Fixture::new(&[]);
    let view = "{% set r = api.Relation.create(database='memory', schema='main', identifier='v', type='view') %}";
    let table = "{% set r = api.Relation.create(database='memory', schema='main', identifier='t', type='table') %}";
    let templates = [
        (view, "{{ get_drop_sql(r) }}"),
        (table, "{{ get_drop_sql(r) }}"),
        (view, "{{ get_rename_sql(r, 'w') }}"),
        (table, "{{ get_rename_sql(r, 'w') }}"),
        (view, "{{ get_create_sql(r, 'select 1') }}"),
        (table, "{{ get_create_backup_sql(r) }}"),
        (table, "{{ get_replace_sql(r, r, 'select 1 as one') }}"),
        (view, "{{ get_create_materialized_view_as_sql(r, 'select 1') }}"),
        (view, "{{ get_limit_sql('select 1', 2) }} | {{ get_show_sql('select 1', none, none) }}"),
        (
            view,
            "{{ dates_in_range('20260227', '20260301') }} {{ partition_range('20260101') }} {{ dbt.can_clone_table() }}",
        ),
        (view, "{{ dbt.current_timestamp_backcompat() }} {{ dbt.current_timestamp_in_utc_backcompat() }}"),
    ];
    let shown = templates.map(|(set, template)| {
        let text = fixture.render(&format!("{set}{template}"));
        format!("{template}  =>  {}", text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    insta::assert_snapshot!(shown.join("\n"), @r#"
{{ get_drop_sql(r) }}  =>  drop view if exists "memory"."main"."v" cascade
{{ get_drop_sql(r) }}  =>  drop table if exists "memory"."main"."t" cascade
{{ get_rename_sql(r, 'w') }}  =>  alter view "memory"."main"."v" rename to "w"
{{ get_rename_sql(r, 'w') }}  =>  alter table "memory"."main"."t" rename to "w"
{{ get_create_sql(r, 'select 1') }}  =>  create view "memory"."main"."v" as ( select 1 );
{{ get_create_backup_sql(r) }}  =>  drop table if exists "memory"."main"."t__dbt_backup" cascade; alter table "memory"."main"."t" rename to "t__dbt_backup"
{{ get_replace_sql(r, r, 'select 1 as one') }}  =>  drop table if exists "memory"."main"."t__dbt_tmp" cascade; create table "memory"."main"."t__dbt_tmp" as ( select 1 as one );; drop table if exists "memory"."main"."t__dbt_backup" cascade; alter table "memory"."main"."t" rename to "t__dbt_backup"; alter table "memory"."main"."t__dbt_tmp" rename to "t"; drop table if exists "memory"."main"."t__dbt_backup" cascade
{{ get_create_materialized_view_as_sql(r, 'select 1') }}  =>  HW0303: materialized views are not made on duckdb --> inline.sql:1:100 `get_create_materialized_view_as_sql(r, 'select 1')` (calls macro get_create_materialized_view_as_sql)
{{ get_limit_sql('select 1', 2) }} | {{ get_show_sql('select 1', none, none) }}  =>  select 1 limit 2 | select 1
{{ dates_in_range('20260227', '20260301') }} {{ partition_range('20260101') }} {{ dbt.can_clone_table() }}  =>  ['20260227', '20260228', '20260301'] ['20260101'] False
{{ dbt.current_timestamp_backcompat() }} {{ dbt.current_timestamp_in_utc_backcompat() }}  =>  current_timestamp::timestamp current_timestamp::timestamp
"#);
}
