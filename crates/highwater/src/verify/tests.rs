//! Comparisons of real tables that are right, wrong by hand, and behind their sources.

use super::{Outcome, Verdict, VerifyOptions, verified};
use crate::exact::ExactError;
use crate::exact::job::Job;
use crate::exact::tests::engines::On;
use crate::exact::tests::world::{Known, World, daily, facts, largest, lifetime};

fn verify(world: &mut World, known: &Known) -> Result<Verdict, ExactError> {
    let mut job = Job::new(world.session.as_mut(), &known.model, &world.around, "hw_verify");
    verified(&mut job, &VerifyOptions::default(), &|_| known.analysis.clone())
}

fn shown(verdict: &Verdict) -> String {
    let mut lines = vec![format!(
        "{:?}: {} compared, {} differ, {} rows",
        verdict.outcome,
        verdict.cut.count(verdict.compared),
        verdict.mismatch_count,
        verdict.rows
    )];
    let row = |row: &Vec<Option<String>>| {
        row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" | ")
    };
    for mismatch in &verdict.mismatches {
        lines.push(format!(
            "{}: {} here, {} rebuilt, {} missing, {} extra, {} changed ({}), {} moved; {}",
            mismatch.label,
            mismatch.rows_here,
            mismatch.rows_rebuilt,
            mismatch.missing,
            mismatch.extra,
            mismatch.changed,
            mismatch.columns.join(", "),
            mismatch.moved,
            mismatch.because()
        ));
        lines.extend(mismatch.examples_here.iter().map(|example| format!("  - {}", row(example))));
        lines.extend(mismatch.examples_rebuilt.iter().map(|example| format!("  + {}", row(example))));
    }
    lines.extend(verdict.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

#[test]
fn what_a_run_built_is_equal() {
    let mut world = World::with_orders(On::DuckDb);
    for known in [daily(), facts(On::DuckDb), lifetime(), largest()] {
        world.run(&known).expect("run");
        let before = world.ledger();
        let verdict = verify(&mut world, &known).expect("verdict");
        assert_eq!(verdict.outcome, Outcome::Equal, "{}", shown(&verdict));
        assert!(verdict.compared > 0);
        assert_eq!(world.ledger(), before);
    }
}

#[test]
fn differences_are_found_shown_and_explained() {
    let mut world = World::with_orders(On::DuckDb);
    let known = facts(On::DuckDb);
    world.run(&known).expect("run");
    world.sql(
        "update facts set amount = 31 where order_id = 3; delete from facts where created_at is null; \
         insert into raw_orders values (7, 1, '2026-02-03 12:00', 70, null), (8, 1, '2026-02-07', 80, null)",
    );
    let verdict = verify(&mut world, &known).expect("verdict");
    insta::assert_snapshot!(shown(&verdict), @r#"
Differs: 5 days compared, 4 differ, 8 rows
2026-02-02: 1 here, 1 rebuilt, 0 missing, 0 extra, 1 changed (amount), 0 moved; changed by hand: no run of ours wrote this
  - 3 | 1 | 2026-02-02 09:00:00 | 31.00 | north
  + 3 | 1 | 2026-02-02 09:00:00 | 30.00 | north
2026-02-03: 1 here, 2 rebuilt, 1 missing, 0 extra, 0 changed (), 0 moved; rows arrived late, after it was built: 1 more row in raw_orders
  + 7 | 1 | 2026-02-03 12:00:00 | 70.00 | north
2026-02-07: 0 here, 1 rebuilt, 1 missing, 0 extra, 0 changed (), 0 moved; it is new, and not built yet: 1 row in raw_orders
  + 8 | 1 | 2026-02-07 00:00:00 | 80.00 | north
NULL: 0 here, 2 rebuilt, 2 missing, 0 extra, 0 changed (), 0 moved; changed by hand: no run of ours wrote this
  + 5 | 1 | NULL | 50.00 | north
  + 6 | NULL | NULL | 60.00 | NULL
"#);
    let known = lifetime();
    world.run(&known).expect("run");
    world.sql(
        "update lifetime set total = 0 where customer_id = 1; insert into raw_orders values (9, 5, null, 1, null)",
    );
    let verdict = verify(&mut world, &known).expect("verdict");
    insta::assert_snapshot!(shown(&verdict), @r#"
Differs: 4 keys compared, 2 differ, 4 rows
1: 1 here, 1 rebuilt, 0 missing, 0 extra, 1 changed (total), 0 moved; changed by hand: no run of ours wrote this
  - 1 | 0.00
  + 1 | 240.00
5: 0 here, 1 rebuilt, 1 missing, 0 extra, 0 changed (), 0 moved; it is new, and not built yet: 1 row in raw_orders
  + 5 | 1.00
"#);
}

#[test]
fn rows_that_change_places_between_columns_are_seen() {
    // Exclusive or of the columns' hashes, summed or not, is blind to this.
    let mut world = World::new(On::DuckDb);
    world.sql("insert into raw_orders values (1, 1, '2026-02-01', 10, null), (2, 2, '2026-02-01', 20, null)");
    let known = facts(On::DuckDb);
    world.run(&known).expect("run");
    let blind = "select bit_xor(hash(order_id, amount)) from facts";
    let before = world.rows(blind);
    world.sql("update facts set amount = 30 - amount");
    assert_eq!(world.rows(blind), before);
    assert_eq!(verify(&mut world, &known).expect("verdict").mismatch_count, 1);
    // So is it to a row that is there twice more.
    world.run(&known).expect("mended");
    world.sql("insert into facts from facts where order_id = 1; insert into facts select distinct * from facts where order_id = 1");
    assert_eq!(world.rows(blind), before);
    assert_eq!(verify(&mut world, &known).expect("verdict").mismatch_count, 1);
}

#[test]
fn fractions_are_compared_with_tolerance() {
    let mut world = World::with_orders(On::DuckDb);
    let mut known = daily();
    known.model.sql = "select date_trunc('day', created_at) as day, customer_id, sum(amount::double) / 3 as third from raw_orders group by 1, 2".into();
    known.analysis.slice.as_mut().expect("slice").pieces =
        vec![super::super::exact::tests::world::text(&known.model.sql)];
    world.run(&known).expect("run");
    world.sql("update daily set third = third * (1 + 1e-12)");
    let verdict = verify(&mut world, &known).expect("verdict");
    assert_eq!(verdict.outcome, Outcome::Equal, "{}", shown(&verdict));
    // A value at the edge of rounding changes its checksum, not the verdict.
    world.sql("update raw_orders set amount = 3 where order_id = 1");
    known.model.sql = known.model.sql.replace("/ 3", "* 0 + 1.000000005");
    world.sql(&format!(
        "create or replace table daily as select * replace (third * (1 - 4e-10) as third) from ({})",
        known.model.sql
    ));
    let verdict = verify(&mut world, &known).expect("verdict");
    assert_eq!(verdict.outcome, Outcome::Equal, "{}", shown(&verdict));
    world.sql("update daily set third = third * (1 + 1e-7) where day = '2026-02-03'");
    assert_eq!(verify(&mut world, &known).expect("verdict").mismatch_count, 1);
}

#[test]
fn what_cannot_be_compared_is_not_called_equal() {
    let mut world = World::with_orders(On::DuckDb);
    let mut known = daily();
    let verdict = verify(&mut world, &known).expect("verdict");
    assert_eq!(shown(&verdict), "NotCompared { reason: \"it has no table\" }: 0 days compared, 0 differ, 0 rows");
    world.run(&known).expect("run");
    world.sql("alter table daily add column more integer");
    let verdict = verify(&mut world, &known).expect("verdict");
    insta::assert_snapshot!(shown(&verdict), @r#"
Differs: 4 days compared, 0 differ, 4 rows
note: the columns differ: a rebuild has -more
"#);
    known.analysis.refusals.push(highwater_sql::Finding {
        rule: "random",
        message: "random() gives other values on every run".into(),
        help: String::new(),
        place: None,
    });
    let verdict = verify(&mut world, &known).expect("verdict");
    insta::assert_snapshot!(shown(&verdict), @r#"NotCompared { reason: "random() gives other values on every run" }: 0 days compared, 0 differ, 0 rows"#);
}

#[test]
fn bisecting_finds_the_same() {
    let mut world = World::with_orders(On::DuckDb);
    world.sql("insert into raw_orders select 100 + n, 1 + n % 3, timestamp '2026-02-01' + to_hours(n % 100), n, null from range(500) as r(n)");
    for known in [facts(On::DuckDb), daily(), lifetime()] {
        world.run(&known).expect("run");
    }
    world.sql(
        "update facts set amount = -1 where order_id in (150, 250); delete from facts where order_id = 300; \
         insert into facts select * from facts where order_id = 301; update facts set created_at = '2026-02-05 12:00' where order_id = 101; \
         update daily set revenue = revenue + 1 where day = '2026-02-02'; delete from lifetime where customer_id = 2",
    );
    for known in [facts(On::DuckDb), daily(), lifetime()] {
        let mut found = [0, u64::MAX].map(|bisect_above| {
            let mut job = Job::new(world.session.as_mut(), &known.model, &world.around, "hw_verify");
            let options = VerifyOptions { bisect_above, ..VerifyOptions::default() };
            verified(&mut job, &options, &|_| known.analysis.clone()).expect("verdict")
        });
        found.iter_mut().for_each(|verdict| verdict.seconds = 0.0);
        assert_eq!(found[0], found[1]);
        assert!(found[0].mismatch_count > 0);
    }
}
