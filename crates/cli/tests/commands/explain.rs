//! `hw explain`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_how_a_model_is_kept() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    assert_snapshot!(project.hw(&["explain", "daily_revenue"]), @r#"
    exit 0
    --- stdout
    daily_revenue is EXACT-INTERVAL: rebuilt by day of day, only the days that changed.

      raw_orders   drives the day (ordered_at)
                   a changed row dirties its day
                   detector: fingerprint of 2 columns by day; no promise needed

    note[HW0707]: sum() adds up binary fractions: its last digits depend on the order of the rows, so that partitions built at different times may differ from a rebuild there; hw verify takes them for equal within a billionth
      ┌─ models/daily_revenue.sql:2:61
      │
    2 │ select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
      │                                                             ^^^
      │
      hint: for digits that never differ, add up decimals: sum(cast(... as decimal(18, 4)))
      2 rows now
    "#);
}

#[test]
fn quotes_what_stands_in_the_way() {
    let project = TestProject::new(SHOP);
    project.write(
        "models/top_days.sql",
        "{{ config(materialized='incremental', incremental_strategy='exact', event_time='day', batch_size='day') }}\n\
         select day, revenue,\n  rank() over (order by revenue desc) as place\nfrom {{ ref('daily_revenue') }}\n",
    );
    project.ok(&["build"]);
    assert_snapshot!(project.hw(&["explain", "top_days"]), @r#"
    exit 0
    --- stdout
    top_days is FULL: rebuilt whole whenever an input changes.

      daily_revenue   read whole
                      any change dirties everything: a window without partition by looks at all rows: one changed row can change every other
                      detector: swap feed of daily_revenue; sees what runs of daily_revenue wrote; a change by hand is mended by daily_revenue's next run

    warning[HW0706]: a window without partition by looks at all rows: one changed row can change every other
      ┌─ models/top_days.sql:3:3
      │
    3 │   rank() over (order by revenue desc) as place
      │   ^^^^
      │
      hint: partition the window by the month, the day or a key; or look along time: order by the event time, range between interval 7 days preceding and current row
      2 rows now
    "#);
}

#[test]
fn says_what_other_models_are() {
    let project = TestProject::new(
        "
=== models/a.sql
select 1 as id
=== models/b.sql
{{ config(materialized='table') }} select * from {{ ref('a') }}
=== models/c.sql
{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('a') }}
",
    );
    assert_snapshot!(project.hw(&["explain", "a", "b", "c"]), @r#"
    exit 0
    --- stdout
    a is a view: nothing is stored, so it is always what its query says.

    b is a table: rebuilt whole by every run.

    c is incremental but not exact (the adapter's default strategy): it runs as dbt runs it; late, moved and deleted rows stay as they were.
      to make it exact: incremental_strategy='exact', with event_time and batch_size, or unique_key
    "#);
    assert_snapshot!(project.hw(&["explain", "d"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0705]: no model is called `d`
      hint: hw ls --resource-type model lists the models there are
    "#);
    assert_snapshot!(project.hw(&["explain"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0704]: no model of this project is exact
      hint: name a model to see how it is treated: hw explain MODEL
    "#);
}
