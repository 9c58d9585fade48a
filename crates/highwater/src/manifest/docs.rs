//! Docs blocks, and the texts of properties files that are rendered with them.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_jinja::{BlockKind, Template};
use indexmap::IndexMap;

use super::DocsBlock;
use super::issues::Issues;
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::project::render::{Renderer, has_jinja};
use crate::project::yaml::{Yaml, error_at};
use crate::project::{FileKind, Project, target_value};

/// Every `{% docs name %}` block, by `doc.package.name`.
pub(super) fn blocks(project: &Project, issues: &mut Issues) -> IndexMap<String, DocsBlock> {
    let mut blocks: IndexMap<String, DocsBlock> = IndexMap::new();
    for package in project.all_packages() {
        for file in package.files_of(FileKind::Docs).filter(|file| file.source.text.contains("{%")) {
            let template = match Template::parse_blocks(&file.source.path, &file.source.text, &["docs"]) {
                Ok(template) => template,
                // A page that merely shows Jinja is none of our business.
                Err(_) if !file.source.text.contains("enddocs") => continue,
                Err(error) => {
                    let span = error.span().unwrap_or_default();
                    issues.add(
                        Diagnostic::error(
                            "HW0224",
                            format!("cannot read the docs blocks of this page: {}", error.message()),
                        )
                        .at(&file.source, span.start, span.end, "")
                        .help("a block stands between {% docs name %} and {% enddocs %}"),
                    );
                    continue;
                }
            };
            for block in template.blocks().into_iter().filter(|block| block.kind == BlockKind::Docs) {
                let text = file.source.text.get(block.body_span.start..block.body_span.end).unwrap_or_default();
                let id = format!("doc.{}.{}", package.name, block.name);
                let found = DocsBlock {
                    unique_id: id.clone(),
                    name: block.name.clone(),
                    package_name: package.name.clone(),
                    path: file.inner_path.clone(),
                    original_file_path: file.path.clone(),
                    text: text.trim().to_owned(),
                };
                if blocks.insert(id, found).is_some() {
                    issues.add(
                        Diagnostic::error("HW0223", format!("there are two docs blocks `{}`", block.name))
                            .at(&file.source, block.span.start, block.span.end, "the second one")
                            .help("rename one of them"),
                    );
                }
            }
        }
    }
    blocks
}

/// One renderer for every package: its variables, the target, and the docs blocks it sees.
pub(super) struct Renderers {
    by_package: HashMap<String, Renderer>,
    docs: Arc<IndexMap<String, DocsBlock>>,
    root: String,
}

impl Renderers {
    pub fn new(project: &Project, docs: &IndexMap<String, DocsBlock>) -> Self {
        let docs = Arc::new(docs.clone());
        let by_package = project.all_packages().map(|package| {
            let vars = project.vars_for(&package.name);
            let (docs, own, root) = (Arc::clone(&docs), package.name.clone(), project.main.name.clone());
            let find = move |named: Option<&str>, name: &str| Some(find(&docs, named, &own, &root, name)?.text.clone());
            let renderer = Renderer::new(
                Arc::new(move |name: &str| vars.get(name).cloned()),
                Some(target_value(&project.target)),
                Some(Arc::new(find)),
            );
            (package.name.clone(), renderer)
        });
        Self { by_package: by_package.collect(), docs: Arc::clone(&docs), root: project.main.name.clone() }
    }

    /// The renderer of a package of the project.
    pub fn of(&self, package: &str) -> &Renderer {
        self.by_package.get(package).expect("every package of the project has a renderer")
    }

    /// A description with its `doc()` calls resolved; empty when there is none.
    pub fn description(&self, package: &str, file: &Arc<SourceFile>, yaml: &Yaml, issues: &mut Issues) -> String {
        let Some(value) = yaml.get("description") else { return String::new() };
        let text = value.scalar_text().unwrap_or_default();
        // As in dbt, only what is a template loses the end of its last line.
        if !has_jinja(&text) {
            return text;
        }
        match self.of(package).value(&file.path, &text) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(error) => {
                issues.add(
                    error_at("HW0105", file, value, format!("cannot render this description: {}", error.message()))
                        .help("doc('name') needs a block `{% docs name %}` in a .md file below the project's folders"),
                );
                text
            }
        }
    }

    /// Unique ids of the docs blocks that a description shows.
    pub fn doc_blocks(&self, package: &str, yaml: &Yaml) -> Vec<String> {
        let text = yaml.get("description").and_then(Yaml::text).filter(|text| has_jinja(text) && text.contains("doc"));
        let Some(template) = text.and_then(|text| Template::parse("description", text).ok()) else { return Vec::new() };
        let calls = template.static_calls().into_iter().filter(|call| call.name == ["doc"]);
        let shown = calls.filter_map(|call| {
            let literals: Vec<&str> =
                call.positional.iter().map(|value| value.as_ref()?.as_str()).collect::<Option<_>>()?;
            let (named, name) = match literals.as_slice() {
                [name] => (None, *name),
                [named, name] => (Some(*named), *name),
                _ => return None,
            };
            Some(find(&self.docs, named, package, &self.root, name)?.unique_id.clone())
        });
        shown.collect()
    }
}

fn find<'d>(
    docs: &'d IndexMap<String, DocsBlock>,
    named: Option<&str>,
    own: &str,
    root: &str,
    name: &str,
) -> Option<&'d DocsBlock> {
    let of = |package: &str| docs.get(&format!("doc.{package}.{name}"));
    match named {
        Some(package) => of(package),
        None => of(own).or_else(|| of(root)).or_else(|| docs.values().find(|block| block.name == name)),
    }
}
