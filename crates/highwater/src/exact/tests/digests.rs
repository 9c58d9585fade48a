//! Many groups are compared in buckets first, and a table as a whole: whatever changes in one of them must still be found, and nothing else.

use super::engines::{On, on_both_engines};
use super::world::{World, daily, facts};
use crate::exact::Mode;
use crate::exact::detect::fingerprint::Naive;

on_both_engines![
    one_customer_among_many_is_found,
    a_row_of_the_table_that_was_changed_by_hand_is_found,
    counting_rows_is_not_enough,
];

/// Ten customers, an order of each on a day of its own.
fn customers(on: On) -> World {
    let mut world = World::new(on);
    world.sql(
        "insert into raw_customers select n, 'north' from generate_series(0, 9) as numbers(n); \
         insert into raw_orders select n, n, timestamp '2026-02-01' + n * interval '1 day', 10, null from generate_series(0, 9) as numbers(n)",
    );
    world
}

fn one_customer_among_many_is_found(on: On) {
    let mut world = customers(on);
    let known = facts(on);
    world.run_and_compare(&known);
    for (change, days) in [
        ("update raw_customers set region = 'south' where customer_id = 3", 1),
        // Two that change places: the rows of a bucket are as many, and hold the same values.
        (
            "update raw_customers set region = case customer_id when 3 then 'north' else 'south' end where customer_id in (3, 4)",
            2,
        ),
        ("delete from raw_customers where customer_id = 5", 1),
        ("insert into raw_customers values (5, null)", 1),
        ("update raw_customers set region = 'west'", 10),
    ] {
        world.sql(change);
        let report = world.run_and_compare(&known);
        assert_eq!((report.mode, report.dirty_count), (Mode::Incremental, days), "{change}");
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged, "{change}");
    }
}

fn a_row_of_the_table_that_was_changed_by_hand_is_found(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    for change in [
        "update daily set revenue = revenue + 1 where day = '2026-02-02'",
        "update daily set day = day + interval '1 day'",
        "delete from daily where day is null; insert into daily select * from daily where day = '2026-02-01'",
        "delete from daily",
    ] {
        world.sql(change);
        assert_ne!(world.difference(&known), "", "{change}");
        world.run_and_compare(&known);
    }
}

fn counting_rows_is_not_enough(on: On) {
    let mut world = customers(on);
    let known = facts(on);
    world.run_and_compare(&known);
    world.naive = Some(Naive::CountsOnly);
    world.sql("update raw_customers set region = 'south' where customer_id = 3");
    world.run(&known).expect("a run");
    assert_ne!(world.difference(&known), "", "the change of a customer");
    // Such a run says that it has seen what it did not see: what comes after it shows nothing.
    let mut world = customers(on);
    world.run_and_compare(&known);
    world.naive = Some(Naive::CountsOnly);
    world.sql("update facts set amount = amount + 1 where order_id = 4");
    world.run(&known).expect("a run");
    assert_ne!(world.difference(&known), "", "a change by hand");
}

/// PostgreSQL alone tells rows by their tuples first: those of a table, then those of its days.
#[test]
fn counting_tuples_is_not_enough() {
    let update = "update raw_orders set amount = amount + 1 where order_id = 3";
    for (change, days) in
        [(update.to_owned(), 1), (format!("{update}; insert into raw_orders values (20, 1, '2026-03-01', 1, null)"), 2)]
    {
        for naive in [Some(Naive::CountsOnly), None] {
            let mut world = customers(On::Postgres);
            let known = daily();
            world.run_and_compare(&known);
            world.naive = naive;
            world.sql(&change);
            let report = world.run(&known).expect("a run");
            assert_eq!(report.replaced_count, days - u64::from(naive.is_some()), "{naive:?}: {change}");
            assert_eq!(world.difference(&known).is_empty(), naive.is_none(), "{naive:?}: {change}");
        }
    }
}
