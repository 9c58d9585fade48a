//! dbt's strategies, first and later runs, changed columns.

use highwater::run::{Command, RunOptions};

use crate::project::{Project, lines};

/// A model of two runs: the second one sees key 2 again, and key 3.
fn model(config: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', {config}) }}}}\n\
         {{% if is_incremental() %}}\nselect 2 as id, 'new' as what, null as note union all select 3, 'new', 'x'\n\
         {{% else %}}\nselect 1 as id, 'old' as what, null as note union all select 2, 'old', 'y'\n{{% endif %}}"
    )
}

/// The rows after two runs.
fn twice(config: &str) -> String {
    let project = Project::new(&[("models/orders.sql", &model(config))]);
    project.run(Command::Run);
    let second = project.run(Command::Run);
    assert_eq!(second, "model.shop.orders success OK");
    project.query("select id, what, note from orders order by all")
}

#[test]
fn append_adds_everything() {
    insta::assert_snapshot!(twice("incremental_strategy='append', unique_key='id'"), @r"
    1 | old | NULL
    2 | new | NULL
    2 | old | y
    3 | new | x
    ");
}

#[test]
fn delete_insert_is_the_default_and_replaces_keys() {
    let expected = "1 | old | NULL\n2 | new | NULL\n3 | new | x";
    assert_eq!(twice("unique_key='id'"), expected);
    assert_eq!(twice("incremental_strategy='delete+insert', unique_key=['id']"), expected);
    assert_eq!(twice("incremental_strategy='delete+insert', unique_key=['id', 'what']").lines().count(), 4);
    assert_eq!(twice("unique_key=[]").lines().count(), 4);
}

#[test]
fn merge_updates_what_matches() {
    assert_eq!(twice("incremental_strategy='merge', unique_key='id'"), "1 | old | NULL\n2 | new | NULL\n3 | new | x");
    insta::assert_snapshot!(twice("incremental_strategy='merge', unique_key='id', merge_update_columns=['what']"), @r"
    1 | old | NULL
    2 | new | y
    3 | new | x
    ");
    insta::assert_snapshot!(twice("incremental_strategy='merge', unique_key='id', merge_exclude_columns=['what']"), @r"
    1 | old | NULL
    2 | old | NULL
    3 | new | x
    ");
    assert_eq!(twice("incremental_strategy='merge'").lines().count(), 4);
}

#[test]
fn predicates_keep_old_rows_from_being_deleted_but_not_new_ones_from_being_inserted() {
    insta::assert_snapshot!(twice("unique_key='id', incremental_predicates=['id > 2']"), @r"
    1 | old | NULL
    2 | new | NULL
    2 | old | y
    3 | new | x
    ");
}

#[test]
fn a_full_refresh_rebuilds_unless_the_model_forbids_it() {
    let project = Project::new(&[
        ("models/a.sql", &model("unique_key='id'")),
        ("models/b.sql", &model("unique_key='id', full_refresh=false")),
    ]);
    project.run(Command::Run);
    project.refresh(Command::Run);
    assert_eq!(project.query("select count(*) filter (what = 'new') from a"), "0");
    assert_eq!(project.query("select count(*) filter (what = 'new') from b"), "2");
}

#[test]
fn a_view_of_that_name_is_replaced_by_a_table() {
    let project = Project::new(&[("models/orders.sql", "select 9 as id")]);
    project.run(Command::Run);
    project.write("models/orders.sql", &model("unique_key='id'"));
    assert_eq!(project.run(Command::Run), "model.shop.orders success OK");
    assert_eq!(project.relations(), "main.orders table");
    assert_eq!(project.query("select count(*) from orders"), "2");
}

/// What became of a second run that finds other columns, and the table after it.
fn changed_columns(word: &str) -> String {
    let config = format!("{{{{ config(materialized='incremental', on_schema_change='{word}') }}}}\n");
    let project = Project::new(&[("models/t.sql", &format!("{config}select 1 as id, 10 as gone, 5 as kept"))]);
    project.run(Command::Run);
    project.write("models/t.sql", &format!("{config}select 2 as id, 5000000000 as kept, 'n' as fresh"));
    let results = project.results(&RunOptions::new(Command::Run));
    let message = results.results[0].message.clone().unwrap_or_default();
    let columns = project.query(
        "select column_name || ' ' || data_type from duckdb_columns() where table_name = 't' order by column_index",
    );
    format!("{message}\n--\n{columns}\n--\n{}", project.query("from t order by id"))
}

#[test]
fn on_schema_change_fail() {
    insta::assert_snapshot!(changed_columns("fail"), @r"
    Compilation Error in model t (models/t.sql)
      the columns of t are not those of its query
      only in the query: fresh VARCHAR
      only in the table: gone INTEGER
      kept is BIGINT in the query and INTEGER in the table
      on_schema_change is fail: nothing was written
      run it with --full-refresh, or set on_schema_change to append_new_columns or sync_all_columns
    --
    id INTEGER
    gone INTEGER
    kept INTEGER
    --
    1 | 10 | 5
    ");
}

#[test]
fn on_schema_change_sync_all_columns() {
    insta::assert_snapshot!(changed_columns("sync_all_columns"), @r"
    OK
    --
    id INTEGER
    kept BIGINT
    fresh VARCHAR
    --
    1 | 5 | NULL
    2 | 5000000000 | n
    ");
}

#[test]
fn on_schema_change_append_new_columns() {
    let config = "{{ config(materialized='incremental', on_schema_change='append_new_columns') }}\n";
    let project = Project::new(&[("models/t.sql", &format!("{config}select 1 as id, 10 as gone"))]);
    project.run(Command::Run);
    project.write("models/t.sql", &format!("{config}select 2 as id, 'n' as fresh"));
    assert_eq!(project.run(Command::Run), "model.shop.t success OK");
    insta::assert_snapshot!(project.query("select id, gone, fresh from t order by id"), @r"
    1 | 10 | NULL
    2 | NULL | n
    ");
}

#[test]
fn ignoring_a_column_that_is_gone_fails_and_names_it() {
    let config = "{{ config(materialized='incremental') }}\n";
    let project = Project::new(&[("models/t.sql", &format!("{config}select 1 as id, 10 as gone"))]);
    project.run(Command::Run);
    project.write("models/t.sql", &format!("{config}select 2 as id"));
    let message = project.run(Command::Run);
    assert!(message.contains("Database Error") && message.contains("gone"), "{message}");
    assert_eq!(project.query("from t"), "1 | 10");
}

#[test]
fn a_strategy_of_the_project_and_one_of_nobody() {
    let project = Project::new(&[
        (
            "macros/strategies.sql",
            "{% macro get_incremental_newest_sql(arg_dict) %}\n\
             delete from {{ arg_dict['target_relation'] }} where {{ arg_dict['unique_key'] }} < 3;\n\
             insert into {{ arg_dict['target_relation'] }} ({{ arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') }})\n\
             select {{ arg_dict['dest_columns'] | map(attribute='name') | join(', ') }} from {{ arg_dict['temp_relation'] }}\n\
             {% endmacro %}",
        ),
        ("models/orders.sql", &model("incremental_strategy='newest', unique_key='id'")),
        ("models/typo.sql", &model("incremental_strategy='appendd'")),
    ]);
    let results = project.results(&RunOptions::new(Command::Run));
    assert_eq!(results.results[0].status.word(), "success", "{}", lines(&results));
    assert_eq!(results.results[1].status.word(), "success", "a whole table needs no strategy: {}", lines(&results));
    let warning = &results.diagnostics[0];
    assert_eq!(
        (warning.code, warning.title.contains("the next run of typo will fail")),
        ("HW0412", true),
        "{warning:?}"
    );
    let results = project.results(&RunOptions::new(Command::Run));
    let message = results.results[1].message.clone().unwrap_or_default();
    assert!(message.contains("could not find an incremental strategy macro"), "{message}");
    assert_eq!(project.query("select id, what from orders order by id"), "2 | new\n3 | new");
}

#[test]
fn merge_takes_clauses_of_its_own() {
    let merge = |config: &str| twice(&format!("incremental_strategy='merge', unique_key='id', {config}"));
    insta::assert_snapshot!(merge("merge_clauses={'when_matched': [{'action': 'delete'}],
        'when_not_matched': [{'action': 'insert', 'mode': 'explicit', 'insert': {'columns': ['id', 'what'], 'values': ['DBT_INTERNAL_SOURCE.id', \"'mine'\"]}}]}"), @"
    1 | old | NULL
    3 | mine | NULL
    ");
    insta::assert_snapshot!(merge("merge_clauses={'when_matched': [{'action': 'update', 'mode': 'star', 'condition': ['false', 'true']}, {'action': 'do_nothing'}],
        'when_not_matched': [{'action': 'delete', 'by': 'source'}, {'action': 'insert', 'mode': 'by_position'}]}"), @"
    2 | old | y
    3 | new | x
    ");
    insta::assert_snapshot!(merge("merge_update_condition='false', merge_insert_condition='DBT_INTERNAL_SOURCE.id > 5'"), @"
    1 | old | NULL
    2 | old | y
    ");
    insta::assert_snapshot!(merge("merge_update_set_expressions={'what': \"DBT_INTERNAL_DEST.what || '!'\"}, merge_returning_columns=['id']"), @"
    1 | old | NULL
    2 | old! | NULL
    3 | new | x
    ");
    let project = Project::new(&[(
        "models/orders.sql",
        &model(
            "incremental_strategy='merge', unique_key='id', merge_update_columns=['what'], merge_clauses={'when_matched': []}",
        ),
    )]);
    project.run(Command::Run);
    insta::assert_snapshot!(project.run(Command::Run), @"
    model.shop.orders error Compilation Error in model orders (models/orders.sql)
      MERGE configuration errors:
      in model.shop.orders
      merge_clauses.when_matched must contain at least one element
      with merge_clauses these basic merge configurations will be ignored and must go: merge_update_columns
    ");
}

#[test]
fn a_project_may_replace_how_a_strategy_writes() {
    let project = Project::new(&[
        ("models/orders.sql", &model("unique_key='id'")),
        (
            "macros/mine.sql",
            "{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
             insert into {{ target }} select id * 100, what, note from {{ source }}
             {%- endmacro %}",
        ),
    ]);
    project.run(Command::Run);
    project.run(Command::Run);
    assert_eq!(project.query("select id from orders order by id"), "1\n2\n200\n300");
}

#[test]
fn a_header_runs_before_every_statement() {
    let project = Project::new(&[(
        "models/orders.sql",
        "{{ config(materialized='incremental') }}
         {% call set_sql_header(config) %}create or replace temp macro twice(x) as 2 * x;{% endcall %}
         select twice(4) as id",
    )]);
    project.run(Command::Run);
    assert_eq!(project.run(Command::Run), "model.shop.orders success OK");
    assert_eq!(project.query("from orders"), "8\n8");
}
