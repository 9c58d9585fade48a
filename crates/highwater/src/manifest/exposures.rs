//! Exposures and metrics: what uses the models.

use highwater_jinja::Template;
use indexmap::IndexMap;
use serde_json::Value;

use super::configure::{Configurer, Layer, tags};
use super::docs::Renderers;
use super::issues::Issues;
use super::properties::{Described, config_of, meta_of, tags_of};
use super::resolve::{Asking, Index};
use super::{Config, Dependencies, Exposure, Manifest, Metric, Owner, RefCall, ResourceType, SourceNode};
use crate::project::Project;
use crate::project::yaml::{Yaml, error_at};

/// Reads both kinds; the manifest must hold all nodes and sources.
pub(super) fn read(
    project: &Project,
    manifest: &Manifest,
    disabled_sources: &[SourceNode],
    properties: &[Described],
    renderers: &Renderers,
    issues: &mut Issues,
) -> (IndexMap<String, Exposure>, IndexMap<String, Metric>) {
    let index = Index::new(manifest, disabled_sources);
    let mut metrics = IndexMap::new();
    for described in properties.iter().filter(|described| described.list == "metrics") {
        let metric = metric(project, described, &index, renderers, issues);
        insert(&mut metrics, metric.config.enabled(), metric.unique_id.clone(), metric, described, issues);
    }
    let names: IndexMap<String, String> =
        metrics.values().map(|metric: &Metric| (metric.name.clone(), metric.unique_id.clone())).collect();
    for metric in metrics.values_mut() {
        let inputs = metric_inputs(&metric.type_params);
        for id in inputs.iter().filter_map(|input| names.get(input)) {
            if !metric.depends_on.nodes.contains(id) {
                metric.depends_on.nodes.push(id.clone());
            }
        }
    }
    let mut exposures = IndexMap::new();
    for described in properties.iter().filter(|described| described.list == "exposures") {
        let exposure = exposure(project, described, &index, &names, renderers, issues);
        insert(&mut exposures, exposure.config.enabled(), exposure.unique_id.clone(), exposure, described, issues);
    }
    (exposures, metrics)
}

fn insert<T>(
    all: &mut IndexMap<String, T>,
    enabled: bool,
    id: String,
    item: T,
    described: &Described,
    issues: &mut Issues,
) {
    if enabled && all.insert(id, item).is_some() {
        issues.add(
            described
                .error("HW0201", format!("`{}` exists twice in `{}`", described.name, described.list))
                .help("rename one of them"),
        );
    }
}

/// Configuration, with what stands beside `config:` put in.
fn config(project: &Project, described: &Described, kind: ResourceType, fqn: &[String]) -> Config {
    let package = project.package(&described.package).expect("properties belong to a package of the project");
    let mut layer = config_of(&described.yaml);
    layer.insert("meta".to_owned(), Value::Object(meta_of(&described.yaml).into_iter().collect()));
    layer.insert("tags".to_owned(), tags_of(&described.yaml).into());
    Configurer::new(project).configure(package, kind, fqn, Some(&layer), &Layer::new()).config
}

fn exposure(
    project: &Project,
    described: &Described,
    index: &Index<'_>,
    metrics: &IndexMap<String, String>,
    renderers: &Renderers,
    issues: &mut Issues,
) -> Exposure {
    let yaml = &described.yaml;
    let fqn = described.fqn(&[&described.name]);
    let config = config(project, described, ResourceType::Exposure, &fqn);
    let mut nodes: Vec<String> = Vec::new();
    for line in yaml.get("depends_on").map(Yaml::one_or_many).unwrap_or_default() {
        for id in depends_on(described, line, index, metrics, issues) {
            if !nodes.contains(&id) {
                nodes.push(id);
            }
        }
    }
    let owner = yaml.get("owner").cloned().unwrap_or_else(Yaml::null);
    Exposure {
        unique_id: format!("exposure.{}.{}", described.package, described.name),
        name: described.name.clone(),
        package_name: described.package.clone(),
        exposure_type: yaml.text_of("type").unwrap_or_else(|| "application".to_owned()),
        label: yaml.text_of("label"),
        url: yaml.text_of("url"),
        maturity: yaml.text_of("maturity"),
        description: renderers.description(&described.package, &described.file, yaml, issues),
        owner: Owner { name: owner.text_of("name"), email: owner.text_of("email") },
        depends_on: Dependencies { macros: Vec::new(), nodes },
        tags: tags(&config),
        config,
        original_file_path: described.path.clone(),
        fqn,
    }
}

/// What one line such as `ref('orders')` comes to.
fn depends_on(
    described: &Described,
    line: &Yaml,
    index: &Index<'_>,
    metrics: &IndexMap<String, String>,
    issues: &mut Issues,
) -> Vec<String> {
    let text = line.scalar_text().unwrap_or_default();
    let calls =
        Template::parse(&described.file.path, &format!("{{{{ {text} }}}}")).map(|template| template.static_calls());
    let asking = Asking {
        package: &described.package,
        group: None,
        file: &described.file,
        place: line.place(&described.file),
        is_template: false,
    };
    let mut found = Vec::new();
    for call in calls.unwrap_or_default() {
        let literal = |position: usize| {
            call.positional.get(position).and_then(Option::as_ref).and_then(|value| value.as_str()).map(str::to_owned)
        };
        let version = call.keyword.iter().find(|(name, _)| name == "v" || name == "version");
        let version = version.and_then(|(_, value)| value.as_ref()).map(ToString::to_string);
        let result = match (call.name.last().map(String::as_str), literal(0), literal(1)) {
            (Some("ref"), Some(package), Some(name)) => index
                .reference(&RefCall { name, package: Some(package), version }, &asking)
                .map(|node| node.unique_id.clone()),
            (Some("ref"), Some(name), None) => {
                index.reference(&RefCall { name, package: None, version }, &asking).map(|node| node.unique_id.clone())
            }
            (Some("source"), Some(source), Some(table)) => index.source(&source, &table, &asking).map(str::to_owned),
            (Some("metric"), Some(name), _) if metrics.contains_key(&name) => Ok(metrics[&name].clone()),
            (Some("metric"), Some(name), _) => {
                Err(error_at("HW0214", &described.file, line, format!("`metric('{name}')` names no metric"))
                    .help("correct the name"))
            }
            _ => continue,
        };
        found.extend(issues.keep(result));
    }
    if found.is_empty() && !text.contains('(') {
        issues.add(
            error_at("HW0103", &described.file, line, format!("`{text}` is no reference"))
                .help("write ref('model'), source('source', 'table') or metric('name')"),
        );
    }
    found
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
    let mut nodes = Vec::new();
    let highwater = config.highwater("model").and_then(Value::as_str).map(str::to_owned);
    let line = yaml.get("model");
    let named = highwater.map(|name| RefCall { name, package: None, version: None });
    if let Some(call) = named {
        let place = described.place();
        let asking = Asking {
            package: &described.package,
            group: None,
            file: &described.file,
            place: place.place(&described.file),
            is_template: false,
        };
        nodes.extend(issues.keep(index.reference(&call, &asking)).map(|node| node.unique_id.clone()));
    } else if let Some(line) = line {
        nodes.extend(depends_on(described, line, index, &IndexMap::new(), issues));
    }
    Metric {
        unique_id: format!("metric.{}.{}", described.package, described.name),
        name: described.name.clone(),
        package_name: described.package.clone(),
        label: yaml.text_of("label").unwrap_or_else(|| described.name.clone()),
        description: renderers.description(&described.package, &described.file, yaml, issues),
        metric_type: yaml.text_of("type").unwrap_or_else(|| "simple".to_owned()),
        type_params: yaml.json_of("type_params"),
        depends_on: Dependencies { macros: Vec::new(), nodes },
        tags: tags(&config),
        config,
        original_file_path: described.path.clone(),
        fqn,
    }
}

/// Names of the metrics that ratio and derived metrics are made of.
fn metric_inputs(type_params: &Value) -> Vec<String> {
    let name = |value: &Value| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
    let listed = type_params.get("metrics").and_then(Value::as_array).into_iter().flatten();
    let single = ["numerator", "denominator"].into_iter().filter_map(|key| type_params.get(key));
    single.chain(listed).filter_map(name).collect()
}
