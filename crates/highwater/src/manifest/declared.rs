//! What somebody declared of a table's rows: which columns tell them apart, by a test, by a constraint, or as the `unique_key` of a model whose
//! strategy keeps to it; and which are never NULL, by a test or a constraint.

use indexmap::IndexMap;
use serde_json::Value;

use super::{Manifest, Node};

/// Sets of columns that are declared unique, by the unique id of their node or source.
pub fn declared_keys(manifest: &Manifest) -> IndexMap<String, Vec<Vec<String>>> {
    let mut keys: IndexMap<String, Vec<Vec<String>>> = IndexMap::new();
    for node in manifest.nodes.values() {
        if let Some((tested, key)) = tested(node) {
            keys.entry(tested).or_default().push(key);
        }
        let mut own: Vec<Vec<String>> = constraints(node, &["primary_key", "unique"]).collect();
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

/// Columns that are declared never to be NULL, by the unique id of their node or source.
pub fn declared_never_null(manifest: &Manifest) -> IndexMap<String, Vec<String>> {
    let mut columns: IndexMap<String, Vec<String>> = IndexMap::new();
    for node in manifest.nodes.values() {
        if let Some((tested, column)) = told(node, |name, kwargs| (name == "not_null").then(|| column_name(kwargs))?) {
            columns.entry(tested).or_default().extend(column);
        }
        let own: Vec<String> = constraints(node, &["primary_key", "not_null"]).flatten().collect();
        if !own.is_empty() {
            columns.entry(node.unique_id.clone()).or_default().extend(own);
        }
    }
    columns
}

/// The key that a test declares, of the one node it reads.
fn tested(node: &Node) -> Option<(String, Vec<String>)> {
    told(node, |name, kwargs| match name {
        "unique" => column_name(kwargs),
        "unique_combination_of_columns" => kwargs.get("combination_of_columns").map(texts),
        _ => None,
    })
}

fn column_name(kwargs: &IndexMap<String, Value>) -> Option<Vec<String>> {
    Some(vec![kwargs.get("column_name")?.as_str()?.to_owned()])
}

/// The columns of which a test says something, of the one node it reads. A test of some of the rows says nothing of the others.
fn told(
    node: &Node,
    columns: impl Fn(&str, &IndexMap<String, Value>) -> Option<Vec<String>>,
) -> Option<(String, Vec<String>)> {
    let metadata = node.test_metadata.as_ref()?;
    if node.config.text("where").is_some_and(|filter| !filter.is_empty()) {
        return None;
    }
    let columns = columns(&metadata.name, &metadata.kwargs)?;
    let [tested] = node.depends_on.nodes.as_slice() else { return None };
    let plain = |name: &String| name.chars().all(|character| character.is_alphanumeric() || character == '_');
    (!columns.is_empty() && columns.iter().all(plain)).then(|| (tested.clone(), columns))
}

/// The columns of each of a node's constraints of some kinds.
fn constraints<'n>(node: &'n Node, kinds: &'n [&str]) -> impl Iterator<Item = Vec<String>> + 'n {
    let of_columns = node.columns.values();
    let of_columns = of_columns.flat_map(move |column| constrained(&column.constraints, Some(&column.name), kinds));
    constrained(&node.constraints, None, kinds).chain(of_columns)
}

/// The columns of some constraints. Those of a column have no columns of their own.
fn constrained<'c>(
    constraints: &'c [Value],
    column: Option<&'c str>,
    kinds: &'c [&str],
) -> impl Iterator<Item = Vec<String>> + 'c {
    let kind = |constraint: &'c Value| constraint.get("type").and_then(Value::as_str);
    let wanted =
        constraints.iter().filter(move |constraint| kind(constraint).is_some_and(|kind| kinds.contains(&kind)));
    wanted.map(move |constraint| match column {
        Some(column) => vec![column.to_owned()],
        None => constraint.get("columns").map(texts).unwrap_or_default(),
    })
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
