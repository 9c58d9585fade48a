//! Files that were cut short or altered, folders that cannot be written, commands at once.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{Call, alone, difference, project};
use crate::parse::index::Place;
use crate::project::settings;
use crate::session::Session;

fn kept(folder: &Path) -> [PathBuf; 2] {
    ["files", "nodes"].map(|name| folder.join("target/parsed").join(name))
}

fn holds(folder: &Path, what: &str) {
    let (kept, anew) = (Call::default().see(folder, true), Call::default().see(folder, false));
    assert!(kept == anew, "{what}: {}", difference(&kept, &anew));
    assert!(anew.starts_with("Manifest"), "{anew}");
}

#[test]
fn what_is_not_whole_is_not_used() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    project::write(path);
    holds(path, "nothing");
    let mut chance = SmallRng::seed_from_u64(7);
    for file in kept(path) {
        let whole = fs::read(&file).expect("kept");
        let mut cuts =
            vec![0, 1, 3, 4, 15, 16, 20, 24, 25, whole.len() / 2, whole.len() - 5, whole.len() - 4, whole.len() - 1];
        cuts.extend((0..20).map(|_| chance.random_range(0..whole.len())));
        for cut in cuts {
            fs::write(&file, &whole[..cut]).expect("written");
            holds(path, &format!("{} of {} bytes", cut, whole.len()));
        }
        for _ in 0..40 {
            let mut altered = fs::read(&file).expect("kept");
            let at = chance.random_range(0..altered.len());
            altered[at] ^= 1 << chance.random_range(0..8);
            fs::write(&file, &altered).expect("written");
            holds(path, &format!("byte {at}"));
        }
        for other in [b"partial parse of somebody else".as_slice(), b"highwater parse0", &whole.repeat(2)] {
            fs::write(&file, other).expect("written");
            holds(path, "another file");
        }
    }
    let [files, nodes] = kept(path);
    fs::copy(&files, &nodes).expect("copied");
    holds(path, "one for the other");
    // Halves of two parses.
    let older = fs::read(&nodes).expect("kept");
    project::put(path, "models/staging/orders.sql", "select 2 as id from {{ source('raw', 'orders') }}\n");
    project::put(path, "macros/plain.sql", "{% macro plain(column) %}{{ column }} {% endmacro %}\n");
    holds(path, "a change");
    fs::write(&nodes, older).expect("written");
    holds(path, "nodes of an older parse");
}

#[test]
fn where_nothing_can_be_kept_everything_is_parsed() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("folder");
    project::write(folder.path());
    fs::create_dir(folder.path().join("target")).expect("made");
    fs::write(folder.path().join("target/parsed"), "in the way").expect("written");
    holds(folder.path(), "the first time");
    holds(folder.path(), "the second time");
}

#[test]
fn commands_at_once_do_not_disturb_each_other() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    project::write(path);
    for round in 0..6 {
        project::put(path, "models/docs.md", &format!("{{% docs sales %}}Round {round}.{{% enddocs %}}\n"));
        let anew = Call::default().see(path, false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let kept = Call::default().see(path, true);
                    assert!(kept == anew, "{}", difference(&kept, &anew));
                });
            }
        });
    }
    let left = fs::read_dir(path.join("target/parsed")).expect("list").count();
    assert_eq!(left, 3, "drafts are gone");
}

#[test]
fn one_command_at_a_time_keeps_what_it_parsed() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    project::write(path);
    let settings = settings(&Call::default().options(path, true)).expect("settings");
    let turn = Place::of(&settings).expect("a place").turn().expect("nobody else is here");
    holds(path, "another command writes");
    assert!(!path.join("target/parsed/files").exists());
    drop(turn);
    holds(path, "it has ended");
    assert!(path.join("target/parsed/files").exists());
}

#[test]
fn an_edit_reads_the_nodes_it_reaches() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    project::write(path);
    holds(path, "nothing");
    project::put(path, "models/staging/orders.sql", "select 3 as id from {{ source('raw', 'orders') }}\n");
    let session = Session::glance(&Call::default().options(path, true)).expect("a project");
    let nodes = || session.manifest.nodes.iter().chain(&session.manifest.disabled);
    let read: Vec<&str> = nodes().filter(|(_, node)| node.is_read()).map(|(id, _)| id.as_str()).collect();
    insta::assert_snapshot!(format!("{} nodes, read: {}", nodes().count(), read.join(", ")), @"19 nodes, read: model.shop.orders, model.shop.payments, test.shop.unique_orders_id.1360ecc70e, test.shop.not_null_orders_id.84ef11d8fe, test.shop.unique_payments_id.c8a2b0825e, test.shop.source_not_null_raw_orders_id.f232a64478, unit_test.shop.customers.sums");
}
