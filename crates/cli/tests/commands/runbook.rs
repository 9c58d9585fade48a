//! `hw runbook`

use insta::assert_snapshot;

use crate::TestProject;

const SHOP: &str = "\
=== models/orders.sql
{{ config(materialized='incremental', incremental_strategy='exact', event_time='ordered_at', batch_size='day', begin='2026-11-01', unique_key='id') }}
select 1 as id, timestamp '2026-11-01 10:00:00' as ordered_at
=== models/ledgered.sql
{{ config(materialized='incremental', unique_key='id', full_refresh=false, group='finance') }}select id from {{ ref('orders') }}
=== models/totals.sql
{{ config(materialized='table', meta={'owner': 'ada'}) }}select count(*) as n from {{ ref('orders') }}
=== models/models.yml
groups: [{name: finance, owner: {name: Finance, email: finance@example.com}}]
models:
- name: orders
  config: {meta: {highwater: {audits: before, backfill: {approvals: 2}}}}
  columns: [{name: id, data_tests: [unique]}]
exposures: [{name: board, label: Revenue board, type: dashboard, owner: {name: Eve}, depends_on: [ref('totals')]}]
";

#[test]
fn the_page_of_a_project() {
    let project = TestProject::new(SHOP);
    project.ok(&["runbook", "--no-timings"]);
    let page = project.read("RUNBOOK.md");
    let models = page.split("## The models").nth(1).expect("a part on models");
    assert_snapshot!(models, @r#"
Parents first. A backfill takes along what reads the model.

### orders

- table `main.orders`, exact, rebuilt by day of `ordered_at`
- one row per `id`
- begins 2026-11-01
- owner: nobody is named (`meta.owner`, or a group)
- read by `ledgered`, `totals`
- used by Revenue board (Eve)
- guarded, before anything is published, by `unique_orders_id`
- approvals that a backfill wants: 2

```console
$ hw backfill plan --select orders --from FIRST --to BEHIND_LAST --reason 'WHY'
$ hw backfill approve ID --name NAME
$ hw backfill apply ID
$ hw verify orders
$ hw backfill rollback ID
```

### ledgered

- table `main.ledgered`, default, rebuilt by key (`id`)
- one row per `id`
- owner: Finance (finance@example.com)
- guarded by no test
- protected: a full refresh leaves its rows

```console
$ hw backfill plan --select ledgered --partitions KEY --reason 'WHY'
$ hw backfill approve ID --name NAME
$ hw backfill apply ID
$ hw verify ledgered
$ hw backfill rollback ID
```

### totals

- table `main.totals`, table, rebuilt as a whole
- owner: ada
- used by Revenue board (Eve)
- guarded by no test

```console
$ hw run --select totals+
```

Every run builds it anew: there is nothing to backfill.
"#);
    assert!(page.contains("Protected (`full_refresh: false`): ledgered."), "{page}");
}

#[test]
fn a_check_that_does_not_mind_timings() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["runbook", "--check"]), @r#"
exit 1
--- stderr
error[HW0602]: there is no RUNBOOK.md beside dbt_project.yml
  hint: write it anew, and commit it: hw runbook
"#);
    project.ok(&["run"]);
    project.ok(&["verify"]);
    project.ok(&["runbook"]);
    let page = project.read("RUNBOOK.md");
    assert!(
        page.contains("- last whole build: ") && page.contains("- last comparison with a rebuild: equal, of all, in"),
        "{page}"
    );
    project.ok(&["runbook", "--check"]);
    project.write("models/more.sql", "{{ config(materialized='table') }}select 1 as id");
    assert_snapshot!(project.hw(&["runbook", "--check"]), @r#"
exit 1
--- stderr
error[HW0602]: RUNBOOK.md is not what the project says now, from line 31 on
  hint: write it anew, and commit it: hw runbook
"#);
    project.ok(&["runbook"]);
    project.ok(&["runbook", "--check"]);
}

#[test]
fn the_one_of_the_example_is_current() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
    let folder = example.to_str().expect("a path");
    let project = TestProject::new(SHOP);
    project.ok(&["runbook", "--check", "--project-dir", folder, "--profiles-dir", folder]);
}
