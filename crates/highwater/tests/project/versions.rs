//! Versioned models.

use crate::support::{build, errors};

const FILES: &str = "==> models/dim_v1.sql\nselect 1 as id, 2 as x
==> models/dim_new.sql\nselect 2 as id
==> models/uses.sql\nselect * from {{ ref('dim') }} union all select * from {{ ref('dim', v=1) }}
==> models/schema.yml
models:
  - name: dim
    description: all
    latest_version: 2
    config: {tags: [dim]}
    columns: [{name: id, tests: [not_null]}, {name: x}]
    versions:
      - {v: 1, description: first, config: {tags: [old], materialized: table}}
      - {v: 2, defined_in: dim_new, columns: [{include: '*', exclude: [x]}, {name: y}]}
";

#[test]
fn every_version_is_a_node_of_its_own() {
    let (manifest, warnings) = build(FILES);
    assert_eq!(warnings, "");
    let lines: Vec<String> = manifest
        .nodes
        .values()
        .map(|node| {
            let columns: Vec<&String> = node.columns.keys().collect();
            format!(
                "{} {} {:?} {:?} {}",
                node.unique_id, node.relation.identifier, node.tags, columns, node.description
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    model.shop.dim.v2 dim_v2 ["dim"] ["id", "y"] all
    model.shop.dim.v1 dim_v1 ["old", "dim"] ["id", "x"] first
    model.shop.uses uses [] [] 
    test.shop.not_null_dim_v2_id.972d436685 not_null_dim_v2_id [] [] 
    test.shop.not_null_dim_v1_id.d33fec4e6d not_null_dim_v1_id [] []
    "#);
    assert_eq!(manifest.nodes["model.shop.uses"].depends_on.nodes, ["model.shop.dim.v2", "model.shop.dim.v1"]);
    assert_eq!(manifest.nodes["model.shop.dim.v1"].fqn, ["shop", "dim", "v1"]);
}

#[test]
fn each_version_has_its_own_end_and_may_have_its_own_constraints() {
    let ends = FILES
        .replace("{v: 1, ", "{v: 1, deprecation_date: 2024-01-01, constraints: [{type: check, expression: x > 0}], ")
        .replace("latest_version: 2\n", "latest_version: 2\n    deprecation_date: 2030-01-01\n    constraints: [{type: primary_key, columns: [id]}]\n");
    let (manifest, _) = build(&ends);
    let told = ["model.shop.dim.v1", "model.shop.dim.v2"].map(|id| {
        let node = &manifest.nodes[id];
        format!("{:?} {}", node.deprecation_date, node.constraints[0]["type"])
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    Some("2024-01-01") "check"
    None "primary_key"
    "#);
}

#[test]
fn a_version_that_does_not_exist_is_an_error() {
    insta::assert_snapshot!(errors(&FILES.replace("v=1", "v=7")), @r"
    error HW0217: `ref('dim', v=7)` names a version that does not exist
      at models/uses.sql:1:22 `'dim'` (no such version)
      help: `dim` has the versions 2, 1
    ");
    insta::assert_snapshot!(errors(&FILES.replace("ref('dim', v=1)", "ref('uses2', v=1)")), @r"
    error HW0213: `ref('uses2', v=1)` names no model, seed or snapshot
      at models/uses.sql:1:63 `'uses2'` (not found in this project or its packages)
      help: did you mean `uses` (models/uses.sql)?
    ");
}

#[test]
fn a_version_without_a_file_has_no_effect() {
    let (_, warnings) = build(
        "==> models/dim.sql\nselect 1 as id\n==> models/s.yml\nmodels: [{name: dim, versions: [{v: 1}, {v: 2}]}]\n",
    );
    insta::assert_snapshot!(warnings, @r"
    warning HW0203: version 1 of `dim` has no file
      at models/s.yml:1:17 `dim`
      help: add dim_v1.sql, or name the file with `defined_in:`
    ");
}
