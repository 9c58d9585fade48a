//! What a command parsed, used again by the next.

use insta::assert_snapshot;
use serde_json::Value;

use crate::{SHOP, TestProject};

/// Whether anything is kept.
fn keeps(project: &TestProject) -> bool {
    project.path("target/parsed/files").exists()
}

#[test]
fn what_was_parsed_is_kept_unless_somebody_says_no() {
    let project = TestProject::new(SHOP);
    project.ok(&["parse", "--no-partial-parse"]);
    assert!(!keeps(&project));
    let output = project.command(&["parse"]).env("DBT_PARTIAL_PARSE", "False").output().expect("hw starts");
    assert!(output.status.success() && !keeps(&project));
    project.write("dbt_project.yml", "name: shop\nprofile: shop\nflags: {partial_parse: false}\n");
    project.ok(&["parse"]);
    assert!(!keeps(&project));
    // The command line's word is the last.
    project.ok(&["parse", "--partial-parse"]);
    assert!(keeps(&project));
    project.ok(&["clean"]);
    assert!(!keeps(&project));
}

#[test]
fn debugging_says_why_everything_was_parsed() {
    let project = TestProject::new(SHOP);
    let why = || {
        let told = project.hw(&["parse", "--debug"]);
        let reason = told.lines().find_map(|line| line.split_once("everything is parsed: "));
        reason.map_or("what was kept is used", |(_, reason)| reason).to_owned()
    };
    let mut reasons = vec![why(), why()];
    project.write("macros/new.sql", "{% macro new() %}{% endmacro %}");
    reasons.push(why());
    project.write("macros/new.sql", "{% macro new() %} {% endmacro %}");
    reasons.push(why());
    project.write("models/properties.yml", "models: [{name: daily_revenue}]\n");
    reasons.push(why());
    project.write("target/parsed/nodes", "somebody else's");
    reasons.push(why());
    assert_snapshot!(reasons.join("\n"), @r"
    nothing is kept
    what was kept is used
    files came or went
    a file that others depend on changed
    a node went
    the nodes that are kept are of no use
    ");
}

/// A manifest without what is other every time.
fn manifest(project: &TestProject) -> Value {
    let text = project.read("target/manifest.json");
    let mut manifest: Value = serde_json::from_str(&text).expect("JSON");
    manifest["metadata"] = Value::Null;
    forget_moments(&mut manifest);
    manifest
}

fn forget_moments(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("created_at");
            fields.values_mut().for_each(forget_moments);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        _ => {}
    }
}

#[test]
fn the_manifest_is_that_of_a_whole_parse() {
    let project = TestProject::new(SHOP);
    let holds = |what: &str, before: &[&str]| {
        project.ok(before);
        project.ok(&["parse"]);
        let kept = manifest(&project);
        project.ok(&["parse", "--no-partial-parse"]);
        assert!(kept == manifest(&project), "{what}");
    };
    holds("at first", &["ls"]);
    holds("nothing changed", &["parse"]);
    let model = project.read("models/daily_revenue.sql");
    project.write("models/daily_revenue.sql", &format!("{model}-- and more"));
    holds("a model changed", &["ls"]);
    // A run writes compiled code into the manifest, which a parse does not.
    holds("after a run", &["build"]);
    project.write("models/next.sql", "select * from {{ ref('daily_revenue') }}");
    holds("a model is new", &["run"]);
    project.delete("models/next.sql");
    holds("a model is gone", &["compile"]);
}

#[test]
fn entries_of_nodes_that_are_the_same_are_taken_from_the_manifest_before() {
    let project = TestProject::new(SHOP);
    project.write("models/other.sql", "select 1 as id");
    let made = |what: &[&str]| {
        project.ok(what);
        let manifest: Value = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
        ["daily_revenue", "other"].map(|name| manifest["nodes"][format!("model.shop.{name}")]["created_at"].as_f64())
    };
    let first = made(&["parse"]);
    assert_eq!(made(&["parse"]), first);
    project.write("models/other.sql", "select 2 as id");
    let second = made(&["parse"]);
    assert!(second[0] == first[0] && second[1] != first[1]);
    // What was compiled has an entry of its own; the next parse writes the one without.
    let run = made(&["run", "--select", "other"]);
    assert!(run[0] == first[0] && run[1] != second[1]);
    // Somebody else's file is no source of anything.
    project.write(
        "target/manifest.json",
        &project.read("target/manifest.json").replace("daily_revenue", "weekly_revenue"),
    );
    assert_ne!(made(&["parse"])[0], first[0]);
    assert_ne!(made(&["parse", "--no-partial-parse"])[0], first[0]);
}

#[test]
fn processes_at_once_do_not_disturb_each_other() {
    let project = TestProject::new(SHOP);
    for round in 0..3 {
        project.write("macros/round.sql", &format!("{{% macro round() %}}{round}{{% endmacro %}}"));
        let parse = || project.command(&["ls", "--output", "name"]).stdout(std::process::Stdio::piped()).spawn();
        let running: Vec<_> = (0..5).map(|_| parse().expect("hw starts")).collect();
        for process in running {
            let output = process.wait_with_output().expect("it ends");
            assert!(output.status.success());
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4);
        }
    }
    project.ok(&["parse"]);
    let kept = manifest(&project);
    project.ok(&["parse", "--no-partial-parse"]);
    assert!(kept == manifest(&project));
}
