//! The semantic layer: semantic models, metrics over their measures, saved queries; in the shape of dbt's manifest.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::configure::tags;
use super::docs::Renderers;
use super::exposures::{config, depends_on, insert};
use super::issues::Issues;
use super::properties::Described;
use super::resolve::Index;
use super::{Dependencies, Manifest, Metric, ResourceType, SavedQuery, SemanticModel, SourceNode};
use crate::project::Project;
use crate::project::yaml::Yaml;

/// What the three kinds come to.
pub(super) struct Layer {
    /// By unique id.
    pub semantic_models: IndexMap<String, SemanticModel>,
    /// By unique id.
    pub metrics: IndexMap<String, Metric>,
    /// By unique id.
    pub saved_queries: IndexMap<String, SavedQuery>,
}

/// Reads all three; the manifest must hold all nodes and sources.
pub(super) fn read(
    project: &Project,
    manifest: &Manifest,
    disabled_sources: &[SourceNode],
    properties: &[Described],
    renderers: &Renderers,
    issues: &mut Issues,
) -> Layer {
    let index = Index::new(manifest, disabled_sources);
    let of = |list: &'static str| properties.iter().filter(move |described| described.list == list);
    let mut semantic_models = IndexMap::new();
    let mut metrics = IndexMap::new();
    for described in of("semantic_models") {
        let model = semantic_model(project, manifest, described, &index, renderers, issues);
        let enabled = model.config.enabled();
        for metric in metrics_of_measures(&model, described) {
            insert(&mut metrics, enabled, metric.unique_id.clone(), metric, described, issues);
        }
        insert(&mut semantic_models, enabled, model.unique_id.clone(), model, described, issues);
    }
    for described in of("metrics") {
        let metric = metric(project, described, &index, renderers, issues);
        insert(&mut metrics, metric.config.enabled(), metric.unique_id.clone(), metric, described, issues);
    }
    follow_inputs(&semantic_models, &mut metrics);
    let names = names_of(&metrics);
    let mut saved_queries = IndexMap::new();
    for described in of("saved_queries") {
        let query = saved_query(project, described, &names, renderers, issues);
        insert(&mut saved_queries, query.config.enabled(), query.unique_id.clone(), query, described, issues);
    }
    Layer { semantic_models, metrics, saved_queries }
}

/// Unique ids of metrics by name.
pub(super) fn names_of(metrics: &IndexMap<String, Metric>) -> IndexMap<String, String> {
    metrics.values().map(|metric| (metric.name.clone(), metric.unique_id.clone())).collect()
}

/// The keys of `defaults`, with what is written of them.
fn filled(written: &Value, defaults: Value) -> Value {
    let Value::Object(mut fields) = defaults else { return defaults };
    for (key, value) in &mut fields {
        if let Some(said) = written.get(key.as_str()).filter(|said| !said.is_null()) {
            *value = said.clone();
        }
    }
    Value::Object(fields)
}

/// Every item of a list, made by `shape`.
fn each(written: &Value, key: &str, shape: impl Fn(&Value) -> Value) -> Value {
    let items = written.get(key).and_then(Value::as_array);
    Value::Array(items.into_iter().flatten().map(shape).collect())
}

/// Puts the shaped value of a key in place of the one written, when there is one.
fn reshape(fields: &mut Value, key: &str, shape: impl Fn(&Value) -> Value) {
    if let Some(value) = fields.get_mut(key).filter(|value| !value.is_null()) {
        *value = shape(value);
    }
}

/// An expression, which may be written as a number.
fn as_text(value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Null => value.clone(),
        other => Value::String(other.to_string()),
    }
}

fn meta_only(value: &Value) -> Value {
    json!({ "meta": value.get("meta").cloned().unwrap_or_else(|| json!({})) })
}

fn entity(written: &Value) -> Value {
    let defaults = json!({
        "name": null, "type": null, "description": null, "label": null, "role": null, "expr": null, "config": {"meta": {}},
    });
    let mut entity = filled(written, defaults);
    reshape(&mut entity, "expr", as_text);
    reshape(&mut entity, "config", meta_only);
    entity
}

fn dimension(written: &Value) -> Value {
    let defaults = json!({
        "name": null, "type": null, "description": null, "label": null, "is_partition": false, "type_params": null,
        "expr": null, "metadata": null, "config": {"meta": {}},
    });
    let mut dimension = filled(written, defaults);
    reshape(&mut dimension, "expr", as_text);
    reshape(&mut dimension, "config", meta_only);
    reshape(&mut dimension, "type_params", |params| {
        let mut params = filled(params, json!({"time_granularity": null, "validity_params": null}));
        reshape(&mut params, "validity_params", |params| filled(params, json!({"is_start": false, "is_end": false})));
        params
    });
    dimension
}

fn measure(written: &Value) -> Value {
    let defaults = json!({
        "name": null, "agg": null, "description": null, "label": null, "create_metric": false, "expr": null,
        "agg_params": null, "non_additive_dimension": null, "agg_time_dimension": null, "config": {"meta": {}},
    });
    let mut measure = filled(written, defaults);
    reshape(&mut measure, "expr", as_text);
    reshape(&mut measure, "config", meta_only);
    reshape(&mut measure, "agg_params", |params| {
        let defaults =
            json!({"percentile": null, "use_discrete_percentile": false, "use_approximate_percentile": false});
        filled(params, defaults)
    });
    reshape(&mut measure, "non_additive_dimension", |params| {
        filled(params, json!({"name": null, "window_choice": "min", "window_groupings": []}))
    });
    measure
}

fn semantic_model(
    project: &Project,
    manifest: &Manifest,
    described: &Described,
    index: &Index<'_>,
    renderers: &Renderers,
    issues: &mut Issues,
) -> SemanticModel {
    let yaml = &described.yaml;
    let fqn = described.fqn(&[&described.name]);
    let config = config(project, described, ResourceType::SemanticModel, &fqn);
    let line = yaml.get("model");
    let nodes = line.map(|line| depends_on(described, line, index, &IndexMap::new(), issues)).unwrap_or_default();
    let relation = nodes.first().and_then(|id| manifest.nodes.get(id)).map(|node| {
        json!({
            "alias": node.relation.identifier, "schema_name": node.relation.schema, "database": node.relation.database,
            "relation_name": node.relation.written(node.bare),
        })
    });
    let written = yaml.json();
    let defaults = written.get("defaults").filter(|defaults| !defaults.is_null());
    let body = json!({
        "model": line.and_then(Yaml::scalar_text).unwrap_or_default(),
        "node_relation": relation,
        "label": yaml.text_of("label"),
        "defaults": defaults.map(|defaults| filled(defaults, json!({"agg_time_dimension": null}))),
        "entities": each(&written, "entities", entity),
        "measures": each(&written, "measures", measure),
        "dimensions": each(&written, "dimensions", dimension),
        "primary_entity": yaml.text_of("primary_entity"),
    });
    SemanticModel {
        unique_id: format!("semantic_model.{}.{}", described.package, described.name),
        name: described.name.clone(),
        package_name: described.package.clone(),
        description: described_as(renderers, described, issues),
        body,
        depends_on: Dependencies { macros: Vec::new(), nodes },
        config,
        original_file_path: described.path.clone(),
        fqn,
    }
}

/// The description; nothing where none is written.
fn described_as(renderers: &Renderers, described: &Described, issues: &mut Issues) -> Option<String> {
    let yaml = &described.yaml;
    yaml.get("description")?;
    Some(renderers.description(&described.package, &described.file, yaml, issues))
}

/// Metrics for the measures that ask for one.
fn metrics_of_measures(model: &SemanticModel, described: &Described) -> Vec<Metric> {
    let measures = model.body.get("measures").and_then(Value::as_array).into_iter().flatten();
    let asked = measures.filter(|measure| measure.get("create_metric") == Some(&Value::Bool(true)));
    let text = |measure: &Value, key: &str| measure.get(key).and_then(Value::as_str).map(str::to_owned);
    let metrics = asked.filter_map(|measure| {
        let name = text(measure, "name")?;
        let params = json!({ "measure": name, "expr": name });
        Some(Metric {
            unique_id: format!("metric.{}.{name}", described.package),
            package_name: described.package.clone(),
            label: text(measure, "label").unwrap_or_else(|| name.clone()),
            description: text(measure, "description").unwrap_or_else(|| format!("Metric created from measure {name}")),
            metric_type: "simple".to_owned(),
            type_params: type_params(&params, "simple"),
            filter: Value::Null,
            time_granularity: None,
            depends_on: Dependencies::default(),
            tags: Vec::new(),
            config: model.config.clone(),
            original_file_path: described.path.clone(),
            fqn: described.fqn(&[&name]),
            name,
        })
    });
    metrics.collect()
}

fn metric(
    project: &Project,
    described: &Described,
    index: &Index<'_>,
    renderers: &Renderers,
    issues: &mut Issues,
) -> Metric {
    let yaml = &described.yaml;
    let fqn = described.fqn(&[&described.name]);
    let config = config(project, described, ResourceType::Metric, &fqn);
    let metric_type = yaml.text_of("type").unwrap_or_else(|| "simple".to_owned());
    let nodes = super::exposures::models_of_metric(described, &config, index, issues);
    Metric {
        unique_id: format!("metric.{}.{}", described.package, described.name),
        name: described.name.clone(),
        package_name: described.package.clone(),
        label: yaml.text_of("label").unwrap_or_else(|| described.name.clone()),
        description: renderers.description(&described.package, &described.file, yaml, issues),
        type_params: type_params(&yaml.json_of("type_params"), &metric_type),
        metric_type,
        filter: where_filter(&yaml.json_of("filter")),
        time_granularity: yaml.text_of("time_granularity"),
        depends_on: Dependencies { macros: Vec::new(), nodes },
        tags: tags(&config),
        config,
        original_file_path: described.path.clone(),
        fqn,
    }
}

/// One condition, or several.
fn where_filter(written: &Value) -> Value {
    let one = |sql: &Value| json!({ "where_sql_template": sql });
    match written {
        Value::Null => Value::Null,
        Value::Array(conditions) => json!({ "where_filters": conditions.iter().map(one).collect::<Vec<_>>() }),
        condition => json!({ "where_filters": [one(condition)] }),
    }
}

/// `30 days` as a number and a grain.
fn window(written: &Value) -> Value {
    let text = written.as_str().unwrap_or_default().to_lowercase();
    let Some((count, grain)) = text.split_once(' ') else { return written.clone() };
    let standard = [
        "nanosecond",
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
    ];
    let singular = grain.strip_suffix('s').filter(|singular| standard.contains(singular)).unwrap_or(grain);
    match count.parse::<u64>() {
        Ok(count) => json!({ "count": count, "granularity": singular }),
        Err(_) => written.clone(),
    }
}

/// A measure that a metric is made of, which may be written as its name.
fn input_measure(written: &Value) -> Value {
    let defaults =
        json!({"name": written, "filter": null, "alias": null, "join_to_timespine": false, "fill_nulls_with": null});
    let mut measure = if written.is_string() { defaults } else { filled(written, defaults) };
    reshape(&mut measure, "filter", where_filter);
    measure
}

/// A metric that another one is made of, which may be written as its name.
fn input_metric(written: &Value) -> Value {
    let defaults =
        json!({"name": written, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null});
    let mut metric = if written.is_string() { defaults } else { filled(written, defaults) };
    reshape(&mut metric, "filter", where_filter);
    reshape(&mut metric, "offset_window", window);
    metric
}

fn type_params(written: &Value, metric_type: &str) -> Value {
    let mut params = filled(
        written,
        json!({
            "measure": null, "input_measures": [], "numerator": null, "denominator": null, "expr": null, "window": null,
            "grain_to_date": null, "metrics": [], "conversion_type_params": null, "cumulative_type_params": null,
            "metric_aggregation_params": null,
        }),
    );
    let cumulative = written.get("cumulative_type_params").cloned().unwrap_or_default();
    params["cumulative_type_params"] = match metric_type {
        "cumulative" => {
            let outer = |key: &str| written.get(key).cloned().unwrap_or_default();
            let defaults = json!({
                "window": outer("window"), "grain_to_date": outer("grain_to_date"), "period_agg": "first", "metric": null,
            });
            let mut params = filled(&cumulative, defaults);
            reshape(&mut params, "window", window);
            params
        }
        _ => Value::Null,
    };
    reshape(&mut params, "measure", input_measure);
    reshape(&mut params, "numerator", input_metric);
    reshape(&mut params, "denominator", input_metric);
    reshape(&mut params, "expr", as_text);
    reshape(&mut params, "window", window);
    params["metrics"] = each(written, "metrics", input_metric);
    reshape(&mut params, "conversion_type_params", |params| {
        let defaults = json!({
            "base_measure": null, "conversion_measure": null, "entity": null, "calculation": "conversion_rate",
            "window": null, "constant_properties": null, "base_metric": null, "conversion_metric": null,
        });
        let mut params = filled(params, defaults);
        reshape(&mut params, "base_measure", input_measure);
        reshape(&mut params, "conversion_measure", input_measure);
        reshape(&mut params, "window", window);
        params
    });
    params
}

/// Names of the metrics that a metric is made of.
fn metric_inputs(params: &Value) -> Vec<String> {
    let single = ["numerator", "denominator"].into_iter().filter_map(|key| params.get(key));
    let listed = params.get("metrics").and_then(Value::as_array).into_iter().flatten();
    single.chain(listed).filter_map(|input| input.get("name")?.as_str()).map(str::to_owned).collect()
}

/// The measures that a metric itself names.
fn own_measures(params: &Value) -> Vec<Value> {
    let places = ["/measure", "/conversion_type_params/base_measure", "/conversion_type_params/conversion_measure"];
    places.into_iter().filter_map(|place| params.pointer(place)).filter(|measure| !measure.is_null()).cloned().collect()
}

/// What metrics rest on: the semantic models of their measures, and other metrics; and all measures in the end.
fn follow_inputs(models: &IndexMap<String, SemanticModel>, metrics: &mut IndexMap<String, Metric>) {
    let mut of_measure: IndexMap<String, String> = IndexMap::new();
    for model in models.values() {
        let measures = model.body.get("measures").and_then(Value::as_array).into_iter().flatten();
        for name in measures.filter_map(|measure| measure.get("name")?.as_str()) {
            of_measure.insert(name.to_owned(), model.unique_id.clone());
        }
    }
    let names = names_of(metrics);
    let params: IndexMap<String, Value> =
        metrics.values().map(|metric| (metric.name.clone(), metric.type_params.clone())).collect();
    for metric in metrics.values_mut() {
        let measures = own_measures(&metric.type_params);
        let measured = measures.iter().filter_map(|measure| of_measure.get(measure.get("name")?.as_str()?));
        let inputs = metric_inputs(&metric.type_params);
        for id in measured.chain(inputs.iter().filter_map(|name| names.get(name))) {
            if !metric.depends_on.nodes.contains(id) {
                metric.depends_on.nodes.push(id.clone());
            }
        }
        let mut found = Vec::new();
        measures_of(&metric.name, &params, &mut Vec::new(), &mut found);
        metric.type_params["input_measures"] = Value::Array(found);
    }
}

/// The measures of a metric and of those it is made of, each once.
fn measures_of(name: &str, params: &IndexMap<String, Value>, seen: &mut Vec<String>, found: &mut Vec<Value>) {
    let Some(own) = params.get(name).filter(|_| !seen.iter().any(|known| known == name)) else { return };
    seen.push(name.to_owned());
    for measure in own_measures(own) {
        if !found.contains(&measure) {
            found.push(measure);
        }
    }
    for input in metric_inputs(own) {
        measures_of(&input, params, seen, found);
    }
}

fn saved_query(
    project: &Project,
    described: &Described,
    metrics: &IndexMap<String, String>,
    renderers: &Renderers,
    issues: &mut Issues,
) -> SavedQuery {
    let yaml = &described.yaml;
    let fqn = described.fqn(&[&described.name]);
    let config = config(project, described, ResourceType::SavedQuery, &fqn);
    let written = yaml.json();
    let params = written.get("query_params").cloned().unwrap_or_default();
    let mut params =
        filled(&params, json!({"metrics": [], "group_by": [], "where": null, "order_by": [], "limit": null}));
    reshape(&mut params, "where", where_filter);
    let asked = params.get("metrics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let nodes = asked.filter_map(|name| metrics.get(name).cloned()).collect();
    let target = &project.target;
    let export = |written: &Value| {
        let config = written.get("config").cloned().unwrap_or_default();
        let of = |key: &str, otherwise: &str| {
            config.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| Value::from(otherwise))
        };
        let name = written.get("name").and_then(Value::as_str).unwrap_or_default();
        json!({
            "name": name,
            "config": {
                "export_as": config.get("export_as"), "schema_name": of("schema", &target.schema),
                "alias": of("alias", name), "database": of("database", &target.database),
            },
            "unrendered_config": config.as_object().cloned().unwrap_or_else(Map::new),
        })
    };
    let body = json!({
        "query_params": params, "exports": each(&written, "exports", export), "label": yaml.text_of("label"),
    });
    SavedQuery {
        unique_id: format!("saved_query.{}.{}", described.package, described.name),
        name: described.name.clone(),
        package_name: described.package.clone(),
        description: described_as(renderers, described, issues),
        body,
        depends_on: Dependencies { macros: Vec::new(), nodes },
        tags: tags(&config),
        config,
        original_file_path: described.path.clone(),
        fqn,
    }
}
