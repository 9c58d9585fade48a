//! Snapshots: which versions are kept, when they end, and what becomes of rows and columns that come and go.

use highwater::run::Command;

use crate::project::Project;

const ROWS: &str =
    "select id, v, strftime(dbt_valid_from, '%m-%d'), case when dbt_valid_to is null then 'open' else 'closed' end";

/// A table of customers, and one snapshot of it with this configuration.
fn customers(config: &str) -> Project {
    let sql = format!("{{% snapshot kept %}}{{{{ config({config}) }}}}select * from raw.customers{{% endsnapshot %}}");
    let project = Project::new(&[("snapshots/kept.sql", &sql)]);
    project.execute(
        "create schema raw; create table raw.customers (id integer, v integer, moment timestamp);
         insert into raw.customers values (1, 10, '2026-01-01'), (2, 20, '2026-01-02'), (3, null, '2026-01-03')",
    );
    project
}

/// Changes a row, removes one, adds one.
fn change(project: &Project) {
    project.execute(
        "update raw.customers set v = 11, moment = '2026-02-01' where id = 1; delete from raw.customers where id = 2;
         insert into raw.customers values (4, 40, '2026-02-02')",
    );
}

#[test]
fn by_timestamp_a_later_moment_makes_a_version() {
    let project = customers("unique_key='id', strategy='timestamp', updated_at='moment'");
    assert_eq!(project.run(Command::Snapshot), "snapshot.shop.kept success OK");
    project.run(Command::Snapshot);
    assert_eq!(project.query("select count(*) from kept"), "3");
    change(&project);
    project.execute("update raw.customers set v = 33 where id = 3");
    project.run(Command::Snapshot);
    insta::assert_snapshot!(project.query(&format!("{ROWS} from kept order by id, v")), @"
    1 | 10 | 01-01 | closed
    1 | 11 | 02-01 | open
    2 | 20 | 01-02 | open
    3 | NULL | 01-03 | open
    4 | 40 | 02-02 | open
    ");
}

#[test]
fn by_check_a_difference_makes_a_version_and_null_differs_from_a_value() {
    let project = customers("unique_key='id', strategy='check', check_cols=['v'], hard_deletes='invalidate'");
    project.run(Command::Snapshot);
    change(&project);
    project.execute("update raw.customers set v = 33 where id = 3");
    project.run(Command::Snapshot);
    insta::assert_snapshot!(
        project.query("select id, v, dbt_valid_to is null, dbt_valid_from = dbt_updated_at from kept order by id, v"), @"
    1 | 10 | false | true
    1 | 11 | true | true
    2 | 20 | false | true
    3 | 33 | true | true
    3 | NULL | false | true
    4 | 40 | true | true
    ");
}

#[test]
fn what_is_gone_may_get_a_version_of_its_own_and_may_come_back() {
    let project = customers(
        "unique_key=['id'], strategy='timestamp', updated_at='moment', hard_deletes='new_record', \
         dbt_valid_to_current=\"timestamp '9999-12-31'\", \
         snapshot_meta_column_names={'dbt_valid_to': 'until', 'dbt_is_deleted': 'gone'}",
    );
    project.run(Command::Snapshot);
    change(&project);
    project.run(Command::Snapshot);
    project.run(Command::Snapshot);
    let rows = "select id, v, until = timestamp '9999-12-31', gone from kept order by id, dbt_valid_from";
    insta::assert_snapshot!(project.query(rows), @"
    1 | 10 | false | False
    1 | 11 | true | False
    2 | 20 | false | False
    2 | 20 | true | True
    3 | NULL | true | False
    4 | 40 | true | False
    ");
    project.execute("insert into raw.customers values (2, 20, '2026-03-03')");
    project.run(Command::Snapshot);
    insta::assert_snapshot!(project.query(&rows.replace("order", "where id = 2 order")), @"
    2 | 20 | false | False
    2 | 20 | true | False
    2 | 20 | false | True
    ");
}

#[test]
fn new_columns_are_added_and_gone_ones_stay() {
    let project = customers("unique_key='id', strategy='check', check_cols='all'");
    project.run(Command::Snapshot);
    project.execute(
        "alter table raw.customers add column city varchar; update raw.customers set city = 'Ulm' where id = 1",
    );
    project.run(Command::Snapshot);
    project.execute("alter table raw.customers drop column v");
    project.run(Command::Snapshot);
    insta::assert_snapshot!(project.query("select id, v, city, dbt_valid_to is null from kept order by 1, 4, 2, 3"), @"
    1 | 10 | NULL | false
    1 | 10 | Ulm | true
    2 | 20 | NULL | false
    2 | 20 | NULL | true
    3 | NULL | NULL | false
    3 | NULL | NULL | true
    ");
}

#[test]
fn properties_files_may_hold_whole_snapshots_and_a_build_runs_their_tests() {
    let project = Project::new(&[
        ("models/names.sql", "select 1 as id, 'Ada' as name"),
        ("models/after.sql", "select * from {{ ref('kept') }} where dbt_valid_to is null"),
        (
            "snapshots/kept.yml",
            "snapshots: [{name: kept, relation: ref('names'), config: {schema: past, strategy: check, unique_key: id,
             check_cols: [name]}, columns: [{name: id, data_tests: [unique]}]}]",
        ),
    ]);
    insta::assert_snapshot!(project.run(Command::Build), @"
    model.shop.names success OK
    snapshot.shop.kept success OK
    test.shop.unique_kept_id.04150bc490 pass
    model.shop.after success OK
    ");
    insta::assert_snapshot!(project.relations(), @"
    main.after view
    main.names view
    main_past.kept table
    ");
}

#[test]
fn a_strategy_may_be_a_macro() {
    let project = customers("unique_key='id', strategy='larger'");
    project.write(
        "macros/larger.sql",
        "{% macro snapshot_larger_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
           {% do return({'unique_key': 'id', 'updated_at': 'moment', 'scd_id': snapshot_hash_arguments(['id', 'v']),
             'row_changed': current_rel ~ '.v > ' ~ snapshotted_rel ~ '.v', 'invalidate_hard_deletes': false}) %}
         {% endmacro %}",
    );
    project.run(Command::Snapshot);
    project.execute("update raw.customers set v = 5 where id = 1; update raw.customers set v = 25 where id = 2");
    project.run(Command::Snapshot);
    assert_eq!(project.query("select id, v from kept order by all"), "1 | 10\n2 | 20\n2 | 25\n3 | NULL");
}

#[test]
fn a_table_that_is_no_snapshot_is_left_alone() {
    let project = customers("unique_key='id', strategy='check', check_cols='all'");
    project.execute("create table kept as select 1 as id");
    insta::assert_snapshot!(project.run(Command::Snapshot), @r#"
    snapshot.shop.kept error Compilation Error in snapshot kept (snapshots/kept.sql)
      Snapshot target is missing configured columns (missing "dbt_scd_id", "dbt_valid_from", "dbt_valid_to")
      in snapshot.shop.kept
      rename the columns of "shop"."main"."kept" to what the snapshot calls them now, or drop the table
    "#);
    let project = customers("unique_key='id', strategy='unknown'");
    insta::assert_snapshot!(project.run(Command::Snapshot), @"
    snapshot.shop.kept error Compilation Error in snapshot kept (snapshots/kept.sql)
      no macro 'snapshot_unknown_strategy' was found for the snapshot strategy 'unknown'
      in snapshot.shop.kept
    ");
}
