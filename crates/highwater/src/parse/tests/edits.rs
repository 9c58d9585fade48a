//! What happens to projects: one change after the other, drawn at random.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use walkdir::WalkDir;

use super::Call;
use super::project::{FILES, put};
use crate::environment::tests::SET;

/// Texts that may follow what stands in a file of a kind.
const ENDINGS: &[(&str, &[&str])] = &[
    (
        "sql",
        &[
            "",
            "-- a",
            "\n",
            "-- {{ ref('orders') }}",
            "-- {{ var('days') }}",
            "-- {{ config(tags=['late']) }}",
            "-- {{ config(meta={'at': invocation_id}) }}",
            "-- {{ config(schema='other') }}",
            "-- {{ ref('nowhere') }}",
            "-- {{ config(enabled=false) }}",
            "-- {{ log('hello', info=true) }}",
            "-- {{ cents('a') }}",
            "-- {{ broken",
            "-- {{ config(materialized='ephemeral') }}",
            "-- {{ source('raw', 'orders') }}",
            "-- {{ ref('days') }}",
            "-- {{ config(meta={'unit': env_var('HW_TEST_UNIT', 'day')}) }}",
        ],
    ),
    ("yml", &["", "# a", "\nversion: 2", "\nanchors: [1]", "\nseeds:\n  - {name: nothing}", "\nnothing: 1"]),
    ("csv", &["", "2,fr\n", "3,it\n"]),
    ("md", &["", "a", "{% docs other %}Other.{% enddocs %}"]),
];

/// Words that change places with each other, of one length: the file's size stays.
const SAME_SIZE: &[(&str, &str)] = &[
    ("select", "SELECT"),
    ("orders", "orderz"),
    ("days", "sale"),
    ("description", "descriptiom"),
    ("id", "ix"),
    ("100", "200"),
    ("unique", "not_null"),
    ("EUR", "USD"),
    ("== 1", "== 0"),
    ("Orders.", "Others."),
    ("In cents", "In units"),
    ("here", "home"),
    ("geo", "map"),
    ("dev", "dav"),
    ("All", "The"),
    ("1,de", "1,fr"),
    ("{{ return(env_var", "{{ return( env_var"),
    ("column }}", "column}} "),
];

/// Changes something, and says what.
pub(super) fn change(chance: &mut SmallRng, folder: &Path, call: &mut Call) -> String {
    match chance.random_range(0..22) {
        0..=5 => append(chance, folder),
        6..=9 => swap_words(chance, folder),
        10 => add(chance, folder),
        11 => remove(chance, folder),
        12 => rename(chance, folder),
        13..=14 => restore(chance, folder),
        15 => touch(chance, folder),
        16 => variable(chance, call),
        17 => environment(chance),
        18 => target(chance, call),
        19 => ignore(chance, folder),
        20 => package(chance, folder),
        _ => back_in_time(chance, folder),
    }
}

/// Every file of the project that a person would edit.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.filter(|path| !path.starts_with(folder.join("target")) && !path.ends_with(".dbtignore")).collect()
}

fn any(chance: &mut SmallRng, folder: &Path) -> PathBuf {
    files(folder).choose(chance).expect("a project has files").clone()
}

fn shown(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).expect("below the folder").display().to_string()
}

fn append(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let Some((_, endings)) = ENDINGS.iter().find(|(kind, _)| *kind == extension) else { return "nothing".to_owned() };
    let ending = endings.choose(chance).expect("endings");
    let original =
        FILES.iter().find(|(known, _)| folder.join(known) == path).map_or("select 1 as id", |(_, text)| text);
    fs::write(&path, format!("{original}{ending}")).expect("written");
    format!("{} ends in {ending:?}", shown(folder, &path))
}

fn swap_words(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    let text = fs::read_to_string(&path).expect("text");
    let fitting: Vec<&(&str, &str)> = SAME_SIZE.iter().filter(|(old, _)| text.contains(old)).collect();
    let Some((old, new)) = fitting.choose(chance) else { return "nothing".to_owned() };
    fs::write(&path, text.replacen(old, new, 1)).expect("written");
    format!("{new} for {old} in {}", shown(folder, &path))
}

fn add(chance: &mut SmallRng, folder: &Path) -> String {
    let number = chance.random_range(0..3);
    let (path, text) = [
        (format!("models/marts/new_{number}.sql"), "select * from {{ ref('orders') }}\n"),
        (format!("macros/new_{number}.sql"), "{% macro unit() %}hour{% endmacro %}\n"),
        (
            format!("macros/own_{number}.sql"),
            "{% macro generate_alias_name(custom, node) %}{{ node.name }}_x{% endmacro %}\n",
        ),
        (format!("seeds/new_{number}.csv"), "id\n1\n"),
        (format!("models/new_{number}.yml"), "models:\n  - {name: odd, description: Odd.}\n"),
        (format!("tests/new_{number}.sql"), "select 1 from {{ ref('sales') }}\n"),
        ("selectors.yml".to_owned(), "selectors:\n  - {name: all, definition: '*'}\n"),
    ]
    .choose(chance)
    .expect("files")
    .clone();
    put(folder, &path, text);
    format!("{path} is new")
}

fn remove(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    fs::remove_file(&path).expect("removed");
    format!("{} is gone", shown(folder, &path))
}

fn rename(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let to = path.with_file_name(format!("other_{name}"));
    fs::rename(&path, &to).expect("renamed");
    format!("{} is {}", shown(folder, &path), shown(folder, &to))
}

/// A file as it was: projects would fall apart for good otherwise.
fn restore(chance: &mut SmallRng, folder: &Path) -> String {
    if chance.random_bool(0.5) {
        for path in files(folder) {
            if !FILES.iter().any(|(known, _)| folder.join(known) == path) {
                fs::remove_file(path).expect("removed");
            }
        }
        for (path, text) in FILES {
            if fs::read_to_string(folder.join(path)).ok().as_deref() != Some(text) {
                put(folder, path, text);
            }
        }
        return "everything is as it was".to_owned();
    }
    let (path, text) = FILES.choose(chance).expect("files");
    put(folder, path, text);
    format!("{path} is as it was")
}

fn touch(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    let file = fs::File::options().append(true).open(&path).expect("opened");
    file.set_modified(SystemTime::now()).expect("touched");
    format!("{} is touched", shown(folder, &path))
}

/// Another content of the same size, and a time of change that is older, or the one it had.
fn back_in_time(chance: &mut SmallRng, folder: &Path) -> String {
    let path = any(chance, folder);
    let before = path.metadata().and_then(|file| file.modified()).expect("a time");
    let text = fs::read_to_string(&path).expect("text");
    let fitting: Vec<&(&str, &str)> =
        SAME_SIZE.iter().filter(|(old, new)| old.len() == new.len() && text.contains(old)).collect();
    let Some((old, new)) = fitting.choose(chance) else { return "nothing".to_owned() };
    fs::write(&path, text.replacen(old, new, 1)).expect("written");
    let at = if chance.random_bool(0.5) { before } else { before - Duration::from_secs(chance.random_range(1..9999)) };
    fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(at)).expect("set");
    format!("{new} for {old} in {}, long ago", shown(folder, &path))
}

fn variable(chance: &mut SmallRng, call: &mut Call) -> String {
    let (name, value) = [("days", 4.into()), ("days", 5.into()), ("currency", "CHF".into())]
        .choose(chance)
        .cloned()
        .expect("variables");
    if call.vars.shift_remove(name).is_some() {
        return format!("no {name}");
    }
    call.vars.insert(name.to_owned(), value);
    format!("--vars {name}")
}

fn environment(chance: &mut SmallRng) -> String {
    let name = ["HW_TEST_PLACE", "HW_TEST_UNIT"].choose(chance).expect("names");
    let mut set = SET.lock().expect("the environment");
    match set.remove(*name) {
        Some(_) => format!("no {name}"),
        None => {
            let value = format!("v{}", chance.random_range(0..3));
            set.insert((*name).to_owned(), value.clone());
            format!("{name}={value}")
        }
    }
}

fn target(chance: &mut SmallRng, call: &mut Call) -> String {
    call.target = chance.random_bool(0.5).then(|| "prod".to_owned());
    format!("--target {:?}", call.target)
}

fn ignore(chance: &mut SmallRng, folder: &Path) -> String {
    let rule = ["", "days.sql", "tests/", "*.md"].choose(chance).expect("rules");
    put(folder, ".dbtignore", rule);
    format!(".dbtignore says {rule:?}")
}

fn package(chance: &mut SmallRng, folder: &Path) -> String {
    let version = format!("0.{}", chance.random_range(0..5));
    put(folder, "dbt_packages/utils/dbt_project.yml", &format!("name: utils\nversion: '{version}'\n"));
    format!("utils is {version}")
}
