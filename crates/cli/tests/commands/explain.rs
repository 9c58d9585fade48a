//! `hw explain`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_how_a_model_is_kept() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    assert_snapshot!(project.hw(&["explain", "daily_revenue"]), @"");
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
    assert_snapshot!(project.hw(&["explain", "top_days"]), @"");
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
    assert_snapshot!(project.hw(&["explain", "a", "b", "c"]), @"");
    assert_snapshot!(project.hw(&["explain", "d"]), @"");
    assert_snapshot!(project.hw(&["explain"]), @"");
}
