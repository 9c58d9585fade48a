//! PostgreSQL's transactions as versions: several writers who begin and commit in any order, with savepoints, beside a table that must be
//! what a rebuild holds after every run; the same by the tuples alone, which promise nothing; and with plain numbers for versions, which lose rows.

use highwater::engine::{Connection, Relation};
use highwater::exact::{self, Declared, Detect, ExactModel, ExactParent, Mode, RunIdentity, Surroundings, SwapReport};
use highwater::manifest::{BatchSize, Policy};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::engines::{On, Place, difference};

const WRITERS: usize = 3;

/// The same id in a column that knows of transactions and in one that does not.
const EVENTS: &str = "create table events (event_id serial, writer integer, happened_at timestamp, amount integer, \
     written xid8 default pg_current_xact_id(), number bigint default pg_current_xact_id()::text::bigint)";

/// A model of a table's days, which is in column `day`.
pub fn by_day(relation: Relation, sql: &str) -> ExactModel {
    ExactModel {
        unique_id: format!("model.shop.{}", relation.identifier),
        relation,
        sql: sql.to_owned(),
        event_time: Some("day".into()),
        batch_size: Some(BatchSize::Day),
        begin: None,
        unique_key: Vec::new(),
        policy: Policy::Incremental,
        audit_days: None,
        audits: Vec::new(),
        on_schema_change: "ignore".into(),
        full_refresh: false,
        partials: None,
        moment: None,
    }
}

/// A run, by its number.
pub fn run_number(number: u32) -> RunIdentity {
    RunIdentity {
        run_id: format!("run-{number}"),
        invocation_id: "transactions".into(),
        started_at: "2026-02-10T00:00:00Z".parse().expect("moment"),
        engine_version: "transactions".into(),
    }
}

/// A table of events and a model of its days.
pub struct World {
    pub place: Place,
    pub session: Box<dyn Connection>,
    around: Surroundings,
    runs: u32,
}

impl World {
    /// Nothing is declared of the events.
    pub fn new() -> Self {
        let place = On::Postgres.place();
        let mut session = place.engine.connect().expect("session");
        session.execute(EVENTS).expect("a table");
        Self { place, session, around: Surroundings::default(), runs: 0 }
    }

    /// A column holds their versions.
    fn with(version: &str) -> Self {
        let mut world = Self::new();
        let declared = Declared {
            detect: Detect::RowVersion,
            version: version.to_owned(),
            // Of numbers this is not true here.
            commit_order: version == "number",
            by_transaction: false,
            no_deletes: true,
            audit_days: None,
        };
        world.around.detectors.insert(world.place.relation("events"), declared);
        world
    }

    fn model(&self) -> ExactModel {
        let sql =
            "select date_trunc('day', happened_at) as day, count(*) as n, sum(amount) as total from events group by 1";
        by_day(self.place.relation("by_day"), sql)
    }

    /// A model below it, by keys that are none of its days.
    pub fn child(&mut self) -> ExactModel {
        let parent = self.model();
        let known = ExactParent {
            unique_id: parent.unique_id,
            event_time: parent.event_time,
            batch_size: parent.batch_size,
            unique_key: Vec::new(),
        };
        self.around.exact.insert(parent.relation, known);
        let sql = "select total % 7 as kind, count(*) as days from by_day group by 1";
        let unique_key = vec!["kind".to_owned()];
        let by_kind = by_day(self.place.relation("by_kind"), sql);
        ExactModel { event_time: None, batch_size: None, unique_key, ..by_kind }
    }

    /// Runs the model; what it did, and how the table differs from a rebuild.
    pub fn run(&mut self) -> (SwapReport, String) {
        let model = self.model();
        self.run_model(&model)
    }

    /// Runs a model; what it did, and how the table differs from a rebuild.
    pub fn run_model(&mut self, model: &ExactModel) -> (SwapReport, String) {
        self.runs += 1;
        let run = run_number(self.runs);
        let report = exact::run(self.session.as_mut(), model, &self.around, &run, None).expect("a run");
        let differs = difference(On::Postgres, self.session.as_mut(), &model.relation.sql(), &model.sql);
        (report, differs.expect("comparison"))
    }
}

/// What a writer does to its own rows; now and then behind a savepoint.
fn write(random: &mut SmallRng, writer: usize) -> String {
    let change = if random.random_bool(0.7) {
        let hours = random.random_range(0..200);
        let amount = random.random_range(0..9);
        format!(
            "insert into events (writer, happened_at, amount) values ({writer}, timestamp '2026-02-01' + interval '{hours} hours', {amount})"
        )
    } else {
        let amount = random.random_range(0..9);
        format!(
            "update events set amount = {amount}, written = pg_current_xact_id(), number = pg_current_xact_id()::text::bigint \
             where writer = {writer} and event_id % 3 = {}",
            random.random_range(0..3)
        )
    };
    if random.random_bool(0.3) { format!("savepoint s; {change}; release savepoint s") } else { change }
}

/// Walks, and returns how the table first differed from a rebuild.
fn walk(seed: u64, mut world: World) -> Option<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut writers: Vec<_> = (0..WRITERS).map(|_| world.place.engine.connect().expect("a writer")).collect();
    let mut open = [false; WRITERS];
    for step in 0..30 {
        for _ in 0..random.random_range(0..4) {
            let writer = random.random_range(0..WRITERS);
            let (word, sql) = match (open[writer], random.random_range(0..4)) {
                (false, _) => ("begin", format!("begin; {}", write(&mut random, writer))),
                (true, 0) => ("rollback", "rollback".to_owned()),
                (true, 1) => ("commit", "commit".to_owned()),
                (true, _) => ("write", write(&mut random, writer)),
            };
            open[writer] = matches!(word, "begin" | "write");
            writers[writer].execute(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        }
        let (report, differs) = world.run();
        if !differs.is_empty() {
            return Some(format!("step {step} of seed {seed}\n{differs}\n{report:#?}"));
        }
    }
    None
}

#[test]
fn rows_that_commit_late_are_seen() {
    for seed in 0..4 {
        assert_eq!(walk(seed, World::with("written")), None);
        assert_eq!(walk(seed, World::new()), None);
    }
    assert!(
        (0..4).any(|seed| walk(seed, World::with("number")).is_some()),
        "numbers that are drawn early and committed late go unnoticed"
    );
}

#[test]
fn what_was_seen_elsewhere_says_nothing_here() {
    let mut world = World::with("written");
    world.session.execute("insert into events (writer, happened_at, amount) select 1, timestamp '2026-02-01' + i * interval '1 hour', i from generate_series(1, 100) i").expect("rows");
    assert_eq!(world.run().1, "");
    let (report, _) = world.run();
    assert_eq!(report.mode, Mode::Unchanged);
    // A row that another server wrote, whose ids were lower, and a ledger that came along with it.
    world.session.execute("update events set amount = 1000, written = '3' where event_id = 5").expect("a row");
    let (report, differs) = world.run();
    assert!(report.mode == Mode::Unchanged && !differs.is_empty(), "on one server such a row is a broken promise");
    world
        .session
        .execute("update highwater.inputs set token = replace(token, '\"version\":\"', '\"version\":\"1')")
        .expect("a ledger from elsewhere");
    let (report, differs) = world.run();
    assert_eq!((report.replaced_count, differs.as_str()), (1, ""));
}

#[test]
fn a_number_alone_is_no_version() {
    let mut world = World::with("number");
    for declared in world.around.detectors.values_mut() {
        declared.commit_order = false;
    }
    let run = RunIdentity {
        run_id: "run".into(),
        invocation_id: "transactions".into(),
        started_at: "2026-02-10T00:00:00Z".parse().expect("moment"),
        engine_version: "transactions".into(),
    };
    let model = world.model();
    let error = exact::run(world.session.as_mut(), &model, &world.around, &run, None).expect_err("a number");
    assert_eq!(
        error.to_string(),
        "by_day reads events, which cannot be detect: row_version: number is BIGINT: a number can be drawn early, from a sequence, and committed late, and nobody who looks beyond the newest would ever see its row"
    );
}
