use highwater_testbed::{Database, every_postgres, postgres};

use super::*;
use crate::engine::{Cell, Relation, RelationKind};

fn settings(database: &Database) -> Settings {
    let settings = Settings::new(database.host, database.port, database.user, &database.name);
    Settings { password: Some(database.password.to_owned()), retries: 0, ..settings }
}

fn engine(database: &Database) -> Postgres {
    Postgres::open(settings(database)).expect("the test server takes connections")
}

fn columns(session: &mut dyn Connection, relation: &Relation) -> String {
    let columns = session.columns(relation).expect("columns");
    columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect::<Vec<_>>().join(", ")
}

#[test]
fn values_of_every_common_type_come_back_typed() {
    for database in every_postgres() {
        let mut session = engine(&database).connect().expect("session");
        let table = session
            .query(
                "select 1::smallint, 170141183460469231731687303715884105727 % 1000, 1.50::numeric(9,2), 'x', date '2026-02-01', \
                 timestamp '2026-02-01 10:00:00.5', timestamptz '2026-02-01 10:00:00+02', true, null::integer, array[1, 2], \
                 0.5::double precision, 'NaN'::numeric, 'infinity'::date, '{\"a\": 1}'::jsonb",
            )
            .expect("query");
        let types: Vec<&str> = table.columns.iter().map(|column| column.data_type.as_str()).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{:?}", table.rows[0]), @r#"[Integer(1), Integer(727), Decimal("1.50"), Text("x"), Date(2026-02-01), Timestamp(2026-02-01T10:00:00.5), Instant(2026-02-01T08:00:00Z), Boolean(true), Null, Text("{1,2}"), Float(0.5), Float(NaN), Text("infinity"), Text("{\"a\": 1}")]"#);
            insta::assert_snapshot!(types.join(", "), @"smallint, numeric, numeric, text, date, timestamp without time zone, timestamp with time zone, boolean, integer, integer[], double precision, numeric, date, jsonb");
        }
    }
}

#[test]
fn several_statements_run_at_once_and_the_last_one_counts() {
    let database = postgres();
    let mut session = engine(&database).connect().expect("session");
    let changed = session
        .execute("create table t (a integer); insert into t values (1), (2), (3); delete from t where a > 1;")
        .expect("statements");
    assert_eq!(changed, 2);
    let table = session.query("insert into t values (7); select a from t order by a; -- done").expect("statements");
    assert_eq!(table.rows, [[Cell::Text("1".into())], [Cell::Text("7".into())]]);
    assert_eq!(session.query("select ';' as semicolon").expect("one statement").rows, [[Cell::Text(";".into())]]);
}

#[test]
fn what_is_there_is_found_and_what_is_not_there_disturbs_no_transaction() {
    let database = postgres();
    let mut session = engine(&database).connect().expect("session");
    session
        .execute(
            "create schema s; create table s.t (a integer, \"B\" numeric(9,2), c varchar(20)); create view s.v as select a from s.t; \
             create materialized view s.m as select 1 as one; create index on s.t (a); create sequence s.q",
        )
        .expect("tables");
    session.begin().expect("transaction");
    let at = |schema: &str, name: &str| Relation::new(&database.name, schema, name);
    assert_eq!(columns(session.as_mut(), &at("s", "t")), "a integer, B numeric(9,2), c character varying(20)");
    for (schema, name) in [("s", "x"), ("nowhere", "t")] {
        assert_eq!(columns(session.as_mut(), &at(schema, name)), "", "{schema}.{name}");
        assert_eq!(session.kind(&at(schema, name)).expect("kind"), None);
    }
    assert_eq!(columns(session.as_mut(), &Relation::new("elsewhere", "s", "t")), "");
    assert_eq!(session.kind(&at("s", "m")).expect("kind"), Some(RelationKind::MaterializedView));
    let found = session.relations(&database.name, "s").expect("relations");
    let found: Vec<String> =
        found.iter().map(|(relation, kind)| format!("{} {}", relation.identifier, kind.sql())).collect();
    assert_eq!(found, ["m materialized view", "t table", "v view"]);
    let error = session.describe("select nothing from s.t").expect_err("no such column");
    assert!(error.to_string().starts_with("column \"nothing\" does not exist"), "{error}");
    let described = session.describe("select a, \"B\" * 2 as b, 'x' as c, now() as d from s.t").expect("binds");
    let described: Vec<String> = described.iter().map(|column| column.data_type.clone()).collect();
    assert_eq!(described, ["integer", "numeric", "text", "timestamp with time zone"]);
    let temporary = session.temporary("mine");
    session.execute(&format!("create temporary table {temporary} as select 1 as a")).expect("temporary table");
    assert_eq!(columns(session.as_mut(), &temporary), "a integer");
    session.commit().expect("commit");
    assert!(session.schemas(&database.name).expect("schemas").contains(&"s".to_owned()));
}

#[test]
fn a_column_of_a_domain_has_the_type_below_it_as_a_query_says() {
    for database in every_postgres() {
        let mut session = engine(&database).connect().expect("session");
        session
            .execute(
                "create domain code as varchar(9); create domain short as code check (length(value) < 4); \
                 create table t (a integer, b short, c numeric(9,2), d code[])",
            )
            .expect("a table");
        let relation = Relation::new(&database.name, "public", "t");
        let types = columns(session.as_mut(), &relation);
        assert_eq!(types, "a integer, b character varying(9), c numeric(9,2), d code[]");
        let described = session.describe("select * from t").expect("binds");
        let described: Vec<String> = described.iter().map(|it| format!("{} {}", it.name, it.data_type)).collect();
        assert_eq!(described.join(", "), types);
    }
}

#[test]
fn a_failed_statement_says_where_and_of_what() {
    let database = postgres();
    let mut session = engine(&database).connect().expect("session");
    session.execute("create table t (amount integer)").expect("table");
    let mut failure = |sql: &str| match session.query(sql).expect_err(sql) {
        EngineError::Statement { message, offset, cause, .. } => {
            format!("{:?} at {:?}\n{message}", cause, offset.map(|offset| &sql[offset as usize..]))
        }
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!(failure("select 'é', amout from t"), @r#"
MissingColumn(MissingColumn { name: "amout", candidates: ["amount"] }) at Some("amout from t")
column "amout" does not exist
HINT:  Perhaps you meant to reference the column "t.amount".
"#);
    insta::assert_snapshot!(failure("select o.amout from t o"), @r#"
MissingColumn(MissingColumn { name: "amout", candidates: ["amount"] }) at Some("o.amout from t o")
column o.amout does not exist
HINT:  Perhaps you meant to reference the column "o.amount".
"#);
    insta::assert_snapshot!(failure("select * from nowhere.at_all"), @r#"
MissingTable("nowhere.at_all") at Some("nowhere.at_all")
relation "nowhere.at_all" does not exist
"#);
    insta::assert_snapshot!(failure("select 'x'::integer"), @r#"
Conversion at Some("'x'::integer")
invalid input syntax for type integer: "x"
"#);
}

#[test]
fn a_commit_after_a_failure_is_refused() {
    let database = postgres();
    let mut session = engine(&database).connect().expect("session");
    session.execute("create table t (a integer)").expect("table");
    session.begin().expect("transaction");
    session.execute("insert into t values (1)").expect("row");
    session.execute("insert into nowhere values (1)").expect_err("no such table");
    let error = session.commit().expect_err("nothing to commit");
    insta::assert_snapshot!(error.to_string(), @r#"nothing was committed: a statement of the transaction had failed: relation "nowhere" does not exist"#);
    assert!(session.query("select * from t").expect("rows").rows.is_empty());
}

#[test]
fn a_snapshot_stays_and_the_second_writer_conflicts() {
    let database = postgres();
    let engine = engine(&database);
    let (mut one, mut two) = (engine.connect().expect("session"), engine.connect().expect("session"));
    one.execute("create table t (a integer); insert into t values (1)").expect("table");
    one.begin_snapshot().expect("transaction");
    one.query("select * from t").expect("the snapshot is taken");
    two.execute("update t set a = 2").expect("update");
    assert_eq!(one.query("select a from t").expect("rows").scalar(), Some(&Cell::Integer(1)));
    assert!(matches!(one.execute("update t set a = 3"), Err(EngineError::Conflict { .. })));
    one.rollback().expect("rollback");
    one.begin().expect("transaction");
    two.execute("update t set a = 4").expect("update");
    assert_eq!(one.query("select a from t").expect("rows").scalar(), Some(&Cell::Integer(4)));
    one.commit().expect("commit");
}

#[test]
fn who_makes_what_another_session_is_making_conflicts() {
    let database = postgres();
    let engine = engine(&database);
    let mut one = engine.connect().expect("session");
    for made in ["create schema if not exists highwater", "create table if not exists highwater.t (a integer)"] {
        one.begin().expect("transaction");
        one.execute(made).expect("made");
        let mut two = engine.connect().expect("session");
        let other = std::thread::spawn(move || two.execute(made));
        // It cannot be seen from here whether the other one has got as far as waiting; if it came late, it finds what stands there.
        std::thread::sleep(Duration::from_millis(300));
        one.commit().expect("commit");
        let outcome = other.join().expect("the other session");
        assert!(matches!(outcome, Ok(_) | Err(EngineError::Conflict { .. })), "{outcome:?}");
    }
    one.execute("create table keys (a integer primary key); insert into keys values (1)").expect("a table");
    let twice = one.execute("insert into keys values (1)").expect_err("twice");
    assert!(matches!(twice, EngineError::Statement { .. }), "a key of one's own is no conflict: {twice:?}");
}

#[test]
fn a_lock_is_one_sessions_until_it_gives_it_up_or_ends() {
    let database = postgres();
    let engine = engine(&database);
    let (mut one, mut two) = (engine.connect().expect("session"), engine.connect().expect("session"));
    for name in ["orders", "a", "b", "c"] {
        assert!(one.try_lock(name).expect("lock"));
        assert!(!two.try_lock(name).expect("lock"));
        let holder = two.lock_holder(name).expect("holder").expect("somebody");
        assert!(holder.starts_with("hw (user highwater, process "), "{holder}");
        one.unlock(name).expect("unlock");
        assert_eq!(two.lock_holder(name).expect("holder"), None);
        assert!(two.try_lock(name).expect("lock"));
    }
    drop(two);
    let patience = std::time::Instant::now();
    while !one.try_lock("orders").expect("lock") {
        assert!(patience.elapsed() < Duration::from_secs(20), "the lock of a session that ended is still held");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends every session of the engine, as an administrator would.
fn end_sessions(database: &Database) {
    let sql = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'hw' and datname = current_database()";
    database.client().query(sql, &[]).expect("a superuser may end sessions");
}

#[test]
fn a_broken_connection_is_replaced_only_where_nothing_is_lost() {
    let database = postgres();
    let engine = engine(&database);
    let mut session = engine.connect().expect("session");
    session.execute("create table t (a integer)").expect("table");
    end_sessions(&database);
    session.begin().expect("a transaction begins on another connection");
    session.execute("insert into t values (1)").expect("row");
    end_sessions(&database);
    assert!(matches!(session.execute("insert into t values (2)"), Err(EngineError::Lost { .. })));
    assert!(session.commit().is_err(), "half of the transaction is gone");
    session.rollback().expect("nothing is left to roll back");
    assert!(session.query("select * from t").expect("another connection").rows.is_empty());
    assert!(session.try_lock("orders").expect("lock"));
    end_sessions(&database);
    assert!(matches!(session.begin(), Err(EngineError::Lost { .. })), "the lock is gone");
}

#[test]
fn what_is_in_the_way_is_told_apart() {
    let database = postgres();
    let right = settings(&database);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
    let cases = [
        (Settings { port: free, ..right.clone() }, Obstacle::Unreachable),
        (Settings { host: "no-such-host.invalid".into(), ..right.clone() }, Obstacle::Unreachable),
        (Settings { password: Some("wrong".into()), ..right.clone() }, Obstacle::Credentials),
        (Settings { password: None, ..right.clone() }, Obstacle::Credentials),
        (Settings { database: "nowhere".into(), ..right.clone() }, Obstacle::NoDatabase),
        (Settings { role: Some("nobody at all".into()), ..right.clone() }, Obstacle::Settings),
    ];
    for (settings, expected) in cases {
        match Postgres::open(settings.clone()) {
            Err(EngineError::Open { obstacle, message, .. }) => assert_eq!(obstacle, expected, "{message}"),
            other => panic!("{settings:?} {other:?}"),
        }
    }
    let set = Settings { role: Some("pg_monitor".into()), search_path: Some("one, two".into()), ..right };
    let mut session = Postgres::open(set).expect("opens").connect().expect("session");
    let row = session
        .query("select current_user, current_setting('search_path'), current_setting('TimeZone')")
        .expect("query");
    insta::assert_snapshot!(format!("{:?}", row.rows[0]), @r#"[Text("pg_monitor"), Text("one, two"), Text("UTC")]"#);
}

/// A server that can encrypt, with a certificate for `localhost` that an authority of ours has signed; and the folder of PEM files.
fn encrypting() -> (Database, tempfile::TempDir) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    let key = || KeyPair::generate().expect("a key");
    let authority = |name: &str| {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(parameters, key()).expect("an authority")
    };
    let (ours, other, own) = (authority("ours"), authority("other"), key());
    let named = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = named.signed_by(&own, &ours).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, pem: &str| std::fs::write(folder.path().join(name), pem).expect("a file");
    write("ours.pem", &ours.pem());
    write("other.pem", &other.pem());
    write("server.pem", &certificate.pem());

    let database = postgres();
    let mut client = database.client();
    for (file, pem) in [("server.crt", certificate.pem()), ("server.key", own.serialize_pem())] {
        let lines: Vec<String> = pem.lines().map(|line| format!("({})", quote_literal(line))).collect();
        // The server writes them itself: they have to be its own, and nobody else's to read.
        let copy = format!("copy (values {}) to program 'umask 077; cat > {file}'", lines.join(", "));
        client.batch_execute(&copy).expect("a superuser may write files");
    }
    client.batch_execute("alter system set ssl = on").expect("a setting");
    client.batch_execute("select pg_reload_conf()").expect("a reload");
    for _ in 0..100 {
        let on: String = client.query_one("show ssl", &[]).expect("a setting").get(0);
        if on == "on" {
            return (database, folder);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server does not encrypt");
}

#[test]
fn sessions_are_encrypted_as_sslmode_asks() {
    let (database, folder) = encrypting();
    let attempt = |host: &str, mode: Mode, root: Option<&str>| {
        let root = root.map(|name| folder.path().join(name).display().to_string());
        let settings = Settings { host: host.to_owned(), tls: Tls { mode, root, own: None }, ..settings(&database) };
        let engine = match Postgres::open(settings) {
            Ok(engine) => engine,
            Err(EngineError::Open { message, obstacle, .. }) => return format!("{obstacle:?}: {message}"),
            Err(other) => panic!("{other}"),
        };
        let mut session = engine.connect().expect("session");
        let table = session.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()").expect("query");
        table.scalar().expect("one").to_string()
    };
    let ip = "127.0.0.1";
    let cases = [
        (ip, Mode::Disable, None),
        (ip, Mode::Allow, None),
        (ip, Mode::Prefer, None),
        (ip, Mode::Require, None),
        (ip, Mode::Require, Some("ours.pem")),
        (ip, Mode::Require, Some("other.pem")),
        (ip, Mode::VerifyCa, Some("ours.pem")),
        (ip, Mode::VerifyCa, Some("other.pem")),
        (ip, Mode::VerifyCa, Some("server.pem")),
        (ip, Mode::VerifyCa, None),
        (ip, Mode::VerifyFull, Some("ours.pem")),
        (ip, Mode::VerifyFull, Some("server.pem")),
        ("localhost", Mode::VerifyFull, Some("ours.pem")),
        ("localhost", Mode::VerifyFull, Some("server.pem")),
        ("localhost", Mode::VerifyFull, Some("other.pem")),
        ("localhost", Mode::VerifyFull, Some("nothing.pem")),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(host, mode, root)| {
            let said = attempt(host, mode, root).replace(&folder.path().display().to_string(), "FOLDER");
            format!("{host} {mode:?} {}: {said}", root.unwrap_or("-"))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    127.0.0.1 Disable -: false
    127.0.0.1 Allow -: false
    127.0.0.1 Prefer -: true
    127.0.0.1 Require -: true
    127.0.0.1 Require ours.pem: true
    127.0.0.1 Require other.pem: Encryption: error performing TLS handshake: invalid peer certificate: UnknownIssuer
    127.0.0.1 VerifyCa ours.pem: true
    127.0.0.1 VerifyCa other.pem: Encryption: error performing TLS handshake: invalid peer certificate: UnknownIssuer
    127.0.0.1 VerifyCa server.pem: true
    127.0.0.1 VerifyCa -: Encryption: sslmode asks for a certificate that is trusted: set `sslrootcert` to the file of those who may sign it, or to `system`
    127.0.0.1 VerifyFull ours.pem: Encryption: error performing TLS handshake: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("localhost")
    127.0.0.1 VerifyFull server.pem: Encryption: error performing TLS handshake: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("localhost")
    localhost VerifyFull ours.pem: true
    localhost VerifyFull server.pem: true
    localhost VerifyFull other.pem: Encryption: error performing TLS handshake: invalid peer certificate: UnknownIssuer
    localhost VerifyFull nothing.pem: Encryption: sslrootcert FOLDER/nothing.pem: I/O error: No such file or directory (os error 2)
    "#);
}

#[test]
fn after_a_copy_that_is_refused_every_statement_has_its_own_answer() {
    let database = postgres();
    let mut session = engine(&database).connect().expect("session");
    session.execute("create table t (a integer)").expect("a table");
    let table = Relation::new(&database.name, "public", "t");
    for round in 0..20 {
        session.begin().expect("a transaction");
        let refused = session.copy_in(&table, &["missing"], "1\n").expect_err("no such column");
        assert!(refused.to_string().contains("missing"), "{refused}");
        assert!(session.commit().is_err(), "nothing can be committed after a failure");
        let _ = session.rollback();
        let answer = session.query(&format!("select {round} as round")).expect("an answer");
        assert_eq!(answer.rows, [[Cell::Integer(round)]]);
        session.begin().expect("a transaction");
        assert_eq!(session.copy_in(&table, &["a"], "1\n2\n").expect("two rows"), 2);
        session.commit().expect("kept");
    }
    assert_eq!(session.query("select count(*) from t").expect("rows").rows, [[Cell::Integer(40)]]);
}
