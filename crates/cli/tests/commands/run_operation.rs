//! `hw run-operation`

use crate::TestProject;

const PROJECT: &str = "
=== macros/grow.sql
{% macro grow(name, rows=1) %}
  {% do run_query('create table ' ~ name ~ ' as select * from range(' ~ rows ~ ')') %}
  {% do log('grew ' ~ name, info=true) %}
{% endmacro %}
{% macro told() %}{% do print('version: 2') %}{% do log('talk', info=true) %}{% endmacro %}
{% macro fall() %}{{ exceptions.raise_compiler_error('fell') }}{% endmacro %}
=== models/a.sql
select count(*) as number from main.grown
";

#[test]
fn a_macro_is_called_with_its_arguments() {
    let project = TestProject::new(PROJECT);
    let told = project.hw(&["run-operation", "grow", "--args", "{name: grown, rows: 3}"]);
    assert!(told.starts_with("exit 0") && told.contains("grew grown"), "{told}");
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    assert_eq!(results["results"][0]["unique_id"], "macro.shop.grow");
    assert_eq!(results["args"]["macro"], "grow");
    let rows = project.json(&["show", "--select", "a", "--output", "json"]);
    assert_eq!(rows["show"][0]["number"], 3);
}

#[test]
fn a_macro_that_raises_fails_and_one_that_is_missing_is_refused() {
    let project = TestProject::new(PROJECT);
    let told = project.hw(&["run-operation", "shop.fall"]);
    assert!(told.starts_with("exit 1") && told.contains("fell"), "{told}");
    let told = project.hw(&["run-operation", "growth"]);
    assert!(told.starts_with("exit 2") && told.contains("did you mean") && told.contains("grow"), "{told}");
    let told = project.hw(&["run-operation", "grow", "--args", "[1]"]);
    assert!(told.starts_with("exit 2") && told.contains("`--args` is no YAML mapping"), "{told}");
}

#[test]
fn what_a_macro_prints_goes_where_answers_go() {
    let project = TestProject::new(PROJECT);
    let printed = project.output(&["--quiet", "run-operation", "told"]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout), "version: 2\n");
    assert_eq!(String::from_utf8_lossy(&printed.stderr), "");
    let printed = project.output(&["run-operation", "told", "--output", "json"]);
    assert!(String::from_utf8_lossy(&printed.stderr).contains("version: 2"));
    serde_json::from_slice::<serde_json::Value>(&printed.stdout).expect("nothing but JSON");
}
