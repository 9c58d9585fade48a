//! What dbt-duckdb keeps in files: external models, and sources that are files.

use highwater::manifest::select::Selection;
use highwater::run::{Command, RunOptions};

use crate::project::{Project, lines};

#[test]
fn a_model_may_lie_in_a_file_and_be_read_from_it() {
    for (options, file) in [
        ("format='csv'", "orders.csv"),
        ("location='{root}/there.parquet'", "there.parquet"),
        ("location='{root}/there.json'", "there.json"),
        (
            "location='{root}/{{ var(\"folder\", \"by\") }}', options={'partition_by': 'id', 'overwrite_or_ignore': 1}",
            "by/id=1",
        ),
    ] {
        let project = Project::new(&[]);
        let root = project.path("").display().to_string();
        let root = root.trim_end_matches('/');
        project.write(
            "profiles.yml",
            &format!(
                "shop:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: '{root}/shop.duckdb', threads: 1, external_root: '{root}'}}\n"
            ),
        );
        let options = options.replace("{root}", root);
        project.write(
            "models/orders.sql",
            &format!("{{{{ config(materialized='external', {options}) }}}} select 1 as id, 'a' as name union all select 2, 'b'"),
        );
        project.write("models/after.sql", "{{ config(materialized='table') }} select * from {{ ref('orders') }}");
        for _ in 0..2 {
            assert_eq!(project.run(Command::Run), "model.shop.orders success OK\nmodel.shop.after success OK");
        }
        assert!(project.path(file).exists(), "{file}");
        assert_eq!(project.query("select id, name from after order by id"), "1 | a\n2 | b");
        assert_eq!(project.relations(), "main.after table\nmain.orders view");
    }
}

#[test]
fn a_source_may_be_a_file() {
    let project = Project::new(&[
        ("data/orders.csv", "id,name\n1,a\n2,b\n"),
        (
            "models/m.sql",
            "{{ config(materialized='table') }} select * from {{ source('files', 'orders') }} where id > 1",
        ),
        ("models/n.sql", "{{ config(materialized='table') }} select * from {{ source('files', 'names') }}"),
        ("data/old-old.csv", "id,name\n3,c\n"),
        ("models/o.sql", "{{ config(materialized='table') }} select * from {{ source('files', 'old') }}"),
    ]);
    let folder = project.path("data").display().to_string();
    project.write(
        "models/sources.yml",
        &format!(
            "sources:\n- name: files\n  config: {{external_location: '{folder}/{{name}}{{kind}}.csv', kind: ''}}\n  tables:\n  - name: orders\n  \
             - {{name: old, config: {{kind: '-old', formatter: oldstyle, external_location: '{folder}/%(name)s%(kind)s.csv'}}}}\n  \
             - name: names\n    config: {{external_location: \"(values ('x'))\"}}\n"
        ),
    );
    let built = "model.shop.m success OK\nmodel.shop.n success OK\nmodel.shop.o success OK";
    assert_eq!(project.run(Command::Run), built);
    assert_eq!(project.query("from m"), "2 | b");
    assert_eq!(project.query("from o"), "3 | c");
    assert_eq!(project.query("from n"), "x");
}

#[test]
fn plugins_of_python_are_refused_where_they_are_used() {
    let project = Project::new(&[
        ("models/sources.yml", "sources: [{name: sheets, meta: {plugin: gsheet}, tables: [{name: orders}]}]"),
        ("models/a.sql", "select * from {{ source('sheets', 'orders') }}"),
        ("models/b.sql", "{{ config(materialized='external', plugin='sqlalchemy') }} select 1 as id"),
        ("models/c.sql", "select 1 as id"),
    ]);
    let results = project.run(Command::Run);
    assert!(results.contains("the plugin `gsheet`, a module of Python"), "{results}");
    assert!(results.contains("want modules of Python"), "{results}");
    assert!(results.contains("model.shop.c success"), "{results}");
}

#[test]
fn what_an_earlier_run_wrote_is_registered_in_a_database_that_forgets() {
    let project = Project::new(&[
        ("models/orders.sql", "{{ config(materialized='external') }} select 1 as id union all select 2"),
        (
            "models/parts.sql",
            "{{ config(materialized='external', options={'partition_by': 'id'}) }} select 3 as id, 'a' as name",
        ),
        (
            "models/after.sql",
            "{{ config(materialized='external', format='csv') }} select id from {{ ref('orders') }} union all select id from {{ ref('parts') }}",
        ),
    ]);
    project.write(
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: ['{{ register_upstream_external_models() }}']\n",
    );
    let root = project.path("").display().to_string();
    project.write(
        "profiles.yml",
        &format!("shop: {{target: dev, outputs: {{dev: {{type: duckdb, threads: 1, schema: made, external_root: '{root}'}}}}}}"),
    );
    assert!(project.run(Command::Run).contains("model.shop.after success OK"));
    std::fs::remove_file(project.path("after.csv")).expect("it was written");
    let selection = Selection { select: vec!["after".to_owned()], ..Selection::default() };
    let options = RunOptions { selection, ..RunOptions::new(Command::Run) };
    assert!(lines(&project.results(&options)).contains("model.shop.after success OK"));
    assert_eq!(project.read("after.csv"), "id\n1\n2\n3\n");
}

#[test]
fn a_model_may_be_a_function_of_a_table() {
    let project = Project::new(&[
        ("models/orders.sql", "{{ config(materialized='table') }} select range as id from range(5)"),
        (
            "models/above.sql",
            "{{ config(materialized='table_function', parameters='low') }} select * from {{ ref('orders') }} where id > low",
        ),
        (
            "models/between.sql",
            "{{ config(materialized='table_function', parameters=['low', 'high']) }} from {{ ref('above') }}(low) where id < high",
        ),
        ("models/all_of.sql", "{{ config(materialized='table_function') }} from {{ ref('orders') }}"),
        ("models/few.sql", "{{ config(materialized='table') }} from {{ ref('between') }}(1, 4)"),
        ("models/many.sql", "{{ config(materialized='table') }} from {{ ref('all_of') }}()"),
    ]);
    for _ in 0..2 {
        assert_eq!(project.run(Command::Run).matches(" success OK").count(), 6);
        assert_eq!(project.query("from few order by id"), "2\n3");
        assert_eq!(project.query("select count(*) from many"), "5");
    }
}
