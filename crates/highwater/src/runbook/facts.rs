//! What the project says about each model that fills a table.

use serde_json::Value;

use crate::manifest::{Manifest, Node, ResourceType, graph};
use crate::session::Session;

/// One model.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// `model.<package>.<name>`.
    pub unique_id: String,
    /// Its name.
    pub name: String,
    /// Its table, without the database.
    pub table: String,
    /// `exact`, `microbatch`, `table`, ...
    pub strategy: String,
    /// `day of ordered_at`, `customer_id`; none when it is one partition.
    pub cut: Option<Cut>,
    /// Columns that make a row unique.
    pub grain: Vec<String>,
    /// `begin`.
    pub begin: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Models that read it.
    pub readers: Vec<String>,
    /// Dashboards and other uses, with their owners.
    pub uses: Vec<String>,
    /// Its data tests.
    pub tests: Vec<String>,
    /// Whether they come before publishing.
    pub audited: bool,
    /// Whether a full refresh is refused.
    pub protected: bool,
    /// Approvals that a backfill of it wants.
    pub approvals: u64,
}

/// How a table is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// By a step of a column of time.
    Time { unit: &'static str, column: String },
    /// By columns.
    Key { columns: Vec<String> },
}

/// The project's own models that fill tables, parents first.
pub(super) fn facts(session: &Session) -> Vec<Facts> {
    let manifest = &session.manifest;
    let order = graph::order(manifest);
    let own = order.iter().filter_map(|id| manifest.nodes.get(id)).filter(|node| {
        node.resource_type == ResourceType::Model
            && node.package_name == session.project.name
            && !matches!(node.config.materialized(), "view" | "ephemeral")
    });
    own.map(|node| one(manifest, node)).collect()
}

fn one(manifest: &Manifest, node: &Node) -> Facts {
    let config = &node.config;
    let incremental = config.materialized() == "incremental";
    let strategy =
        if incremental { config.text("incremental_strategy").unwrap_or("default") } else { config.materialized() };
    let grain = config.texts("unique_key");
    let unit = config.batch_size().map_or("day", |size| size.word());
    let cut = match config.text("event_time") {
        Some(column) if incremental => Some(Cut::Time { unit, column: column.to_owned() }),
        _ if incremental && !grain.is_empty() => Some(Cut::Key { columns: grain.clone() }),
        _ => None,
    };
    let below = manifest.children().get(&node.unique_id).into_iter().flatten();
    let readers = below
        .clone()
        .filter_map(|id| manifest.nodes.get(id))
        .filter(|child| matches!(child.resource_type, ResourceType::Model | ResourceType::Snapshot));
    let uses = graph::descendants(manifest, std::slice::from_ref(&node.unique_id), None);
    let uses = uses.keys().filter_map(|id| manifest.exposures.get(id)).map(|exposure| {
        let name = exposure.label.as_ref().unwrap_or(&exposure.name);
        match exposure.owner.name.as_ref().or(exposure.owner.email.as_ref()) {
            Some(owner) => format!("{name} ({owner})"),
            None => name.clone(),
        }
    });
    let tests = below.filter_map(|id| manifest.nodes.get(id)).filter(|child| child.resource_type == ResourceType::Test);
    Facts {
        unique_id: node.unique_id.clone(),
        name: node.name.clone(),
        table: format!("{}.{}", node.relation.schema, node.relation.identifier),
        strategy: strategy.to_owned(),
        cut,
        grain,
        begin: config.text("begin").map(str::to_owned),
        owner: owner(manifest, node),
        readers: sorted(readers.map(|child| child.name.clone())),
        uses: sorted(uses),
        tests: sorted(tests.map(|test| test.name.clone())),
        audited: config.is_audited(),
        protected: config.flag("full_refresh") == Some(false),
        approvals: config.highwater("backfill").and_then(|backfill| backfill.get("approvals")?.as_u64()).unwrap_or(0),
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

/// `meta.owner`, or the owner of the model's group.
pub(crate) fn owner(manifest: &Manifest, node: &Node) -> Option<String> {
    let meta = node.config.get("meta").and_then(|meta| meta.get("owner")).and_then(Value::as_str).map(str::to_owned);
    meta.or_else(|| {
        let group = node.group.as_ref()?;
        let owner = manifest.groups.get(group)?.get("owner")?;
        let text = |key: &str| owner.get(key).and_then(Value::as_str).map(str::to_owned);
        match (text("name"), text("email")) {
            (Some(name), Some(email)) => Some(format!("{name} ({email})")),
            (name, email) => name.or(email),
        }
    })
}
