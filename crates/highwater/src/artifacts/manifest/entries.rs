//! Sources, macros, docs blocks, exposures, groups and the semantic layer.

use serde_json::{Value, json};

use super::config::DOCS;
use super::node::{columns, number};
use super::{Entries, Object};
use crate::context::external_location;
use crate::manifest::{
    Config, DocsBlock, Exposure, MacroNode, Metric, Node, SavedQuery, SemanticModel, SourceNode, UnitTest,
};

const NO_FRESHNESS: &str =
    r#"{"warn_after":{"count":null,"period":null},"error_after":{"count":null,"period":null},"filter":null}"#;

impl Entries<'_> {
    pub(super) fn source(&self, source: &SourceNode, entry: &mut Object<'_>) {
        let freshness = freshness(&source.freshness);
        let meta = source.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        entry.put("database", &source.relation.database);
        entry.put("schema", &source.relation.schema);
        entry.put("name", &source.name);
        entry.put("resource_type", "source");
        entry.put("package_name", &source.package_name);
        entry.put("path", &source.original_file_path);
        entry.put("original_file_path", &source.original_file_path);
        entry.put("unique_id", &source.unique_id);
        entry.put("fqn", &source.fqn);
        entry.put("source_name", &source.source_name);
        entry.put("source_description", &source.source_description);
        entry.put("loader", &source.loader);
        entry.put("identifier", &source.relation.identifier);
        entry.put_object("quoting", |object| {
            for part in ["database", "schema", "identifier", "column"] {
                object.put(part, &source.quoting.get(part));
            }
        });
        entry.put("loaded_at_field", &source.loaded_at_field);
        entry.put("loaded_at_query", &source.loaded_at_query);
        entry.put("freshness", &freshness);
        entry.put("external", &external(&source.external));
        entry.put("description", &source.description);
        entry.put_object("columns", |object| columns(&source.columns, object));
        entry.put("meta", &meta);
        entry.put("source_meta", &source.source_meta);
        entry.put("tags", &source.tags);
        entry.put_object("config", |config| {
            config.put("enabled", &source.config.enabled());
            config.put("event_time", &source.config.get("event_time"));
            config.put("freshness", &freshness);
            config.put("loaded_at_field", &source.loaded_at_field);
            config.put("loaded_at_query", &source.loaded_at_query);
            config.put("meta", &meta);
            config.put("tags", &source.tags);
            config.put_json("static_analysis", "null");
            let known = ["enabled", "event_time", "freshness", "loaded_at_field", "loaded_at_query", "meta", "tags"];
            for (key, value) in source.config.settings() {
                if !known.contains(&key.as_str()) {
                    config.put(key, value);
                }
            }
        });
        entry.put_json("patch_path", "null");
        entry.put_object("unrendered_config", |config| as_written(&source.unrendered_config, config));
        let location = external_location(source);
        entry.put("relation_name", &location.unwrap_or_else(|| source.relation.written(source.bare)));
        entry.put("created_at", &self.created_at);
        let [database, schema] = &source.place_as_written;
        entry.put("unrendered_database", database);
        entry.put("unrendered_schema", schema);
        entry.put("doc_blocks", &source.doc_blocks);
    }

    pub(super) fn macro_node(&self, found: &MacroNode, entry: &mut Object<'_>) {
        entry.put("name", &found.name);
        entry.put_json("resource_type", "\"macro\"");
        entry.put("package_name", &found.package_name);
        entry.put("path", &found.original_file_path);
        entry.put("original_file_path", &found.original_file_path);
        entry.put("unique_id", &found.unique_id);
        entry.put("macro_sql", &found.macro_sql);
        entry.put_object("depends_on", |object| object.put("macros", &found.calls));
        entry.put("description", &found.description);
        entry.put_json("meta", "{}");
        entry.put_json("docs", DOCS);
        entry.put_json("config", r#"{"meta":{},"docs":{"show":true,"node_color":null}}"#);
        entry.put("patch_path", &found.patch_path);
        entry.put("arguments", &found.described);
        entry.put("created_at", &self.created_at);
        entry.put("supported_languages", &found.supported_languages);
    }

    pub(super) fn unit_test(&self, node: &Node, test: &UnitTest, entry: &mut Object<'_>) {
        let part = |name: &str| test.overrides.get(name).filter(|value| value.is_object()).cloned();
        let part = |name: &str| part(name).unwrap_or_else(|| json!({}));
        entry.put("model", &test.model);
        let given = test.given.iter().map(
            |given| json!({"input": given.input, "format": given.format, "fixture": given.fixture, "rows": given.rows}),
        );
        entry.put("given", &given.collect::<Vec<_>>());
        entry.put_object("expect", |expect| {
            expect.put("rows", &test.expect.rows);
            expect.put("format", &test.expect.format);
            expect.put("fixture", &test.expect.fixture);
        });
        entry.put("name", &node.name);
        entry.put_json("resource_type", "\"unit_test\"");
        entry.put("package_name", &node.package_name);
        entry.put("path", inner_path(&node.original_file_path));
        entry.put("original_file_path", &node.original_file_path);
        entry.put("unique_id", &node.unique_id);
        entry.put("fqn", &node.fqn);
        entry.put("description", &node.description);
        match test.overrides.is_null() {
            true => entry.put_json("overrides", "null"),
            false => entry.put_object("overrides", |overrides| {
                for name in ["macros", "vars", "env_vars"] {
                    overrides.put(name, &part(name));
                }
            }),
        }
        entry.put("depends_on", &node.depends_on);
        entry.put_object("config", |config| {
            config.put("tags", &node.tags);
            config.put("meta", &node.config.get("meta").cloned().unwrap_or_else(|| json!({})));
            config.put("enabled", &node.config.enabled());
            config.put_json("static_analysis", "null");
        });
        entry.put("checksum", &node.checksum.checksum);
        entry.put("schema", &node.relation.schema);
        entry.put("created_at", &self.created_at);
        entry.put_json("versions", "null");
        entry.put("version", &node.version);
    }

    pub(super) fn exposure(&self, exposure: &Exposure, entry: &mut Object<'_>) {
        let meta = exposure.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        described(
            entry,
            "exposure",
            [&exposure.name, &exposure.package_name, &exposure.original_file_path, &exposure.unique_id],
            &exposure.fqn,
        );
        entry.put("type", &exposure.exposure_type);
        entry.put("owner", &exposure.owner);
        entry.put("description", &exposure.description);
        entry.put("label", &exposure.label);
        entry.put("maturity", &exposure.maturity);
        entry.put("meta", &meta);
        entry.put("tags", &exposure.tags);
        entry.put_object("config", |config| {
            config.put("enabled", &exposure.config.enabled());
            config.put("tags", &exposure.tags);
            config.put("meta", &meta);
        });
        entry.put("unrendered_config", &exposure.unrendered_config);
        entry.put("url", &exposure.url);
        entry.put("depends_on", &exposure.depends_on);
        entry.put("refs", &self.refs(&exposure.depends_on.nodes));
        entry.put("sources", &self.sources(&exposure.depends_on.nodes));
        entry.put_json("metrics", "[]");
        entry.put("created_at", &self.created_at);
    }

    pub(super) fn metric(&self, metric: &Metric, entry: &mut Object<'_>) {
        let meta = metric.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        described(
            entry,
            "metric",
            [&metric.name, &metric.package_name, &metric.original_file_path, &metric.unique_id],
            &metric.fqn,
        );
        entry.put("description", &metric.description);
        entry.put("label", &metric.label);
        entry.put("type", &metric.metric_type);
        entry.put("type_params", &metric.type_params);
        entry.put("filter", &metric.filter);
        entry.put_json("metadata", "null");
        entry.put("time_granularity", &metric.time_granularity);
        entry.put("meta", &meta);
        entry.put("tags", &metric.tags);
        entry.put("config", &json!({"enabled": metric.config.enabled(), "group": null, "meta": meta}));
        entry.put_json("unrendered_config", "{}");
        entry.put_json("sources", "[]");
        entry.put("depends_on", &metric.depends_on);
        entry.put("refs", &self.refs(&metric.depends_on.nodes));
        entry.put_json("metrics", "[]");
        entry.put("created_at", &self.created_at);
        entry.put_json("group", "null");
    }

    pub(super) fn semantic_model(&self, model: &SemanticModel, entry: &mut Object<'_>) {
        let of = |key: &str| model.body.get(key).cloned().unwrap_or_default();
        described(
            entry,
            "semantic_model",
            [&model.name, &model.package_name, &model.original_file_path, &model.unique_id],
            &model.fqn,
        );
        entry.put("model", &of("model"));
        entry.put("node_relation", &of("node_relation"));
        entry.put("description", &model.description);
        for key in ["label", "defaults", "entities", "measures", "dimensions"] {
            entry.put(key, &of(key));
        }
        entry.put_json("metadata", "null");
        entry.put("depends_on", &model.depends_on);
        entry.put("refs", &self.refs(&model.depends_on.nodes));
        entry.put("created_at", &self.created_at);
        entry.put("config", &layer_config(&model.config));
        entry.put_json("unrendered_config", "{}");
        entry.put("primary_entity", &of("primary_entity"));
        entry.put("group", &model.config.get("group"));
    }

    pub(super) fn saved_query(&self, query: &SavedQuery, entry: &mut Object<'_>) {
        let of = |key: &str| query.body.get(key).cloned().unwrap_or_default();
        let mut config = layer_config(&query.config);
        for (key, default) in
            [("export_as", Value::Null), ("schema", Value::Null), ("cache", json!({"enabled": false}))]
        {
            config[key] = query.config.get(key).cloned().unwrap_or(default);
        }
        described(
            entry,
            "saved_query",
            [&query.name, &query.package_name, &query.original_file_path, &query.unique_id],
            &query.fqn,
        );
        entry.put("query_params", &of("query_params"));
        entry.put("exports", &of("exports"));
        entry.put("description", &query.description);
        entry.put("label", &of("label"));
        entry.put_json("metadata", "null");
        entry.put("config", &config);
        entry.put_json("unrendered_config", "{}");
        entry.put("group", &query.config.get("group"));
        entry.put("depends_on", &query.depends_on);
        entry.put("created_at", &self.created_at);
        entry.put_json("refs", "[]");
        entry.put("tags", &query.tags);
    }

    /// The refs behind unique ids.
    fn refs(&self, ids: &[String]) -> Vec<Value> {
        let nodes = ids.iter().filter_map(|id| self.manifest.nodes.get(id));
        nodes
            .map(|node| json!({"name": node.name, "package": null, "version": number(node.version.as_deref())}))
            .collect()
    }

    fn sources(&self, ids: &[String]) -> Vec<[&str; 2]> {
        let sources = ids.iter().filter_map(|id| self.manifest.sources.get(id));
        sources.map(|source| [source.source_name.as_str(), source.name.as_str()]).collect()
    }
}

/// `config` of a semantic model or saved query.
fn layer_config(config: &Config) -> Value {
    let meta = config.get("meta").cloned().unwrap_or_else(|| json!({}));
    json!({"enabled": config.enabled(), "group": config.get("group"), "meta": meta})
}

/// A path without the folder that properties files are looked for in.
fn inner_path(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, inner)| inner)
}

/// What is written about a source, with what dbt puts beside it.
fn as_written(config: &Config, object: &mut Object<'_>) {
    for key in ["loaded_at_field", "loaded_at_query"] {
        object.put(key, &config.get(key));
    }
    for (key, value) in config.settings().iter().filter(|(key, _)| !key.starts_with("loaded_at_")) {
        match key.as_str() {
            "freshness" => object.put(key, &freshness(value)),
            _ => object.put(key, value),
        }
    }
}

/// A table outside of the database, with what its description leaves out.
fn external(written: &Value) -> Value {
    let Some(written) = written.as_object() else { return written.clone() };
    let keys = ["location", "file_format", "row_format", "tbl_properties", "partitions"];
    let mut whole: serde_json::Map<String, Value> = keys.map(|key| (key.to_owned(), Value::Null)).into_iter().collect();
    whole.extend(written.clone());
    Value::Object(whole)
}

/// Thresholds with what they leave out; null stays null.
fn freshness(written: &Value) -> Value {
    if written.is_null() {
        return Value::Null;
    }
    let mut whole: Value = serde_json::from_str(NO_FRESHNESS).expect("a constant");
    if let (Some(whole), Some(written)) = (whole.as_object_mut(), written.as_object()) {
        whole.extend(written.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    whole
}

/// The page that dbt's documentation opens with: it looks for the block under dbt's own name.
pub(super) fn overview() -> DocsBlock {
    DocsBlock {
        unique_id: "doc.dbt.__overview__".to_owned(),
        name: "__overview__".to_owned(),
        package_name: "dbt".to_owned(),
        path: "overview.md".to_owned(),
        original_file_path: "docs/overview.md".to_owned(),
        text: "### Welcome\n\nThese pages describe a dbt project: its models, sources, seeds, snapshots and tests.\n\n\
               * **Project** shows it as folders of files.\n* **Database** shows it as schemas of tables and views.\n* \
               The button at the lower right draws who reads whom.\n\nA docs block `__overview__` of the project \
               replaces this page."
            .to_owned(),
    }
}

pub(super) fn doc(doc: &DocsBlock, entry: &mut Object<'_>) {
    entry.put("name", &doc.name);
    entry.put_json("resource_type", "\"doc\"");
    entry.put("package_name", &doc.package_name);
    entry.put("path", &doc.path);
    entry.put("original_file_path", &doc.original_file_path);
    entry.put("unique_id", &doc.unique_id);
    entry.put("block_contents", &doc.text);
}

/// What the entries of everything that only properties files describe begin with. `texts` are its name, package, file and unique id.
fn described(entry: &mut Object<'_>, kind: &str, texts: [&String; 4], fqn: &[String]) {
    let [name, package, file, unique_id] = texts;
    entry.put("name", name);
    entry.put("resource_type", kind);
    entry.put("package_name", package);
    entry.put("path", inner_path(file));
    entry.put("original_file_path", file);
    entry.put("unique_id", unique_id);
    entry.put("fqn", fqn);
}
