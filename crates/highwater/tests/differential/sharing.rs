//! One scan of a table serves several models of a run on PostgreSQL, too, as long as nobody else's transaction ended in between. On a server of its own:
//! what the other tests write would count.

use std::sync::Arc;

use highwater::engine::{Connection, Engine, Postgres, PostgresSettings, Relation};
use highwater::exact::{self, Counts, ExactModel, Scans, Surroundings, Writers};
use highwater_testbed::{Database, Server};

use crate::engines::{On, difference};
use crate::transactions::{by_day, run_number};

struct World {
    // Dropped in this order: sessions, then the database, then its server.
    session: Box<dyn Connection>,
    engine: Arc<Postgres>,
    database: Database,
    _server: Server,
    around: Surroundings,
    runs: u32,
}

impl World {
    fn new() -> Self {
        let server = highwater_testbed::postgres_alone();
        let database = server.database();
        let settings = PostgresSettings {
            password: Some(database.password.to_owned()),
            retries: 0,
            ..PostgresSettings::new(database.host, database.port, database.user, &database.name)
        };
        let engine = Arc::new(Postgres::open(settings).expect("the server takes connections"));
        let mut session = engine.connect().expect("session");
        session
            .execute(
                "create table events (event_id integer, happened_at timestamp, amount integer); \
                 insert into events select i, timestamp '2026-02-01' + i * interval '1 hour', i from generate_series(1, 200) i",
            )
            .expect("a table");
        Self { session, engine, database, _server: server, around: Surroundings::default(), runs: 0 }
    }

    /// A model of a day's events: all ask for the same columns, days and rows.
    fn model(&self, name: &str, what: &str) -> ExactModel {
        let sql = format!("select date_trunc('day', happened_at) as day, {what} as it from events group by 1");
        by_day(Relation::new(&self.database.name, "public", name), &sql)
    }

    /// Runs a model and holds it against a rebuild.
    fn run(&mut self, model: &ExactModel) {
        self.runs += 1;
        let run = run_number(self.runs);
        let engine = Arc::clone(&self.engine) as Arc<dyn Engine>;
        let writers = Writers::new(engine, std::time::Duration::ZERO);
        exact::run(self.session.as_mut(), model, &self.around, &run, Some(&writers)).expect("a run");
        let differs = difference(On::Postgres, self.session.as_mut(), &model.relation.sql(), &model.sql);
        assert_eq!(differs.expect("comparison"), "", "{}", model.unique_id);
    }

    /// Runs both models as one run does, with something in between, and counts scans.
    fn both(&mut self, between: impl FnOnce(&mut Self)) -> Counts {
        self.around.scans = Scans::default();
        let models = [self.model("first", "sum(amount)"), self.model("second", "max(amount)")];
        self.run(&models[0]);
        between(self);
        self.run(&models[1]);
        self.around.scans.counts()
    }

    fn other(&self) -> Box<dyn Connection> {
        self.engine.connect().expect("another session")
    }
}

const ONCE: Counts = Counts { taken: 1, spared: 1 };
const TWICE: Counts = Counts { taken: 2, spared: 0 };

#[test]
fn one_scan_serves_two_models_unless_somebody_wrote_in_between() {
    let mut world = World::new();
    world.session.execute("alter system set autovacuum = off").expect("a setting");
    world.session.query("select pg_reload_conf()").expect("no transactions but ours");
    assert_eq!(world.both(|_| ()), ONCE, "the first run");
    assert_eq!(world.both(|_| ()), ONCE, "nothing changed");
    let row = "insert into events values (1000, timestamp '2026-02-03 12:00', 7)";
    world.session.execute(row).expect("an event");
    assert_eq!(world.both(|_| ()), ONCE, "an event came");

    // It comes and goes: no scan of a later run could tell that it had been there.
    let writes = |world: &mut World| assert_eq!(world.other().execute(row).expect("an event"), 1);
    assert_eq!(world.both(writes), TWICE, "an event in between");
    world.session.execute("delete from events where event_id = 1000").expect("gone");
    assert_eq!(world.both(|_| ()), ONCE, "as before");

    let mut late = world.other();
    late.execute("begin; insert into events values (1001, timestamp '2026-02-04 12:00', 9)").expect("under way");
    assert_eq!(world.both(|_| ()), ONCE, "somebody writes and has not committed");
    assert_eq!(world.both(|_| late.commit().expect("committed")), TWICE, "it began before and ended in between");
    assert_eq!(world.both(|_| ()), ONCE, "and in the end");
}

#[test]
fn rows_that_lie_elsewhere_are_scanned_by_everyone() {
    let mut world = World::new();
    world
        .session
        .execute("alter table events rename to part; create table events (like part); alter table part inherit events")
        .expect("a table above another");
    assert_eq!(world.both(|_| ()), TWICE);
}
