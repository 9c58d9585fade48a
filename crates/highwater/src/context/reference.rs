//! `ref`, `source`, `metric` and `doc`: from names to what they stand for.

use std::collections::HashMap;

use highwater_jinja::{Arguments, Error, ErrorKind, Value, function};
use indexmap::IndexMap;

use super::fault::Fault;
use super::relation::{CTE_PREFIX, RelationValue};
use super::scene::{Frame, Running, lock};
use super::unit_test::Mock;
use super::window_condition;
use crate::engine::{Bare, Relation, quote_identifier, quote_literal};
use crate::manifest::{ColumnProperties, Config, Manifest, Node, RefCall, ResourceType, SourceNode};
use crate::project::suggest;

/// Nodes by the names that templates use.
#[derive(Debug, Default)]
pub(crate) struct Index {
    nodes: HashMap<String, Vec<String>>,
    sources: HashMap<(String, String), Vec<String>>,
}

impl Index {
    pub(crate) fn of(manifest: &Manifest) -> Index {
        let mut index = Index::default();
        for (id, node) in &manifest.nodes {
            if matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot) {
                index.nodes.entry(node.name.clone()).or_default().push(id.clone());
            }
        }
        for (id, source) in &manifest.sources {
            index.sources.entry((source.source_name.clone(), source.name.clone())).or_default().push(id.clone());
        }
        index
    }

    /// The node a call of `ref` means: the caller's package wins over the project, the project over other packages.
    fn node<'m>(&self, manifest: &'m Manifest, packages: [&str; 2], call: &RefCall) -> Option<&'m Node> {
        let fits = |node: &&Node| match &call.version {
            Some(version) => node.version.as_ref() == Some(version),
            None => node.version.is_none() || node.version == node.latest_version,
        };
        let ids = self.nodes.get(&call.name)?;
        let candidates: Vec<&Node> =
            ids.iter().filter_map(|id| manifest.nodes.get(id).map(AsRef::as_ref)).filter(fits).collect();
        nearest(&candidates, |node| &node.package_name, packages, call.package.as_deref())
    }

    fn source<'m>(&self, manifest: &'m Manifest, packages: [&str; 2], call: (&str, &str)) -> Option<&'m SourceNode> {
        let ids = self.sources.get(&(call.0.to_owned(), call.1.to_owned()))?;
        let candidates: Vec<&SourceNode> = ids.iter().filter_map(|id| manifest.sources.get(id)).collect();
        nearest(&candidates, |source| &source.package_name, packages, None)
    }
}

/// The candidate of the wanted package, or else of the first of `packages` that has one, or else any.
fn nearest<'m, T>(
    candidates: &[&'m T],
    package_of: impl Fn(&T) -> &String,
    packages: [&str; 2],
    wanted: Option<&str>,
) -> Option<&'m T> {
    let of = |package: &str| candidates.iter().find(|candidate| package_of(candidate) == package).copied();
    match wanted {
        Some(package) => of(package),
        None => packages.iter().find_map(|package| of(package)).or_else(|| candidates.first().copied()),
    }
}

/// `ref('name')`, `ref('package', 'name')`, each with `version=` or `v=`.
pub(crate) fn ref_function(frame: &Frame) -> Value {
    let frame = frame.clone();
    function("ref", move |arguments| {
        let call = ref_call(arguments)?;
        match frame.scene.running() {
            None => {
                let placeholder = placeholder(&frame, None, &call.name);
                frame.scene.note(|captured| captured.refs.push(call));
                Ok(placeholder)
            }
            Some(running) => Ok(referred(&frame, running, &call)?.into_value()),
        }
    })
}

fn ref_call(arguments: &Arguments) -> Result<RefCall, Error> {
    let text = |value: &Value| {
        value.as_str().map(ToOwned::to_owned).ok_or_else(|| {
            Error::new(
                ErrorKind::Type,
                format!("ref() takes the name of a model as text, not {} '{value}'", value.kind()),
            )
        })
    };
    let version = arguments.keyword.get("version").or_else(|| arguments.keyword.get("v"));
    let version = version.filter(|version| !version.is_none()).map(ToString::to_string);
    match arguments.positional.as_slice() {
        [name] => Ok(RefCall { name: text(name)?, package: None, version }),
        [package, name] => Ok(RefCall { name: text(name)?, package: Some(text(package)?), version }),
        others => Err(Error::new(
            ErrorKind::Arguments,
            format!("ref() takes the name of a model, or a package and a name; {} arguments were given", others.len()),
        )),
    }
}

/// What `ref` and `source` give while parsing: something that behaves like a relation.
fn placeholder(frame: &Frame, schema: Option<&str>, name: &str) -> Value {
    let target = &frame.scene.project.target;
    let schema = schema.unwrap_or(&target.schema).to_owned();
    RelationValue::new(Some(target.database.clone()), Some(schema), Some(name.to_owned())).into_value()
}

fn packages(frame: &Frame) -> [&str; 2] {
    [&frame.scene.subject.package, &frame.scene.project.name]
}

fn referred(frame: &Frame, running: &Running, call: &RefCall) -> Result<RelationValue, Error> {
    let manifest = &running.manifest;
    let Some(node) = running.index.node(manifest, packages(frame), call) else {
        return Err(unknown_node(frame, running, call));
    };
    if let Some(mock) = &running.mock {
        return given(running, mock, &node.unique_id, &format!("ref('{}')", call.name));
    }
    check_declared(frame, running, &node.unique_id, &call.name)?;
    if node.resource_type == ResourceType::Model && node.config.materialized() == "ephemeral" {
        lock(&running.ephemeral).insert(node.unique_id.clone());
        return Ok(restricted(frame, RelationValue::cte(&cte_name(node)), running, &node.config, &node.columns));
    }
    let relation = deferred(running, node)?;
    let relation = RelationValue::of(relation.as_ref().unwrap_or(&node.relation), None).bare(node.bare);
    Ok(restricted(frame, relation, running, &node.config, &node.columns))
}

/// Where an earlier run built a node, when `--defer` leads there: because this command prefers it, or nothing is built here.
fn deferred(running: &Running, node: &Node) -> Result<Option<Relation>, Error> {
    let Some(deferral) = &running.deferral else { return Ok(None) };
    let Some(earlier) = deferral.relation(&node.unique_id) else { return Ok(None) };
    let is_built = || running.on_connection(|connection| connection.kind(&node.relation)).map(|kind| kind.is_some());
    let leads_there = deferral.is_preferred(&node.unique_id) || !is_built()?;
    Ok(leads_there.then(|| earlier.clone()))
}

/// What stands for an input in a unit test: the rows it gives.
fn given(running: &Running, mock: &Mock, id: &str, call: &str) -> Result<RelationValue, Error> {
    match mock.inputs.get(id) {
        Some(name) => {
            lock(&running.ephemeral).insert(id.to_owned());
            Ok(RelationValue::cte(name))
        }
        None => Err(Fault::new("HW0314", format!("the unit test `{}` gives no rows for {call}", mock.test))
            .help(format!("add them, or none: given: [{{input: {call}, rows: []}}]"))
            .into()),
    }
}

/// The name of the common table expression that stands for an ephemeral model.
pub(crate) fn cte_name(node: &Node) -> String {
    match &node.version {
        Some(version) => format!("{CTE_PREFIX}{}_v{}", node.name, version.replace('.', "_")),
        None => format!("{CTE_PREFIX}{}", node.name),
    }
}

/// What a reference reads: nothing with `--empty`; of an input that has an event time the window of the batch, or of the
/// sample, or what both have in common; else everything.
fn restricted(
    frame: &Frame,
    relation: RelationValue,
    running: &Running,
    config: &Config,
    columns: &IndexMap<String, ColumnProperties>,
) -> RelationValue {
    if running.flags.empty {
        return relation.filtered("false limit 0");
    }
    let Some(column) = config.text("event_time") else { return relation };
    let reads = &frame.scene.subject.name;
    let sample = running.flags.sample.filter(|_| reads.starts_with("model.") || reads.starts_with("snapshot."));
    let (start, end) = match (&running.batch, sample) {
        (Some(batch), None) => (batch.start, batch.end),
        (Some(batch), Some((start, end))) => (batch.start.max(start), batch.end.min(end)),
        (None, Some(window)) => window,
        (None, None) => return relation,
    };
    let quoted = columns.get(column).is_some_and(|column| column.quote == Some(true));
    let column = if quoted { quote_identifier(column) } else { column.to_owned() };
    relation.filtered(window_condition(&column, start, end))
}

/// A reference that parsing did not see is not in the graph: the node might run before what it reads. Sources are there anyway.
fn check_declared(frame: &Frame, running: &Running, id: &str, name: &str) -> Result<(), Error> {
    match &running.allowed {
        Some(allowed) if !allowed.contains(id) && frame.scene.subject.name != id => {
            let call = format!("{{{{ ref('{name}') }}}}");
            Err(Fault::new("HW0307", format!("{call} was not seen when the project was read"))
                .help("it stands in a branch that only runs with a database; name it outside of the branch too:")
                .help(format!("-- depends_on: {call}"))
                .into())
        }
        _ => Ok(()),
    }
}

fn unknown_node(frame: &Frame, running: &Running, call: &RefCall) -> Error {
    let manifest = &running.manifest;
    let name = &call.name;
    let disabled = manifest.disabled.values().any(|node| node.name == *name);
    let fault = if disabled {
        Fault::new("HW0306", format!("'{name}' is disabled")).help("enable it, or do not refer to it")
    } else if let Some(version) = &call.version {
        Fault::new("HW0306", format!("no version {version} of '{name}' was found"))
    } else {
        Fault::new("HW0306", format!("no model, seed or snapshot '{name}' was found"))
    };
    let fault = match suggest::nearest(name, running.index.nodes.keys().map(String::as_str)) {
        Some(near) if !disabled && call.version.is_none() => fault.help(format!("did you mean {near}?")),
        _ => fault,
    };
    match &call.package {
        Some(package) if frame.scene.project.package(package).is_none() => {
            fault.help(format!("there is no package '{package}'; packages.yml names what to install")).into()
        }
        _ => fault.into(),
    }
}

/// `source('source', 'table')`.
pub(crate) fn source_function(frame: &Frame) -> Value {
    let frame = frame.clone();
    function("source", move |arguments| {
        let (source, table) = (arguments.required_text(0, "source_name")?, arguments.required_text(1, "table_name")?);
        arguments.reject_unknown(&["source_name", "table_name"])?;
        let Some(running) = frame.scene.running() else {
            let placeholder = placeholder(&frame, Some(&source), &table);
            frame.scene.note(|captured| captured.sources.push((source, table)));
            return Ok(placeholder);
        };
        let Some(found) = running.index.source(&running.manifest, packages(&frame), (&source, &table)) else {
            return Err(unknown_source(running, &source, &table));
        };
        if let Some(mock) = &running.mock {
            return Ok(given(running, mock, &found.unique_id, &format!("source('{source}', '{table}')"))?.into_value());
        }
        if let Some(plugin) = setting(found, "plugin") {
            let title = format!("the source '{source}.{table}' comes from the plugin `{plugin}`, a module of Python");
            return Err(Fault::new("HW0112", title)
                .help("reach it with DuckDB itself: `external_location` at the source, or `attach` in the profile")
                .into());
        }
        let mut relation = RelationValue::of(&found.relation, None).bare(Bare::default().with(&found.quoting));
        if let Some(location) = external_location(found) {
            relation = relation.read_from(location);
        }
        Ok(restricted(&frame, relation, running, &found.config, &found.columns).into_value())
    })
}

/// A setting of dbt-duckdb for a source: in its configuration, or in its `meta`.
fn setting<'a>(source: &'a SourceNode, key: &str) -> Option<&'a str> {
    source.config.text(key).or_else(|| source.config.get("meta")?.get(key)?.as_str())
}

/// Where the rows of a source lie that is a file (`external_location` of dbt-duckdb): a name in quotes, or a function call.
/// `{name}`, `{identifier}`, `{schema}` and everything in `meta` and in the configuration stand for themselves.
pub(crate) fn external_location(source: &SourceNode) -> Option<String> {
    let meta = source.config.get("meta").and_then(serde_json::Value::as_object);
    let mut location = setting(source, "external_location")?.to_owned();
    let own = [
        ("name", source.name.as_str()),
        ("identifier", &source.relation.identifier),
        ("schema", &source.relation.schema),
        ("database", &source.relation.database),
    ];
    let settings = source.config.settings().iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    let further = meta.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    // The first one that has a name gives it its value.
    for (key, value) in settings.chain(further).chain(own) {
        let marks = match setting(source, "formatter").unwrap_or("newstyle") {
            "oldstyle" => vec![format!("%({key})s")],
            "template" => vec![format!("${{{key}}}"), format!("${key}")],
            _ => vec![format!("{{{key}}}")],
        };
        for mark in marks {
            location = location.replace(&mark, value);
        }
    }
    let is_sql = location.contains('(') || location.starts_with('\'');
    Some(if is_sql { location } else { quote_literal(&location) })
}

fn unknown_source(running: &Running, source: &str, table: &str) -> Error {
    let fault = Fault::new("HW0306", format!("no source table '{source}.{table}' was found"))
        .help("sources are declared under `sources:` in a properties file below the model paths");
    let known: Vec<String> = running.index.sources.keys().map(|(source, table)| format!("{source}.{table}")).collect();
    match suggest::nearest(&format!("{source}.{table}"), known.iter().map(String::as_str)) {
        Some(near) => fault.help(format!("did you mean {near}?")).into(),
        None => fault.into(),
    }
}

/// `metric('name')`; prints the name.
pub(crate) fn metric_function(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("metric", move |arguments| {
        let (package, name) = match arguments.positional.as_slice() {
            [package, name] => (Some(package.to_string()), name.to_string()),
            _ => (None, arguments.required_text(0, "name")?),
        };
        let value = Value::from(name.as_str());
        scene.note(|captured| captured.metrics.push((name, package)));
        Ok(value)
    })
}

/// `doc('name')` and `doc('package', 'name')`.
pub(crate) fn doc_function(frame: &Frame) -> Value {
    let frame = frame.clone();
    function("doc", move |arguments| {
        let (package, name) = match arguments.positional.as_slice() {
            [package, name] => (Some(package.to_string()), name.to_string()),
            _ => (None, arguments.required_text(0, "name")?),
        };
        // Only descriptions use it while reading, and they are not rendered here.
        let Some(docs) = frame.scene.running().map(|running| &running.manifest.docs) else {
            return Ok(Value::from(""));
        };
        let of = |package: &str| docs.get(&format!("doc.{package}.{name}"));
        let found = match &package {
            Some(package) => of(package),
            None => of(&frame.scene.subject.package)
                .or_else(|| of(&frame.scene.project.name))
                .or_else(|| docs.values().find(|block| block.name == name)),
        };
        found.map(|block| Value::from(block.text.as_str())).ok_or_else(|| {
            let fault = Fault::new("HW0311", format!("no docs block '{name}' was found"));
            match suggest::nearest(&name, docs.keys().filter_map(|id| id.rsplit('.').next())) {
                Some(near) => fault.help(format!("did you mean {near}?")).into(),
                None => fault.into(),
            }
        })
    })
}
