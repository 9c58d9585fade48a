//! Files as inputs: exact while files come, go and are written anew.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::differential::seeds;
use super::engines::On;
use super::world::{Known, World};
use crate::exact::detect::fingerprint::Naive;
use crate::exact::explain::explain;
use crate::exact::job::Job;
use crate::exact::{ExactError, Mode, ViewText};

/// A world with a folder of files, written so long ago that their times can be relied on.
struct Shelf {
    world: World,
    folder: tempfile::TempDir,
    written: u64,
}

impl Shelf {
    fn new() -> Self {
        let mut shelf =
            Self { world: World::new(On::DuckDb), folder: tempfile::tempdir().expect("a folder"), written: 0 };
        for name in ["orders_1.parquet", "orders_2.parquet"] {
            shelf.write(name, "select i as order_id, i % 3 as customer_id, timestamp '2026-02-01' + interval (i * 5) hour as created_at, i as amount from range(20) made(i)");
        }
        shelf.write("customers.csv", "select i as customer_id, 'r' || i as region from range(3) made(i)");
        shelf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, later than any before it.
    fn write(&mut self, name: &str, query: &str) {
        let path = self.path(name);
        self.world.sql(&format!("copy ({query}) to '{}'", path.display()));
        self.written += 1;
        let moment = SystemTime::now() - Duration::from_secs(1_000_000 - 10 * self.written);
        File::options().write(true).open(path).and_then(|file| file.set_modified(moment)).expect("a time");
    }

    fn models(&mut self) -> Vec<Known> {
        let folder = self.folder.path().display().to_string();
        let view = format!("select * from read_parquet('{folder}/orders_*.parquet')");
        self.world.sql(&format!("create or replace view orders as {view}"));
        let text = ViewText { unique_id: "model.shop.orders".into(), sql: view };
        self.world.around.views.insert(self.world.relation("orders"), text);
        [
            ("rows_of", "day:created_at", format!("select * from read_parquet(['{folder}/orders_1.parquet', '{folder}/orders_[23].parquet']) where amount > 3")),
            (
                "by_day",
                "day:day",
                "select date_trunc('day', created_at) as day, count(*) as n, sum(amount) as total from orders group by 1".into(),
            ),
            (
                "with_region",
                "day:created_at",
                format!("select read_parquet.order_id, created_at, customers.region from read_parquet('{folder}/orders_*.parquet') left join '{folder}/customers.csv' using (customer_id)"),
            ),
            (
                "by_customer",
                "key:customer_id",
                format!("select customer_id, sum(amount) as total from '{folder}/orders_*.parquet' o group by 1"),
            ),
        ]
        .map(|(name, cut, sql)| Known::of(name, cut, &sql))
        .to_vec()
    }
}

/// A change of the files: one comes, goes, or is written anew with as many rows.
fn change(random: &mut SmallRng, shelf: &mut Shelf) -> String {
    let name = format!("orders_{}.parquet", random.random_range(1..4));
    let (first, step, off) = (random.random_range(0..30), random.random_range(1..6), random.random_range(0..3));
    match random.random_range(0..6) {
        0 if name == "orders_3.parquet" => {
            let _ = std::fs::remove_file(shelf.path(&name));
        }
        1 => shelf.write(
            "customers.csv",
            &format!("select i as customer_id, 'r' || (i + {off}) as region from range(3) made(i) where i <> {off}"),
        ),
        _ => shelf.write(
            &name,
            &format!("select i as order_id, i % 3 as customer_id, timestamp '2026-02-01' + interval ({first} + i * {step}) hour as created_at, (i + {off}) % 9 as amount from range(20) made(i)"),
        ),
    }
    name
}

/// Walks, and returns the first table that is not what a rebuild holds.
fn walk(seed: u64, naive: Option<Naive>) -> Option<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut shelf = Shelf::new();
    shelf.world.naive = naive;
    let models = shelf.models();
    let mut incremental = 0;
    for step in 0..8 {
        let changed = if step == 0 { String::new() } else { change(&mut random, &mut shelf) };
        for known in &models {
            let report = shelf.world.run(known).unwrap_or_else(|error| panic!("{}: {error:?}", known.model.unique_id));
            let difference = shelf.world.difference(known);
            if !difference.is_empty() {
                return Some(format!(
                    "{} at step {step} of seed {seed}: {changed}\n{difference}",
                    known.model.unique_id
                ));
            }
            incremental += u32::from(report.mode == Mode::Incremental);
        }
    }
    assert!(naive.is_some() || incremental > 8, "only {incremental} runs were incremental");
    None
}

#[test]
fn tables_over_files_are_what_a_rebuild_holds() {
    for seed in seeds() {
        assert_eq!(walk(seed, None), None);
    }
    assert!((0..8).any(|seed| walk(seed, Some(Naive::NamesOnly)).is_some()), "files written anew go unnoticed");
}

#[test]
fn files_that_stayed_are_not_read_and_nothing_is_written() {
    let mut shelf = Shelf::new();
    for known in shelf.models() {
        shelf.world.run_and_compare(&known);
        let before = shelf.world.ledger();
        let report = shelf.world.run_and_compare(&known);
        assert_eq!((report.mode, report.whole), (Mode::Unchanged, None));
        assert_eq!(shelf.world.ledger(), before);
    }
    // Written anew as it was: its rows are read, and are the same.
    let known = shelf.models().remove(0);
    shelf.write("orders_1.parquet", &format!("select * from '{}'", shelf.path("orders_2.parquet").display()));
    assert_eq!(shelf.world.run_and_compare(&known).mode, Mode::Unchanged);
}

#[test]
fn files_are_explained_by_the_call_that_reads_them() {
    let mut shelf = Shelf::new();
    let known = shelf.models().remove(2);
    let folder = shelf.folder.path().display().to_string();
    let mut job = Job::new(shelf.world.session.as_mut(), &known.model, &shelf.world.around, "hw");
    let explanation = explain(&mut job, &|request| known.analyse(request)).expect("explanation");
    let lines: Vec<String> = explanation
        .inputs
        .iter()
        .map(|input| format!("{}: {}: {}", input.label, input.detector, input.contract).replace(&folder, "…"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    read_parquet('…/orders_*.parquet'): list of files, then fingerprint of 3 columns by day: a file's size or time of writing changes when its rows do
    '…/customers.csv': list of files, then fingerprint of 2 columns by customer_id: a file's size or time of writing changes when its rows do
    ");
}

#[test]
fn a_file_that_is_written_during_a_run_stops_it() {
    let mut shelf = Shelf::new();
    let known = shelf.models().remove(0);
    shelf.world.run_and_compare(&known);
    shelf.write(
        "orders_1.parquet",
        "select 1 as order_id, 1 as customer_id, timestamp '2026-02-02' as created_at, 7 as amount",
    );
    let path = shelf.path("orders_1.parquet");
    let identity = shelf.world.identity();
    let mut job = Job::new(shelf.world.session.as_mut(), &known.model, &shelf.world.around, "hw");
    let mut write = |step: &str| {
        if step == "looked" {
            File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()))
                .expect("a time");
        }
    };
    job.reached = Some(&mut write);
    let error = crate::exact::build::build(&mut job, &identity, &|request| known.analyse(request)).expect_err("moved");
    assert!(matches!(error, ExactError::FilesMoved { .. }), "{error:?}");
    assert_eq!(error.diagnostic().code, "HW0520");
    shelf.world.run_and_compare(&known);
}
