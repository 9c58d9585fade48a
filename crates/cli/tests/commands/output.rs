//! How output is written: streams, JSON logs, quiet, colours.

use serde_json::Value;

use crate::{SHOP, TestProject};

#[test]
fn json_logs_are_one_object_per_line_on_standard_output() {
    let project = TestProject::new(SHOP);
    let output = project.output(&["--log-format", "json", "build"]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let names: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect(line)["info"]["name"].as_str().expect("a name").to_owned()
        })
        .collect();
    for name in ["MainReportVersion", "LogStartLine", "LogModelResult", "LogTestResult", "LogSeedResult", "StatsLine"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing in {names:?}");
    }
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let project = TestProject::new(SHOP);
    assert_eq!(project.hw(&["build", "--quiet"]), "exit 0\n");
}

#[test]
fn colours_come_only_when_asked_for() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    let colours = |arguments: &[&str]| {
        let output = project.command(arguments).env_remove("NO_COLOR").output().expect("hw starts");
        output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b)
    };
    assert!(!colours(&["plan"]), "a pipe takes no colours");
    assert!(colours(&["plan", "--use-colors"]));
    assert!(!colours(&["plan", "--no-use-colors"]));
}

#[test]
fn problems_are_json_too_when_the_answer_is() {
    let project = TestProject::new("=== models/a.sql\nselect * from {{ ref('nothing') }}\n");
    let output = project.output(&["run", "--output", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("json");
    let problem = &answer["diagnostics"][0];
    assert_eq!(output.status.code(), Some(2));
    assert_eq!((problem["code"].as_str(), problem["labels"][0]["line"].as_u64()), (Some("HW0213"), Some(1)));
}
