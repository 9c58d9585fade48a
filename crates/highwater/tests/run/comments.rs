//! `query-comment`: whatever a command sends says what it is for. The engines themselves tell what they were sent.

use highwater::run::{Command, RunOptions, execute, run_operation};
use indexmap::IndexMap;
use serde_json::json;

use crate::project::Project;

fn project_file(comment: &str) -> String {
    format!(
        "name: shop\nversion: '1.0'\nprofile: shop\n{comment}\n\
         on-run-start: [\"{{% if target.type == 'duckdb' %}}call enable_logging('QueryLog'){{% endif %}}\", select 'hook at the start']\n\
         on-run-end: [select 'hook at the end', '{{{{ keep_log() }}}}']\n\
         models: {{+pre-hook: {{sql: select 'hook before', transaction: false}}, +post-hook: select 'hook after'}}\n"
    )
}

/// A project with everything that sends statements. Its DuckDB keeps a log of them, which the last hook puts into a table.
fn project(comment: &str) -> [(&'static str, String); 11] {
    let file = |text: &str| text.to_owned();
    [
        ("dbt_project.yml", project_file(comment)),
        (
            "macros/log.sql",
            file(
                "{% macro keep_log() %}{% if target.type == 'duckdb' %}create or replace table logged as \
                 select message as sent from duckdb_logs where type = 'QueryLog'{% endif %}{% endmacro %}\n\
                 {% macro told(name, node) %}{{ return('name ' ~ name ~ ', node ' ~ (node.unique_id if node else none)) }}{% endmacro %}\n\
                 {% macro operation() %}{% if target.type == 'duckdb' %}{% do run_query(\"call enable_logging('QueryLog')\") %}{% endif %}\
                 {% do run_query(\"select 'of an operation'\") %}{% if target.type == 'duckdb' %}{% do run_query(keep_log()) %}{% endif %}{% endmacro %}",
            ),
        ),
        ("seeds/raw.csv", file("id,day\n1,2026-02-01\n2,2026-02-02\n")),
        (
            "models/asks.sql",
            file(
                "{% do run_query(\"select 'of run_query'\") %}{% call statement('own') %}select 'of a statement'{% endcall %}\
                 {% set columns = adapter.get_columns_in_relation(ref('raw')) %}select {{ columns | length }} as columns",
            ),
        ),
        (
            "models/grows.sql",
            file("{{ config(materialized='incremental', unique_key='id') }}select id, day from {{ ref('raw') }}"),
        ),
        (
            "models/exact.sql",
            file(
                "{{ config(materialized='incremental', incremental_strategy='exact', unique_key='id') }}select id, day from {{ ref('raw') }}",
            ),
        ),
        (
            "models/batches.sql",
            file(
                "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='year', begin='2026-01-01', \
                 unique_key=('id' if target.type == 'postgres' else none)) }}select id, day from {{ ref('raw') }}",
            ),
        ),
        (
            "models/models.yml",
            file(
                "models:\n  - {name: grows, columns: [{name: id, data_tests: [unique]}]}\nunit_tests:\n  - name: unit\n    model: grows\n    \
                 given: [{input: ref('raw'), rows: [{id: 7, day: 2026-02-01}]}]\n    expect: {rows: [{id: 7, day: 2026-02-01}]}\n",
            ),
        ),
        (
            "snapshots/kept.sql",
            file(
                "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols='all', target_schema='main') }}select * from {{ ref('raw') }}{% endsnapshot %}",
            ),
        ),
        ("tests/single.sql", file("select * from {{ ref('raw') }} where id > 5")),
        ("analyses/any.sql", file("select 1")),
    ]
}

fn of(comment: &str) -> Vec<Project> {
    let files = project(comment);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let projects = Project::everywhere(&files);
    for project in &projects {
        if let Some(server) = project.server_if_any() {
            server
                .client()
                .batch_execute(&format!("alter database {} set log_statement = 'all'", server.name))
                .expect("set");
        }
    }
    projects
}

/// What the engine was sent: one text per statement or, on Postgres, per message.
fn sent(project: &Project) -> Vec<String> {
    let Some(server) = project.server_if_any() else {
        return project.query("select replace(sent, chr(10), ' ') from logged").lines().map(str::to_owned).collect();
    };
    let mut client = server.client();
    let log: String = client.query_one("select pg_read_file('log.txt')", &[]).expect("a superuser reads it").get(0);
    // A message of several lines goes on with tabs.
    let whole = log.replace("\n\t", " ");
    let told = whole.lines().filter_map(|line| line.strip_prefix(&format!("{}|LOG:  statement: ", server.name)));
    told.map(str::to_owned).filter(|text| !text.contains("pg_read_file")).collect()
}

/// Whether it begins, ends or holds a transaction, or sets a session up.
fn is_about_the_session(sql: &str) -> bool {
    ["begin", "commit", "rollback", "savepoint", "release", "set ", "show ", "create database"]
        .iter()
        .any(|word| sql.to_lowercase().starts_with(word))
}

#[test]
fn every_statement_says_what_it_is_for() {
    for project in of("query-comment: '{{ told(connection_name, node) }}'") {
        let results =
            execute(&project.session(), &RunOptions { threads: Some(2), ..RunOptions::new(Command::Build) }, &|_| {});
        let results = results.unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(results.succeeded(false), "{results:#?}");
        let sent = sent(&project);
        let purpose = |text: &str| {
            let told = sent
                .iter()
                .find(|sql| sql.contains(text) && !sql.contains("duckdb_logs"))
                .unwrap_or_else(|| panic!("`{text}` was not sent: {sent:#?}"));
            told.split("*/").next().unwrap_or_default().trim_start_matches("/* ").trim().to_owned()
        };
        let node = |id: &str| format!("name {id}, node {id}");
        assert_eq!(purpose("'hook at the start'"), "name master, node None");
        assert_eq!(purpose("'hook at the end'"), "name master, node None");
        assert_eq!(purpose("'of run_query'"), node("model.shop.asks"));
        assert_eq!(purpose("'of a statement'"), node("model.shop.asks"));
        for hook in ["'hook before'", "'hook after'"] {
            assert!(purpose(hook).starts_with("name model.shop."), "{hook}: {}", purpose(hook));
        }
        for id in [
            "seed.shop.raw",
            "model.shop.asks",
            "model.shop.grows",
            "model.shop.exact",
            "model.shop.batches",
            "snapshot.shop.kept",
            "test.shop.single",
            "test.shop.unique_grows_id",
            "unit_test.shop.grows.unit",
        ] {
            assert!(
                sent.iter().any(|sql| sql.starts_with(&format!("/* name {id}"))),
                "nothing was sent for {id}: {sent:#?}"
            );
        }
        // Of a text of several statements DuckDB logs each: the comment stands before the first, as in dbt.
        let silent: Vec<&String> =
            sent.iter().filter(|sql| !sql.starts_with("/* name ") && !is_about_the_session(sql)).collect();
        let second =
            |sql: &str| project.server_if_any().is_none() && (sql.starts_with(' ') || sql.starts_with("insert into"));
        // The lease of an exact model is kept by a session of its own, which is nobody's work.
        let book = |sql: &str| ["leases", "fence", "pg_current_xact_id"].iter().any(|word| sql.contains(word));
        assert!(silent.iter().all(|sql| second(sql) || book(sql)), "{silent:#?}");
    }
}

#[test]
fn an_operation_has_no_node() {
    for project in of("query-comment: '{{ told(connection_name, node) }}'") {
        let options = RunOptions::new(Command::RunOperation);
        let results =
            run_operation(&project.session(), &options, "operation", &IndexMap::new(), &|_| {}).expect("it runs");
        assert!(results.succeeded(false), "{results:#?}");
        let sent = sent(&project);
        let told = sent.iter().find(|sql| sql.contains("'of an operation'")).expect("it was sent");
        assert!(told.starts_with("/* name macro_operation, node None */"), "{told}");
    }
}

#[test]
fn where_the_project_says_nothing_the_comment_is_dbts() {
    for project in of("") {
        project.run(Command::Build);
        let adapter = if project.server_if_any().is_some() { "postgres" } else { "duckdb" };
        let sent = sent(&project);
        let told = |text: &str| {
            sent.iter().find(|sql| sql.contains(text)).map(|sql| sql.split(" */").next().unwrap_or_default().to_owned())
        };
        let usual = |key: &str, name: &str| {
            json!({"app": "dbt", "dbt_version": "1.11.0", "profile_name": "shop", "target_name": "dev", key: name})
                .to_string()
                .replace("\":\"", "\": \"")
                .replace("\",\"", "\", \"")
        };
        assert_eq!(told("'of run_query'"), Some(format!("/* {}", usual("node_id", "model.shop.asks"))), "{adapter}");
        assert_eq!(told("'hook at the end'"), Some(format!("/* {}", usual("connection_name", "master"))), "{adapter}");
    }
}

#[test]
fn a_comment_may_stand_behind_or_nowhere() {
    for project in of("query-comment: {comment: by us, append: true, job-label: true}") {
        project.run(Command::Build);
        let sent = sent(&project);
        let told = sent.iter().find(|sql| sql.contains("'of run_query'")).expect("it was sent");
        assert_eq!(told, "select 'of run_query' /* by us */");
    }
    let project = of("").swap_remove(0);
    for nothing in ["query-comment: ''", "query-comment:", "query-comment: {comment: '', append: true}"] {
        project.write("dbt_project.yml", &project_file(nothing));
        project.run(Command::Build);
        let sent = sent(&project);
        assert!(sent.iter().any(|sql| sql.contains("'of run_query'")), "{sent:#?}");
        assert!(!sent.iter().any(|sql| sql.contains("/*")), "{nothing}: {sent:#?}");
    }
}

#[test]
fn a_comment_that_ends_itself_stops_the_command() {
    for project in of("query-comment: 'all */ and more'") {
        let refused = execute(&project.session(), &RunOptions::new(Command::Build), &|_| {}).expect_err("no comment");
        assert_eq!(refused[0].code, "HW0415");
        assert!(built_nothing(&project));
    }
}

/// Whether nothing was built.
fn built_nothing(project: &Project) -> bool {
    let built = "select count(*) from information_schema.tables where table_name in ('raw', 'asks', 'grows')";
    project.query(built) == "0"
}

#[test]
fn places_in_errors_are_those_of_the_model() {
    let files = [
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nquery-comment: \"two\\nlines\"\n"),
        ("models/wrong.sql", "select 1 as id,\n  nothing_like_this as other\n"),
    ];
    for project in Project::everywhere(&files) {
        let results = project.results(&RunOptions::new(Command::Run));
        let problem = results.results[0].diagnostic.as_ref().expect("it fails");
        let label = problem.labels.first().unwrap_or_else(|| panic!("it points at nothing: {problem:#?}"));
        let text = &label.file.text[label.start..label.end];
        assert_eq!(text, "nothing_like_this", "{problem:#?}");
    }
}
