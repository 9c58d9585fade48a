//! Sources: one node for every table of every `sources:` entry.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::configure::{Configurer, Layer, tags};
use super::docs::Renderers;
use super::issues::Issues;
use super::properties::{Described, columns, meta_of, tags_of};
use super::{ResourceType, SourceNode};
use crate::engine::{Bare, Relation, folded};
use crate::project::Project;
use crate::project::yaml::{Yaml, error_at};

/// A table with the entries it was made of, for its tests.
pub(super) struct Table<'a> {
    pub node: SourceNode,
    pub described: &'a Described,
    pub yaml: &'a Yaml,
}

/// Every table of every source.
pub(super) fn tables<'a>(
    project: &'a Project,
    configurer: &Configurer<'a>,
    properties: &'a [Described],
    renderers: &Renderers,
    issues: &mut Issues,
) -> Vec<Table<'a>> {
    let mut found = Vec::new();
    for described in properties.iter().filter(|described| described.list == "sources") {
        if described.yaml.get("overrides").is_some() {
            issues.add(
                described
                    .warning("HW0106", format!("`overrides` of the source `{}` has no effect", described.name))
                    .help("dbt no longer takes it either: disable the package's source and describe your own"),
            );
            continue;
        }
        let tables = described.yaml.get("tables").map(Yaml::items).unwrap_or_default();
        for yaml in tables {
            let Some(name) = yaml.text_of("name") else {
                issues.add(
                    error_at("HW0103", &described.file, yaml, "a table has no `name`")
                        .help("write it as `- name: ...`"),
                );
                continue;
            };
            let node = table(project, configurer, (described, yaml), name, renderers, issues);
            found.push(Table { node, described, yaml });
        }
    }
    found
}

fn table<'a>(
    project: &'a Project,
    configurer: &Configurer<'a>,
    (described, yaml): (&Described, &Yaml),
    name: String,
    renderers: &Renderers,
    issues: &mut Issues,
) -> SourceNode {
    let source = &described.yaml;
    let package = project.package(&described.package).expect("properties belong to a package of the project");
    let fqn = described.fqn(&[&described.name, &name]);
    let layer = layer(source, yaml);
    let configured = configurer.configure(package, ResourceType::Source, &fqn, Some(&layer), &Layer::new());
    let config = configured.config;
    let target = &project.target;
    let mut quoting = source.json_of("quoting");
    if let (Some(quoting), own) = (quoting.as_object_mut(), yaml.get("quoting").map(Yaml::json_map).unwrap_or_default())
    {
        quoting.extend(own);
    } else {
        quoting = yaml.json_of("quoting");
    }
    let relation = Relation::new(
        source.text_of("database").or_else(|| source.text_of("catalog")).unwrap_or_else(|| target.database.clone()),
        source.text_of("schema").unwrap_or_else(|| described.name.clone()),
        yaml.text_of("identifier").unwrap_or_else(|| name.clone()),
    );
    let relation = folded(&target.adapter, relation, Bare::default().with(&quoting));
    let table_columns: Vec<&Yaml> = yaml.get("columns").map(Yaml::items).unwrap_or_default().iter().collect();
    SourceNode {
        unique_id: format!("source.{}.{}.{name}", described.package, described.name),
        package_name: described.package.clone(),
        source_name: described.name.clone(),
        relation,
        bare: project.bare().with(&quoting),
        quoting,
        loaded_at_field: config.text("loaded_at_field").map(str::to_owned),
        loaded_at_query: config.text("loaded_at_query").map(str::to_owned),
        freshness: match layer.get("freshness") {
            Some(Value::Null) => Value::Null,
            _ => config.get("freshness").cloned().unwrap_or_else(|| Value::Object(Map::new())),
        },
        external: yaml.json_of("external"),
        unrendered_config: configured.written,
        place_as_written: described.place_as_written.clone(),
        source_meta: meta_of(source),
        description: renderers.description(&described.package, &described.file, yaml, issues),
        doc_blocks: renderers.doc_blocks(&described.package, yaml),
        source_description: renderers.description(&described.package, &described.file, source, issues),
        loader: source.text_of("loader").unwrap_or_default(),
        columns: columns(described, &table_columns, renderers, issues),
        tags: tags(&config),
        original_file_path: described.path.clone(),
        fqn,
        name,
        config,
    }
}

/// What the source and the table configure together, the table's word last.
fn layer(source: &Yaml, table: &Yaml) -> Layer {
    let mut layer: Layer = source.get("config").map(Yaml::json_map).unwrap_or_default();
    layer.extend(table.get("config").map(Yaml::json_map).unwrap_or_default());
    let mut meta: IndexMap<String, Value> = meta_of(source);
    meta.extend(meta_of(table));
    layer.insert("meta".to_owned(), Value::Object(meta.into_iter().collect()));
    let mut tags = tags_of(source);
    tags.extend(tags_of(table));
    tags.sort();
    tags.dedup();
    layer.insert("tags".to_owned(), tags.into());
    layer.shift_remove("freshness");
    if let Some(freshness) = freshness(source, table) {
        layer.insert("freshness".to_owned(), freshness);
    }
    for key in ["loaded_at_field", "loaded_at_query"] {
        layer.shift_remove(key);
        if let Some(value) = load_time(source, table, key) {
            layer.insert(key.to_owned(), value);
        }
    }
    layer
}

/// A key that may stand beside or inside `config:`, with null told from absent.
fn either<'a>(yaml: &'a Yaml, key: &str) -> Option<&'a Yaml> {
    let outer = yaml.entry(key).map(|entry| &entry.value);
    let inner = || yaml.get("config").and_then(|config| config.entry(key)).map(|entry| &entry.value);
    outer.or_else(inner)
}

/// `freshness` of the source under that of the table, each beside its `config:` and then inside it; null when the last word is null.
fn freshness(source: &Yaml, table: &Yaml) -> Option<Value> {
    let mut merged = Some(Map::new());
    for yaml in [source, table] {
        let inner = yaml.get("config").and_then(|config| config.entry("freshness"));
        for said in [yaml.entry("freshness"), inner].into_iter().flatten() {
            merged = match said.value.is_null() {
                true => None,
                false => Some(merge(merged.unwrap_or_default(), said.value.json_map())),
            };
        }
    }
    match merged {
        None => Some(Value::Null),
        Some(fields) if fields.values().all(Value::is_null) => None,
        Some(fields) => Some(Value::Object(fields)),
    }
}

/// Thresholds are merged field by field; one that is null is taken back.
fn merge(mut base: Map<String, Value>, own: Layer) -> Map<String, Value> {
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => below.extend(above),
            (_, value) => drop(base.insert(key, value)),
        }
    }
    base
}

/// `loaded_at_field` or `loaded_at_query`; a table that says null takes the source's word back.
fn load_time(source: &Yaml, table: &Yaml, key: &str) -> Option<Value> {
    let value = either(table, key).or_else(|| either(source, key))?.json();
    Some(value)
}
