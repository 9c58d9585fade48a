//! What dbt-duckdb keeps in files: external models, and sources that are files.

use highwater::run::Command;

use crate::project::Project;

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
    ]);
    let folder = project.path("data").display().to_string();
    project.write(
        "models/sources.yml",
        &format!(
            "sources:\n- name: files\n  config: {{meta: {{external_location: '{folder}/{{name}}.csv'}}}}\n  tables:\n  - name: orders\n  \
             - name: names\n    config: {{external_location: \"(values ('x'))\"}}\n"
        ),
    );
    assert_eq!(project.run(Command::Run), "model.shop.m success OK\nmodel.shop.n success OK");
    assert_eq!(project.query("from m"), "2 | b");
    assert_eq!(project.query("from n"), "x");
}
