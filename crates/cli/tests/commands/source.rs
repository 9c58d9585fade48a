//! `hw source freshness`

use serde_json::Value;

use crate::TestProject;

const PROJECT: &str = "
=== models/sources.yml
sources:
  - name: raw
    schema: main
    config:
      loaded_at_field: loaded_at
      freshness:
        warn_after: {count: 12, period: hour}
        error_after: {count: 1, period: day}
    tables:
      - name: fresh
      - name: slow
      - name: stale
      - name: empty
      - name: asked
        config:
          loaded_at_field: null
          loaded_at_query: \"select max(loaded_at) from {{ this }}\"
      - name: unwatched
        config: {freshness: null}
";

#[test]
fn sources_pass_warn_and_fail_by_their_age() {
    let project = TestProject::new(&PROJECT.replace("from {{ this }}", "from main.fresh"));
    project.sql(
        "create table fresh as select timestamp '2026-02-01 23:00:00' as loaded_at;
         create table slow as select timestamp '2026-02-01 10:00:00' as loaded_at;
         create table stale as select date '2026-01-01' as loaded_at;
         create table empty as select timestamp '2026-02-01 10:00:00' as loaded_at limit 0;
         create table asked as select 1 as one;",
    );
    let output = project.command(&["source", "freshness"]).env("HW_NOW", "2026-02-02T00:00:00Z").output().expect("hw");
    let told = project.report(&output);
    assert!(told.starts_with("exit 1"), "{told}");
    for line in ["PASS freshness of raw.fresh", "WARN freshness of raw.slow", "ERROR STALE freshness of raw.stale"] {
        assert!(told.contains(line), "{told}");
    }
    assert!(!told.contains("unwatched"), "{told}");
    let sources: Value = serde_json::from_str(&project.read("target/sources.json")).expect("JSON");
    assert_eq!(sources["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/sources/v3.json");
    let statuses: Vec<(&str, &str)> = sources["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|result| (result["unique_id"].as_str().expect("an id"), result["status"].as_str().expect("a status")))
        .collect();
    assert_eq!(
        statuses,
        [
            ("source.shop.raw.fresh", "pass"),
            ("source.shop.raw.slow", "warn"),
            ("source.shop.raw.stale", "error"),
            ("source.shop.raw.empty", "error"),
            ("source.shop.raw.asked", "pass"),
        ]
    );
    assert_eq!(sources["results"][0]["max_loaded_at_time_ago_in_s"], 3600.0);
}

#[test]
fn a_source_that_cannot_be_asked_is_an_error_of_its_own() {
    let project = TestProject::new(PROJECT);
    let told = project.hw(&["source", "freshness", "--select", "source:raw.fresh"]);
    assert!(told.starts_with("exit 1") && told.contains("ERROR freshness of raw.fresh"), "{told}");
    let sources: Value = serde_json::from_str(&project.read("target/sources.json")).expect("JSON");
    assert_eq!(sources["results"][0]["status"], "runtime error");
}
