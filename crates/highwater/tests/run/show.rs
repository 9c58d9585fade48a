//! Compiling and showing.

use highwater::manifest::select::Selection;
use highwater::run::{Command, RunOptions};

use crate::project::{Project, lines};

fn shop() -> Project {
    Project::new(&[
        ("models/numbers.sql", "select range as n from range(10)"),
        (
            "models/even.sql",
            "{{ config(materialized='ephemeral') }} select n from {{ ref('numbers') }} where n % 2 = 0",
        ),
    ])
}

#[test]
fn compiling_writes_files_and_touches_no_table() {
    let project = shop();
    project.run(Command::Compile);
    assert_eq!(project.relations(), "");
    insta::assert_snapshot!(project.read("target/compiled/shop/models/even.sql"), @r#" select n from "shop"."main"."numbers" where n % 2 = 0"#);
}

#[test]
fn showing_a_model_and_a_text() {
    let project = shop();
    project.run(Command::Run);
    let selection = Selection { select: vec!["numbers".to_owned()], ..Selection::default() };
    let results = project.results(&RunOptions { selection, limit: Some(2), ..RunOptions::new(Command::Show) });
    let table = results.results[0].table.as_ref().expect("rows");
    assert_eq!((table.columns[0].name.as_str(), table.rows.len()), ("n", 2));
    let inline = Some("select sum(n) as total from {{ ref('even') }}".to_owned());
    let results = project.results(&RunOptions { inline, ..RunOptions::new(Command::Show) });
    let table = results.results[0].table.as_ref().unwrap_or_else(|| panic!("{}", lines(&results)));
    assert_eq!(table.rows[0][0].to_string(), "20");
}

#[test]
fn the_limit_stands_in_the_query_and_the_header_before_it() {
    let project = Project::new(&[(
        "models/headed.sql",
        "{% call set_sql_header(config) %}with given as (select 7 as n){% endcall %}select n from given",
    )]);
    let selection = Selection { select: vec!["headed".to_owned()], ..Selection::default() };
    let results = project.results(&RunOptions { selection, limit: Some(3), ..RunOptions::new(Command::Show) });
    insta::assert_snapshot!(results.results[0].compiled_code.as_deref().unwrap_or_default(), @"
    with given as (select 7 as n)
    select n from given
    limit 3
    ");
    assert_eq!(results.results[0].table.as_ref().expect("rows").rows[0][0].to_string(), "7");
}

/// As packages do it that compare what is stored with what there is.
#[test]
fn a_column_of_a_result_is_searched() {
    let project = shop();
    project.write(
        "models/searched.sql",
        "{% set found = run_query('select range as n from range(3)') %}\n\
         {% if execute %}select {{ 2 in found.columns['n'] }} as inside, {{ 3 not in found.columns[0] }} as outside, \
         {{ [1, 5] | reject('in', found.columns['n']) | list | length }} as kept{% endif %}",
    );
    assert!(project.run(Command::Run).contains("model.shop.searched success"));
    assert_eq!(project.query("select * from main.searched"), "true | true | 1");
}
