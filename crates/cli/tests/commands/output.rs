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

const FAILING: &str = "=== models/fine.sql
select 1 as id
=== models/broken.sql
select no_such_column from {{ ref('fine') }}
=== models/after.sql
select * from {{ ref('broken') }}
=== models/other.sql
select 1 as id
=== tests/finds_one.sql
select * from {{ ref('other') }}
";

/// The lines of a JSON log with these names, without what changes from run to run.
fn events(log: &str, names: &[&str]) -> String {
    let mut shown = Vec::new();
    for line in log.lines() {
        let mut event: Value = serde_json::from_str(line).expect(line);
        let name = event["info"]["name"].as_str().expect("a name").to_owned();
        if !names.contains(&name.as_str()) {
            continue;
        }
        let data = event["data"].as_object_mut().expect("an object");
        if let Some(time) = data.get_mut("execution_time") {
            assert!(time.as_f64().is_some());
            *time = "SECONDS".into();
        }
        if let Some(time) = data.remove("execution") {
            assert!(time.as_str().is_some_and(|time| time.starts_with(" in 0 hours 0 minutes and ")), "{time}");
        }
        if let Some(info) = data.get_mut("node_info").and_then(Value::as_object_mut) {
            for key in ["node_started_at", "node_finished_at"] {
                let moment = info.get_mut(key).expect(key);
                if moment != "" {
                    let digits = "0000-00-00T00:00:00.000000";
                    let text = moment.as_str().expect("text");
                    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                    assert!(digits.starts_with(&shape) || shape.starts_with(digits), "{text}");
                    *moment = "MOMENT".into();
                }
            }
        }
        let info = &event["info"];
        let head = format!("{name} {} {} {}", info["code"], info["level"], info["thread"]);
        shown.push(format!("{head}\n    {}", event["data"]));
    }
    shown.join("\n")
}

#[test]
fn json_logs_name_what_they_tell_of_as_dbt_does() {
    let project = TestProject::new(FAILING);
    let output = project.output(&["--log-format", "json", "build", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stdout).expect("text");
    let names = ["LogModelResult", "LogTestResult", "SkippingDetails", "FinishedRunningStats", "StatsLine"];
    insta::assert_snapshot!(events(&log, &names), @r#"
LogModelResult "Q012" "info" "MainThread"
    {"index":1,"total":5,"description":"sql view model main.fine","status":"success","execution_time":"SECONDS","result_message":"OK","node_info":{"unique_id":"model.shop.fine","node_status":"success","node_started_at":"MOMENT","node_finished_at":"MOMENT","node_name":"fine","node_path":"fine.sql","resource_type":"model","materialized":"view","meta":{},"node_checksum":"3ea0f972fa1b56aa2dc2f56ee784b6a5796312f9a813d59ae70fd8855f10d16d","node_relation":{"database":"shop","schema":"main","alias":"fine","relation_name":"\"shop\".\"main\".\"fine\""}},"node_name":"fine","resource_type":"model","schema":"main","relation":"fine"}
LogModelResult "Q012" "info" "MainThread"
    {"index":2,"total":5,"description":"sql view model main.other","status":"success","execution_time":"SECONDS","result_message":"OK","node_info":{"unique_id":"model.shop.other","node_status":"success","node_started_at":"MOMENT","node_finished_at":"MOMENT","node_name":"other","node_path":"other.sql","resource_type":"model","materialized":"view","meta":{},"node_checksum":"3ea0f972fa1b56aa2dc2f56ee784b6a5796312f9a813d59ae70fd8855f10d16d","node_relation":{"database":"shop","schema":"main","alias":"other","relation_name":"\"shop\".\"main\".\"other\""}},"node_name":"other","resource_type":"model","schema":"main","relation":"other"}
LogModelResult "Q012" "error" "MainThread"
    {"index":3,"total":5,"description":"sql view model main.broken","status":"error","execution_time":"SECONDS","result_message":"Database Error in model broken (models/broken.sql)\n  Binder Error: Referenced column \"no_such_column\" not found in FROM clause\n  Candidate bindings: \"id\"\n  columns here: id","node_info":{"unique_id":"model.shop.broken","node_status":"error","node_started_at":"MOMENT","node_finished_at":"MOMENT","node_name":"broken","node_path":"broken.sql","resource_type":"model","materialized":"view","meta":{},"node_checksum":"124ddcc66e94da902bd6068fa4e7f042cf6d6ed8e3fe827dd13d6ef1ecf806c6","node_relation":{"database":"shop","schema":"main","alias":"broken","relation_name":"\"shop\".\"main\".\"broken\""}},"node_name":"broken","resource_type":"model","schema":"main","relation":"broken"}
SkippingDetails "Q034" "info" "MainThread"
    {"index":4,"total":5,"description":"sql view model main.after","status":"skipped","execution_time":"SECONDS","result_message":"skipped: model.shop.broken failed","node_info":{"unique_id":"model.shop.after","node_status":"skipped","node_started_at":"","node_finished_at":"","node_name":"after","node_path":"after.sql","resource_type":"model","materialized":"view","meta":{},"node_checksum":"0866cf9ddd1c4a49c51cef724f9b41bcce37002dc719c74f73f65b310c5e11e9","node_relation":{"database":"shop","schema":"main","alias":"after","relation_name":"\"shop\".\"main\".\"after\""}},"node_name":"after","resource_type":"model","schema":"main","relation":"after"}
LogTestResult "Q007" "error" "MainThread"
    {"index":5,"total":5,"description":"test finds_one","status":"fail","execution_time":"SECONDS","result_message":"Got 1 result, configured to fail if != 0","node_info":{"unique_id":"test.shop.finds_one","node_status":"fail","node_started_at":"MOMENT","node_finished_at":"MOMENT","node_name":"finds_one","node_path":"finds_one.sql","resource_type":"test","materialized":"test","meta":{},"node_checksum":"ad65a9a0ea622c81d4f24bef95e777f8ebf7d75e84e4c1927823530687721e14","node_relation":{"database":"shop","schema":"main_dbt_test__audit","alias":"finds_one","relation_name":""}},"name":"finds_one","num_models":5,"num_failures":1,"attached_node":null}
FinishedRunningStats "E047" "info" "MainThread"
    {"stat_line":"4 models, 1 data test","execution_time":"SECONDS"}
StatsLine "Z023" "info" "MainThread"
    {"stats":{"pass":2,"warn":0,"error":2,"skip":1,"total":5,"noop":0}}
"#);
    let first: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("json");
    let keys: Vec<&String> = first["info"].as_object().expect("an object").keys().collect();
    insta::assert_snapshot!(format!("{keys:?}"), @r#"["category", "code", "extra", "invocation_id", "level", "msg", "name", "pid", "thread", "ts"]"#);
    let moment = first["info"]["ts"].as_str().expect("a moment");
    assert_eq!(moment.len(), "2026-02-01T10:00:00.123456Z".len(), "{moment}");
}

#[test]
fn a_project_keeps_its_log() {
    let project = TestProject::new(FAILING);
    let read = |path: &str| std::fs::read_to_string(project.path(path)).expect(path);
    project.output(&["run", "--threads", "1", "--quiet"]);
    let log = read("logs/dbt.log");
    // Everything is there, statements too, whatever is shown.
    for words in
        ["[info ] [MainThread]: Running with hw=", "1 of 4 START", "[debug] [Thread-1 (]: On model.", "[HW0404]"]
    {
        assert!(log.contains(words), "{words} is missing in:\n{log}");
    }
    assert!(!log.contains('\u{1b}'));
    project.output(&[
        "run",
        "--threads",
        "1",
        "--log-format-file",
        "json",
        "--log-level-file",
        "error",
        "--log-path",
        "elsewhere",
    ]);
    let objects = read("elsewhere/dbt.log");
    let levels = objects.lines().map(|line| serde_json::from_str::<Value>(line).expect(line)["info"]["level"].clone());
    assert!(levels.collect::<Vec<_>>().iter().all(|level| level == "error"));
    assert_eq!(read("logs/dbt.log"), log, "the log has gone elsewhere");
    project.output(&["run", "--log-level-file", "none", "--log-path", "nowhere"]);
    assert!(!project.path("nowhere").exists());

    // A file that has grown long makes room.
    std::fs::write(project.path("logs/dbt.log"), "x".repeat(10 << 20)).expect("written");
    project.output(&["run"]);
    assert!(read("logs/dbt.log").len() < 1 << 20 && read("logs/dbt.log.1").len() == 10 << 20);

    // A folder that cannot be made stops nothing.
    std::fs::write(project.path("taken"), "").expect("written");
    project.ok(&["run", "--select", "fine", "--log-path", "taken/logs"]);
}

#[test]
fn warnings_of_templates_are_errors_where_warnings_are() {
    let project = TestProject::new("=== models/a.sql\n{% do exceptions.warn('be careful') %}select 1 as id\n");
    assert_eq!(project.output(&["run"]).status.code(), Some(0));
    // The flag may stand before the command, as every flag of dbt that all commands have, or come from the environment.
    for arguments in [["--warn-error", "run"], ["run", "--warn-error"]] {
        let output = project.output(&arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("Compilation Error in model a (models/a.sql)"), "{told}");
    }
    let output = project.command(&["run"]).env("DBT_WARN_ERROR", "1").output().expect("hw starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(project.output(&["--warn-error", "run", "--no-warn-error"]).status.code(), Some(0));
    // By dbt's name of it, in every direction.
    let with = |options: &str| {
        let output = project.output(&["run", "--warn-error-options", options]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).contains("be careful"))
    };
    assert_eq!(with("{error: [JinjaLogWarning]}"), (Some(1), true));
    assert_eq!(with("{error: all}"), (Some(1), true));
    assert_eq!(with("{error: [LogTestResult]}"), (Some(0), true));
    assert_eq!(with("{error: all, warn: [JinjaLogWarning]}"), (Some(0), true));
    assert_eq!(with("{silence: [JinjaLogWarning]}"), (Some(0), false));
}

#[test]
fn exit_codes_are_those_of_dbt() {
    let project = TestProject::new(
        "=== models/good.sql\nselect 1 as id\n\
         === models/raises.sql\n{% if execute %}{{ exceptions.raise_compiler_error('no') }}{% endif %}select 1 as id\n\
         === models/refused.sql\nselect * from nowhere\n\
         === macros/m.sql\n{% macro raises() %}{{ exceptions.raise_compiler_error('no') }}{% endmacro %}\n",
    );
    for (arguments, code) in [
        ("compile --select raises", 2),
        ("compile --select good refused", 0),
        ("compile --inline {{nope()}}", 2),
        ("show --select raises", 2),
        ("show --select refused", 2),
        ("docs generate --select raises", 2),
        ("run --select raises", 1),
        ("run --select refused", 1),
        ("build --select raises", 1),
        ("run --select no_such_thing", 0),
        ("run --select no_such_thing --warn-error", 2),
        ("run-operation raises", 1),
        ("run --no-such-flag", 2),
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let output = project.output(&words);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!project.path("target/catalog.json").exists());
}

#[test]
fn results_name_threads_as_dbt_does() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\n");
    project.ok(&["run"]);
    let written = std::fs::read_to_string(project.path("target/run_results.json")).expect("an artifact");
    let results: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(results["results"][0]["thread_id"], "Thread-1 (worker)");
}
