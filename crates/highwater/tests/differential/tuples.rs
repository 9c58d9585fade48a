//! What can be done to a PostgreSQL table whose changes are told by its tuples, beside a table that must be what a rebuild holds: rows written anew,
//! files rewritten, columns, tables and partitions that trade places; and which tables are not told by their tuples at all.

use highwater::engine::{Cell, Engine, Postgres, PostgresSettings, Relation};
use highwater::exact::Mode;
use highwater_sql::Dialect;

use crate::transactions::World;

const ROWS: &str = "insert into events (writer, happened_at, amount) \
     select i % 3, timestamp '2026-02-01' + i * interval '1 hour', i from generate_series(0, 191) i";

/// A table of eight days, built once.
fn eight_days() -> World {
    let mut world = World::new();
    execute(&mut world, ROWS);
    assert_eq!(world.run().1, "");
    world
}

fn execute(world: &mut World, sql: &str) {
    // One by one: a server takes several at once for a transaction, in which it does not vacuum.
    for statement in sql.split("; ") {
        world.session.execute(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
}

/// What is done to the events, and how many days are built for it.
const CHANGES: &[(&str, &str, u64)] = &[
    ("nothing", "select 1", 0),
    ("a correction", "update events set amount = 1000 where event_id = 30", 1),
    (
        "two rows trade days",
        "update events set happened_at = case event_id when 10 then timestamp '2026-02-05' else '2026-02-01' end where event_id in (10, 100)",
        2,
    ),
    (
        "one goes, one comes",
        "delete from events where event_id = 30; insert into events (happened_at, amount) values ('2026-02-02', 7)",
        1,
    ),
    ("a day goes", "delete from events where happened_at < '2026-02-02'", 1),
    ("a row without a day", "insert into events (amount) values (7)", 1),
    (
        "a row under a savepoint",
        "begin; savepoint s; update events set amount = 7 where event_id = 30; release savepoint s; commit",
        1,
    ),
    ("a row locked", "begin; select * from events where event_id = 30 for update; commit", 0),
    ("rows written as they were", "update events set amount = amount", 0),
    ("a column that nobody reads", "update events set writer = 7", 0),
    (
        "loaded anew",
        "create table copy as select * from events; truncate events; insert into events select * from copy",
        0,
    ),
    ("vacuumed", "delete from events where event_id = 30; vacuum full events; vacuum freeze events", 1),
    ("clustered", "create index by_amount on events (amount desc); cluster events using by_amount", 0),
    ("moved to where nothing is logged", "alter table events set unlogged", 0),
    ("a column more", "alter table events add column note text default 'none'", 0),
    ("another type", "alter table events alter column amount type integer using amount + 1", 8),
    (
        "columns that trade names",
        "alter table events add column other integer default 1; alter table events rename column amount to old; \
      alter table events rename column other to amount",
        8,
    ),
    (
        "a default for a column that was there",
        "alter table events drop column amount; alter table events add column amount integer default 3",
        8,
    ),
    (
        "tables that trade names",
        "create table twin (like events including all); insert into twin select event_id, writer, happened_at, 1 from events; \
      alter table events rename to old; alter table twin rename to events",
        8,
    ),
    (
        "rows below it",
        "create table below () inherits (events); insert into below (happened_at, amount) values ('2026-02-03', 1)",
        1,
    ),
];

#[test]
fn whatever_is_done_to_a_table_is_seen() {
    for (what, sql, days) in CHANGES {
        let mut world = eight_days();
        execute(&mut world, sql);
        let (report, differs) = world.run();
        assert_eq!((differs.as_str(), report.replaced_count), ("", *days), "{what}: {report:#?}");
        // What was written down is enough for the next look.
        let before = marks(&mut world);
        assert_eq!(world.run().0.mode, Mode::Unchanged, "{what}");
        assert_eq!(marks(&mut world), before, "{what}: a run with nothing to do writes nothing");
    }
}

/// How often the ledger was written.
fn marks(world: &mut World) -> Option<Cell> {
    world.session.query("select count(*) from highwater.runs").expect("the ledger").scalar().cloned()
}

#[test]
fn partitions_that_come_and_go_are_seen() {
    let mut world = World::new();
    execute(
        &mut world,
        "alter table events rename to plain; create table events (like plain) partition by range (happened_at); \
         create table first partition of events for values from ('2026-02-01') to ('2026-02-05'); \
         create table second partition of events for values from ('2026-02-05') to ('2026-03-01')",
    );
    execute(&mut world, &ROWS.replace("(writer,", "(event_id, writer,").replace("select i % 3", "select i, i % 3"));
    assert_eq!(world.run().1, "");
    assert!(tuples_of(&mut world, "events").is_some());
    // Another table takes the place of one, with as many rows, written before the last run.
    execute(
        &mut world,
        "create table third (like plain); insert into third select event_id, writer, happened_at, 1 from first",
    );
    assert_eq!(world.run().1, "");
    execute(
        &mut world,
        "alter table events detach partition first; \
         alter table events attach partition third for values from ('2026-02-01') to ('2026-02-05')",
    );
    let (report, differs) = world.run();
    assert_eq!((differs.as_str(), report.replaced_count), ("", 4));
    execute(&mut world, "update events set amount = 5 where event_id = 150");
    let (report, differs) = world.run();
    assert_eq!((differs.as_str(), report.replaced_count), ("", 1));
}

#[test]
fn what_was_done_to_its_own_table_is_mended() {
    for sql in [
        "update by_day set total = 0 where day = '2026-02-03'",
        "delete from by_day where day = '2026-02-03'",
        "delete from by_day where day = '2026-02-03'; insert into by_day values ('2026-02-03', 1, 1)",
    ] {
        let mut world = eight_days();
        execute(&mut world, sql);
        let (report, differs) = world.run();
        assert_eq!((differs.as_str(), report.replaced_count), ("", 1), "{sql}");
        assert_eq!(world.run().0.mode, Mode::Unchanged);
    }
    // As it was is as good as untouched.
    let mut world = eight_days();
    execute(&mut world, "update by_day set total = total");
    assert_eq!(world.run().0.mode, Mode::Unchanged);
}

/// What says that a table is told by its tuples.
fn tuples_of(world: &mut World, table: &str) -> Option<String> {
    let relation = world.place.relation(table);
    world.session.tuples_of(&relation).expect("an answer")
}

#[test]
fn what_may_change_without_a_tuple_is_not_told_by_tuples() {
    let mut world = World::new();
    let is_told = |world: &mut World, sql: &str| {
        let table = sql.split_whitespace().nth(2).expect("create ... name").to_owned();
        execute(world, sql);
        tuples_of(world, &table).is_some()
    };
    assert!(is_told(&mut world, "create table plain (id integer, name text, at timestamptz, tags text[], body jsonb)"));
    assert!(is_told(&mut world, "create table stored (a integer, b integer generated always as (a + 1) stored)"));
    for sql in [
        "create view view as select * from plain",
        "create table coloured (colour colour)",
        "create table colours (colours colour[])",
        "create table domained (day weekday)",
        "create table computed (a integer, b integer generated always as (a + 1) virtual)",
        "create table guarded (a integer); alter table guarded enable row level security",
        "create table elsewhere (a integer); create foreign data wrapper far; create server far foreign data wrapper far; \
         create foreign table far () inherits (elsewhere) server far",
    ] {
        if sql.contains("coloured") {
            execute(
                &mut world,
                "create type colour as enum ('red', 'green'); create domain weekday as integer check (value < 7)",
            );
        }
        assert!(!is_told(&mut world, sql), "{sql}");
    }
}

/// Hosts of servers do not let everybody ask which server it is.
#[test]
fn a_server_that_does_not_say_which_it_is_is_told_by_fingerprints() {
    let mut world = eight_days();
    execute(
        &mut world,
        "revoke execute on function pg_control_system() from public; drop role if exists hw_plain; create role hw_plain; \
         grant all on schema main, highwater to hw_plain; grant all on all tables in schema main, highwater to hw_plain",
    );
    assert!(tuples_of(&mut world, "events").is_some());
    world.session = world.place.engine.connect().expect("session");
    execute(&mut world, "set role hw_plain; update events set amount = 1000 where event_id = 30");
    assert_eq!(tuples_of(&mut world, "events"), None);
    let (report, differs) = world.run();
    assert_eq!((differs.as_str(), report.replaced_count), ("", 1), "{report:#?}");
}

#[test]
fn what_rewrites_a_table_and_no_row_keeps_its_tuples() {
    let mut world = eight_days();
    let sum = Dialect::Postgres.tuples(7).expect("PostgreSQL keeps tuples apart");
    let sums = |world: &mut World| {
        let table = world.session.query(&format!("select {sum} from events")).expect("a sum");
        (tuples_of(world, "events"), table.scalar().cloned())
    };
    let before = sums(&mut world);
    assert!(before.0.is_some());
    for sql in [
        "vacuum freeze events",
        "vacuum full events",
        "create index by_amount on events (amount desc); cluster events using by_amount",
        "reindex table events; analyze events",
    ] {
        execute(&mut world, sql);
        assert_eq!(sums(&mut world), before, "{sql}");
    }
    execute(&mut world, "update events set amount = amount where event_id = 30");
    assert_ne!(sums(&mut world).1, before.1);
}

#[test]
fn an_exact_parent_is_told_by_its_ledger() {
    let mut world = eight_days();
    let child = world.child();
    assert_eq!(world.run_model(&child).1, "");
    for (sql, mode) in [
        ("select 1", Mode::Unchanged),
        ("update events set amount = amount + 1 where event_id = 30", Mode::Incremental),
    ] {
        execute(&mut world, sql);
        assert_eq!(world.run().1, "");
        let (report, differs) = world.run_model(&child);
        assert_eq!((report.mode, differs.as_str()), (mode, ""), "{sql}: {report:#?}");
        let before = marks(&mut world);
        assert_eq!((world.run().0.mode, world.run_model(&child).0.mode), (Mode::Unchanged, Mode::Unchanged));
        assert_eq!(marks(&mut world), before, "a run with nothing to do writes nothing");
    }
}

#[test]
fn a_copy_of_a_database_holds_the_same_tuples() {
    let original = highwater_testbed::postgres();
    let mut client = original.client();
    client.batch_execute("create schema main; create table main.events as select 1 as event_id").expect("a table");
    drop(client);
    let copy = original.copied();
    let [here, there] = [&original, &copy].map(|database| {
        let settings = PostgresSettings {
            password: Some(database.password.to_owned()),
            ..PostgresSettings::new(database.host, database.port, database.user, &database.name)
        };
        let mut session = Postgres::open(settings).expect("a server").connect().expect("session");
        session.tuples_of(&Relation::new(&database.name, "main", "events")).expect("an answer")
    });
    assert!(here.is_some());
    assert_eq!(here, there);
}
