//! Random walks: change the sources at random, run, and hold every table against a rebuild. Then the same with rules that are known to be
//! wrong, to prove that the walk would notice.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::engines::{On, on_both_engines};
use super::world::{Known, World, best, daily, facts, largest, lifetime, regional};
use crate::exact::Mode;

on_both_engines![
    every_table_is_always_what_a_rebuild_holds,
    so_it_is_when_the_queries_are_read,
    forgetting_the_dimension_is_noticed,
    looking_only_at_where_rows_are_now_is_noticed,
];

/// A random statement or two.
fn change(random: &mut SmallRng, by_hand: bool) -> String {
    let order = random.random_range(0..30);
    let customer = random.random_range(0..6);
    let day = if random.random_bool(0.1) {
        "null".to_owned()
    } else {
        format!("timestamp '2026-02-01' + interval '{} hours'", random.random_range(0..200))
    };
    let key = if random.random_bool(0.1) { "null".to_owned() } else { customer.to_string() };
    match random.random_range(0..if by_hand { 9 } else { 8 }) {
        0..=2 => format!(
            "delete from raw_orders where order_id = {order}; insert into raw_orders values ({order}, {key}, {day}, {}, null)",
            random.random_range(0..5)
        ),
        3 => format!("delete from raw_orders where order_id = {order}"),
        4 => format!("update raw_orders set created_at = {day} where order_id = {order}"),
        5 => format!("update raw_orders set customer_id = {key}, amount = amount + 1 where order_id = {order}"),
        6 => format!("delete from raw_customers where customer_id = {customer}"),
        7 => format!(
            "delete from raw_customers where customer_id = {customer}; insert into raw_customers values ({customer}, 'r{}')",
            random.random_range(0..3)
        ),
        _ => format!("update facts set amount = amount + 1 where order_id = {order}"),
    }
}

/// Walks; returns the number of steps after which some table was not what a rebuild holds.
fn walk(on: On, seed: u64, steps: u32, models: &[Known]) -> u32 {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = World::with_orders(on);
    for known in models {
        world.announce(known);
    }
    for known in models {
        world.run(known).expect("first run");
    }
    let mut wrong = 0;
    for _ in 0..steps {
        for _ in 0..random.random_range(1..4) {
            let sql = change(&mut random, models.iter().any(|known| known.model.relation.identifier == "facts"));
            world.sql(&sql);
        }
        for known in models {
            world.run(known).unwrap_or_else(|error| panic!("{}: {error}", known.model.unique_id));
        }
        wrong += u32::from(models.iter().any(|known| !world.difference(known).is_empty()));
        if wrong == 0 {
            for known in models {
                assert_eq!(world.run(known).expect("again").mode, Mode::Unchanged, "{}", known.model.unique_id);
            }
        }
    }
    wrong
}

fn all(on: On) -> Vec<Known> {
    vec![daily(), facts(on), lifetime(), largest(), regional(), best()]
}

fn every_table_is_always_what_a_rebuild_holds(on: On) {
    for seed in 0..2 {
        assert_eq!(walk(on, seed, on.steps(12), &all(on)), 0, "seed {seed}");
    }
}

fn so_it_is_when_the_queries_are_read(on: On) {
    let models: Vec<Known> = all(on).into_iter().map(Known::read).collect();
    assert_eq!(walk(on, 7, on.steps(12), &models), 0);
}

fn forgetting_the_dimension_is_noticed(on: On) {
    let mut known = facts(on);
    known.analysis.terms.truncate(1);
    assert!(walk(on, 1, 12, &[known]) > 0);
}

fn looking_only_at_where_rows_are_now_is_noticed(on: On) {
    // The step walks from customers through the days of their orders; a filter on customers that still exist loses the deleted ones.
    let mut known = facts(on);
    let step = &mut known.analysis.terms[1].steps[0];
    step.sql = format!("{} and o.customer_id in (select customer_id from raw_customers)", step.sql);
    assert!(walk(on, 1, 12, &[known]) > 0);
}
