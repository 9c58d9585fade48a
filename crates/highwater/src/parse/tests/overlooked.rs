//! Naive variants: one reason to give up what is kept and to parse everything goes unseen. After an edit for which the reason is there
//! what is kept must differ from a whole parse without it, and not with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::PoisonError;

use super::{Call, alone, difference, project};
use crate::environment::tests::SET;
use crate::manifest::OVERLOOKED;
use crate::session::Session;

/// A file and its text.
type File = (&'static str, &'static str);

/// A properties file, and what stands in it when it says nothing.
const EXTRA: &str = "models/extra.yml";
const NOTHING: File = (EXTRA, "version: 2\n");
/// A source.
const CLICKS: &str = "sources: [{name: web, tables: [{name: clicks}]}]\n";
/// A model, without tests.
const ODD: &str = "models: [{name: odd, columns: [{name: id}]}]\n";

/// Reasons, what the project has besides, and the edit.
const EDITS: &[(&str, &[File], File)] = &[
    ("a file that others depend on changed", &[], ("models/docs.md", "{% docs sales %}Sold.{% enddocs %}\n")),
    ("there was something to say about a file", &[(EXTRA, "nothing: 1\n")], NOTHING),
    ("there is something to say about a file", &[NOTHING], (EXTRA, "nothing: 1\n")),
    ("a file does not hold together", &[], ("models/staging/orders.sql", "select {{ broken\n")),
    (
        "a file that changed holds more than nodes",
        &[NOTHING],
        (EXTRA, "exposures: [{name: chart, type: dashboard, owner: {name: ada}, depends_on: [ref('sales')]}]\n"),
    ),
    ("a file that changed described macros", &[], ("macros/macros.yml", "version: 2\n")),
    ("a file that changed held groups", &[(EXTRA, "groups: [{name: ops, owner: {name: ada}}]\n")], NOTHING),
    (
        "a file that changed held exposures",
        &[(EXTRA, "exposures: [{name: chart, type: dashboard, owner: {name: ada}, depends_on: [ref('sales')]}]\n")],
        NOTHING,
    ),
    (
        "a file that changed held metrics",
        &[(EXTRA, "metrics: [{name: sold, label: Sold, type: simple, type_params: {measure: amount}}]\n")],
        NOTHING,
    ),
    (
        "a file that changed held semantic models",
        &[(EXTRA, "semantic_models: [{name: sold, model: ref('sales')}]\n")],
        NOTHING,
    ),
    (
        "a file that changed held saved queries",
        &[(EXTRA, "saved_queries: [{name: all, query_params: {metrics: []}}]\n")],
        NOTHING,
    ),
    (
        "a file that changed held unit tests",
        &[(EXTRA, "unit_tests: [{name: none, model: sales, given: [], expect: {rows: []}}]\n")],
        NOTHING,
    ),
    (
        "a file that changed held unit tests",
        &[(
            EXTRA,
            "unit_tests: [{name: none, model: sales, given: [], expect: {rows: []}, config: {enabled: false}}]\n",
        )],
        NOTHING,
    ),
    ("a source changed", &[(EXTRA, CLICKS)], (EXTRA, "sources: [{name: web, tables: [{name: visits}]}]\n")),
    (
        "a source changed",
        &[(EXTRA, CLICKS)],
        (EXTRA, "sources: [{name: web, tables: [{name: clicks, description: Clicks.}]}]\n"),
    ),
    ("a source came or went", &[(EXTRA, CLICKS)], NOTHING),
    // The same once more is an error.
    (
        "a source came or went",
        &[(EXTRA, CLICKS)],
        (EXTRA, "sources: [{name: web, tables: [{name: clicks}, {name: clicks}]}]\n"),
    ),
    // Another model has this place, this group is nowhere, and others read the private model.
    ("a node looks different to others", &[], ("models/marts/odd.sql", "{{ config(alias='days') }}\nselect 1 as id\n")),
    (
        "a node looks different to others",
        &[],
        ("models/marts/odd.sql", "{{ config(group='nowhere') }}\nselect 1 as id\n"),
    ),
    (
        "a node looks different to others",
        &[],
        (
            "models/staging/payments.sql",
            "{{ config(group='finance', access='private') }}\nselect * from {{ ref('orders') }}\n",
        ),
    ),
    (
        "a node got a place in the database, or lost it",
        &[("models/marts/odd.sql", "{{ config(alias='days', materialized='ephemeral') }}\nselect 1 as id\n")],
        ("models/marts/odd.sql", "{{ config(alias='days') }}\nselect 1 as id\n"),
    ),
    // Of two models the second is as it was, and the first has a unit test.
    (
        "two nodes have one name",
        &[
            ("models/a/twin.sql", "select 1 as id\n"),
            ("models/b/twin.sql", "{{ config(enabled=false) }}\nselect 2 as id\n"),
            ("models/twins.yml", "models: [{name: twin, description: Twin.}]\n"),
            (EXTRA, "unit_tests: [{name: one, model: twin, given: [], expect: {rows: [{id: 1}]}}]\n"),
        ],
        ("models/a/twin.sql", "select 3 as id\n"),
    ),
    ("a node went", &[(EXTRA, "models: [{name: odd, data_tests: [{unique: {column_name: id}}]}]\n")], (EXTRA, ODD)),
    (
        "a node came, or was disabled",
        &[(EXTRA, ODD)],
        (EXTRA, "models: [{name: odd, columns: [{name: id, data_tests: [unique]}]}]\n"),
    ),
    ("a node came, or was disabled", &[], ("models/marts/odd.sql", "{{ config(enabled=false) }}\nselect 1 as id\n")),
    ("a reference leads nowhere", &[], ("models/staging/orders.sql", "select * from {{ ref('nowhere') }}\n")),
    ("there is a circle", &[], ("models/staging/orders.sql", "select * from {{ ref('sales') }}\n")),
    (
        "a unit test may have the rows of a seed that changed",
        &[(
            EXTRA,
            "unit_tests: [{name: all, model: customers, given: [{input: ref('countries')}], expect: {rows: []}}]\n",
        )],
        ("seeds/countries.csv", "id,name\n1,de\n2,fr\n"),
    ),
    // Unit tests of incremental models must say what they are about.
    (
        "a unit test is about what changed",
        &[],
        (
            "models/staging/customers.sql",
            "select {{ plain('id') }} from {{ ref('countries') }}{% if is_incremental() %} where id > 1{% endif %}\n",
        ),
    ),
    (
        "the model of a unit test is disabled",
        &[
            ("models/idle.sql", "{{ config(enabled=false) }}\nselect 1 as id\n"),
            (EXTRA, "unit_tests: [{name: one, model: idle, given: [], expect: {rows: [{id: 1}]}}]\n"),
        ],
        ("models/idle.sql", "{{ config(enabled=false) }}\nselect 2 as id\n"),
    ),
];

/// A project that was parsed.
fn parsed(besides: &[File]) -> tempfile::TempDir {
    SET.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let folder = tempfile::tempdir().expect("folder");
    project::write(folder.path());
    for (path, text) in besides {
        project::put(folder.path(), path, text);
    }
    let seen = Call::default().see(folder.path(), true);
    assert!(seen.starts_with("Manifest"), "{seen}");
    folder
}

/// What a command sees that makes use of what is kept, blind to a reason or to none.
fn kept(folder: &Path, overlooked: Option<&'static str>) -> String {
    OVERLOOKED.set(overlooked);
    let seen = Call::default().see(folder, true);
    OVERLOOKED.set(None);
    seen
}

#[test]
fn every_reason_to_give_up_is_needed() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for (reason, besides, (path, text)) in EDITS {
        let folder = parsed(besides);
        project::put(folder.path(), path, text);
        // The naive one keeps nothing, so that the other begins with the same.
        let (naive, right) = (kept(folder.path(), Some(reason)), kept(folder.path(), None));
        let anew = Call::default().see(folder.path(), false);
        if naive == anew {
            wrong.push(format!("nobody noticed that `{reason}` went unseen when {path} became {text:?}"));
        }
        if right != anew {
            wrong.push(format!("{path} became {text:?}: {}", difference(&right, &anew)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_reason_has_an_edit() {
    let texts = [include_str!("../mod.rs"), include_str!("../../manifest/update.rs")];
    let calls = texts.iter().flat_map(|text| text.split("Outdated::when(").skip(1));
    let reasons: BTreeSet<&str> = calls.map(|call| call.split('"').nth(1).expect("a reason")).collect();
    let known: BTreeSet<&str> = EDITS.iter().map(|(reason, ..)| *reason).collect();
    assert_eq!(reasons, known);
}

/// What a semantic model, an exposure and tests know of a model is where it lies.
#[test]
fn words_about_a_model_are_no_reason() {
    let _alone = alone();
    let folder = parsed(&[(EXTRA, "semantic_models: [{name: sold, model: ref('sales')}]\n")]);
    let number = || {
        let session = Session::open(&Call::default().options(folder.path(), true)).expect("a project");
        session.lineage.map(|lineage| lineage.number)
    };
    let before = number();
    project::put(
        folder.path(),
        "models/marts/schema.yml",
        "models:\n  - name: sales\n    description: Sold.\n    config: {tags: [late], meta: {owner: ada}}\n    columns: [{name: id, description: Number., data_tests: [not_null, {accepted_values: {arguments: {values: [1, 2]}}}]}]\n  - name: days\n    description: Days.\n",
    );
    let (kept, anew) = (kept(folder.path(), None), Call::default().see(folder.path(), false));
    assert!(kept == anew, "{}", difference(&kept, &anew));
    assert!(before.is_some() && before == number(), "everything was parsed");
}
