//! Which tests guard a node, and what an audit needs to know of each.

use std::collections::HashSet;

use super::judge::Thresholds;
use crate::manifest::{Manifest, Node, ResourceType, graph};

/// A data test that guards a table, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTest {
    /// `test.package.name.hash`.
    pub unique_id: String,
    /// The test's name.
    pub name: String,
    /// Its compiled SQL: the rows that fail.
    pub(crate) sql: String,
    /// What a number of failing rows means.
    pub(crate) thresholds: Thresholds,
    /// Whether it looks at one row at a time, so that the staged rows alone tell all there is to tell.
    pub(crate) row_by_row: bool,
    /// Whether it asks that no two rows share a value of its column: dbt's `unique`.
    pub(crate) unique: bool,
    /// The column it tests, as SQL, for a generic test on one.
    pub(crate) column: Option<String>,
    /// `where`: the rows it tests.
    pub(crate) condition: Option<String>,
}

impl AuditTest {
    /// Whether it must pass where no two rows share a key of these columns.
    pub(crate) fn follows_from(&self, key: &[String]) -> bool {
        let column = self.column.as_deref().map(|column| column.trim_matches('"'));
        self.unique && self.thresholds.are_plain() && matches!((key, column), ([key], Some(column)) if key == column)
    }
}

#[cfg(test)]
impl AuditTest {
    /// A test as a test wants it: name, SQL, and the column when it is one on a column.
    pub(crate) fn of(name: &str, sql: &str, column: Option<&str>) -> Self {
        Self {
            unique_id: format!("test.shop.{name}"),
            name: name.to_owned(),
            sql: sql.to_owned(),
            thresholds: Thresholds::of(&crate::manifest::Config::default()),
            row_by_row: name.starts_with("not_null"),
            unique: name.starts_with("unique") && column.is_some(),
            column: column.map(str::to_owned),
            condition: None,
        }
    }
}

/// dbt's tests that look at one row at a time.
const ROW_BY_ROW: [&str; 3] = ["not_null", "accepted_values", "relationships"];

/// The data tests of a node that can be asked before what reads the node is built: the generic ones attached to it, and the others that
/// read nothing but it and what is above it. A test that needs a table below the node comes after.
pub(crate) fn guards<'a>(manifest: &'a Manifest, id: &str) -> Vec<&'a Node> {
    let own = [id.to_owned()];
    let above: HashSet<String> = graph::ancestors(manifest, &own, None).into_keys().collect();
    let below: HashSet<String> = graph::descendants(manifest, &own, None).into_keys().collect();
    let tests = manifest.nodes.values().map(AsRef::as_ref).filter(|node| node.resource_type == ResourceType::Test);
    let guarding = tests.filter(|test| {
        let mut reads = test.depends_on.nodes.iter().filter(|other| *other != id);
        match &test.attached_node {
            Some(attached) => attached == id && reads.all(|other| !below.contains(other)),
            None => test.depends_on.nodes.iter().any(|other| other == id) && reads.all(|other| above.contains(other)),
        }
    });
    guarding.collect()
}

/// What the tests that guard a node read besides it, and so has to be built before them.
pub(crate) fn others<'a>(manifest: &'a Manifest, id: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for test in guards(manifest, id) {
        for other in test.depends_on.nodes.iter().filter(|other| *other != id) {
            if !found.contains(&other.as_str()) {
                found.push(other);
            }
        }
    }
    found
}

/// A test with its compiled SQL.
pub(crate) fn guard(test: &Node, sql: &str) -> AuditTest {
    let metadata = test.test_metadata.as_ref();
    let column = metadata.and_then(|metadata| metadata.kwargs.get("column_name")?.as_str()).map(str::to_owned);
    let own = metadata.filter(|metadata| metadata.namespace.is_none() && column.is_some());
    let own = own.map_or("", |metadata| metadata.name.as_str());
    AuditTest {
        unique_id: test.unique_id.clone(),
        name: test.name.clone(),
        sql: sql.to_owned(),
        thresholds: Thresholds::of(&test.config),
        row_by_row: ROW_BY_ROW.contains(&own),
        unique: own == "unique",
        column,
        condition: test.config.text("where").map(str::to_owned),
    }
}
