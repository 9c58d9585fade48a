//! Reading with `execute` false: what a template calls, and the names of what it builds.

use super::super::{Captured, NameKind, ParseContext, load_macros};
use super::{Fixture, load, text, texts, write};
use crate::manifest::Node;

fn named(name: &str, version: Option<&str>) -> Node {
    Node { name: name.to_owned(), version: version.map(str::to_owned), ..Node::default() }
}

/// What a template calls, one line for each kind.
fn summary(captured: &Captured) -> String {
    let refs = captured.refs.iter().map(|call| {
        let package = call.package.as_ref().map(|package| format!("{package}.")).unwrap_or_default();
        let version = call.version.as_ref().map(|version| format!(" v{version}")).unwrap_or_default();
        format!("{package}{}{version}", call.name)
    });
    format!(
        "refs: {}\nsources: {:?}\nconfig: {}\nmacros: {}\nthis: {}",
        refs.collect::<Vec<_>>().join(", "),
        captured.sources,
        serde_json::to_string(&captured.config).expect("configuration is JSON"),
        captured.macros.join(", "),
        captured.uses_this,
    )
}

fn capture(files: &[(&str, &str)], code: &str) -> String {
    let folder = write(files);
    let project = load(folder.path());
    let macros = load_macros(&project).unwrap_or_else(|problems| panic!("{}", texts(&problems)));
    let context = ParseContext { project: &project, macros: &macros, messages: None };
    match context.capture("shop", "models/a.sql", code, &named("a", None)) {
        Ok(captured) => summary(&captured),
        Err(problem) => text(&problem),
    }
}

#[test]
fn calls_in_executed_branches_are_noted() {
    let code = "{{ config(materialized='incremental', unique_key=['id', 'day'], tags='a') }}
{{ config({'meta': {'owner': 'me'}}, tags=['b'], pre_hook='select 1') }}
select * from {{ ref('orders') }} join {{ ref('other', 'customers', v=2) }} join {{ source('raw', 'pay') }}
join {{ ref('orders') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}) and {{ ref('only_later') }}{% endif %}
{% if execute %}{{ ref('only_with_database') }}{% endif %}
-- depends_on: {{ ref('named_for_the_graph') }}
{% for value in run_query('select 1').columns[0].values() %}{{ value }}{% endfor %}
{{ adapter.get_relation('a', 'b', 'c').missing.anything() }}
{% set columns = adapter.get_columns_in_relation(ref('orders')) %}{{ columns | length }}";
    insta::assert_snapshot!(capture(&[], code), @r#"
    refs: orders, other.customers v2, orders, named_for_the_graph, orders
    sources: [("raw", "pay")]
    config: {"materialized":"incremental","unique_key":["id","day"],"tags":["a","b"],"meta":{"owner":"me"},"pre_hook":"select 1"}
    macros: macro.dbt.is_incremental, macro.dbt.run_query
    this: false
    "#);
}

#[test]
fn macros_are_followed_into() {
    let files = [(
        "macros/m.sql",
        "{% macro wrapped(name) %}{{ return(ref(name)) }}{% endmacro %}{% macro outer(x) %}{{ wrapped(x) }}{% endmacro %}",
    )];
    insta::assert_snapshot!(capture(&files, "select * from {{ outer('deep') }} {{ dbt.type_string() }}"), @"
    refs: deep
    sources: []
    config: {}
    macros: macro.shop.outer, macro.dbt.type_string
    this: false
    ");
}

#[test]
fn a_project_may_replace_ref() {
    let files = [(
        "macros/ref.sql",
        "{% macro ref(name) %}{% do return(builtins.ref(name).include(database=false)) %}{% endmacro %}",
    )];
    insta::assert_snapshot!(capture(&files, "select * from {{ ref('orders') }}"), @"
    refs: orders
    sources: []
    config: {}
    macros: macro.shop.ref
    this: false
    ");
    let fixture =
        Fixture::new(&[files[0], ("models/orders.sql", "select 1"), ("models/a.sql", "from {{ ref('orders') }}")]);
    insta::assert_snapshot!(fixture.compile("a"), @r#"from "main"."orders""#);
}

#[test]
fn errors_point_into_the_template() {
    insta::assert_snapshot!(capture(&[], "select 1\n{% if %}"), @"
    HW0301: expected an expression, found '%}'
     --> models/a.sql:2:7 `%}`
    ");
    insta::assert_snapshot!(capture(&[], "select {{ env_var('HW_TEST_NOT_SET') }}"), @"
    HW0309: environment variable 'HW_TEST_NOT_SET' is not set
     --> models/a.sql:1:11 `env_var('HW_TEST_NOT_SET')`
    help: set it, or give a default: env_var('HW_TEST_NOT_SET', '...')
    ");
    let files =
        [("macros/m.sql", "{% macro check(x) %}\n  {{ exceptions.raise_compiler_error('no ' ~ x) }}\n{% endmacro %}")];
    insta::assert_snapshot!(capture(&files, "select 1\n{{ check('good') }}"), @"
    HW0303: no good
     --> macros/m.sql:2:6 `exceptions.raise_compiler_error('no ' ~ x)`
     --> models/a.sql:2:4 `check('good')` (calls macro check)
    ");
}

#[test]
fn names_follow_the_macros_of_the_project() {
    let name = |files: &[(&str, &str)], which, custom, node| {
        let folder = write(files);
        let project = load(folder.path());
        let macros = load_macros(&project).unwrap_or_else(|problems| panic!("{}", texts(&problems)));
        ParseContext { project: &project, macros: &macros, messages: None }
            .generate_name(which, custom, &node)
            .expect("a name")
    };
    let node = || named("orders", None);
    assert_eq!(name(&[], NameKind::Schema, None, node()), "main");
    assert_eq!(name(&[], NameKind::Schema, Some("mart "), node()), "main_mart");
    assert_eq!(name(&[], NameKind::Database, None, node()), "memory");
    assert_eq!(name(&[], NameKind::Database, Some("other"), node()), "other");
    assert_eq!(name(&[], NameKind::Alias, None, node()), "orders");
    assert_eq!(name(&[], NameKind::Alias, Some("o"), node()), "o");
    assert_eq!(name(&[], NameKind::Alias, None, named("orders", Some("2"))), "orders_v2");
    // What our macros would say is known without running them.
    let bridge = ["database", "schema", "alias"].map(|word| {
        format!("{{% macro generate_{word}_name(custom, node) %}}{{{{ return(dbt.generate_{word}_name(custom, node)) }}}}{{% endmacro %}}")
    });
    for (which, custom, version) in NameKind::ALL.into_iter().flat_map(|which| {
        [None, Some(""), Some(" own ")]
            .into_iter()
            .flat_map(move |custom| [None, Some("1.5")].map(|version| (which, custom, version)))
    }) {
        let run = name(&[("macros/bridge.sql", &bridge.concat())], which, custom, named("orders", version));
        assert_eq!(name(&[], which, custom, named("orders", version)), run, "{which:?} {custom:?} {version:?}");
    }
    let own = "{% macro generate_schema_name(custom_schema_name, node) %}{{ (custom_schema_name or 'none') ~ '_of_' ~ node.name }}{% endmacro %}";
    assert_eq!(name(&[("macros/s.sql", own)], NameKind::Schema, Some("x"), node()), "x_of_orders");
    let own = "{% macro default__generate_schema_name(custom_schema_name, node) %}dispatched{% endmacro %}";
    assert_eq!(name(&[("macros/s.sql", own)], NameKind::Schema, None, node()), "dispatched");
}
