//! The selection syntax.

use highwater::manifest::select::{Indirect, Selection, select};
use highwater::manifest::{Manifest, ResourceType};

use crate::support::{build, folder, options, shown, try_build};

/// raw -> stg_orders, stg_customers -> orders -> report; two tests, one of them on two models.
const FILES: &str = r#"==> dbt_project.yml
name: shop
profile: shop
models: {shop: {staging: {+tags: staging}, marts: {+materialized: table}}}
==> models/staging/stg_orders.sql
select * from {{ source('raw', 'orders') }}
==> models/staging/stg_customers.sql
select * from {{ ref('raw_customers') }}
==> models/marts/orders.sql
{{ config(tags=['nightly', 'core'], meta={'owner': {'team': 'a'}}, group='finance', access='private') }}
select * from {{ ref('stg_orders') }} join {{ ref('stg_customers') }} using (id)
==> models/marts/report.sql
{{ config(materialized='view', tags=['nightly'], group='finance') }} select * from {{ ref('orders') }}
==> models/dim_v1.sql
select 1 as id
==> models/dim_v2.sql
select 1 as id
==> seeds/raw_customers.csv
id
1
==> tests/lonely.sql
select * from {{ ref('report') }}
==> analyses/look.sql
select 1
==> models/schema.yml
groups: [{name: finance, owner: {name: x}}]
models:
  - name: orders
    columns: [{name: id, tests: [unique, {relationships: {to: ref('stg_customers'), field: id, severity: warn}}]}]
  - name: stg_customers
    columns: [{name: id, tests: [not_null]}]
  - {name: dim, versions: [{v: 1}, {v: 2}]}
sources: [{name: raw, tables: [{name: orders}, {name: other}]}]
exposures: [{name: board, type: dashboard, owner: {name: x}, depends_on: [ref('report')]}]
metrics: [{name: revenue, type: simple}]
==> dbt_packages/utils/dbt_project.yml
name: utils
==> dbt_packages/utils/models/calendar.sql
select 1 as id
==> selectors.yml
selectors:
  - {name: nightly, definition: "tag:nightly"}
  - name: tree
    definition:
      union:
        - {method: tag, value: nightly, children: true}
        - intersection: ["path:models/staging", {method: fqn, value: stg_orders}]
        - exclude: [{method: selector, value: nightly}]
  - {name: circle, definition: {method: selector, value: circle}}
"#;

fn manifest() -> Manifest {
    build(FILES).0
}

/// The last parts of the ids, tests without their hash.
fn names(manifest: &Manifest, selection: &Selection) -> String {
    match select(manifest, selection) {
        Err(error) => shown(&[error]),
        Ok(ids) if ids.is_empty() => "nothing".to_owned(),
        Ok(ids) => {
            let short = |id: &String| {
                let parts: Vec<&str> = id.split('.').collect();
                if parts[0] == "test" { parts[2].to_owned() } else { parts[2..].join(".") }
            };
            ids.iter().map(short).collect::<Vec<_>>().join(" ")
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// One line for every selection: `select | exclude -> names`.
fn table(lines: &[&str], indirect: Indirect) -> String {
    let manifest = manifest();
    let row = |line: &&str| {
        let (select, exclude) = line.split_once(" | ").unwrap_or((line, ""));
        let selection = Selection { select: words(select), exclude: words(exclude), indirect, ..Selection::default() };
        format!("{line:<40} {}", names(&manifest, &selection))
    };
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// dbt looks for what a path names in the project's own folder, and compares that with the paths of packages, too.
#[test]
fn a_path_is_one_of_the_project_and_means_the_like_in_packages() {
    let folder = folder(
        "==> models/own.sql
select 1 as id
==> dbt_packages/utils/dbt_project.yml
name: utils
model-paths: [models, more]
==> dbt_packages/utils/models/calendar.sql
select 1 as id
==> dbt_packages/utils/more/deep/other.sql
select 1 as id
",
    );
    let (manifest, _) = try_build(&folder, &options(&folder)).unwrap_or_else(|errors| panic!("{errors}"));
    let of = |path: &str| names(&manifest, &Selection { select: words(path), ..Selection::default() });
    assert_eq!(
        ["path:models", "path:models/calendar.sql", "path:more", "path:more/*"].map(of),
        ["own calendar", "nothing", "nothing", "nothing"]
    );
}

#[test]
fn methods() {
    insta::assert_snapshot!(table(&[
        "orders", "shop.marts", "marts.orders", "staging", "shop.staging.stg_orders", "utils", "calendar", "stg_*", "shop.*.orders", "*orders",
        "dim", "dim.v1", "dim_v2", "nosuch",
        "path:models/marts", "models/marts/orders.sql", "path:models/mar*", "path:models/**/stg_*.sql", "path:models/schema.yml", "path:seeds",
        "file:orders.sql", "orders.sql", "file:stg_*",
        "package:utils", "package:this,resource_type:seed", "tag:nightly", "tag:n*ly", "tag:staging",
        "config.materialized:table", "config.meta.owner.team:a", "config.tags:core", "config.enabled:true,resource_type:seed", "config.severity:WARN",
        "resource_type:source", "resource_type:exposure", "resource_type:analysis",
        "source:raw", "source:raw.orders", "source:shop.raw.o*", "exposure:board", "exposure:*", "metric:revenue",
        "group:finance", "access:private", "version:latest", "version:old", "version:none,path:models/marts",
        "test_name:unique", "test_type:singular", "test_type:generic", "test_type:data",
    ], Indirect::Empty), @r"
    orders                                   orders
    shop.marts                               orders report
    marts.orders                             orders
    staging                                  stg_customers stg_orders
    shop.staging.stg_orders                  stg_orders
    utils                                    calendar
    calendar                                 calendar
    stg_*                                    stg_customers stg_orders
    shop.*.orders                            orders
    *orders                                  orders stg_orders
    dim                                      dim.v1 dim.v2
    dim.v1                                   dim.v1
    dim_v2                                   dim.v2
    nosuch                                   nothing
    path:models/marts                        orders report
    models/marts/orders.sql                  orders
    path:models/mar*                         orders report
    path:models/**/stg_*.sql                 stg_customers stg_orders
    path:models/schema.yml                   dim.v1 dim.v2 orders stg_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id raw.orders raw.other board revenue
    path:seeds                               raw_customers
    file:orders.sql                          orders
    orders.sql                               orders
    file:stg_*                               stg_customers stg_orders
    package:utils                            calendar
    package:this,resource_type:seed          raw_customers
    tag:nightly                              orders report
    tag:n*ly                                 orders report
    tag:staging                              stg_customers stg_orders
    config.materialized:table                orders
    config.meta.owner.team:a                 orders
    config.tags:core                         orders
    config.enabled:true,resource_type:seed   raw_customers
    config.severity:WARN                     relationships_orders_id__id__ref_stg_customers_
    resource_type:source                     raw.orders raw.other
    resource_type:exposure                   board
    resource_type:analysis                   look
    source:raw                               raw.orders raw.other
    source:raw.orders                        raw.orders
    source:shop.raw.o*                       raw.orders raw.other
    exposure:board                           board
    exposure:*                               board
    metric:revenue                           revenue
    group:finance                            orders report
    access:private                           orders
    version:latest                           dim.v2
    version:old                              dim.v1
    version:none,path:models/marts           orders report
    test_name:unique                         unique_orders_id
    test_type:singular                       lonely
    test_type:generic                        unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    test_type:data                           lonely unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    ");
}

#[test]
fn operators() {
    insta::assert_snapshot!(table(&[
        "+orders", "1+orders", "orders+", "stg_orders+1", "1+orders+1", "@stg_orders", "@raw_customers", "+exposure:board", "source:raw.orders+",
        "+tag:nightly,path:models/staging", "stg_orders stg_customers", "stg_*,tag:staging", "tag:nightly | orders", "+orders+ | source:raw+ seed",
        " | resource_type:test resource_type:source",
    ], Indirect::Empty), @r"
    +orders                                  orders stg_customers stg_orders raw_customers raw.orders
    1+orders                                 orders stg_customers stg_orders
    orders+                                  orders report lonely unique_orders_id relationships_orders_id__id__ref_stg_customers_ board
    stg_orders+1                             orders stg_orders
    1+orders+1                               orders report stg_customers stg_orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    @stg_orders                              orders report stg_customers stg_orders lonely raw_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ raw.orders board
    @raw_customers                           orders report stg_customers stg_orders lonely raw_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id raw.orders board
    +exposure:board                          orders report stg_customers stg_orders raw_customers raw.orders board
    source:raw.orders+                       orders report stg_orders lonely unique_orders_id relationships_orders_id__id__ref_stg_customers_ raw.orders board
    +tag:nightly,path:models/staging         stg_customers stg_orders
    stg_orders stg_customers                 stg_customers stg_orders
    stg_*,tag:staging                        stg_customers stg_orders
    tag:nightly | orders                     report
    +orders+ | source:raw+ seed              stg_customers raw_customers
     | resource_type:test resource_type:source dim.v1 dim.v2 orders report stg_customers stg_orders look raw_customers calendar board revenue
    ");
}

#[test]
fn tests_come_along() {
    let lines = [
        "orders",
        "stg_customers",
        "orders stg_customers",
        "orders,tag:nightly",
        "report+",
        "orders | unique_orders_id",
        "tag:nightly | report",
    ];
    insta::assert_snapshot!(table(&lines, Indirect::Eager), @r"
    orders                                   orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    stg_customers                            stg_customers relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    orders stg_customers                     orders stg_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    orders,tag:nightly                       orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    report+                                  report lonely board
    orders | unique_orders_id                orders relationships_orders_id__id__ref_stg_customers_
    tag:nightly | report                     orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    ");
    insta::assert_snapshot!(table(&lines, Indirect::Cautious), @r"
    orders                                   orders unique_orders_id
    stg_customers                            stg_customers not_null_stg_customers_id
    orders stg_customers                     orders stg_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    orders,tag:nightly                       orders unique_orders_id
    report+                                  report lonely board
    orders | unique_orders_id                orders
    tag:nightly | report                     orders unique_orders_id
    ");
    insta::assert_snapshot!(table(&lines, Indirect::Buildable), @r"
    orders                                   orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    stg_customers                            stg_customers not_null_stg_customers_id
    orders stg_customers                     orders stg_customers unique_orders_id relationships_orders_id__id__ref_stg_customers_ not_null_stg_customers_id
    orders,tag:nightly                       orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    report+                                  report lonely board
    orders | unique_orders_id                orders relationships_orders_id__id__ref_stg_customers_
    tag:nightly | report                     orders unique_orders_id relationships_orders_id__id__ref_stg_customers_
    ");
    insta::assert_snapshot!(table(&lines, Indirect::Empty), @r"
    orders                                   orders
    stg_customers                            stg_customers
    orders stg_customers                     orders stg_customers
    orders,tag:nightly                       orders
    report+                                  report lonely board
    orders | unique_orders_id                orders
    tag:nightly | report                     orders
    ");
}

#[test]
fn kinds_and_selectors() {
    let manifest = manifest();
    let kinds = |kinds: &[ResourceType], not: &[ResourceType]| {
        let selection =
            Selection { resource_types: kinds.to_vec(), exclude_resource_types: not.to_vec(), ..Selection::default() };
        names(&manifest, &selection)
    };
    insta::assert_snapshot!(kinds(&[ResourceType::Seed, ResourceType::Source], &[]), @"raw_customers raw.orders raw.other");
    insta::assert_snapshot!(kinds(&[], &[ResourceType::Test, ResourceType::Model]), @"look raw_customers raw.orders raw.other board revenue");
    let selector = |name: &str| {
        names(
            &manifest,
            &Selection { selector: Some(name.to_owned()), indirect: Indirect::Empty, ..Selection::default() },
        )
    };
    insta::assert_snapshot!(selector("nightly"), @"orders report");
    insta::assert_snapshot!(selector("tree"), @"stg_orders lonely unique_orders_id relationships_orders_id__id__ref_stg_customers_ board");
    insta::assert_snapshot!(selector("nigtly"), @r"
    error HW0233: selectors.yml has no selector `nigtly`
      help: did you mean `nightly`?
    ");
    insta::assert_snapshot!(selector("circle"), @r#"
    error HW0234: the selector `circle` of selectors.yml cannot be read: it refers to itself
      help: write its definition as on the command line, definition: "tag:nightly,path:models/marts", or as a union of methods
    "#);
}

#[test]
fn what_cannot_be_selected() {
    insta::assert_snapshot!(table(&["state:modified+", "result:error", "tags:x", "nonsense:x", "@a+", "tag:", "resource_type:table", "test_type:x", "config:x"], Indirect::Eager), @r#"
state:modified+                          error HW0232: `state:modified+` compares with an earlier run, and none is named
  help: name the folder with its artifacts: --state path/to/artifacts
result:error                             error HW0232: `result:error` compares with an earlier run, and none is named
  help: name the folder with its artifacts: --state path/to/artifacts
tags:x                                   error HW0230: `tags:x`: there is no method `tags:`
  help: did you mean `tag:`?
nonsense:x                               error HW0230: `nonsense:x`: there is no method `nonsense:`
  help: the methods are fqn, tag, group, access, source, path, file, package, config, resource_type, test_name, test_type, exposure, metric, version, unit_test, state, result, source_status, semantic_model, saved_query
@a+                                      error HW0231: `@a+` cannot be selected: @ takes the children along already
  help: a criterion is a name or method:value, with + for parents in front or for children behind: 2+tag:nightly+
tag:                                     error HW0231: `tag:` cannot be selected: it says no name
  help: a criterion is a name or method:value, with + for parents in front or for children behind: 2+tag:nightly+
resource_type:table                      error HW0231: `resource_type:table`: there is no kind `table`
  help: the kinds are model, seed, snapshot, test, analysis, source, exposure, metric, unit_test, semantic_model, saved_query
test_type:x                              error HW0231: `test_type:x`: there are no `x` tests
  help: the types are generic, singular, data (both) and unit
config:x                                 error HW0231: `config:x` does not say which configuration
  help: write config.materialized:table
"#);
}
