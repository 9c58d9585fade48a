//! Random backfills, with sources that move before, between and after their steps: what comes of them is a rebuild, or is never called one.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cell::{Cell, RefCell};

use super::Naive;
use super::workshop::{Workshop, dirty, named};
use crate::backfill::{BackfillError, Event};
use crate::engine::Connection;

/// Trials of the right rules.
const TRIALS: u64 = 8;

/// A change of the sources.
fn change(session: &mut dyn Connection, random: &mut SmallRng) {
    let day = random.random_range(1..=4);
    let (order, customer, amount) =
        (random.random_range(1..=12), random.random_range(1..=4), random.random_range(1..=90));
    let sql = match random.random_range(0..6) {
        0 => format!(
            "insert into raw_orders values ({}, {customer}, '2026-02-0{day} 12:00', {amount}, null)",
            order + 20
        ),
        1 => format!("update raw_orders set amount = {amount} where order_id = {order}"),
        2 => format!("delete from raw_orders where order_id = {order}"),
        3 => format!("update raw_orders set created_at = '2026-02-0{day} 08:00' where order_id = {order}"),
        4 => format!("update raw_customers set region = 'region {amount}' where customer_id = {customer}"),
        _ => format!("insert into raw_orders values ({}, {customer}, null, {amount}, null)", order + 40),
    };
    session.execute(&sql).expect("a change");
}

/// One story. Returns what was wrong at its end.
fn story(seed: u64, naive: Option<Naive>) -> Vec<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut shop = Workshop::new();
    shop.naive = naive.into_iter().collect();
    // Alone, nothing moves but between two processes.
    let others_write = naive == Some(Naive::NotAlone) || seed.is_multiple_of(2);
    shop.alone = naive == Some(Naive::NotAlone) || !others_write;
    for _ in 0..random.random_range(1..4) {
        change(shop.world.session.as_mut(), &mut random);
    }
    let first = random.random_range(1..=4);
    let request = if random.random_bool(0.4) {
        dirty()
    } else {
        named(&[&format!("2026-02-0{first}..2026-02-0{}", random.random_range(first..=4)), "NULL"])
    };
    let file = match shop.plan(&["facts"], &request) {
        Ok(file) => file,
        Err(BackfillError::Nothing { .. }) => return Vec::new(),
        Err(error) => panic!("seed {seed}: {error}"),
    };
    if random.random_bool(0.3) {
        shop.run();
    }
    let before = shop.tables();
    // Sources move while it stages.
    let engine = std::sync::Arc::clone(&shop.world.engine);
    let moves = RefCell::new(SmallRng::seed_from_u64(seed + 1));
    let left = Cell::new(random.random_range(0..3));
    let events = |event: Event| {
        if matches!(event, Event::Staged { .. } | Event::Audited { .. })
            && left.get() > 0
            && others_write
            && moves.borrow_mut().random_bool(0.3)
        {
            left.set(left.get() - 1);
            change(engine.connect().expect("a session").as_mut(), &mut moves.borrow_mut());
        }
    };
    let mut resume = false;
    for _ in 0..6 {
        let stops = !others_write && random.random_bool(0.5);
        let went = if stops { shop.stage_on(&file, resume) } else { shop.apply_telling(&file, resume, &events) };
        match went {
            Ok(_) if stops => {
                resume = true;
                if random.random_bool(0.5) {
                    change(shop.world.session.as_mut(), &mut random);
                }
            }
            Ok(_) => break,
            Err(BackfillError::Moved { staged, .. }) => {
                if shop.tables() != before {
                    return vec!["a refused backfill changed a table".to_owned()];
                }
                if !staged {
                    return finish(&mut shop);
                }
                resume = true;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    if !shop.published() {
        shop.resume(&file).expect("published");
    }
    match random.random_range(0..4) {
        0 => {
            shop.rollback(&file).expect("undone");
            if shop.tables() != before {
                return vec!["rolling back left other rows than there were".to_owned()];
            }
            change(shop.world.session.as_mut(), &mut random);
            shop.run();
            shop.abandon(&file).expect("given up");
        }
        1 => change(shop.world.session.as_mut(), &mut random),
        _ => {}
    }
    finish(&mut shop)
}

/// The next run makes everything right, whatever was left to it.
fn finish(shop: &mut Workshop) -> Vec<String> {
    shop.run();
    shop.differences()
}

#[test]
fn whatever_moves_the_tables_end_as_a_rebuild() {
    for seed in 0..TRIALS {
        let wrong = story(seed, None);
        assert_eq!(wrong, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn rules_left_out_are_noticed() {
    for naive in [Naive::NoToken, Naive::LiveParent, Naive::NotAlone] {
        let noticed = (0..TRIALS).any(|seed| !story(seed, Some(naive)).is_empty());
        assert!(noticed, "{naive:?} went unnoticed");
    }
}
