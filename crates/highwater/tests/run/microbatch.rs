//! Microbatch models: which batches are built, what each of them reads, and what becomes of the others when one fails.

use highwater::run::{Command, RunOptions, Window, execute};

use crate::project::{Project, lines};

/// Events of three days, and a model of them in batches of a day; time stands still at the end of the third.
fn shop(config: &str, query: &str) -> Project {
    let model = format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='moment', batch_size='day', \
         begin='2026-02-01', {config}) }}}}\n{query}"
    );
    let project = Project::new(&[
        ("models/sources.yml", "sources: [{name: raw, tables: [{name: events, config: {event_time: moment}}]}]"),
        ("models/daily.sql", &model),
    ]);
    project.execute(
        "create schema raw; create table raw.events (id integer, moment timestamp);
         insert into raw.events values (1, '2026-02-01 01:00'), (2, '2026-02-02 02:00'), (3, '2026-02-03 03:00')",
    );
    project
}

fn moment(text: &str) -> jiff::Timestamp {
    highwater::clock::parse(text).expect("a moment")
}

/// Runs as if it were the evening of a day of February 2026.
fn evening(day: u8) -> RunOptions {
    let invoked_at = Some(moment(&format!("2026-02-{day:02} 20:00:00")));
    RunOptions { invoked_at, ..RunOptions::new(Command::Run) }
}

const EVENTS: &str = "select * from {{ source('raw', 'events') }}";

#[test]
fn a_first_run_builds_every_batch_and_a_later_one_looks_back() {
    let project = shop("", EVENTS);
    let told = project.events(&evening(3));
    let batches = told.lines().filter_map(|line| line.strip_prefix("Info: Batch")?.split(" [OK").next());
    insta::assert_snapshot!(batches.collect::<Vec<_>>().join("\n"), @r#"
     1 of 3 OK created batch 2026-02-01 of main.daily
     2 of 3 OK created batch 2026-02-02 of main.daily
     3 of 3 OK created batch 2026-02-03 of main.daily
    "#);
    project.execute("insert into raw.events values (4, '2026-02-01 04:00'), (5, '2026-02-02 05:00'); delete from raw.events where id = 3");
    let results = project.results(&evening(3));
    // The late row of the first of February lies before the lookback; what is gone from the third is gone.
    assert_eq!(project.query("select id from daily order by id"), "1\n2\n5");
    insta::assert_snapshot!(serde_json::to_string(&results.results[0].batch_results).expect("JSON"), @r#"{"successful":[["2026-02-02T00:00:00+00:00","2026-02-03T00:00:00+00:00"],["2026-02-03T00:00:00+00:00","2026-02-04T00:00:00+00:00"]],"failed":[]}"#);
}

#[test]
fn every_batch_knows_itself_and_reads_its_window() {
    let query = "select id, '{{ model.batch.id }}' as batch, '{{ model.batch.event_time_start }}' as begins,
        {{ is_incremental() }} as incremental, moment from {{ source('raw', 'events') }}";
    let project = shop("", query);
    project.results(&evening(3));
    insta::assert_snapshot!(project.query("select * exclude (moment) from daily order by id"), @"
    1 | 20260201 | 2026-02-01 00:00:00+00:00 | false
    2 | 20260202 | 2026-02-02 00:00:00+00:00 | true
    3 | 20260203 | 2026-02-03 00:00:00+00:00 | true
    ");
    insta::assert_snapshot!(project.read("target/compiled/shop/models/daily/daily_2026-02-02.sql"), @r#"
    select id, '20260202' as batch, '2026-02-02 00:00:00+00:00' as begins,
            True as incremental, moment from (select * from "shop"."raw"."events" where moment >= '2026-02-02 00:00:00+00:00' and moment < '2026-02-03 00:00:00+00:00')
    "#);
    insta::assert_snapshot!(project.read("target/run/shop/models/daily/daily_2026-02-02.sql"), @r#"
    delete from "shop"."main"."daily"
    where moment >= '2026-02-02 00:00:00+00:00' and moment < '2026-02-03 00:00:00+00:00';
    insert into "shop"."main"."daily" ("id", "batch", "begins", "incremental", "moment")
    select "id", "batch", "begins", "incremental", "moment"
    from "daily__dbt_tmp"
    where moment >= '2026-02-02 00:00:00+00:00' and moment < '2026-02-03 00:00:00+00:00'
    "#);
}

#[test]
fn render_reads_everything_and_hooks_run_once() {
    let hooks =
        "pre_hook='create table if not exists hooked (t varchar)', post_hook=\"insert into hooked values ('x')\"";
    let project = shop(hooks, "select * from {{ source('raw', 'events').render() }}");
    project.results(&evening(3));
    // The first batch makes the table of its whole query; the others keep to their window of the result.
    assert_eq!(project.query("select count(*) from daily"), "3");
    assert_eq!(project.query("select count(*) from hooked"), "1");
}

#[test]
fn a_batch_that_fails_leaves_the_others_and_can_be_retried() {
    let query =
        "select id, moment, cast('{% if model.batch.id == '20260202' and var('broken', true) %}x{% else %}1{% endif %}'
        as integer) as n from {{ source('raw', 'events') }}";
    let project = shop("", query);
    project.write("models/after.sql", "select * from {{ ref('daily') }}");
    let results = project.results(&evening(3));
    insta::assert_snapshot!(lines(&results), @"
    model.shop.daily partial success PARTIAL SUCCESS (2/3)
    model.shop.after skipped skipped: model.shop.daily failed
    ");
    let batches = results.results[0].batch_results.clone().expect("batches");
    assert_eq!((batches.successful.len(), batches.failed.len()), (2, 1));
    project.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nvars: {broken: false}\n");
    let mut again = RunOptions::new(Command::Run);
    again.previous_batches.insert("model.shop.daily".to_owned(), batches);
    let results = project.results(&again);
    assert_eq!(results.results[0].batch_results.clone().expect("batches").successful.len(), 3);
    assert_eq!(project.query("select id from daily order by id"), "1\n2\n3");
}

#[test]
fn when_the_first_batch_fails_the_rest_is_not_tried() {
    let project = shop("", "select * from nowhere");
    let results = project.results(&evening(3));
    insta::assert_snapshot!(lines(&results), @r#"
    model.shop.daily error Database Error in model daily (models/daily.sql)
      Catalog Error: Table with name nowhere does not exist
      Did you mean "pg_indexes"?
      use ref() or source() for tables, so that they are built or loaded first
    "#);
    assert_eq!(results.results[0].batch_results.clone().expect("batches").failed.len(), 3);
}

#[test]
fn a_range_is_built_again_but_never_with_a_full_refresh() {
    let project = shop("", EVENTS);
    project.results(&evening(3));
    project.execute("update raw.events set id = id * 10");
    let range = Some(Window { start: moment("2026-02-02"), end: moment("2026-02-03") });
    project.results(&RunOptions { event_time: range, ..evening(3) });
    assert_eq!(project.query("select id from daily order by moment"), "1\n20\n3");
    let options = RunOptions { event_time: range, full_refresh: true, ..evening(3) };
    let refused = execute(&project.session(), &options, &|_| {}).expect_err("history would be lost");
    assert_eq!(refused[0].code, "HW0419");
    project.results(&RunOptions { full_refresh: true, ..evening(3) });
    assert_eq!(project.query("select id from daily order by moment"), "10\n20\n30");
    // Where nothing is lost it may be: rows that all lie in the range, and no table at all.
    project.execute("delete from daily where id <> 20; update raw.events set id = id + 1");
    project.results(&options);
    assert_eq!(project.query("select id from daily"), "21");
    project.execute("insert into daily values (7, null)");
    execute(&project.session(), &options, &|_| {}).expect_err("a row without a moment would be lost");
    project.execute("drop table daily");
    project.results(&options);
    assert_eq!(project.query("select id from daily"), "21");
}

#[test]
fn batches_side_by_side_come_to_the_same() {
    let project = shop("", "select id, moment from {{ source('raw', 'events') }}");
    project.execute(
        "insert into raw.events select range, timestamp '2026-02-01' + interval (range) hour from range(10, 600)",
    );
    project.results(&RunOptions { threads: Some(4), ..evening(28) });
    assert_eq!(project.query("select count(*) from daily"), "593");
    let again = project.results(&RunOptions { threads: Some(4), full_refresh: true, ..evening(28) });
    assert_eq!(again.results[0].message.as_deref(), Some("SUCCESS"));
    assert_eq!(project.query("select count(*), count(distinct id) from daily"), "593 | 593");
}

#[test]
fn a_sample_restricts_every_input_that_has_an_event_time() {
    let project = shop("", EVENTS);
    project.write("models/plain.sql", "select id from {{ source('raw', 'events') }}");
    let sample = Some(Window { start: moment("2026-02-01 12:00"), end: moment("2026-02-03 12:00") });
    project.results(&RunOptions { sample, ..evening(3) });
    assert_eq!(project.query("select id from plain order by id"), "2\n3");
    assert_eq!(project.query("select id from daily order by id"), "2\n3");
}

#[test]
fn a_unique_key_means_nothing_to_it() {
    let project = shop("unique_key='id'", EVENTS);
    project.results(&evening(1));
    insta::assert_snapshot!(lines(&project.results(&evening(1))), @"
    model.shop.daily error Compilation Error in model daily (models/daily.sql)
      the strategy microbatch does not support 'unique_key': it replaces windows of event_time; remove it, or use merge
      in model.shop.daily
    ");
}
