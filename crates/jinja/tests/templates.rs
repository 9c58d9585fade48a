//! What can be asked of a template without rendering it, source maps, and errors.

use std::sync::Arc;

use highwater_jinja::{
    BlockKind, Error, ErrorKind, Lookup, MacroKind, Options, Template, UndefinedPolicy, Value, call, function,
    macro_value, render,
};

fn nothing() -> Arc<dyn Lookup> {
    Arc::new(|_: &str| None)
}

#[test]
fn macros_tests_and_materializations() {
    let source = "{% macro a(x, y=1) %}{% endmacro %}\n{% test positive(model) %}{% endtest %}\n\
        {% data_test old(model) %}{% enddata_test %}{% materialization kept, adapter='duckdb', \
        supported_languages=['sql', 'python'] %}{% endmaterialization %}{% materialization kept, default %}\
        {% endmaterialization kept %}";
    let template = Template::parse("macros/all.sql", source).expect("parses");
    let names: Vec<&str> = template.macros().iter().map(|each| each.name.as_str()).collect();
    let expected = ["a", "test_positive", "test_old", "materialization_kept_duckdb", "materialization_kept_default"];
    assert_eq!(names, expected);
    let first = &template.macros()[0];
    assert_eq!(first.arguments, ["x", "y"]);
    assert_eq!(first.source(), "{% macro a(x, y=1) %}{% endmacro %}");
    let MacroKind::Materialization { supported_languages, adapter, .. } = &template.macros()[3].kind else {
        panic!("a materialization")
    };
    assert_eq!((supported_languages.len(), adapter.as_str()), (2, "duckdb"));
    assert_eq!(render(&template, &nothing(), &Options::default()).expect("renders").text.trim(), "");
}

#[test]
fn only_blocks_count_in_a_file_of_macros() {
    let source = "{% https://example.org/issues/1 %}\n{# {% macro no() %} #}{{ '}}' ~ stray( }} }\n{%- macro a(x) -%}{{ '{% endmacro %}' }}{% raw %}{% endmacro %}{% endraw %}{%- endmacro -%}\n\
        {% nonsense \"%}\" %}é{% test t(model) %}{% if x %}1{% endif %}{% endtest %} {% endif2 %}";
    assert!(Template::parse("macros/m.sql", source).is_err());
    let template =
        Template::parse_blocks("macros/m.sql", source, &["macro", "test"]).expect("only the blocks are read");
    let names: Vec<&str> = template.macros().iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["a", "test_t"]);
    assert!(template.macros()[0].source().ends_with("{%- endmacro -%}"), "{}", template.macros()[0].source());
    assert_eq!(template.macros()[1].source(), "{% test t(model) %}{% if x %}1{% endif %}{% endtest %}");
    for broken in [
        "{% x %}{% macro a() %}",
        "{% x %}{% macro a() %}{{ 1 + }}{% endmacro %}",
        "{{ x",
        "{% x %}{% if y %}{% macro a() %}{% endmacro %}{% endif %}",
    ] {
        assert!(Template::parse_blocks("macros/m.sql", broken, &["macro"]).is_err(), "{broken}");
    }
}

#[test]
fn docs_and_snapshots() {
    let source =
        "{% docs orders %}\nOne row per {{ 'order' }}.\n{% enddocs %}{% snapshot s %}select 1{% endsnapshot %}";
    let blocks = Template::parse("docs.md", source).expect("parses").blocks();
    assert_eq!((blocks[0].kind, blocks[0].name.as_str()), (BlockKind::Docs, "orders"));
    assert_eq!(&source[blocks[0].body_span.start..blocks[0].body_span.end], "\nOne row per {{ 'order' }}.\n");
    assert_eq!(&source[blocks[1].span.start..blocks[1].span.end], "{% snapshot s %}select 1{% endsnapshot %}");
    let text = render(&blocks[0].body, &nothing(), &Options::default()).expect("renders").text;
    assert_eq!(text, "\nOne row per order.\n");
}

#[test]
fn static_calls_of_all_branches() {
    let source = "{{ config(materialized='table', tags=['a'], post_hook=hook) }}{% if x %}{{ ref('a') }}{% else %}\
        {{ dbt_utils.pivot('b', ref('c', v=-1)) }}{% endif %}{% call statement('s') %}{{ source('x', y) }}{% endcall %}";
    let template = Template::parse("m.sql", source).expect("parses");
    let calls = template.static_calls();
    let names: Vec<String> = calls.iter().map(|call| call.name.join(".")).collect();
    assert_eq!(names, ["config", "ref", "dbt_utils.pivot", "ref", "statement", "source"]);
    assert_eq!(calls[0].keyword[0].1, Some(Value::from("table")));
    assert!(calls[0].keyword[2].1.is_none());
    assert_eq!(calls[3].keyword[0].1, Some(Value::from(-1)));
    assert!(calls[5].positional[1].is_none());
    assert_eq!(&source[calls[1].span.start..calls[1].span.end], "ref('a')");
}

#[test]
fn output_maps_back_to_the_template() {
    let source = "select\n  {{ 1 + 1 }},\n  oops";
    let output = render(&Template::parse("models/x.sql", source).expect("parses"), &nothing(), &Options::default());
    let output = output.expect("renders");
    let (name, span) = output.map.locate(output.text.find("oops").expect("written")).expect("mapped");
    assert_eq!((name, span.start), ("models/x.sql", source.find("oops").expect("there")));
    let (_, span) = output.map.locate(output.text.find('2').expect("written")).expect("mapped");
    assert_eq!(&source[span.start..span.end], "{{ 1 + 1 }}");
}

#[derive(Debug, thiserror::Error)]
#[error("no such table")]
struct DatabaseError;

#[test]
fn errors_keep_their_source_and_the_macros_on_the_way() {
    let library =
        Template::parse("macros/m.sql", "{% macro fetch() %}{{ run_query('x') }}{% endmacro %}").expect("parses");
    let query: Arc<dyn Lookup> = Arc::new(|name: &str| {
        (name == "run_query").then(|| function("run_query", |_| Err(Error::external(DatabaseError))))
    });
    let fetch = macro_value(&library.macros()[0], &query, &Options::default());
    let context: Arc<dyn Lookup> = Arc::new(move |name: &str| (name == "fetch").then(|| fetch.clone()));
    let model = Template::parse("models/a.sql", "select {{ fetch() }}").expect("parses");
    let error = render(&model, &context, &Options::default()).expect_err("the query fails");
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<DatabaseError>));
    assert_eq!((error.template(), error.line_and_column()), (Some("macros/m.sql"), Some((1, 23))));
    let entry = &error.trace()[0];
    assert_eq!(entry.macro_name, "fetch");
    assert_eq!(
        entry.called_from.as_ref().map(|(template, span)| (template.as_str(), span.start)),
        Some(("models/a.sql", 10))
    );
}

#[test]
fn macros_are_called_from_rust() {
    let library =
        Template::parse("m.sql", "{% macro name(a, b=2) %}{{ return([a, b]) }}{% endmacro %}").expect("parses");
    let options = Options { undefined: UndefinedPolicy::Chainable, ..Options::default() };
    let name = macro_value(&library.macros()[0], &nothing(), &options);
    let result = call(&name, &[Value::from(1)], &[("b", Value::from("x"))]).expect("returns");
    assert_eq!(result.to_string(), "[1, 'x']");
}
