//! Which entry of a properties file is about which node, versions of models included.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::ResourceType;
use super::configure::{Configurer, Layer};
use super::draft::Draft;
use super::issues::Issues;
use super::properties::{Described, config_of, merge_deep, tests_of};
use crate::diagnostics::Diagnostic;
use crate::project::suggest;
use crate::project::yaml::{Yaml, error_at};

/// What a properties file says about one node.
#[derive(Debug, Clone)]
pub(super) struct Patch<'a> {
    /// The entry.
    pub described: &'a Described,
    /// The mapping that holds the description: the entry, or its version.
    pub text: &'a Yaml,
    /// The version, where it is about one.
    pub version: Option<&'a Yaml>,
    /// Its configuration.
    pub config: Layer,
    /// Its columns.
    pub columns: Vec<&'a Yaml>,
    /// Its tests, those of columns apart.
    pub tests: &'a [Yaml],
}

impl Patch<'_> {
    /// When a model is no longer kept: each version says that for itself.
    pub(super) fn deprecation_date(&self) -> Option<String> {
        self.version.unwrap_or(&self.described.yaml).text_of("deprecation_date")
    }

    /// The constraints of the version, else those of the entry.
    pub(super) fn constraints(&self) -> Vec<Value> {
        let of = |yaml: &Yaml| yaml.json_of("constraints").as_array().filter(|all| !all.is_empty()).cloned();
        self.version.and_then(of).or_else(|| of(&self.described.yaml)).unwrap_or_default()
    }
}

/// Finds the node of every entry.
pub(super) fn assign<'a>(
    drafts: &mut [Draft<'a>],
    properties: &'a [Described],
    configurer: &Configurer<'a>,
    issues: &mut Issues,
) {
    let mut names = Names::new();
    for (position, draft) in drafts.iter().enumerate() {
        names.entry((draft.node.resource_type, draft.node.name.clone())).or_default().push(position);
    }
    let is_disabled = |draft: &Draft<'a>| {
        let node = &draft.node;
        let configured = configurer.configure(draft.package, node.resource_type, &node.fqn, None, &draft.own);
        configured.config.flag("enabled") == Some(false)
    };
    // What a package says of a file that the project turns off goes to the one that replaces it.
    for positions in names.values_mut().filter(|positions| positions.len() > 1) {
        let enabled: Vec<usize> = positions.iter().copied().filter(|place| !is_disabled(&drafts[*place])).collect();
        if !enabled.is_empty() {
            *positions = enabled;
        }
    }
    for described in properties {
        let kind = match described.list {
            "models" => ResourceType::Model,
            "seeds" => ResourceType::Seed,
            "snapshots" => ResourceType::Snapshot,
            "analyses" => ResourceType::Analysis,
            "data_tests" => ResourceType::Test,
            _ => continue,
        };
        let versions = described.yaml.get("versions").map(Yaml::items).unwrap_or_default();
        if kind == ResourceType::Model && !versions.is_empty() {
            assign_versions(drafts, &names, described, versions, issues);
            continue;
        }
        let found = find(drafts, &names, kind, &described.name, &described.package);
        if found.is_empty() {
            issues.add(no_node(drafts, described, kind));
            let other = drafts.iter_mut().find(|draft| is_meant(draft, described, kind));
            if let Some(other) = other {
                other.misplaced.push(whole(described));
            }
        }
        for index in found {
            put(&mut drafts[index], whole(described), issues);
        }
    }
}

/// All that an entry without versions says.
fn whole(described: &Described) -> Patch<'_> {
    Patch {
        described,
        text: &described.yaml,
        version: None,
        config: described.config(),
        columns: described.yaml.get("columns").map(Yaml::items).unwrap_or_default().iter().collect(),
        tests: tests_of(&described.yaml),
    }
}

/// Whether an entry without a node of its kind is about this one of another kind.
fn is_meant(draft: &Draft<'_>, described: &Described, kind: ResourceType) -> bool {
    let listed = matches!(kind, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
    listed && draft.node.is_refable() && draft.node.name == described.name
}

/// Positions of drafts by kind and by the name of their file.
type Names = HashMap<(ResourceType, String), Vec<usize>>;

/// The drafts of a name that are no versions yet: those of the package, else those of any.
fn find(drafts: &[Draft<'_>], names: &Names, kind: ResourceType, name: &str, package: &str) -> Vec<usize> {
    let all = names.get(&(kind, name.to_owned())).into_iter().flatten().copied();
    let all: Vec<usize> = all.filter(|position| drafts[*position].node.version.is_none()).collect();
    let own: Vec<usize> = all.iter().copied().filter(|position| drafts[*position].package.name == package).collect();
    if own.is_empty() { all } else { own }
}

fn put<'a>(draft: &mut Draft<'a>, patch: Patch<'a>, issues: &mut Issues) {
    if let Some(earlier) = &draft.patch {
        let (first, second) = (earlier.described, patch.described);
        if first.package != second.package {
            // Its own package knows best.
            if second.package == draft.package.name {
                draft.patch = Some(Box::new(patch));
            }
            return;
        }
        issues.add(
            second
                .error("HW0204", format!("`{}` is described twice", second.name))
                .at(&first.file, first.place().start, first.place().end, "described here already")
                .help("put everything into one entry"),
        );
        return;
    }
    draft.patch = Some(Box::new(patch));
}

fn has_tests(described: &Described) -> bool {
    let columns = described.yaml.get("columns").map(Yaml::items).unwrap_or_default();
    std::iter::once(&described.yaml).chain(columns).any(|entry| !tests_of(entry).is_empty())
}

fn no_node(drafts: &[Draft<'_>], described: &Described, kind: ResourceType) -> Diagnostic {
    let name = &described.name;
    if let Some(other) = drafts.iter().find(|draft| draft.node.is_refable() && draft.node.name == *name) {
        let word = other.node.resource_type.word();
        let effect = if is_meant(other, described, kind) && has_tests(described) {
            "of this entry only the tests have an effect"
        } else {
            "this entry has no effect"
        };
        return described
            .warning("HW0203", format!("`{name}` is a {word}, not a {}: {effect}", kind.word()))
            .help(format!("move it to the list `{word}s:`"));
    }
    let what = if kind == ResourceType::Test { "singular test" } else { kind.word() };
    let warning = described.warning("HW0203", format!("there is no {what} `{name}`: this entry has no effect"));
    let names = drafts.iter().filter(|draft| draft.node.resource_type == kind).map(|draft| draft.node.name.as_str());
    match suggest::nearest(name, names) {
        Some(near) => warning.help(format!("did you mean `{near}`?")),
        None => warning.help("correct the name, or remove the entry"),
    }
}

/// Turns the files of a versioned model into its versions.
fn assign_versions<'a>(
    drafts: &mut [Draft<'a>],
    names: &Names,
    described: &'a Described,
    versions: &'a [Yaml],
    issues: &mut Issues,
) {
    let Some(latest) = latest_version(described, versions) else {
        issues.add(described.error("HW0103", "every version needs a `v`").help("write it as `- v: 1`"));
        return;
    };
    for version in versions {
        let Some(number) = version.text_of("v") else {
            issues
                .add(error_at("HW0103", &described.file, version, "a version has no `v`").help("write it as `- v: 1`"));
            continue;
        };
        let stem = version.text_of("defined_in").unwrap_or_else(|| format!("{}_v{number}", described.name));
        let mut found = find(drafts, names, ResourceType::Model, &stem, &described.package);
        if found.is_empty() && number == latest {
            found = find(drafts, names, ResourceType::Model, &described.name, &described.package);
        }
        if found.is_empty() {
            issues.add(
                described
                    .warning("HW0203", format!("version {number} of `{}` has no file", described.name))
                    .help(format!("add {stem}.sql, or name the file with `defined_in:`")),
            );
        }
        for index in found {
            let node = &mut drafts[index].node;
            node.name.clone_from(&described.name);
            node.unique_id = format!("model.{}.{}.v{number}", node.package_name, node.name);
            node.fqn.pop();
            node.fqn.extend([described.name.clone(), format!("v{number}")]);
            node.version = Some(number.clone());
            node.latest_version = Some(latest.clone());
            put(&mut drafts[index], version_patch(described, version), issues);
        }
    }
}

/// `latest_version`, else the greatest number.
fn latest_version(described: &Described, versions: &[Yaml]) -> Option<String> {
    if let Some(latest) = described.yaml.text_of("latest_version") {
        return Some(latest);
    }
    let numbers: Option<Vec<String>> = versions.iter().map(|version| version.text_of("v")).collect();
    let number = |text: &String| text.parse::<f64>();
    numbers?.into_iter().max_by(|left, right| match (number(left), number(right)) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        _ => left.cmp(right),
    })
}

fn version_patch<'a>(described: &'a Described, version: &'a Yaml) -> Patch<'a> {
    let object = |layer: Layer| Value::Object(layer.into_iter().collect());
    let config = merge_deep(&object(described.config()), &object(config_of(version)));
    let has_tests = version.get("data_tests").or_else(|| version.get("tests")).is_some();
    Patch {
        described,
        text: if version.get("description").is_some() { version } else { &described.yaml },
        version: Some(version),
        config: config.as_object().cloned().unwrap_or_default().into_iter().collect(),
        columns: version_columns(described, version),
        tests: tests_of(if has_tests { version } else { &described.yaml }),
    }
}

/// The model's columns as `include` and `exclude` choose them, then the version's own.
fn version_columns<'a>(described: &'a Described, version: &'a Yaml) -> Vec<&'a Yaml> {
    let base = described.yaml.get("columns").map(Yaml::items).unwrap_or_default();
    let given = version.get("columns").map(Yaml::items).unwrap_or_default();
    let rule = given.iter().find(|column| column.get("include").is_some() || column.get("exclude").is_some());
    let (include, exclude) = rule.map_or((vec!["*".to_owned()], Vec::new()), |rule| {
        let include = if rule.get("include").is_some() { rule.texts_of("include") } else { vec!["*".to_owned()] };
        (include, rule.texts_of("exclude"))
    });
    let all = include.iter().any(|name| name == "*" || name == "all");
    let mut columns: IndexMap<String, &Yaml> = IndexMap::new();
    for column in base {
        let name = column.text_of("name").unwrap_or_default();
        if (all || include.contains(&name)) && !exclude.contains(&name) {
            columns.insert(name, column);
        }
    }
    for column in given.iter().filter(|column| column.get("name").is_some()) {
        columns.insert(column.text_of("name").unwrap_or_default(), column);
    }
    columns.into_values().collect()
}
