//! Exposures: who uses the models.

use highwater_jinja::Template;
use indexmap::IndexMap;
use serde_json::Value;

use super::configure::{Configured, Configurer, Layer, tags};
use super::docs::Renderers;
use super::issues::Issues;
use super::properties::{Described, config_of, meta_of, tags_of};
use super::resolve::{Asking, Index};
use super::semantic::names_of;
use super::{Config, Dependencies, Exposure, Manifest, Owner, RefCall, ResourceType, SourceNode};
use crate::project::Project;
use crate::project::yaml::{Yaml, error_at};

/// Reads them; the manifest must hold all nodes, sources and metrics.
pub(super) fn read(
    project: &Project,
    manifest: &Manifest,
    disabled_sources: &[SourceNode],
    properties: &[Described],
    renderers: &Renderers,
    issues: &mut Issues,
) -> IndexMap<String, Exposure> {
    let index = Index::new(manifest, disabled_sources);
    let names = names_of(&manifest.metrics);
    let mut exposures = IndexMap::new();
    for described in properties.iter().filter(|described| described.list == "exposures") {
        let exposure = exposure(project, described, &index, &names, renderers, issues);
        insert(&mut exposures, exposure.config.enabled(), exposure.unique_id.clone(), exposure, described, issues);
    }
    exposures
}

/// Adds what is enabled; a name twice is an issue.
pub(super) fn insert<T>(
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
pub(super) fn config(project: &Project, described: &Described, kind: ResourceType, fqn: &[String]) -> Config {
    configured(project, described, kind, fqn).config
}

/// The same, and what was written of it, without what stands beside.
fn configured(project: &Project, described: &Described, kind: ResourceType, fqn: &[String]) -> Configured {
    let package = project.package(&described.package).expect("properties belong to a package of the project");
    let mut layer = config_of(&described.yaml);
    let configurer = Configurer::new(project);
    let own = described.yaml.get("config").map(Yaml::json_map).unwrap_or_default();
    let written = configurer.configure(package, kind, fqn, Some(&own), &Layer::new()).written;
    let (meta, tags) = (meta_of(&described.yaml), tags_of(&described.yaml));
    if !meta.is_empty() {
        layer.insert("meta".to_owned(), Value::Object(meta.into_iter().collect()));
    }
    if !tags.is_empty() {
        layer.insert("tags".to_owned(), tags.into());
    }
    Configured { written, ..configurer.configure(package, kind, fqn, Some(&layer), &Layer::new()) }
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
    let Configured { config, written } = configured(project, described, ResourceType::Exposure, &fqn);
    let mut nodes: Vec<String> = Vec::new();
    for line in yaml.get("depends_on").map(Yaml::one_or_many).unwrap_or_default() {
        for id in depends_on(described, line, index, metrics, issues) {
            if !nodes.contains(&id) {
                nodes.push(id);
            }
        }
    }
    // Sources, then models, then metrics, as in dbt.
    nodes.sort_by_key(|id| [id.starts_with("metric."), !id.starts_with("source.")]);
    let mut tags = tags(&config);
    tags.sort();
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
        tags,
        config,
        unrendered_config: written,
        original_file_path: described.path.clone(),
        fqn,
    }
}

/// What one line such as `ref('orders')` comes to.
pub(super) fn depends_on(
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

/// The models that a metric names beside its measures: `model:`, or `meta.highwater.model`.
pub(super) fn models_of_metric(
    described: &Described,
    config: &Config,
    index: &Index<'_>,
    issues: &mut Issues,
) -> Vec<String> {
    let highwater = config.highwater("model").and_then(Value::as_str).map(str::to_owned);
    if let Some(name) = highwater {
        let call = RefCall { name, package: None, version: None };
        let place = described.place();
        let asking = Asking {
            package: &described.package,
            group: None,
            file: &described.file,
            place: place.place(&described.file),
            is_template: false,
        };
        return issues.keep(index.reference(&call, &asking)).map(|node| node.unique_id.clone()).into_iter().collect();
    }
    let line = described.yaml.get("model");
    line.map(|line| depends_on(described, line, index, &IndexMap::new(), issues)).unwrap_or_default()
}
