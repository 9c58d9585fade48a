//! The shop through bad weeks: every day brings orders and whatever else happens to data, and after every run every table must be equal
//! to a rebuild.

#[path = "../src/demo/random.rs"]
#[allow(dead_code, reason = "the shop needs a part of it")]
mod random;
#[path = "../src/demo/shop.rs"]
#[allow(dead_code, reason = "the demo needs more of it")]
mod shop;
mod support;

use jiff::ToSpan;
use jiff::civil::date;
use shop::{Shop, Trouble};
use support::project::{Project, repository};
use support::rebuild;

const TABLES: [&str; 3] = ["fct_orders", "daily_revenue", "customer_ltv"];

/// Two shops, so that troubles meet in different orders.
#[test]
fn whatever_happens_the_tables_are_equal_to_a_rebuild() {
    for seed in [1, 2] {
        let first_day = date(2026, 9, 1);
        let (mut shop, sql) = Shop::open(seed, 40, first_day.at(0, 0, 0, 0));
        let project = Project::copy(&repository("examples/shop")).expect("the example");
        project.sql(&sql).expect("its tables");
        let history: String = (0..30).map(|day| shop.ordinary_day(first_day.saturating_add(day.days()), 15)).collect();
        project.sql(&history).expect("its history");
        let mut dice = random::Random::new(seed);
        for run in 0..10 {
            let today = first_day.saturating_add((30 + run).days());
            let mut told = Vec::new();
            for _ in 0..dice.between(0, 6) {
                let trouble = dice.pick(&Trouble::ALL);
                project.sql(&shop.trouble(trouble, today.at(5, 0, 0, 0))).expect("a trouble");
                told.push(trouble);
            }
            project.sql(&shop.ordinary_day(today, 5)).expect("a day");
            let place = format!("shop {seed}, run {run}, after {told:?}");
            project.hw_succeeds(["run"]).unwrap_or_else(|error| panic!("{place}: {error}"));
            rebuild::assert_equal(&project, &TABLES).unwrap_or_else(|error| panic!("{place}: {error}"));
        }
    }
}

/// Each kind of trouble alone, on a shop that is up to date.
#[test]
fn every_kind_of_trouble_is_mended_by_one_run() {
    let first_day = date(2026, 9, 1);
    let (mut shop, sql) = Shop::open(3, 25, first_day.at(0, 0, 0, 0));
    let project = Project::copy(&repository("examples/shop")).expect("the example");
    let history: String = (0..20).map(|day| shop.ordinary_day(first_day.saturating_add(day.days()), 10)).collect();
    project.sql(&format!("{sql}{history}")).expect("its history");
    project.hw_succeeds(["run"]).expect("the first run");
    for (hour, trouble) in (0..).zip(Trouble::ALL) {
        let now = date(2026, 9, 21).at(0, 0, 0, 0).saturating_add(i64::from(hour).hours());
        project.sql(&shop.trouble(trouble, now)).expect("a trouble");
        project.hw_succeeds(["run"]).unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        rebuild::assert_equal(&project, &TABLES).unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
    }
}
