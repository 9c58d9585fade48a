//! `hw backfill`, and the repairs of `hw verify` that are backfills.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::TestProject;

/// Twelve days of orders, in an exact model, a table below it, and two models on strategies of dbt's.
const SHOP: &str = "
=== dbt_project.yml
name: shop
version: '1.0'
profile: shop
models:
  shop:
    exact:
      +incremental_strategy: exact
      +batch_size: day
=== models/sources.yml
sources:
  - name: raw
    schema: main
    tables: [{name: orders}]
=== models/exact/facts.sql
{{ config(materialized='incremental', event_time='placed_at', unique_key='id') }}
select id, placed_at, amount, status from {{ source('raw', 'orders') }}
=== models/exact/days.sql
{{ config(materialized='incremental', event_time='day') }}
select cast(placed_at as date) as day, count(*) as orders, sum(amount) as revenue from {{ ref('facts') }} group by 1
=== models/newest.sql
{{ config(materialized='incremental', incremental_strategy='delete+insert', event_time='placed_at', unique_key='id') }}
select id, placed_at, amount from {{ source('raw', 'orders') }}
{% if is_incremental() %} where placed_at > (select max(placed_at) from {{ this }}) {% endif %}
=== models/batched.sql
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='placed_at', batch_size='day', begin='2026-01-01') }}
select id, placed_at, amount from {{ source('raw', 'orders') }}
=== models/layer.yml
groups:
  - name: finance
    owner: {name: Finance, email: finance@example.com}
models:
  - name: facts
    config: {group: finance}
semantic_models:
  - name: orders
    model: ref('facts')
    defaults: {agg_time_dimension: placed_at}
    entities: [{name: order, type: primary, expr: id}]
    dimensions:
      - {name: placed_at, type: time, type_params: {time_granularity: day}}
      - {name: status, type: categorical}
    measures:
      - {name: revenue, agg: sum, expr: amount}
      - {name: orders, agg: count, expr: id}
metrics:
  - {name: revenue, label: Revenue, type: simple, type_params: {measure: revenue}}
  - {name: orders, label: Orders, type: simple, type_params: {measure: orders}}
  - name: paid
    label: Paid
    type: simple
    type_params: {measure: revenue}
    filter: \"{{ Dimension('order__status') }} = 'paid'\"
  - {name: mean, label: Mean, type: ratio, type_params: {numerator: revenue, denominator: orders}}
  - name: margin
    label: Margin
    type: derived
    type_params: {expr: sold - 2 * orders, metrics: [{name: revenue, alias: sold}, orders]}
  - {name: so_far, label: So far, type: cumulative, type_params: {measure: revenue}}
exposures:
  - name: board
    type: dashboard
    owner: {name: Ben}
    depends_on: [metric('revenue')]
";

/// The price of an order, in three of the days.
const CORRECTION: &str =
    "update orders set amount = amount + 10 where placed_at >= '2026-01-04' and placed_at < '2026-01-07'";

fn shop() -> TestProject {
    let project = TestProject::new(SHOP);
    project.sql(
        "create table orders as select n as id, timestamp '2026-01-01' + to_hours(n * 6) as placed_at, cast(100 as decimal(9, 2)) as amount, \
         case when n % 4 = 0 then 'open' else 'paid' end as status from range(48) as r(n)",
    );
    assert!(at(&project, "2026-01-12 12:00", &["run"]).status.success());
    project
}

/// `hw` at a moment.
fn at(project: &TestProject, moment: &str, arguments: &[&str]) -> Output {
    project.command(arguments).env("HW_NOW", format!("{}:00Z", moment.replace(' ', "T"))).output().expect("hw starts")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `hw`, which must end with a code, and say some words.
fn told(project: &TestProject, moment: &str, arguments: &[&str], code: i32, words: &[&str]) -> String {
    let output = at(project, moment, arguments);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no {word:?} in {text}");
    }
    text
}

const NOON: &str = "2026-01-12 12:00";

fn plan(project: &TestProject, more: &[&str]) -> String {
    let mut arguments = vec!["backfill", "plan", "--select", "facts", "--reason", "prices were wrong"];
    arguments.extend(more);
    told(project, NOON, &arguments, 0, &[])
}

fn range(project: &TestProject) -> String {
    plan(project, &["--from", "2026-01-04", "--to", "2026-01-07"])
}

/// The one plan's JSON, or Markdown.
fn plan_file(project: &TestProject, extension: &str) -> (String, String) {
    let files = std::fs::read_dir(project.path("backfills")).expect("plans").flatten().map(|entry| entry.path());
    let mut found = files.filter(|path| path.extension().is_some_and(|other| other == extension));
    let path = found.next().expect("a plan");
    assert!(found.next().is_none(), "one plan");
    let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
    (stem, std::fs::read_to_string(path).expect("a plan"))
}

#[test]
fn a_plan_says_what_it_touches_and_needs_and_twice_the_same() {
    let project = shop();
    project.sql(CORRECTION);
    let shown = range(&project);
    for words in [
        "used by: dashboard board (Ben)",
        "metrics: margin, mean, orders, paid, revenue, so_far",
        "owners: Ben, Finance (finance@example.com)",
        "while it runs",
        "is free",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    let files = || (plan_file(&project, "json"), plan_file(&project, "md"));
    let first = files();
    assert_eq!(range(&project), shown);
    assert_eq!(files(), first, "planning twice differs");
    assert!(first.1.1.contains("room: side tables take about"), "{}", first.1.1);
}

#[test]
fn metrics_are_compared_and_more_movement_than_is_stated_publishes_nothing() {
    let project = shop();
    let layer = project.read("models/layer.yml");
    let stated = |tolerance: &str| {
        let meta = format!(", config: {{meta: {{highwater: {{backfill: {{tolerance: {tolerance}}}}}}}}}}}");
        let revenue = "type_params: {measure: revenue}}";
        project.write(
            "models/layer.yml",
            &layer.replacen(revenue, &format!("{}{meta}", &revenue[..revenue.len() - 1]), 1),
        );
    };
    stated("0.05");
    project.sql(CORRECTION);
    assert!(range(&project).contains("revenue (may move by 5 %)"));
    told(
        &project,
        NOON,
        &["backfill", "apply", "latest"],
        1,
        &["HW0807", "metric revenue: moves from 1200.00 to 1320.00, and 0.05 of it is allowed"],
    );
    stated("0.1");
    let output = at(&project, NOON, &["backfill", "resume", "latest", "--output", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("json");
    let metrics = answer["audit"]["metrics"].as_array().expect("metrics");
    let words: Vec<String> = metrics
        .iter()
        .map(|metric| {
            let text = |key: &str| metric[key].as_str().unwrap_or("-");
            format!("{} {} {} {}", text("name"), text("before"), text("after"), text("not_compared"))
        })
        .collect();
    assert_eq!(
        words,
        [
            "margin 1176 1296 -",
            "mean 100 110 -",
            "orders 12 12 -",
            "paid 900.00 990.00 -",
            "revenue 1200.00 1320.00 -",
            "so_far - - a cumulative metric is more than what its partitions hold",
        ]
    );
    assert_eq!(answer["state"], "published");
}

#[test]
fn what_verify_finds_in_models_on_other_strategies_is_repaired_by_a_backfill_of_exactly_that() {
    let project = shop();
    project.sql(CORRECTION);
    told(&project, NOON, &["run", "--select", "facts", "days"], 0, &[]);
    let shown = told(
        &project,
        NOON,
        &["verify", "--repair"],
        0,
        &["12 days compared with a rebuild: 3 differ", "repaired, and compared again", "mended by backfill"],
    );
    assert!(!shown.contains("not compared"), "{shown}");
    let (_, text) = plan_file(&project, "json");
    let plan: Value = serde_json::from_str(&text).expect("a plan");
    let models = plan["plan"]["models"].as_array().expect("models");
    let named: Vec<String> = models.iter().map(|model| format!("{} {}", model["label"], model["partitions"])).collect();
    assert_eq!(named, [r#""batched" ["2026-01-04..2026-01-06"]"#, r#""newest" ["2026-01-04..2026-01-06"]"#]);
    told(&project, "2026-01-12 13:00", &["verify"], 0, &["newest", "equal"]);
    // It can be undone, and what was found then is what verify finds.
    told(&project, NOON, &["backfill", "rollback", "latest"], 0, &["3 partitions put back"]);
    told(&project, "2026-01-12 14:00", &["verify", "newest"], 1, &["3 differ"]);
    told(&project, NOON, &["backfill", "apply", "latest"], 0, &["newest  compared with a rebuild: equal"]);
    // What was compared by the backfill differs no more.
    let again = ["backfill", "plan", "--select", "newest", "--different", "--reason", "again"];
    told(&project, NOON, &again, 2, &["HW0810"]);
}

#[test]
fn a_repair_that_wants_approvals_is_planned_only() {
    let project = shop();
    project.write(
        "models/approved.yml",
        "models:\n  - name: newest\n    config: {meta: {highwater: {backfill: {approvals: 1}}}}\n",
    );
    project.sql(CORRECTION);
    let shown = told(&project, NOON, &["verify", "newest", "--repair"], 1, &["planned as backfill", "1 more approval"]);
    assert!(!shown.contains("repaired"), "{shown}");
    told(&project, NOON, &["backfill", "apply", "latest"], 2, &["HW0803"]);
    told(&project, NOON, &["backfill", "approve", "latest", "--name", "Ana"], 0, &["1 of 1"]);
    // Whoever approves approves this plan, to the letter.
    let (id, text) = plan_file(&project, "json");
    project.write(&format!("backfills/{id}.json"), &text.replace("found them different", "liked them better"));
    told(&project, NOON, &["backfill", "apply", &id], 2, &["HW0802"]);
    project.write(&format!("backfills/{id}.json"), &text);
    told(&project, NOON, &["backfill", "apply", &id], 0, &["published"]);
    told(&project, NOON, &["verify", "newest"], 0, &["equal"]);
}

#[test]
fn a_repair_that_cannot_be_planned_keeps_nothing_back() {
    let project = shop();
    project.sql(CORRECTION);
    let plan = ["backfill", "plan", "--select", "newest", "--partitions", "2026-01-04", "--reason", "r"];
    told(&project, NOON, &plan, 0, &[]);
    let (first, _) = plan_file(&project, "json");
    told(&project, NOON, &["backfill", "apply", &first, "--stage-only"], 0, &["staged"]);
    told(&project, NOON, &["verify", "newest", "--repair"], 1, &["3 differ", "HW0806"]);
    told(&project, NOON, &["backfill", "resume", &first], 0, &["newest  compared with a rebuild: equal"]);
    told(&project, NOON, &["verify", "newest", "--repair"], 0, &["2 differ", "mended by backfill"]);
}

#[test]
fn a_plan_expires() {
    let project = shop();
    project.sql(CORRECTION);
    range(&project);
    told(
        &project,
        "2026-02-20 12:00",
        &["backfill", "apply", "latest"],
        2,
        &["HW0804", "39 days old, and expired after 30"],
    );
    told(&project, "2026-02-10 12:00", &["backfill", "apply", "latest"], 0, &["published"]);
}

#[test]
fn old_rows_go_when_they_are_kept_no_longer() {
    let project = shop();
    let kept = || project.count("select count(*) from duckdb_tables() where table_name like 'backfill%old'");
    project.sql(CORRECTION);
    range(&project);
    told(&project, NOON, &["backfill", "apply", "latest"], 0, &["published"]);
    let (first, _) = plan_file(&project, "json");
    assert_eq!(kept(), 2);
    project.sql("update orders set amount = 1 where id = 47");
    std::fs::remove_file(project.path(&format!("backfills/{first}.md"))).expect("the file");
    plan(&project, &["--partitions", "2026-01-12"]);
    // The next backfill of any model sweeps.
    told(&project, "2026-01-27 12:00", &["backfill", "apply", "latest"], 0, &["published"]);
    assert_eq!(kept(), 2, "those of the first are gone, those of the second are there");
    let too_late = ["HW0813", "its old rows were kept until 2026-01-26", "meta.highwater.backfill.keep"];
    told(&project, "2026-01-27 13:00", &["backfill", "rollback", &first], 2, &too_late);
    told(&project, "2026-02-10 12:00", &["backfill", "status", "latest"], 0, &["undoes it, until 2026-02-10"]);
    told(&project, "2026-02-11 12:00", &["backfill", "rollback", "latest"], 2, &["kept until 2026-02-10"]);
    told(&project, "2026-02-10 12:00", &["backfill", "rollback", "latest"], 0, &["1 partition put back"]);
}

#[test]
fn batches_hold_about_as_many_rows_as_they_may_and_several_are_staged_at_a_time() {
    let project = shop();
    project.sql("update orders set amount = amount + 1");
    plan(&project, &["--from", "2026-01-01", "--to", "2026-01-13"]);
    let staging = ["--max-rows-per-batch", "8", "--threads", "4"];
    let apply = [&["backfill", "apply", "latest", "--output", "json"], staging.as_slice()].concat();
    let output = at(&project, NOON, &apply);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let rows: Vec<&str> = talk.lines().filter(|line| line.contains("staged facts")).collect();
    assert_eq!(rows.len(), 6, "{talk}");
    assert!(rows.iter().all(|line| line.contains("  8 rows") || line.contains("  4 rows")), "{talk}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("json");
    let facts = |list: &str, key: &str| answer[list][0][key].clone();
    assert_eq!((facts("published", "replaced"), facts("verified", "outcome")), (Value::from(12), Value::from("equal")));
    assert_eq!((&answer["paused"], &answer["batches"]), (&Value::from(false), &serde_json::json!([9, 9])));
}

#[test]
fn answers_as_json() {
    let project = shop();
    project.sql(CORRECTION);
    let json = |arguments: &[&str]| -> Value {
        let output = at(&project, NOON, &[arguments, &["--output", "json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", said(&output)))
    };
    let planned =
        json(&["backfill", "plan", "--select", "facts", "--partitions", "2026-01-04", "--reason", "prices were wrong"]);
    let id = planned["backfill"].as_str().expect("an id").to_owned();
    assert_eq!(planned["plan"]["models"][0]["partitions"], serde_json::json!(["2026-01-04"]));
    assert!(["plenty", "enough"].contains(&planned["room"].as_str().expect("room")), "{planned}");
    assert_eq!(json(&["backfill", "approve", &id, "--name", "Ana"])["approvals"][0]["name"], "Ana");
    assert_eq!(json(&["backfill", "status", &id])["entry"]["state"], "planned");
    assert_eq!(json(&["backfill", "apply", &id, "--stage-only"])["state"], "staged");
    assert_eq!(json(&["backfill", "resume", &id])["state"], "published");
    assert_eq!(json(&["backfill", "list"])["backfills"][0]["state"], "published");
    assert_eq!(json(&["backfill", "show", &id])["file"]["hash"], planned["hash"]);
    assert_eq!(json(&["backfill", "rollback", &id])["models"][0]["partitions"], 1);
    assert_eq!(json(&["backfill", "abandon", &id])["state"], "abandoned");
    let refused = json(&["backfill", "apply", &id]);
    assert_eq!(refused["diagnostics"][0]["code"], "HW0808", "{refused}");
}

#[test]
fn one_backfill_is_open_on_a_model() {
    let project = shop();
    project.sql("update orders set amount = amount + 1");
    let json = |day: &str| -> String {
        let arguments =
            ["backfill", "plan", "--select", "facts", "--partitions", day, "--reason", "r", "--output", "json"];
        let output = at(&project, NOON, &arguments);
        let plan: Value = serde_json::from_slice(&output.stdout).expect("a plan");
        plan["backfill"].as_str().expect("an id").to_owned()
    };
    let (first, second) = (json("2026-01-04"), json("2026-01-06"));
    told(&project, NOON, &["backfill", "apply", &first, "--stage-only"], 0, &["staged"]);
    told(&project, NOON, &["backfill", "apply", &second], 2, &["HW0806", &first]);
    told(&project, NOON, &["backfill", "resume", &first], 0, &["published"]);
}

/// Applies with a row a batch, and sends Ctrl-C once some are staged; `times` of them. Returns how it ended.
fn interrupted(project: &TestProject, times: usize) -> Output {
    let mut command = project.command(&["backfill", "apply", "latest", "--max-rows-per-batch", "1", "--threads", "1"]);
    command.env("HW_NOW", "2026-01-12T12:00:00Z").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("hw starts");
    let mut talk = BufReader::new(child.stderr.take().expect("its talk"));
    let mut line = String::new();
    while !line.contains("3 of ") {
        line.clear();
        assert!(talk.read_line(&mut line).expect("a line") > 0, "it ended before");
    }
    for _ in 0..times {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        if times > 1 {
            while !line.contains("again to stop at once") {
                line.clear();
                assert!(talk.read_line(&mut line).expect("a line") > 0, "it ended before");
            }
        }
    }
    // Whoever does not read on keeps it from talking.
    std::thread::spawn(move || std::io::copy(&mut talk, &mut std::io::sink()));
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_backfill_that_runs_elsewhere_says_how_far_it_is() {
    let project = shop();
    project.sql("update orders set amount = amount + 1");
    plan(&project, &["--from", "2026-01-01", "--to", "2026-01-13"]);
    let mut command = project.command(&["backfill", "apply", "latest", "--max-rows-per-batch", "1", "--threads", "1"]);
    command.env("HW_NOW", "2026-01-12T12:00:00Z").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("hw starts");
    let mut talk = BufReader::new(child.stderr.take().expect("its talk"));
    let mut line = String::new();
    while !line.contains("3 of ") {
        line.clear();
        assert!(talk.read_line(&mut line).expect("a line") > 0, "it ended before");
    }
    // Held still, so that it is at work for as long as somebody asks.
    let signal = |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(signal("-STOP").success());
    let words = [format!("at work in process {}: ", child.id()), " of 24 batches staged".to_owned()];
    told(&project, NOON, &["backfill", "status", "latest"], 0, &[&words[0], &words[1]]);
    assert!(signal("-KILL").success());
    child.wait().expect("gone");
    told(&project, NOON, &["backfill", "status", "latest"], 0, &["staging: ", " of 24 batches staged"]);
    told(&project, NOON, &["backfill", "resume", "latest"], 0, &["published"]);
    let page = {
        told(&project, NOON, &["runbook"], 0, &[]);
        project.read("RUNBOOK.md")
    };
    assert!(page.contains("- last backfill: 12 partitions in "), "{page}");
}

#[test]
fn an_interrupted_backfill_is_paused_and_goes_on() {
    let project = shop();
    project.sql("update orders set amount = amount + 1");
    plan(&project, &["--from", "2026-01-01", "--to", "2026-01-13"]);
    let output = interrupted(&project, 1);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains(" paused: ") && shown.contains("hw backfill resume"), "{shown}");
    told(&project, NOON, &["backfill", "status", "latest"], 0, &["paused: "]);
    told(&project, NOON, &["backfill", "list"], 0, &["paused"]);
    assert_eq!(project.count("select count(*) from facts where amount <> 100"), 0, "something was published");
    let resumed = told(&project, NOON, &["backfill", "resume", "latest"], 0, &["published"]);
    assert!(!resumed.contains("  1 of "), "it began again: {resumed}");
    told(&project, NOON, &["verify", "facts", "days"], 0, &["equal"]);
}

#[test]
fn interrupted_twice_it_stops_at_once_and_goes_on_all_the_same() {
    let project = shop();
    project.sql("update orders set amount = amount + 1");
    plan(&project, &["--from", "2026-01-01", "--to", "2026-01-13"]);
    let output = interrupted(&project, 2);
    // It may have come to a stop between the two.
    assert!(output.status.code().is_none_or(|code| code == 1), "{:?}", output.status);
    told(&project, NOON, &["backfill", "resume", "latest"], 0, &["published"]);
    told(&project, NOON, &["verify", "facts", "days"], 0, &["equal"]);
}
