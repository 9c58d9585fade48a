//! Which columns of a table somebody declared to tell its rows apart: by a test, by a constraint, or as the `unique_key` of a model whose
//! strategy keeps to it.

use indexmap::IndexMap;
use serde_json::Value;

use super::node::{Manifest, Node};

/// Sets of columns that are declared unique, by the unique id of their node or source.
pub fn declared_keys(manifest: &Manifest) -> IndexMap<String, Vec<Vec<String>>> {
    let mut keys: IndexMap<String, Vec<Vec<String>>> = IndexMap::new();
    for node in manifest.nodes.values() {
        if let Some((tested, key)) = tested(node) {
            keys.entry(tested).or_default().push(key);
        }
        let constrained = constrained(&node.constraints, None)
            .chain(node.columns.values().flat_map(|column| constrained(&column.constraints, Some(&column.name))));
        let mut own: Vec<Vec<String>> = constrained.collect();
        if node.config.is_exact() {
            own.push(node.config.texts("unique_key"));
        }
        own.retain(|key| !key.is_empty());
        if !own.is_empty() {
            keys.entry(node.unique_id.clone()).or_default().extend(own);
        }
    }
    keys
}

/// What a test says of the one node it reads. A test of some of the rows says nothing of the others.
fn tested(node: &Node) -> Option<(String, Vec<String>)> {
    let metadata = node.test_metadata.as_ref()?;
    if node.config.text("where").is_some_and(|filter| !filter.is_empty()) {
        return None;
    }
    let text = |key: &str| metadata.kwargs.get(key).and_then(Value::as_str).map(str::to_owned);
    let key = match metadata.name.as_str() {
        "unique" => vec![text("column_name")?],
        "unique_combination_of_columns" => texts(metadata.kwargs.get("combination_of_columns")?),
        _ => return None,
    };
    let [tested] = node.depends_on.nodes.as_slice() else { return None };
    let plain = |name: &String| name.chars().all(|character| character.is_alphanumeric() || character == '_');
    (!key.is_empty() && key.iter().all(plain)).then(|| (tested.clone(), key))
}

/// The keys among some constraints. Those of a column have no columns of their own.
fn constrained<'c>(constraints: &'c [Value], column: Option<&'c str>) -> impl Iterator<Item = Vec<String>> + 'c {
    constraints.iter().filter_map(move |constraint| {
        let kind = constraint.get("type")?.as_str()?;
        matches!(kind, "primary_key" | "unique").then(|| match column {
            Some(column) => vec![column.to_owned()],
            None => constraint.get("columns").map(texts).unwrap_or_default(),
        })
    })
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
