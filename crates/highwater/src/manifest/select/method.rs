//! Which nodes a method means.

use serde_json::Value;

use super::criterion::Criterion;
use super::state;
use super::wildcard::{fits, is_pattern};
use crate::diagnostics::Diagnostic;
use crate::manifest::{Config, Manifest, Node, ResourceType};
use crate::state::PreviousState;

/// Unique ids that fit a criterion, without its relatives.
pub(super) fn search<'m>(
    manifest: &'m Manifest,
    state: Option<&PreviousState>,
    criterion: &Criterion,
) -> Result<Vec<&'m str>, Diagnostic> {
    let value = criterion.value.as_str();
    let members: Vec<Member<'m>> = members(manifest);
    let keep = |fits: &dyn Fn(&Member<'m>) -> bool| -> Vec<&'m str> {
        members.iter().filter(|member| fits(member)).map(|member| member.id).collect()
    };
    Ok(match criterion.method.as_str() {
        "fqn" => keep(&|member| member.kind != ResourceType::Source && fits_name(member, value)),
        "tag" => keep(&|member| member.tags.iter().any(|tag| fits(tag, value))),
        "group" => keep(&|member| member.config.text("group").is_some_and(|group| fits(group, value))),
        "access" => keep(&|member| {
            member.node.is_some_and(|node| node.kind_is_model() && node.access.as_deref() == Some(value))
        }),
        "source" => keep(&|member| member.kind == ResourceType::Source && fits_parts(member, value)),
        "exposure" => keep(&|member| member.kind == ResourceType::Exposure && fits_parts(member, value)),
        "metric" => keep(&|member| member.kind == ResourceType::Metric && fits_parts(member, value)),
        "unit_test" => keep(&|member| member.kind == ResourceType::UnitTest && fits_parts(member, value)),
        "path" => {
            // The folders that a path names are those of the project: what lies in a package is meant when the project has the like.
            let root =
                manifest.nodes.values().find(|node| node.package_name == manifest.project_name).map(|node| &node.root);
            let is_there = |member: &Member<'m>, path: &str| {
                member.package == manifest.project_name || root.is_some_and(|root| root.join(path).exists())
            };
            keep(&|member| member.paths().any(|path| fits_path(path, value, &|found| is_there(member, found))))
        }
        "file" => keep(&|member| fits_file(member.path, value)),
        "package" => {
            let package = if value == "this" { manifest.project_name.as_str() } else { value };
            keep(&|member| fits(member.package, package))
        }
        "config" => keep(&|member| member.is_configurable() && fits_config(member.config, &criterion.arguments, value)),
        "resource_type" => {
            let kind = resource_type(criterion)?;
            keep(&|member| member.kind == kind)
        }
        "test_name" => keep(&|member| {
            let name = member.node.and_then(|node| match &node.test_metadata {
                Some(metadata) => Some(&metadata.name),
                None => node.unit_test.as_ref().map(|_| &node.name),
            });
            name.is_some_and(|name| fits(name, value))
        }),
        "test_type" => {
            let generic = test_type(criterion)?;
            keep(&|member| member.node.is_some_and(|node| generic.fits(node)))
        }
        "version" => {
            let wanted = version(criterion)?;
            keep(&|member| member.node.is_some_and(|node| node.kind_is_model() && wanted.fits(node)))
        }
        "state" | "result" | "source_status" => state::search(manifest, state, criterion)?,
        // Not read: none of them is part of the graph.
        "function" => Vec::new(),
        "semantic_model" => keep(&|member| member.kind == ResourceType::SemanticModel && fits_parts(member, value)),
        "saved_query" => keep(&|member| member.kind == ResourceType::SavedQuery && fits_parts(member, value)),
        other => {
            return Err(
                Diagnostic::error("HW0230", format!("there is no method `{other}:`")).help("see `hw help HW0230`")
            );
        }
    })
}

/// What every member of the graph has.
struct Member<'m> {
    id: &'m str,
    kind: ResourceType,
    /// Name, for tables of sources `source.table`.
    name: String,
    package: &'m str,
    fqn: &'m [String],
    path: &'m str,
    tags: &'m [String],
    config: &'m Config,
    node: Option<&'m Node>,
}

fn members(manifest: &Manifest) -> Vec<Member<'_>> {
    let nodes = manifest.nodes.iter().map(|(id, node)| Member {
        id,
        kind: node.resource_type,
        name: node.name.clone(),
        package: &node.package_name,
        fqn: &node.fqn,
        path: &node.original_file_path,
        tags: &node.tags,
        config: &node.config,
        node: Some(node),
    });
    let sources = manifest.sources.iter().map(|(id, source)| Member {
        id,
        kind: ResourceType::Source,
        name: format!("{}.{}", source.source_name, source.name),
        package: &source.package_name,
        fqn: &source.fqn,
        path: &source.original_file_path,
        tags: &source.tags,
        config: &source.config,
        node: None,
    });
    let exposures = manifest.exposures.iter().map(|(id, exposure)| Member {
        id,
        kind: ResourceType::Exposure,
        name: exposure.name.clone(),
        package: &exposure.package_name,
        fqn: &exposure.fqn,
        path: &exposure.original_file_path,
        tags: &exposure.tags,
        config: &exposure.config,
        node: None,
    });
    let metrics = manifest.metrics.iter().map(|(id, metric)| Member {
        id,
        kind: ResourceType::Metric,
        name: metric.name.clone(),
        package: &metric.package_name,
        fqn: &metric.fqn,
        path: &metric.original_file_path,
        tags: &metric.tags,
        config: &metric.config,
        node: None,
    });
    let semantic_models = manifest.semantic_models.iter().map(|(id, model)| Member {
        id,
        kind: ResourceType::SemanticModel,
        name: model.name.clone(),
        package: &model.package_name,
        fqn: &model.fqn,
        path: &model.original_file_path,
        tags: &[],
        config: &model.config,
        node: None,
    });
    let saved_queries = manifest.saved_queries.iter().map(|(id, query)| Member {
        id,
        kind: ResourceType::SavedQuery,
        name: query.name.clone(),
        package: &query.package_name,
        fqn: &query.fqn,
        path: &query.original_file_path,
        tags: &query.tags,
        config: &query.config,
        node: None,
    });
    // Hooks run with every command and are never chosen.
    nodes
        .chain(sources)
        .chain(exposures)
        .chain(metrics)
        .chain(semantic_models)
        .chain(saved_queries)
        .filter(|member| member.kind != ResourceType::Operation)
        .collect()
}

impl<'m> Member<'m> {
    /// Its file, and the properties file that describes it.
    fn paths(&self) -> impl Iterator<Item = &'m str> {
        let patch = self.node.and_then(|node| node.patch_path.as_deref());
        std::iter::once(self.path).chain(patch.map(|patch| patch.split_once("://").map_or(patch, |(_, path)| path)))
    }

    fn is_configurable(&self) -> bool {
        !matches!(
            self.kind,
            ResourceType::Exposure | ResourceType::Metric | ResourceType::SemanticModel | ResourceType::SavedQuery
        )
    }
}

impl Node {
    fn kind_is_model(&self) -> bool {
        self.resource_type == ResourceType::Model
    }
}

/// A name, or a path of package, folders and name with dots; a bare wildcard is for the name alone or for all of it.
fn fits_name(member: &Member<'_>, value: &str) -> bool {
    let versioned = member.node.is_some_and(|node| node.version.is_some());
    fits_fqn(member.fqn, value, versioned) || fits_fqn(member.fqn.get(1..).unwrap_or_default(), value, versioned)
}

fn fits_fqn(fqn: &[String], value: &str, versioned: bool) -> bool {
    let (Some(last), before) = (fqn.last(), fqn.iter().rev().nth(1)) else { return false };
    let leaf = if versioned { before.unwrap_or(last) } else { last };
    if leaf == value {
        return true;
    }
    let wanted: Vec<&str> = value.split('.').collect();
    if versioned
        && before.is_some_and(|name| format!("{name}_{last}") == wanted[wanted.len().saturating_sub(2)..].join("_"))
    {
        return true;
    }
    let flat: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
    if flat.len() < wanted.len() {
        return false;
    }
    for (index, part) in wanted.iter().enumerate() {
        if is_pattern(part) {
            return fits(&flat[index..].join("."), &wanted[index..].join("."))
                || (!value.contains('.') && fits(leaf, value));
        }
        if flat[index] != *part {
            return false;
        }
    }
    true
}

/// `name`, `package.name`; for sources `source`, `source.table`, `package.source.table`.
fn fits_parts(member: &Member<'_>, value: &str) -> bool {
    let name: Vec<&str> = member.name.split('.').collect();
    let wanted: Vec<&str> = value.split('.').collect();
    let pairs = |names: &[&str], wanted: &[&str]| names.iter().zip(wanted).all(|(name, wanted)| fits(name, wanted));
    if member.kind == ResourceType::Source && wanted.len() == 1 {
        return fits(name[0], wanted[0]);
    }
    if wanted.len() == name.len() {
        return pairs(&name, &wanted);
    }
    wanted.len() == name.len() + 1 && fits(member.package, wanted[0]) && pairs(&name, &wanted[1..])
}

/// A file, or a folder above it, if it `counts`; wildcards stay within one step, `**` does not.
fn fits_path(path: &str, value: &str, counts: &dyn Fn(&str) -> bool) -> bool {
    let value = value.trim_start_matches("./").trim_end_matches('/');
    let wanted: Vec<&str> = value.split('/').collect();
    let steps: Vec<&str> = path.split('/').collect();
    (1..=steps.len()).any(|length| fits_steps(&steps[..length], &wanted) && counts(&steps[..length].join("/")))
}

fn fits_steps(steps: &[&str], wanted: &[&str]) -> bool {
    match wanted.first() {
        None => steps.is_empty(),
        Some(&"**") => (0..=steps.len()).any(|skipped| fits_steps(&steps[skipped..], &wanted[1..])),
        Some(pattern) => steps.first().is_some_and(|step| fits(step, pattern)) && fits_steps(&steps[1..], &wanted[1..]),
    }
}

fn fits_file(path: &str, value: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    fits(name, value) || fits(stem, value)
}

/// The value under a path of keys; a list fits when one of its items does.
fn fits_config(config: &Config, keys: &[String], value: &str) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    let found = config.get(first).and_then(|found| rest.iter().try_fold(found, |found, key| found.get(key)));
    let severity = keys == ["severity"];
    let one = |found: &Value| match found {
        Value::String(text) => text == value || (severity && text.eq_ignore_ascii_case(value)),
        Value::Bool(flag) => value.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        Value::Number(number) => number.to_string() == value,
        _ => false,
    };
    match found {
        Some(Value::Array(items)) => items.iter().any(one),
        Some(found) => one(found),
        None => false,
    }
}

fn resource_type(criterion: &Criterion) -> Result<ResourceType, Diagnostic> {
    let kinds = [
        ResourceType::Model,
        ResourceType::Seed,
        ResourceType::Snapshot,
        ResourceType::Test,
        ResourceType::Analysis,
        ResourceType::Source,
        ResourceType::Exposure,
        ResourceType::Metric,
        ResourceType::UnitTest,
        ResourceType::SemanticModel,
        ResourceType::SavedQuery,
    ];
    kinds.into_iter().find(|kind| kind.word() == criterion.value).ok_or_else(|| {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        Diagnostic::error("HW0231", format!("`{}`: there is no kind `{}`", criterion.raw, criterion.value))
            .help(format!("the kinds are {}", words.join(", ")))
    })
}

/// What `test_type:` asks for.
enum TestType {
    Generic,
    Singular,
    Data,
    Unit,
}

impl TestType {
    fn fits(&self, node: &Node) -> bool {
        let is_data = node.resource_type == ResourceType::Test;
        match self {
            Self::Generic => is_data && node.test_metadata.is_some(),
            Self::Singular => is_data && node.test_metadata.is_none(),
            Self::Data => is_data,
            Self::Unit => node.resource_type == ResourceType::UnitTest,
        }
    }
}

fn test_type(criterion: &Criterion) -> Result<TestType, Diagnostic> {
    match criterion.value.as_str() {
        "generic" | "schema" => Ok(TestType::Generic),
        "singular" => Ok(TestType::Singular),
        "data" => Ok(TestType::Data),
        "unit" => Ok(TestType::Unit),
        other => Err(Diagnostic::error("HW0231", format!("`{}`: there are no `{other}` tests", criterion.raw))
            .help("the types are generic, singular, data (both) and unit")),
    }
}

/// What `version:` asks for.
enum Version {
    Latest,
    Prerelease,
    Old,
    None,
}

impl Version {
    fn fits(&self, node: &Node) -> bool {
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
        let newer = || match (number(&node.version), number(&node.latest_version)) {
            (Some(version), Some(latest)) => version > latest,
            _ => node.version > node.latest_version,
        };
        match self {
            Self::None => node.version.is_none(),
            Self::Latest => node.version.is_some() && node.version == node.latest_version,
            Self::Prerelease => node.version.is_some() && newer(),
            Self::Old => node.version.is_some() && node.version != node.latest_version && !newer(),
        }
    }
}

fn version(criterion: &Criterion) -> Result<Version, Diagnostic> {
    match criterion.value.as_str() {
        "latest" => Ok(Version::Latest),
        "prerelease" => Ok(Version::Prerelease),
        "old" => Ok(Version::Old),
        "none" => Ok(Version::None),
        other => Err(Diagnostic::error("HW0231", format!("`{}`: there is no version state `{other}`", criterion.raw))
            .help("it is latest, prerelease, old or none")),
    }
}
