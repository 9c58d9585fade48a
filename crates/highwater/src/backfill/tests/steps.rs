//! One step at a time: what each leaves behind, and what it refuses.

use super::Naive;
use super::workshop::{Workshop, approved, dirty, named};
use crate::audit::AuditTest;
use crate::backfill::{BackfillError, File, State};
use crate::exact::tests::world::Known;

/// Prices of the first two days go up.
const CORRECTION: &str = "update raw_orders set amount = amount + 1 where created_at < '2026-02-03'";

fn moved(result: Result<impl std::fmt::Debug, BackfillError>) -> Vec<String> {
    match result {
        Err(BackfillError::Moved { what, .. }) => what,
        other => panic!("nothing moved: {other:?}"),
    }
}

#[test]
fn what_is_planned_is_published_and_equal_to_a_rebuild() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &named(&["2026-02-01..2026-02-02"])).expect("a plan");
    let labels: Vec<String> =
        file.plan.models.iter().map(|model| format!("{} {}", model.label, model.partitions.join(" "))).collect();
    assert_eq!(
        labels,
        ["facts 2026-02-01..2026-02-02", "regional 2026-02-01..2026-02-02", "best 1 2", "monthly 2026-02"]
    );
    assert_eq!(
        shop.plan(&["facts"], &named(&["2026-02-01..2026-02-02"])).expect("again"),
        file,
        "planning twice differs"
    );
    let applied = shop.apply(&file).expect("applied");
    assert_eq!(applied.state, State::Published);
    assert_eq!(shop.differences(), Vec::<String>::new());
    let models = shop.models.clone();
    for known in &models {
        let report = shop.world.run(known).expect("a run");
        assert_eq!(report.dirty_count, 0, "{} has something left: {report:?}", known.model.unique_id);
    }
}

#[test]
fn a_partial_backfill_leaves_the_rest_to_the_next_run() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    let applied = shop.apply(&file).expect("applied");
    assert_eq!(applied.published[0].left, 1, "{applied:?}");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn rolling_back_restores_every_row_and_is_never_called_right() {
    let mut shop = Workshop::new();
    let before = shop.tables();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    shop.apply(&file).expect("applied");
    let after = shop.tables();
    assert_ne!(after, before);
    shop.rollback(&file).expect("undone");
    assert_eq!(shop.tables(), before);
    shop.run();
    assert_eq!(shop.tables(), before, "a run built what was rolled back");
    shop.apply(&file).expect("applied again");
    assert_eq!(shop.tables(), after);
    shop.rollback(&file).expect("undone again");
    assert_eq!(shop.tables(), before);
    // Runs leave it alone, whatever else they build.
    shop.world.sql("insert into raw_orders values (9, 2, '2026-02-04', 7, null)");
    shop.run();
    let facts = shop.world.difference(&shop.models[0].clone());
    assert!(facts.contains("2026-02-01") && !facts.contains("2026-02-04"), "{facts}");
    assert!(moved(shop.apply(&file)).iter().any(|line| line.contains("best")), "customer 2 has an order more");
    shop.abandon(&file).expect("given up");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn a_source_that_moves_within_the_plan_is_refused_and_elsewhere_is_not() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    shop.world.sql("insert into raw_orders values (9, 1, '2026-02-03 20:00', 7, null)");
    shop.stage(&file).expect("the third is not in the plan");
    shop.world.sql("insert into raw_orders values (10, 1, '2026-02-01 20:00', 7, null)");
    let lines = moved(shop.resume_strictly(&file));
    assert!(lines[0].contains("facts 2026-02-01"), "{lines:?}");
    let applied = shop.resume(&file).expect("staged anew");
    assert!(!applied.restaged.is_empty());
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn a_run_in_the_middle_leaves_what_is_reserved_alone() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    shop.stage(&file).expect("staged");
    let before = shop.tables();
    shop.run();
    assert_eq!(shop.tables(), before, "the run published what was not audited");
    shop.world.sql("insert into raw_orders values (9, 1, '2026-02-09', 7, null)");
    shop.run();
    shop.resume(&file).expect("published");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn two_backfills_of_one_model_are_not_open_at_once() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let first = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    let second = shop.plan(&["facts"], &named(&["2026-02-02"])).expect("another");
    shop.stage(&first).expect("staged");
    let open = |result: Result<(), BackfillError>| matches!(result, Err(BackfillError::Open { .. }));
    assert!(open(shop.apply(&second).map(drop)));
    assert!(open(shop.plan(&["facts"], &named(&["2026-02-03"])).map(drop)));
    shop.resume(&first).expect("published");
    let lines = moved(shop.apply(&second));
    assert!(
        lines.iter().any(|line| line.contains("regional") || line.contains("best") || line.contains("monthly")),
        "{lines:?}"
    );
    let again = shop.plan(&["facts"], &named(&["2026-02-02"])).expect("planned again");
    shop.apply(&again).expect("applied");
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn an_edited_plan_and_a_plan_without_approvals_are_refused() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let mut file: File = shop.plan(&["facts"], &dirty()).expect("a plan");
    file.plan.approvals = 1;
    let (text, _) = crate::backfill::written(&file);
    assert!(matches!(crate::backfill::read(&file.backfill, &text), Err(BackfillError::Edited { .. })));
    assert!(matches!(shop.apply(&file), Err(BackfillError::Unapproved { have: 0, want: 1, .. })));
    file.approvals.push(approved("Ana"));
    shop.apply(&file).expect("applied");
}

#[test]
fn rows_that_share_a_key_fail_the_canary_and_nobody_sees_them() {
    let mut shop = Workshop::new();
    shop.models[0].model.unique_key = vec!["order_id".to_owned()];
    shop.run();
    let before = shop.tables();
    shop.world.sql("insert into raw_orders values (1, 1, '2026-02-01 12:00', 5, null)");
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    let failures = match shop.apply(&file) {
        Err(BackfillError::Audit { failures, .. }) => failures,
        other => panic!("the audit passed: {other:?}"),
    };
    assert!(failures[0].contains("order_id"), "{failures:?}");
    assert_eq!(shop.tables(), before);
    shop.world.sql("delete from raw_orders where created_at = '2026-02-01 12:00'; update raw_orders set amount = 11 where order_id = 1");
    shop.resume(&file).expect("mended and published");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn rows_that_fail_a_test_stop_at_the_canary() {
    let mut shop = Workshop::new();
    shop.guard = Some(AuditTest::of("dear", "select * from shop.main.facts where amount > 100", None));
    let before = shop.tables();
    shop.world.sql("update raw_orders set amount = 1000 where order_id = 1");
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    let failures = match shop.apply(&file) {
        Err(BackfillError::Audit { failures, .. }) => failures,
        other => panic!("the audit passed: {other:?}"),
    };
    assert!(failures[0].starts_with("facts: dear: Got 1 result"), "{failures:?}");
    shop.run();
    assert_eq!(shop.tables(), before);
    shop.abandon(&file).expect("given up");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn new_keys_that_only_staged_rows_have_are_built_too() {
    let mut shop = Workshop::new();
    shop.world.sql("insert into raw_orders values (11, 77, '2026-02-01 20:00', 70, null)");
    let file = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    let applied = shop.apply(&file).expect("applied");
    assert!(applied.published.iter().all(|model| model.left == 0), "{applied:?}");
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn partitions_written_since_are_not_rolled_back() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    shop.apply(&file).expect("applied");
    shop.world.sql("update raw_orders set amount = 1 where order_id = 1");
    shop.run();
    let now = shop.tables();
    assert!(matches!(shop.rollback(&file), Err(BackfillError::Overtaken { .. })));
    assert_eq!(shop.tables(), now);
    assert_eq!(shop.differences(), Vec::<String>::new());
}

/// Day 1 of what was wrong on two days is built; then the source becomes again what it was.
fn taken_back(shop: &mut Workshop, with_customers: bool) -> Vec<String> {
    if with_customers {
        shop.world.sql("update raw_customers set region = region || '!'");
    }
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    let applied = shop.apply(&file).expect("applied");
    assert!(applied.published[0].left > 0, "{applied:?}");
    shop.world.sql(&CORRECTION.replace("amount + 1", "amount - 1"));
    if with_customers {
        shop.world.sql("update raw_customers set region = rtrim(region, '!')");
    }
    shop.run();
    shop.differences()
}

#[test]
fn what_was_built_beside_changes_follows_when_these_are_taken_back() {
    for with_customers in [false, true] {
        assert_eq!(taken_back(&mut Workshop::new(), with_customers), Vec::<String>::new());
        let mut forgetful = Workshop::new();
        forgetful.naive = vec![Naive::ForgetsBeside];
        assert_ne!(taken_back(&mut forgetful, with_customers), Vec::<String>::new(), "it went unnoticed");
    }
}

#[test]
fn a_source_that_moves_beside_the_plan_and_reaches_into_it_is_noticed() {
    let lately = "select order_id, created_at, sum(amount) over (order by created_at range between interval 2 days preceding and current row) \
                  as lately from raw_orders";
    for narrow in [false, true] {
        let mut shop = Workshop::of(vec![Known::of("lately", "day:created_at", lately)]);
        shop.naive.extend(narrow.then_some(Naive::NarrowFocus));
        shop.world.sql("update raw_orders set amount = amount + 1 where order_id = 4");
        let file = shop.plan(&["lately"], &named(&["2026-02-03"])).expect("a plan");
        shop.stage(&file).expect("staged");
        // An order of the second, which the third looks back at.
        shop.world.sql("update raw_orders set amount = amount + 7 where order_id = 3");
        let went = shop.resume_strictly(&file);
        if narrow {
            went.expect("nobody noticed");
            assert!(!shop.differences().is_empty(), "the mutant does no harm");
        } else {
            let lines = moved(went);
            assert!(lines[0].contains("lately 2026-02-03"), "{lines:?}");
        }
    }
}

/// Whether old rows are put back so many days later.
fn put_back_after(days: i64, naive: Option<Naive>) -> bool {
    let mut shop = Workshop::new();
    shop.naive = naive.into_iter().collect();
    shop.world.sql(CORRECTION);
    let file = shop.plan(&["facts"], &dirty()).expect("a plan");
    shop.apply(&file).expect("applied");
    let now = shop.tables();
    shop.world.day += days;
    match shop.rollback(&file) {
        Ok(_) => true,
        Err(BackfillError::TooLate { until, .. }) => {
            assert_eq!(until, "2026-02-24");
            assert_eq!(shop.tables(), now);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn old_rows_are_put_back_as_long_as_they_are_kept() {
    assert!(put_back_after(14, None));
    assert!(!put_back_after(15, None));
    assert!(put_back_after(15, Some(Naive::NeverTooLate)), "the mutant does no harm");
}

#[test]
fn time_is_foreseen_by_what_the_last_backfill_took() {
    let mut shop = Workshop::new();
    shop.world.sql(CORRECTION);
    let first = shop.plan(&["facts"], &dirty()).expect("a plan");
    shop.apply(&first).expect("applied");
    let timed = "select count(*) from highwater.backfill_partitions where seconds is null or seconds <= 0";
    assert_eq!(shop.world.rows(timed), "0", "a partition was not timed");
    shop.world.sql("update highwater.backfill_partitions set seconds = 0.5");
    shop.world.sql("update raw_orders set amount = amount + 1");
    let second = shop.plan(&["facts"], &named(&["2026-02-01..2026-02-03"])).expect("a plan");
    assert_eq!(second.plan.models[0].milliseconds, Some(1500));
}
