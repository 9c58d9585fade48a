//! Nine weeks of 2013, loaded as they happened: a flight's row comes when it has landed, so the flights of every Monday morning bring rows of
//! the Sunday before, cancellations come ten days late, and planes are entered in their register after they have flown.
//! After every load every table must be equal to a rebuild.

mod support;

use support::project::{Project, repository};
use support::rebuild;

const TABLES: [&str; 4] = ["fct_flights", "daily_departures", "carrier_days", "plane_lives"];

#[test]
fn after_every_week_every_table_is_equal_to_a_rebuild() {
    let project = Project::copy(&repository("examples/flights")).expect("the example");
    let data = repository("examples/flights/data").canonicalize().expect("its data");
    let load = std::fs::read_to_string(repository("examples/flights/load.sql")).expect("its loader");
    let load = load.replace("'data/", &format!("'{}/", data.display()));
    for week in 1..=9 {
        project
            .sql(&format!("set variable week = {week};\n{load}"))
            .unwrap_or_else(|error| panic!("week {week}: {error}"));
        project.hw_succeeds(["run"]).unwrap_or_else(|error| panic!("week {week}: {error}"));
        rebuild::assert_equal(&project, &TABLES).unwrap_or_else(|error| panic!("week {week}: {error}"));
    }
    let late = project
        .query("select count(*) from raw.flights where loaded_at >= date_trunc('day', time_hour) + interval 1 day")
        .expect("a count");
    let late = late.scalar().and_then(highwater::engine::Cell::as_integer).unwrap_or_default();
    assert!(late > 1_000, "only {late} rows came after their day: the data is not what this test is about");
}
