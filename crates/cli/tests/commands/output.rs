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

#[test]
fn what_templates_print_is_shown_unless_somebody_says_no() {
    let project =
        TestProject::new("=== macros/told.sql\n{% macro told() %}{% do print('version: 2') %}{% endmacro %}\n");
    let told = |arguments: &[&str], variable: &str| {
        let arguments = [&["run-operation", "told"], arguments].concat();
        let output = project.command(&arguments).env("DBT_PRINT", variable).output().expect("hw starts");
        assert!(output.status.success());
        output.stdout == b"version: 2\n"
    };
    assert!(told(&[], "") && told(&["--print"], "false"));
    assert!(!told(&["--no-print"], "") && !told(&[], "False"));
}

#[test]
fn flags_of_dbt_that_mean_nothing_here_are_taken() {
    let project = TestProject::new(SHOP);
    let flags = "--no-log-cache-events --no-cache-selected-only --populate-cache --static-parser --no-use-experimental-parser \
                 --no-send-anonymous-usage-stats --no-show-all-deprecations --no-use-colors-file --no-version-check \
                 --printer-width 80 --log-format-file json --log-level-file debug --log-path logs";
    let mut arguments: Vec<&str> = flags.split_whitespace().collect();
    arguments.extend(["seed", "--no-fail-fast", "--no-debug", "--no-quiet"]);
    project.ok(&arguments);
    // What they take back is what the environment says.
    let says = |arguments: &[&str]| {
        let output =
            project.command(arguments).env("DBT_QUIET", "1").env("DBT_EMPTY", "1").output().expect("hw starts");
        assert!(output.status.success());
        !output.stderr.is_empty()
    };
    assert!(!says(&["run", "--no-empty"]) && says(&["run", "--no-quiet", "--no-empty"]));
    let days = project.stdout(&[
        "show",
        "--inline",
        "select count(*) as days from {{ ref('daily_revenue') }}",
        "--output",
        "json",
    ]);
    assert!(days.contains("\"days\": 2"), "{days}");
}
