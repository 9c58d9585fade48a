//! Models whose queries have other columns than their tables.

use super::Naive;
use super::workshop::{Workshop, logic, named};
use crate::backfill::BackfillError;
use crate::exact::ExactError;

/// The facts with one column more.
const WIDER: &str = "select o.order_id, o.customer_id, o.created_at, o.amount, c.region, o.amount * 2 as doubled from raw_orders as o \
                     left join raw_customers as c on o.customer_id = c.customer_id";

/// The facts with one column less, another one in the middle, and amounts of another type.
const OTHER: &str = "select o.order_id, o.customer_id, o.amount > 5 as large, o.created_at, cast(o.amount * 1.2345 as decimal(18, 4)) as amount \
                     from raw_orders as o";

/// The shop, with days that are not cut by region.
fn without_regions() -> Workshop {
    let mut shop = Workshop::new();
    let days = "select cast(date_trunc('day', created_at) as date) as day, sum(amount) as revenue, count(*) as orders from facts group by 1";
    shop.rewrite("regional", days);
    shop.run();
    shop
}

#[test]
fn what_an_old_version_built_without_a_column_is_backfilled_rolled_back_and_applied_again() {
    for alone in [false, true] {
        let mut shop = Workshop::new();
        shop.alone = alone;
        let before = shop.tables();
        shop.rewrite("facts", WIDER);
        let file = shop.plan(&["facts"], &logic()).expect("a plan");
        assert_eq!(file.plan.models[0].columns.as_deref(), Some("+doubled DECIMAL(18,2)"));
        let labels: Vec<&str> = file.plan.models.iter().map(|model| model.label.as_str()).collect();
        assert_eq!(labels, ["facts", "regional", "best", "monthly"], "what reads the same out of it goes along");
        assert_eq!(shop.plan(&["facts"], &logic()).expect("again"), file, "planning twice differs");
        shop.stage(&file).expect("staged");
        shop.run();
        assert_eq!(shop.tables(), before, "a run published what was not audited");
        let audit = shop.resume(&file).expect("published").audit.expect("an audit");
        let words: Vec<String> =
            audit.models[0].columns.iter().map(|column| format!("{} {:?}", column.name, column.change)).collect();
        assert_eq!(words, ["doubled Some(New)"]);
        assert_eq!(shop.differences(), Vec::<String>::new());
        for known in &shop.models.clone() {
            assert_eq!(
                shop.world.run(known).expect("a run").dirty_count,
                0,
                "{} has something left",
                known.model.unique_id
            );
        }
        shop.rollback(&file).expect("undone");
        assert_eq!(shop.tables(), before);
        shop.run();
        assert_eq!(shop.tables(), before, "a run built what was rolled back");
        shop.apply(&file).expect("applied again");
        assert_eq!(shop.differences(), Vec::<String>::new());
    }
}

#[test]
fn a_table_keeps_the_columns_it_has_got_only_if_nobody_rolls_back() {
    let mut shop = Workshop::new();
    shop.naive = vec![Naive::KeepsColumns];
    let before = shop.tables();
    shop.rewrite("facts", WIDER);
    let file = shop.plan(&["facts"], &logic()).expect("a plan");
    shop.apply(&file).expect("applied");
    let undone = shop.rollback(&file);
    assert!(undone.is_err() || shop.tables() != before, "it went unnoticed");
}

#[test]
fn old_columns_come_back_whatever_the_query_says_by_then_and_beside_what_was_built_since() {
    let mut shop = without_regions();
    let before = shop.tables();
    let old = shop.models[0].model.sql.clone();
    shop.rewrite("facts", OTHER);
    let file = shop.plan(&["facts"], &logic()).expect("a plan");
    shop.apply(&file).expect("applied");
    shop.run();
    shop.world.sql("insert into raw_orders values (9, 1, '2026-02-09', 7, null)");
    shop.run();
    shop.rewrite("facts", &old);
    shop.rollback(&file).expect("undone");
    let facts = shop.world.rows("from facts where created_at < '2026-02-09' or created_at is null");
    assert!(before.starts_with(&facts), "{facts}");
    // The day that came since has the amount of the other query, and the ledger knows the inputs of that one: no run takes it for right.
    let facts = shop.models[0].clone();
    assert!(matches!(shop.world.run(&facts), Err(ExactError::Reserved { .. })));
    shop.abandon(&file).expect("given up");
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
}

/// What of the models of a backfill is no rebuild, once the facts have got other columns.
fn retyped(naive: Option<Naive>) -> (Vec<String>, Vec<String>) {
    let mut shop = without_regions();
    shop.naive = naive.into_iter().collect();
    shop.rewrite("facts", OTHER);
    let file = shop.plan(&["facts"], &logic()).expect("a plan");
    shop.apply(&file).expect("applied");
    let wrong = shop.differences_of(&file);
    shop.run();
    assert_eq!(shop.differences(), Vec::<String>::new());
    (wrong, file.plan.reached.owed)
}

#[test]
fn what_would_read_something_else_out_of_new_columns_is_left_to_the_next_run() {
    let (wrong, owed) = retyped(None);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(owed, ["best", "regional"], "sums and maxima of amounts have other types");
    let (wrong, _) = retyped(Some(Naive::UnreadChild));
    assert!(!wrong.is_empty(), "it went unnoticed");
}

#[test]
fn a_child_that_waits_for_a_new_column_is_told_to() {
    let mut shop = Workshop::new();
    shop.rewrite("facts", WIDER);
    shop.rewrite(
        "best",
        "select customer_id, max(doubled) as best, count(*) as orders from facts group by customer_id",
    );
    let refused = shop.plan(&["facts", "best"], &logic()).expect_err("best waits");
    let BackfillError::Impossible { model, reason, help } = &refused else { panic!("{refused:?}") };
    assert_eq!((model.as_str(), reason.as_str()), ("best", "its query reads columns that facts does not have yet"));
    assert!(help.contains("backfill facts first"), "{help}");
    let file = shop.plan(&["facts"], &logic()).expect("a plan without it");
    assert_eq!(file.plan.reached.owed, ["best"]);
    shop.apply(&file).expect("applied");
    let next = shop.plan(&["best"], &logic()).expect("a plan");
    shop.apply(&next).expect("applied");
    assert_eq!(shop.differences(), Vec::<String>::new());
}

#[test]
fn a_column_added_by_hand_goes_with_the_next_backfill_and_comes_back_with_its_undo() {
    let mut shop = Workshop::new();
    shop.world.sql("alter table facts add column note varchar");
    let before = shop.tables();
    let file = shop.plan(&["facts"], &named(&["2026-02-01"])).expect("a plan");
    assert_eq!(file.plan.models[0].whole.as_deref(), Some("the columns of its table were changed by hand"));
    shop.apply(&file).expect("applied");
    assert_eq!(shop.differences(), Vec::<String>::new());
    shop.rollback(&file).expect("undone");
    assert_eq!(shop.tables(), before);
}
