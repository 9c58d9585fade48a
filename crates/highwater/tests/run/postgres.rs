//! What only Postgres has, and what can happen to a connection.

use highwater::run::{Command, RunOptions};
use highwater::session::Session;

use crate::project::{Project, lines};

#[test]
fn seeds_have_the_types_that_dbt_finds() {
    let project = Project::postgres(&[
        (
            "seeds/all.csv",
            "id,big,price,paid,day,at,Name,zip,nothing\n\
             1,3000000000,1.5,true,2026-01-01,2026-01-01T10:00:00Z,\"Lovelace, Ada\",00123,\n\
             2,,2,FALSE,,2026-01-02T11:00:00+01:00,\"say \"\"hi\"\"\nthere\",null\n",
        ),
        ("seeds/codes.csv", "code;rate\n007;1\n008;2.25\n"),
        ("seeds/long.csv", "a,b\n1,2,3\n"),
        (
            "seeds/seeds.yml",
            "seeds:\n  - name: codes\n    config:\n      delimiter: ';'\n      column_types: {code: varchar(3), rate: 'decimal(5,2)'}\n",
        ),
    ]);
    let results = project.run(Command::Seed);
    insta::assert_snapshot!(results, @r#"
seed.shop.all success INSERT 2
seed.shop.codes success INSERT 2
seed.shop.long error Runtime Error in seed long (seeds/long.csv)
  cannot read seeds/long.csv as CSV
  line 2 has 3 values, the header 2
  every line needs as many values as the header; set `delimiter` when it is not a comma
"#);
    let columns = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) \
        from pg_attribute where attnum > 0 and attrelid = 'main.";
    insta::assert_snapshot!(project.query(&format!("{columns}all'::regclass")), @"id integer, big bigint, price double precision, paid boolean, day date, at timestamp without time zone, Name text, zip integer, nothing integer");
    insta::assert_snapshot!(project.query("select *, replace(\"Name\", chr(10), '/') from main.\"all\" order by id").replace('\n', "/"), @r#"1 | 3000000000 | 1.5 | true | 2026-01-01 | 2026-01-01 10:00:00 | Lovelace, Ada | 123 | NULL | Lovelace, Ada/2 | NULL | 2 | false | NULL | 2026-01-02 10:00:00 | say "hi"/there | NULL | NULL | say "hi"/there"#);
    insta::assert_snapshot!(project.query("select * from main.codes order by 1"), @r#"
007 | 1.00
008 | 2.25
"#);
}

#[test]
fn tables_are_dressed_as_configured() {
    let project = Project::postgres(&[
        (
            "models/orders.sql",
            "{{ config(materialized='table', unlogged=true, indexes=[{'columns': ['id'], 'unique': true}, {'columns': ['day', 'id'], 'type': 'btree'}], \
             grants={'select': ['reader']}, persist_docs={'relation': true, 'columns': true}) }}\nselect 1 as id, date '2026-02-01' as day",
        ),
        (
            "models/models.yml",
            "models:\n  - name: orders\n    description: \"what's sold\"\n    columns: [{name: day, description: when}]\n",
        ),
    ]);
    project.execute("create role reader");
    for _ in 0..2 {
        assert_eq!(project.run(Command::Run), "model.shop.orders success SELECT 1");
    }
    insta::assert_snapshot!(project.query(
        "select relpersistence, obj_description(c.oid), col_description(c.oid, 2), relacl, \
         (select string_agg(regexp_replace(indexdef, '\"?[0-9a-f]{32}\"?', 'i'), '; ' order by indexdef) from pg_indexes where tablename = 'orders') \
         from pg_class c where relname = 'orders'"
    ), @"u | what's sold | when | {highwater=arwdDxtm/highwater,reader=r/highwater} | CREATE INDEX i ON main.orders USING btree (day, id); CREATE UNIQUE INDEX i ON main.orders USING btree (id)");
    project.execute("drop table main.orders; drop role reader");
}

#[test]
fn a_materialized_view_is_refreshed_until_a_full_refresh_makes_it_anew() {
    let project = Project::postgres(&[
        ("models/orders.sql", "{{ config(materialized='incremental') }}select 1 as id"),
        (
            "models/totals.sql",
            "{{ config(materialized='materialized_view', indexes=[{'columns': ['orders']}]) }}select count(*) as orders from {{ ref('orders') }}",
        ),
    ]);
    insta::assert_snapshot!(project.run(Command::Run), @r#"
model.shop.orders success SELECT 1
model.shop.totals success CREATE MATERIALIZED VIEW
"#);
    insta::assert_snapshot!(project.run(Command::Run), @r#"
model.shop.orders success INSERT 1
model.shop.totals success REFRESH MATERIALIZED VIEW
"#);
    assert_eq!(project.query("select orders from main.totals"), "2");
    insta::assert_snapshot!(project.refresh(Command::Run), @r#"
model.shop.orders success SELECT 1
model.shop.totals success CREATE MATERIALIZED VIEW
"#);
    assert_eq!(project.query("select orders from main.totals"), "1");
    project.write("models/totals.sql", "select 5 as orders");
    project.run(Command::Run);
    assert_eq!(project.query("select relkind from pg_class where relname = 'totals'"), "v");
}

#[test]
fn long_names_are_kept_apart_or_refused() {
    let (fits, too_long) = ("a".repeat(63), "b".repeat(64));
    let project = Project::postgres(&[
        (&format!("models/{fits}.sql"), "{{ config(materialized='incremental', unique_key='id') }}select 1 as id"),
        (&format!("models/{too_long}.sql"), "select 1 as id"),
    ]);
    for _ in 0..2 {
        let results = project.run(Command::Run).replace(&fits, "[63]").replace(&too_long, "[64]");
        insta::allow_duplicates! {
            insta::assert_snapshot!(results.lines().filter(|line| !line.contains("SELECT") && !line.contains("INSERT")).collect::<Vec<_>>().join("\n"), @r#"
model.shop.[64] error Runtime Error in model [64] (models/[64].sql)
  Relation name '[64]' is longer than 63 characters
  PostgreSQL cuts longer names, and two of them could become one
  give the node a shorter `alias`
"#);
        }
    }
    assert_eq!(project.query(&format!("select count(*) from main.{fits}")), "1");
}

#[test]
fn a_table_whose_name_is_written_otherwise_is_another_table() {
    let project = Project::postgres(&[("models/orders.sql", "{{ config(materialized='incremental') }}select 2 as id")]);
    project.execute("create schema main; create view main.\"Orders\" as select 1 as id");
    project.run(Command::Run);
    project.run(Command::Run);
    assert_eq!(
        project.query("select * from main.\"Orders\" union all select * from main.orders order by 1"),
        "1\n2\n2"
    );
}

#[test]
fn a_contract_is_kept_by_the_table() {
    let project = Project::postgres(&[
        ("models/orders.sql", "{{ config(materialized='table') }}select 1 as id, 'a' as name"),
        (
            "models/models.yml",
            "models:\n  - name: orders\n    config: {contract: {enforced: true}}\n    columns:\n      - {name: id, data_type: int, constraints: [{type: not_null}, {type: primary_key}]}\n      - {name: name, data_type: text, constraints: [{type: check, expression: \"name <> ''\"}]}\n",
        ),
    ]);
    for _ in 0..2 {
        assert_eq!(project.run(Command::Run), "model.shop.orders success SELECT 1");
    }
    insta::assert_snapshot!(project.query("select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'main.orders'::regclass and contype <> 'n' order by 1"), @r#"
CHECK ((name <> ''::text))
PRIMARY KEY (id)
"#);
    project.write("models/orders.sql", "{{ config(materialized='table') }}select null::integer as id, 'a' as name");
    let message = project.run(Command::Run);
    assert!(message.contains("null value in column \"id\""), "{message}");
    assert_eq!(project.query("select id from main.orders"), "1");
}

#[test]
fn a_contract_tells_types_apart_as_far_as_the_driver_of_dbt_does() {
    let project = Project::postgres(&[
        ("models/kept.sql", "select 'a' as name, array[1, 2] as numbers, 1.5::numeric(4, 1) as amount"),
        ("models/broken.sql", "select 1::bigint as id"),
        (
            "models/models.yml",
            "models:\n  - name: kept\n    config: {contract: {enforced: true}}\n    columns:\n      - {name: name, data_type: varchar(20)}\n      - {name: numbers, data_type: 'smallint[]'}\n      - {name: amount, data_type: numeric}\n  - name: broken\n    config: {contract: {enforced: true}}\n    columns:\n      - {name: id, data_type: varchar}\n",
        ),
    ]);
    let told = project.run(Command::Run);
    assert!(told.contains("model.shop.kept success"), "{told}");
    assert!(told.contains("| id          | LONGINTEGER     | TEXT          | data type mismatch |"), "{told}");
}

#[test]
fn a_seed_without_quotes_needs_names_that_are_names() {
    let project = Project::postgres(&[
        ("seeds/kept.csv", "Id,Name\n1,a\n"),
        ("seeds/other.csv", "id;name\n1;a\n"),
        (
            "seeds/seeds.yml",
            "seeds: [{name: kept, config: {quote_columns: false}}, {name: other, config: {quote_columns: false}}]",
        ),
    ]);
    let told = project.run(Command::Seed);
    assert!(told.contains("seed.shop.kept success") && told.contains("syntax error"), "{told}");
    assert_eq!(project.query("select id, name from main.kept"), "1 | a");
}

#[test]
fn a_series_of_days() {
    let project = Project::postgres(&[(
        "models/days.sql",
        "{{ config(materialized='table') }}{{ dbt.date_spine('day', \"'2026-02-01'::date\", \"'2026-02-04'::date\") }}",
    )]);
    assert_eq!(project.run(Command::Run), "model.shop.days success SELECT 3");
}

#[test]
fn a_hook_outside_of_the_transaction_may_do_what_cannot_be_undone() {
    let project = Project::postgres(&[(
        "models/orders.sql",
        "{{ config(materialized='table', post_hook=[{'sql': 'vacuum {{ this }}', 'transaction': false}, after_commit('analyze {{ this }}')]) }}select 1 as id",
    )]);
    assert_eq!(project.run(Command::Run), "model.shop.orders success SELECT 1");
}

#[test]
fn a_lost_connection_takes_one_node_along_and_nothing_else() {
    let dying =
        "{{ config(materialized='table', post_hook='select pg_terminate_backend(pg_backend_pid())') }}select 2 as id";
    let project = Project::postgres(&[
        ("models/a_first.sql", "{{ config(materialized='table') }}select 1 as id"),
        ("models/b_dying.sql", "{{ config(materialized='table') }}select 1 as id"),
        ("models/c_after.sql", "{{ config(materialized='table') }}select 1 as id"),
    ]);
    project.run(Command::Run);
    project.write("models/b_dying.sql", dying);
    project.write("models/c_after.sql", "{{ config(materialized='table') }}select 3 as id");
    let results = project.results(&RunOptions::new(Command::Run));
    // Whether the server's last words arrive before its connection is gone is a matter of luck.
    let told = lines(&results).replace("  terminating connection due to administrator command", "  connection closed");
    insta::assert_snapshot!(told, @r#"
model.shop.a_first success SELECT 1
model.shop.b_dying error Database Error in model b_dying (models/b_dying.sql)
  the connection to the database was lost
  connection closed
  the server forgets what was not committed; what was committed before is safe
  in its post_hook: select pg_terminate_backend(pg_backend_pid())
  run again when the server can be reached: hw retries nothing by itself, because it cannot know what was done
model.shop.c_after success SELECT 1
"#);
    let rows = "select (select id from main.a_first), (select id from main.b_dying), (select id from main.c_after)";
    assert_eq!(project.query(rows), "1 | 1 | 3", "the node that was lost has its old rows");
    project.write("models/b_dying.sql", "{{ config(materialized='table') }}select 2 as id");
    project.run(Command::Run);
    assert_eq!(project.query(rows), "1 | 2 | 3");
}

/// What keeps a project from opening its database.
fn refusal(session: &Session) -> String {
    match session.engine() {
        Ok(_) => "opened".to_owned(),
        Err(problem) => format!("{} {} {:?}", problem.code, problem.title, problem.help),
    }
}

#[test]
fn what_is_wrong_with_a_target_is_said() {
    let project = Project::postgres(&[("models/a.sql", "select 1 as id")]);
    let right = project.read("profiles.yml");
    let port = project.server().port.to_string();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
    let name = project.server().name.clone();
    let mut told = Vec::new();
    for (from, to) in [
        (format!("port: {port}"), format!("port: {free}\n      retries: 0")),
        (format!("password: {}", project.server().password), "password: wrong".to_owned()),
        (format!("dbname: {name}"), "dbname: nowhere".to_owned()),
        (format!("dbname: {name}"), format!("dbname: {name}\n      role: no_such_role")),
    ] {
        project.write("profiles.yml", &right.replace(&from, &to));
        told.push(
            refusal(&project.session())
                .replace(&port, "[port]")
                .replace(&free.to_string(), "[port]")
                .replace(&name, "[database]"),
        );
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
HW0132 nobody answers at 127.0.0.1:[port]/[database] ["check `host` and `port` of the target in profiles.yml, and that the server runs and lets this machine in"]
HW0133 127.0.0.1:[port]/[database] refuses the user or the password ["correct `user` and `password` of the target in profiles.yml; `{{ env_var('...') }}` keeps a password out of it"]
HW0134 there is no database 127.0.0.1:[port]/nowhere ["correct `dbname` of the target in profiles.yml, or create it: createdb, or `create database` in another one"]
HW0130 127.0.0.1:[port]/[database] refuses the settings of the target ["correct `role` and `search_path` of the target in profiles.yml"]
"#);
}
