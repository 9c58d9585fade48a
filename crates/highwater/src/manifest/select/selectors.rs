//! The definitions of selectors.yml: names for selections, in words or as trees of `union`, `intersection`, `exclude`.

use serde_json::Value;

use super::criterion::Criterion;
use super::{Expression, Indirect};
use crate::diagnostics::Diagnostic;
use crate::manifest::Manifest;
use crate::project::suggest;

/// How deeply one selector may refer to others.
const DEPTH: usize = 20;

/// The selector of a name.
pub(super) fn find(manifest: &Manifest, name: &str, indirect: Indirect) -> Result<Expression, Diagnostic> {
    Definitions { manifest, indirect }.named(name, 0)
}

/// The selector marked `default: true`, if there is one.
pub(super) fn default(manifest: &Manifest, indirect: Indirect) -> Result<Option<Expression>, Diagnostic> {
    let is_default = |entry: &Value| entry.get("default").is_some_and(|default| *default == Value::Bool(true));
    let name = manifest.selectors.iter().find(|(_, entry)| is_default(entry)).map(|(name, _)| name);
    name.map(|name| find(manifest, name, indirect)).transpose()
}

struct Definitions<'m> {
    manifest: &'m Manifest,
    indirect: Indirect,
}

impl Definitions<'_> {
    fn named(&self, name: &str, depth: usize) -> Result<Expression, Diagnostic> {
        let Some(entry) = self.manifest.selectors.get(name) else {
            let error = Diagnostic::error("HW0233", format!("selectors.yml has no selector `{name}`"));
            let names = || self.manifest.selectors.keys().map(String::as_str);
            return Err(match suggest::nearest(name, names()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None if self.manifest.selectors.is_empty() => {
                    error.help("there is no selectors.yml beside dbt_project.yml")
                }
                None => error.help(format!("the selectors are {}", names().collect::<Vec<_>>().join(", "))),
            });
        };
        if depth > DEPTH {
            return Err(malformed(name, "it refers to itself"));
        }
        let definition = entry.get("definition").ok_or_else(|| malformed(name, "it has no `definition`"))?;
        self.read(name, definition, depth)
    }

    fn read(&self, name: &str, definition: &Value, depth: usize) -> Result<Expression, Diagnostic> {
        match definition {
            Value::String(text) => super::parse(std::slice::from_ref(text), self.indirect),
            Value::Object(fields) => {
                if let Some(parts) = fields.get("union") {
                    return self.group(name, parts, depth, Expression::Union);
                }
                if let Some(parts) = fields.get("intersection") {
                    return self.group(name, parts, depth, Expression::Intersection);
                }
                match (fields.get("method"), fields.get("value")) {
                    (Some(Value::String(method)), Some(value)) if method == "selector" => {
                        self.named(&text(value), depth + 1)
                    }
                    (Some(Value::String(method)), Some(value)) => {
                        let base = self.criterion(method, value, fields)?;
                        self.without(name, base, fields.get("exclude"), depth)
                    }
                    _ => match fields.iter().next() {
                        Some((method, value)) if fields.len() == 1 => self.criterion(method, value, fields),
                        _ => Err(malformed(name, "an entry needs `method` and `value`, or one `method: value`")),
                    },
                }
            }
            _ => Err(malformed(name, "a definition is text or a mapping")),
        }
    }

    fn group(
        &self,
        name: &str,
        parts: &Value,
        depth: usize,
        make: fn(Vec<Expression>, Indirect) -> Expression,
    ) -> Result<Expression, Diagnostic> {
        let parts = parts.as_array().ok_or_else(|| malformed(name, "`union` and `intersection` hold a list"))?;
        let mut included = Vec::new();
        let mut excluded = Vec::new();
        for part in parts {
            let only = part.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("exclude"));
            match only {
                Some(list) => excluded.push(list),
                None => included.push(self.read(name, part, depth)?),
            }
        }
        excluded
            .into_iter()
            .try_fold(make(included, self.indirect), |group, list| self.without(name, group, Some(list), depth))
    }

    fn without(
        &self,
        name: &str,
        base: Expression,
        excluded: Option<&Value>,
        depth: usize,
    ) -> Result<Expression, Diagnostic> {
        let Some(excluded) = excluded else { return Ok(base) };
        let list = excluded.as_array().ok_or_else(|| malformed(name, "`exclude` holds a list"))?;
        let parts: Result<Vec<Expression>, Diagnostic> = list.iter().map(|part| self.read(name, part, depth)).collect();
        let excluded = Expression::Union(parts?, self.indirect);
        Ok(Expression::Difference(Box::new(base), Box::new(excluded), self.indirect))
    }

    fn criterion(
        &self,
        method: &str,
        value: &Value,
        fields: &serde_json::Map<String, Value>,
    ) -> Result<Expression, Diagnostic> {
        let flag = |key: &str| fields.get(key).is_some_and(|value| *value == Value::Bool(true));
        let depth = |key: &str| fields.get(key).and_then(Value::as_u64).and_then(|depth| usize::try_from(depth).ok());
        let indirect = fields.get("indirect_selection").and_then(Value::as_str).and_then(Indirect::from_word);
        let mut criterion = Criterion::parse(&format!("{method}:{}", text(value)), indirect.unwrap_or(self.indirect))?;
        criterion.with_ancestors_of_descendants |= flag("childrens_parents");
        if flag("parents") {
            criterion.parents = Some(depth("parents_depth"));
        }
        if flag("children") {
            criterion.children = Some(depth("children_depth"));
        }
        Ok(Expression::One(criterion))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn malformed(name: &str, what: &str) -> Diagnostic {
    Diagnostic::error("HW0234", format!("the selector `{name}` of selectors.yml cannot be read: {what}"))
        .help("write its definition as on the command line, definition: \"tag:nightly,path:models/marts\", or as a union of methods")
}
