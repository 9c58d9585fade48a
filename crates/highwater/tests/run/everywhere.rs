//! The same projects on every engine: DuckDB, PostgreSQL 18, and 15 where it is installed. What comes out is the same.

use highwater::run::Command;

use crate::project::Project;

/// The results of some commands without the engines' own words: name and status.
fn statuses(results: &str) -> String {
    let lines = results.lines().filter(|line| line.contains(".shop.") && !line.starts_with(' '));
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_small_project_is_built_and_built_again() {
    let files = [
        ("seeds/raw_orders.csv", "id,customer,amount,day\n1,Ada,10.5,2026-02-01\n2,,20,2026-02-02\n3,Bob,,\n"),
        (
            "models/staged.sql",
            "select id, coalesce(customer, 'nobody') as customer, amount, day from {{ ref('raw_orders') }}",
        ),
        (
            "models/named.sql",
            "{{ config(materialized='ephemeral') }}select * from {{ ref('staged') }} where customer <> 'nobody'",
        ),
        (
            "models/totals.sql",
            "{{ config(materialized='table') }}select customer, sum(amount) as amount, count(*) as orders from {{ ref('named') }} group by customer",
        ),
        ("models/report.sql", "select * from {{ ref('totals') }} where orders = 1"),
        (
            "models/models.yml",
            "models:\n  - name: totals\n    columns:\n      - name: customer\n        data_tests: [unique, not_null]\n      - name: amount\n        data_tests:\n          - not_null: {config: {severity: warn, store_failures: true}}\n",
        ),
    ];
    for project in Project::everywhere(&files) {
        let first = project.run(Command::Build);
        insta::allow_duplicates! {
            insta::assert_snapshot!(statuses(&first), @r#"
seed.shop.raw_orders success
model.shop.staged success
model.shop.totals success
test.shop.not_null_totals_amount.72e790a1d9 warn
test.shop.not_null_totals_customer.18ce06b6c8 pass
test.shop.unique_totals_customer.70702b0e9e pass
model.shop.report success
"#);
        }
        assert_eq!(statuses(&project.run(Command::Build)), statuses(&first));
        project.write("seeds/raw_orders.csv", "id,customer,amount,day\n4,Eve,1,2026-02-03\n");
        project.run(Command::Build);
        insta::allow_duplicates! {
            insta::assert_snapshot!(project.query("select customer, cast(amount as decimal(9,2)), orders from main.report"), @"Eve | 1.00 | 1");
            insta::assert_snapshot!(project.relations(), @r#"
main.raw_orders table
main.report view
main.staged view
main.totals table
main_dbt_test__audit.not_null_totals_amount table
"#);
        }
    }
}

/// A model of two runs: the second one sees key 2 again, and key 3.
fn incremental(config: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', {config}) }}}}\n\
         {{% if is_incremental() %}}\nselect 2 as id, 'new' as what, cast(null as varchar(9)) as note union all select 3, 'new', 'x'\n\
         {{% else %}}\nselect 1 as id, 'old' as what, cast(null as varchar(9)) as note union all select 2, 'old', 'y'\n{{% endif %}}"
    )
}

#[test]
fn every_strategy() {
    let (append, predicated) = (
        incremental("incremental_strategy='append', unique_key='id'"),
        incremental("incremental_strategy='delete+insert', unique_key='id', incremental_predicates=['id > 2']"),
    );
    let (delete_insert, keys) = (
        incremental("incremental_strategy='delete+insert', unique_key='id'"),
        incremental("incremental_strategy='delete+insert', unique_key=['id', 'what']"),
    );
    let (merge, some) = (
        incremental("incremental_strategy='merge', unique_key='id'"),
        incremental("incremental_strategy='merge', unique_key='id', merge_update_columns=['what']"),
    );
    let files = [
        ("models/append.sql", append.as_str()),
        ("models/predicated.sql", predicated.as_str()),
        ("models/delete_insert.sql", delete_insert.as_str()),
        ("models/keys.sql", keys.as_str()),
        ("models/merge_all.sql", merge.as_str()),
        ("models/merge_some.sql", some.as_str()),
    ];
    for project in Project::everywhere(&files) {
        project.run(Command::Run);
        let results = project.run(Command::Run);
        assert!(results.lines().all(|line| line.contains(" success ")), "{results}");
        let rows = ["append", "predicated", "delete_insert", "keys", "merge_all", "merge_some"].map(|name| {
            let rows =
                project.query(&format!("select id, what, coalesce(note, '-') from main.{name} order by 1, 2, 3"));
            format!("{name}: {}", rows.replace(" | ", " ").replace('\n', ", "))
        });
        insta::allow_duplicates! {
            insta::assert_snapshot!(rows.join("\n"), @r#"
append: 1 old -, 2 new -, 2 old y, 3 new x
predicated: 1 old -, 2 new -, 2 old y, 3 new x
delete_insert: 1 old -, 2 new -, 3 new x
keys: 1 old -, 2 new -, 2 old y, 3 new x
merge_all: 1 old -, 2 new -, 3 new x
merge_some: 1 old -, 2 new y, 3 new x
"#);
        }
        project.refresh(Command::Run);
        assert_eq!(project.query("select count(*) from main.append"), "2");
    }
}

#[test]
fn every_way_to_treat_changed_columns() {
    let model = |word: &str, query: &str| {
        format!("{{{{ config(materialized='incremental', on_schema_change='{word}') }}}}\n{query}")
    };
    let words = ["ignore", "fail", "append_new_columns", "sync_all_columns"];
    for project in Project::everywhere(&[]) {
        for word in words {
            let sql = model(word, "select 1 as id, 10 as gone, 5 as kept");
            project.write(&format!("models/t_{word}.sql"), &sql);
        }
        project.run(Command::Run);
        for word in words {
            let query = match word {
                "ignore" => "select 2 as id, 20 as gone, 6 as kept, 'n' as fresh",
                "append_new_columns" => "select 2 as id, 6 as kept, 'n' as fresh",
                _ => "select 2 as id, 5000000000 as kept, 'n' as fresh",
            };
            project.write(&format!("models/t_{word}.sql"), &model(word, query));
        }
        let results = project.run(Command::Run);
        // Where a column ends up that changed its type is the engine's affair.
        let columns = |word: &str| if word == "sync_all_columns" { "id, kept, fresh" } else { "*" };
        let table = |word: &str| {
            project.query(&format!("select {} from main.t_{word} order by id", columns(word))).replace('\n', ", ")
        };
        insta::allow_duplicates! {
            insta::assert_snapshot!(statuses(&results), @r#"
model.shop.t_append_new_columns success
model.shop.t_fail error
model.shop.t_ignore success
model.shop.t_sync_all_columns success
"#);
            insta::assert_snapshot!(words.map(|word| format!("{word}: {}", table(word))).join("\n"), @r#"
ignore: 1 | 10 | 5, 2 | 20 | 6
fail: 1 | 10 | 5
append_new_columns: 1 | 10 | 5 | NULL, 2 | NULL | 6 | n
sync_all_columns: 1 | 5 | NULL, 2 | 5000000000 | n
"#);
        }
    }
}

#[test]
fn hooks_stand_inside_and_outside_of_the_transaction() {
    let note = |word: &str| format!("insert into main.notes select '{word}'");
    let model = format!(
        "{{{{ config(materialized='table', pre_hook=[{{'sql': \"{}\", 'transaction': false}}, \"{}\"], post_hook=\"{}\") }}}}select 1 as id",
        note("before"),
        note("inside"),
        note("after")
    );
    let broken = format!(
        "{{{{ config(materialized='table', pre_hook=[{{'sql': \"{}\", 'transaction': false}}, \"{}\"], post_hook='no sql at all') }}}}select 1 as id",
        note("kept"),
        note("lost")
    );
    let files = [
        ("models/fine.sql", model.as_str()),
        ("models/broken.sql", broken.as_str()),
        (
            "macros/notes.sql",
            "{% macro notes() %}create table if not exists main.notes (word varchar(20)){% endmacro %}",
        ),
    ];
    for project in Project::everywhere(&files) {
        project
            .write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: \"{{ notes() }}\"\n");
        let results = project.run(Command::Run);
        insta::allow_duplicates! {
            insta::assert_snapshot!(statuses(&results), @r#"
operation.shop.shop-on-run-start-0 success
model.shop.broken error
model.shop.fine success
"#);
            insta::assert_snapshot!(project.query("select word from main.notes order by word"), @r#"
after
before
inside
kept
"#);
            insta::assert_snapshot!(project.relations(), @r#"
main.fine table
main.notes table
"#);
        }
    }
}

#[test]
fn a_snapshot_keeps_what_was() {
    let files = [
        (
            "snapshots/prices.yml",
            "snapshots:\n  - name: prices\n    relation: ref('now')\n    config: {unique_key: id, strategy: check, check_cols: [price], hard_deletes: invalidate}\n",
        ),
        ("models/now.sql", "{{ config(materialized='table') }}select 1 as id, 10 as price union all select 2, 20"),
    ];
    for project in Project::everywhere(&files) {
        project.run(Command::Build);
        project.write("models/now.sql", "{{ config(materialized='table') }}select 1 as id, 11 as price");
        let results = project.run(Command::Build);
        let rows = "select id, price, case when dbt_valid_to is null then 'now' else 'then' end from main.prices order by 1, 2";
        insta::allow_duplicates! {
            insta::assert_snapshot!(statuses(&results), @r#"
model.shop.now success
snapshot.shop.prices success
"#);
            insta::assert_snapshot!(project.query(rows), @r#"
1 | 10 | then
1 | 11 | now
2 | 20 | then
"#);
        }
    }
}

#[test]
fn an_error_points_into_the_template() {
    let files = [
        ("models/orders.sql", "{{ config(materialized='table') }}select 1 as id, 2 as amount"),
        ("models/typo.sql", "select\n  {{ 'id' }},\n  amout\nfrom {{ ref('orders') }}"),
        ("models/nowhere.sql", "select * from\n  main.nothing_here"),
    ];
    for project in Project::everywhere(&files) {
        let results = project.results(&highwater::run::RunOptions::new(Command::Run));
        let told = results.results.iter().filter_map(|result| result.diagnostic.as_ref()).map(|problem| {
            let marked = problem.labels.first().map(|label| label.file.text[label.start..label.end].to_owned());
            format!("{} {} {:?}", problem.code, marked.unwrap_or_default(), problem.help)
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        insta::allow_duplicates! {
            insta::assert_snapshot!(told.join("\n"), @r#"
HW0404 amout ["did you mean amount?"]
HW0405 main ["use ref() or source() for tables, so that they are built or loaded first"]
"#);
        }
    }
}

/// A header may hold names in quotes, for words of SQL, where `quote_columns` is off.
#[test]
fn a_seed_whose_header_quotes_its_names() {
    let files = [
        ("seeds/mail.csv", "id,\"\"\"from\"\"\"\n1,Ada\n"),
        (
            "seeds/seeds.yml",
            "seeds: [{name: mail, config: {quote_columns: false, column_types: {'\"from\"': varchar(20)}}}]",
        ),
    ];
    for project in Project::everywhere(&files) {
        for _ in 0..2 {
            assert_eq!(statuses(&project.run(Command::Seed)), "seed.shop.mail success");
        }
        assert_eq!(project.query("select id, \"from\" from main.mail"), "1 | Ada");
    }
}

/// `quoting` of the project counts for what it builds, that of a source for the source alone; PostgreSQL makes bare names small.
#[test]
fn names_without_quotes() {
    let files = [
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nquoting: {database: false, schema: false, identifier: false}\n",
        ),
        ("models/Orders.sql", "{{ config(materialized='table') }} select 1 as id"),
        (
            "models/Grown.sql",
            "{{ config(materialized='incremental') }} select id from {{ ref('Orders') }} \
             {% if is_incremental() %} where id not in (select id from {{ this }}) {% endif %}",
        ),
        (
            "models/Read.sql",
            "-- depends_on: {{ ref('Grown') }}\nselect id, '{{ adapter.get_relation(this.database, this.schema, 'ORDERS') }}' as found, \
             '{{ api.Relation.create(schema='S', identifier='T') }}' as made \
             from {{ source('raw', 'Orders') }} join {{ source('raw', 'Small') }} using (id)",
        ),
        (
            "models/all.yml",
            "sources:\n- name: raw\n  schema: main\n  tables: [{name: Orders, identifier: '{{ \"orders\" if target.type == \"postgres\" else \"Orders\" }}'}, {name: Small, identifier: GROWN, quoting: {identifier: false}}]\n",
        ),
    ];
    for project in Project::everywhere(&files) {
        for _ in 0..2 {
            let results = project.run(Command::Run);
            assert_eq!(statuses(&results).matches(" success").count(), 3, "{results}");
        }
        let told = project.query("select id, found, made from main.read").replace(&database_of(&project), "db");
        let manifest: serde_json::Value = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
        let name = |kind: &str, id: &str| {
            manifest[kind][id]["relation_name"].to_string().replace(&database_of(&project), "db")
        };
        let names = [
            name("nodes", "model.shop.Orders"),
            name("sources", "source.shop.raw.Small"),
            manifest["metadata"]["quoting"].to_string(),
        ];
        insta::allow_duplicates! { insta::assert_snapshot!(told.to_lowercase(), @"1 | db.main.orders | s.t"); }
        insta::allow_duplicates! { insta::assert_snapshot!(names.join("\n").to_lowercase(), @r#"
        "db.main.orders"
        "db.main.grown"
        {"database":false,"schema":false,"identifier":false,"column":null}
        "#); }
        assert_eq!(project.query("select count(*) from main.grown"), "1");
    }
}

fn database_of(project: &Project) -> String {
    project.session().project.target.database.clone()
}

#[test]
fn types_of_a_seed_go_by_the_names_of_its_header() {
    let files = [
        ("seeds/rates.csv", "id,code\n1,2\n"),
        ("seeds/seeds.yml", "seeds: [{name: rates, config: {column_types: {id: bigint, CODE: bigint}}}]"),
    ];
    for project in Project::everywhere(&files) {
        assert_eq!(statuses(&project.run(Command::Seed)), "seed.shop.rates success");
        let types = "select data_type from information_schema.columns where table_name = 'rates' order by column_name";
        assert_eq!(project.query(types).to_lowercase(), "integer\nbigint");
    }
}
