//! What declarations say of a model as a whole: which columns are its key, and the checksum of its contract.

use std::fmt::Write as _;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Manifest, Node, ResourceType, python};

/// Fills the key of every model that is wanted: a constraint's word first, then columns tested for both `unique` and `not_null`, then for
/// `unique` alone; tests that are disabled count last.
pub(super) fn declare(manifest: &mut Manifest, is_wanted: &dyn Fn(&str) -> bool) {
    let mut tested: IndexMap<String, Tests> = IndexMap::new();
    let all = manifest.nodes.values().chain(manifest.disabled.values());
    for test in all.filter(|node| node.attached_to().is_some_and(is_wanted)) {
        if let (Some(metadata), Some(id)) = (&test.test_metadata, &test.attached_node) {
            let tests = tested.entry(id.clone()).or_default();
            let into = match metadata.name.as_str() {
                "unique" | "unique_combination_of_columns" if test.config.enabled() => &mut tests.unique,
                "unique" | "unique_combination_of_columns" => &mut tests.disabled_unique,
                "not_null" => &mut tests.not_null,
                _ => continue,
            };
            into.extend(columns_of(&metadata.kwargs));
        }
    }
    for (id, node) in &mut manifest.nodes {
        if node.kind() == ResourceType::Model && is_wanted(id) {
            node.primary_key = constrained(node).or_else(|| tested.get(id).map(Tests::key)).unwrap_or_default();
        }
    }
}

#[derive(Default)]
struct Tests {
    unique: IndexSet<String>,
    disabled_unique: IndexSet<String>,
    not_null: IndexSet<String>,
}

impl Tests {
    fn key(&self) -> Vec<String> {
        let both =
            self.not_null.iter().filter(|name| self.unique.contains(*name) || self.disabled_unique.contains(*name));
        let both: Vec<String> = both.cloned().collect();
        let any = if self.unique.is_empty() { &self.disabled_unique } else { &self.unique };
        let mut key = if both.is_empty() { any.iter().cloned().collect() } else { both };
        key.sort();
        key
    }
}

fn columns_of(kwargs: &IndexMap<String, Value>) -> Vec<String> {
    match (kwargs.get("column_name"), kwargs.get("combination_of_columns")) {
        (Some(Value::String(column)), _) => vec![column.clone()],
        (_, Some(Value::Array(columns))) => columns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn constrained(node: &Node) -> Option<Vec<String>> {
    let is_key = |constraint: &&Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
    if let Some(constraint) = node.constraints.iter().find(is_key) {
        let columns = constraint.get("columns").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut columns: Vec<String> = columns.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        columns.sort();
        return Some(columns);
    }
    let column =
        node.columns.values().find(|column| column.constraints.iter().any(|constraint| is_key(&constraint)))?;
    Some(vec![column.name.clone()])
}

impl Node {
    /// The checksum of an enforced contract: names, types and constraints of the columns, in dbt's spelling.
    pub fn contract_checksum(&self) -> Option<String> {
        let enforced = self.config.get("contract").and_then(|contract| contract.get("enforced"));
        if enforced != Some(&Value::Bool(true)) || self.resource_type != ResourceType::Model {
            return None;
        }
        let mut columns: Vec<_> = self.columns.values().collect();
        columns.sort_by(|left, right| left.name.cmp(&right.name));
        let mut text = String::new();
        for column in columns {
            let constraints: Vec<String> = column.constraints.iter().map(constraint).collect();
            let data_type = column.data_type.as_deref().unwrap_or("None");
            let _ = write!(text, "|{}{data_type}[{}]", column.name, constraints.join(", "));
        }
        if ["table", "incremental"].contains(&self.config.materialized()) {
            let constraints: Vec<String> = self.constraints.iter().map(model_constraint).collect();
            let _ = write!(text, "{}[{}]", self.config.materialized(), constraints.join(", "));
        }
        Some(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A constraint of a column as Python shows it.
fn constraint(written: &Value) -> String {
    format!("ColumnLevelConstraint({})", fields(written))
}

/// A constraint of a whole model as Python shows it.
fn model_constraint(written: &Value) -> String {
    let columns = written.get("columns").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    format!("ModelLevelConstraint({}, columns={})", fields(written), python::literal(&columns))
}

/// What constraints of columns and models have in common.
fn fields(written: &Value) -> String {
    let text = |key: &str| written.get(key).and_then(Value::as_str);
    let quoted = |key: &str| python::literal(written.get(key).unwrap_or(&Value::Null));
    let flag = |key: &str| match written.get(key).and_then(Value::as_bool) {
        Some(false) => "False",
        _ => "True",
    };
    let kind = text("type").unwrap_or_default();
    let to_columns = written.get("to_columns").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    format!(
        "type=<ConstraintType.{kind}: '{kind}'>, name={}, expression={}, warn_unenforced={}, warn_unsupported={}, to={}, \
         to_columns={}",
        quoted("name"),
        quoted("expression"),
        flag("warn_unenforced"),
        flag("warn_unsupported"),
        quoted("to"),
        python::literal(&to_columns),
    )
}
