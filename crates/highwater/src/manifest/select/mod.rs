//! Which nodes a command is about: dbt's selection syntax.
//!
//! | file | what |
//! | --- | --- |
//! | `criterion.rs` | one criterion, `2+tag:nightly+`, taken apart |
//! | `method.rs` | which nodes a method such as `tag:` means |
//! | `state.rs` | what `state:`, `result:` and `source_status:` mean |
//! | `selectors.rs` | the definitions of selectors.yml |
//! | `wildcard.rs` | `*`, `?` and `[...]` |
//!
//! Spaces unite, commas intersect, `--exclude` subtracts. Tests come along with the nodes they test, as
//! [`Indirect`] says; a test that only some of whose parents are selected waits until all others are known.

mod criterion;
mod method;
mod selectors;
mod state;
mod wildcard;

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexSet;

use super::{Manifest, ResourceType, graph};
use crate::diagnostics::Diagnostic;
use crate::state::PreviousState;
use criterion::Criterion;

/// What `--indirect-selection` says: which tests come along with the nodes they test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indirect {
    /// Every test that touches a selected node.
    #[default]
    Eager,
    /// Tests of which all parents are selected.
    Cautious,
    /// Tests of which all parents are selected, or are ancestors of selected nodes.
    Buildable,
    /// Only tests that are selected themselves.
    Empty,
}

impl Indirect {
    /// The mode of a word of the command line.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

/// What the command line says about selection.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `--select`: the union of these; everything when empty.
    pub select: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--selector`: a name of selectors.yml.
    pub selector: Option<String>,
    /// Only these kinds, when there are any.
    pub resource_types: Vec<ResourceType>,
    /// Not these kinds.
    pub exclude_resource_types: Vec<ResourceType>,
    /// Which tests come along.
    pub indirect: Indirect,
    /// Exactly these unique ids, whatever else is said: what is left of an earlier run.
    pub only: Option<Vec<String>>,
    /// `--state`: the artifacts that `state:`, `result:` and `source_status:` compare with.
    pub state: Option<Arc<PreviousState>>,
}

/// The unique ids a selection means, in the order of the manifest. Nothing found is not an error. Hooks are never part of it.
///
/// Without `select` and `selector` the default of selectors.yml counts, and without one everything.
///
/// # Errors
/// An unknown method, a malformed criterion, or one that needs the state of an earlier run.
pub fn select(manifest: &Manifest, selection: &Selection) -> Result<IndexSet<String>, Diagnostic> {
    if let Some(only) = &selection.only {
        return Ok(manifest.parents().keys().filter(|id| only.contains(id)).cloned().collect());
    }
    let expression = expression(manifest, selection)?;
    let evaluator = Evaluator { manifest, state: selection.state.as_deref() };
    let selected = evaluator.evaluate(&expression)?.direct;
    let wanted = |id: &&String| {
        let kind = kind(id);
        (selection.resource_types.is_empty() || selection.resource_types.contains(&kind))
            && !selection.exclude_resource_types.contains(&kind)
            && kind != ResourceType::Operation
    };
    Ok(manifest.parents().keys().filter(|id| selected.contains(id.as_str())).filter(wanted).cloned().collect())
}

fn expression(manifest: &Manifest, selection: &Selection) -> Result<Expression, Diagnostic> {
    let included = if !selection.select.is_empty() {
        parse(&selection.select, selection.indirect)?
    } else if let Some(name) = &selection.selector {
        selectors::find(manifest, name, selection.indirect)?
    } else if let Some(default) = selectors::default(manifest, selection.indirect)? {
        default
    } else {
        Expression::All
    };
    if selection.exclude.is_empty() {
        return Ok(included);
    }
    let excluded = parse(&selection.exclude, selection.indirect)?;
    Ok(Expression::Difference(Box::new(included), Box::new(excluded), selection.indirect))
}

/// The kind a unique id is of.
fn kind(id: &str) -> ResourceType {
    match id.split('.').next().unwrap_or_default() {
        "model" => ResourceType::Model,
        "seed" => ResourceType::Seed,
        "snapshot" => ResourceType::Snapshot,
        "test" => ResourceType::Test,
        "analysis" => ResourceType::Analysis,
        "operation" => ResourceType::Operation,
        "source" => ResourceType::Source,
        "exposure" => ResourceType::Exposure,
        "metric" => ResourceType::Metric,
        "unit_test" => ResourceType::UnitTest,
        "semantic_model" => ResourceType::SemanticModel,
        "saved_query" => ResourceType::SavedQuery,
        _ => ResourceType::Macro,
    }
}

/// Whether an id is that of a test of either kind.
fn is_test(id: &str) -> bool {
    matches!(kind(id), ResourceType::Test | ResourceType::UnitTest)
}

/// A selection as a tree.
#[derive(Debug, Clone)]
enum Expression {
    All,
    One(Criterion),
    Union(Vec<Expression>, Indirect),
    Intersection(Vec<Expression>, Indirect),
    Difference(Box<Expression>, Box<Expression>, Indirect),
}

/// `a b,c` as the union of `a` and the intersection of `b` and `c`.
fn parse(words: &[String], indirect: Indirect) -> Result<Expression, Diagnostic> {
    let mut union = Vec::new();
    for word in words.iter().flat_map(|words| words.split_whitespace()) {
        let parts: Result<Vec<Expression>, Diagnostic> =
            word.split(',').map(|part| Criterion::parse(part, indirect).map(Expression::One)).collect();
        union.push(Expression::Intersection(parts?, indirect));
    }
    Ok(Expression::Union(union, indirect))
}

/// What an expression selects, and tests that would come along if more were selected.
#[derive(Debug, Default)]
struct Selected<'m> {
    direct: HashSet<&'m str>,
    indirect: HashSet<&'m str>,
}

struct Evaluator<'m> {
    manifest: &'m Manifest,
    state: Option<&'m PreviousState>,
}

impl<'m> Evaluator<'m> {
    fn evaluate(&self, expression: &Expression) -> Result<Selected<'m>, Diagnostic> {
        Ok(match expression {
            Expression::All => {
                Selected { direct: self.manifest.parents().keys().map(String::as_str).collect(), ..Selected::default() }
            }
            Expression::One(criterion) => self.criterion(criterion)?,
            Expression::Union(parts, mode) => {
                self.combine(parts, *mode, |left, right| left.union(right).copied().collect())?
            }
            Expression::Intersection(parts, mode) => {
                self.combine(parts, *mode, |left, right| left.intersection(right).copied().collect())?
            }
            Expression::Difference(left, right, mode) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                let both = |selected: &Selected<'m>| -> HashSet<&'m str> {
                    selected.direct.union(&selected.indirect).copied().collect()
                };
                let direct = left.direct.difference(&right.direct).copied().collect();
                let indirect = both(&left).difference(&both(&right)).copied().collect();
                self.settle(Selected { direct, indirect }, *mode)
            }
        })
    }

    fn combine(
        &self,
        parts: &[Expression],
        mode: Indirect,
        join: impl Fn(&HashSet<&'m str>, &HashSet<&'m str>) -> HashSet<&'m str>,
    ) -> Result<Selected<'m>, Diagnostic> {
        let mut joined: Option<Selected<'m>> = None;
        for part in parts {
            let mut selected = self.evaluate(part)?;
            selected.indirect.extend(selected.direct.iter().copied());
            joined = Some(match joined {
                None => selected,
                Some(before) => Selected {
                    direct: join(&before.direct, &selected.direct),
                    indirect: join(&before.indirect, &selected.indirect),
                },
            });
        }
        Ok(self.settle(joined.unwrap_or_default(), mode))
    }

    /// Takes in tests that were waiting for parents which are selected by now.
    fn settle(&self, mut selected: Selected<'m>, mode: Indirect) -> Selected<'m> {
        let reach = match mode {
            Indirect::Cautious => selected.direct.clone(),
            Indirect::Buildable => self.with_ancestors(&selected.direct),
            Indirect::Eager | Indirect::Empty => return selected,
        };
        let complete = |id: &&&str| self.parents_of(id).all(|parent| reach.contains(parent));
        let found: Vec<&str> = selected.indirect.iter().filter(complete).copied().collect();
        selected.direct.extend(found.into_iter().filter(|id| is_test(id)));
        selected
    }

    fn criterion(&self, criterion: &Criterion) -> Result<Selected<'m>, Diagnostic> {
        let found = method::search(self.manifest, self.state, criterion)?;
        let mut selected: HashSet<&'m str> = found.iter().copied().collect();
        let ids: Vec<String> = found.iter().map(|id| (*id).to_owned()).collect();
        if criterion.with_ancestors_of_descendants {
            let mut all: Vec<String> = graph::descendants(self.manifest, &ids, None).into_keys().collect();
            all.extend(ids.iter().cloned());
            selected.extend(self.known(all.iter().cloned()));
            selected.extend(self.known(graph::ancestors(self.manifest, &all, None).into_keys()));
        }
        if let Some(depth) = criterion.parents {
            selected.extend(self.known(graph::ancestors(self.manifest, &ids, depth).into_keys()));
        }
        if let Some(depth) = criterion.children {
            selected.extend(self.known(graph::descendants(self.manifest, &ids, depth).into_keys()));
        }
        Ok(self.with_tests(selected, criterion.indirect))
    }

    /// Adds the tests that come along, and notes those that might.
    fn with_tests(&self, selected: HashSet<&'m str>, mode: Indirect) -> Selected<'m> {
        if mode == Indirect::Empty {
            return Selected { direct: selected, ..Selected::default() };
        }
        let reach = match mode {
            Indirect::Buildable => self.with_ancestors(&selected),
            _ => selected.clone(),
        };
        let children = selected.iter().filter_map(|id| self.manifest.children().get(*id)).flatten();
        let tests: HashSet<&'m str> =
            children.map(String::as_str).filter(|id| is_test(id) && !selected.contains(id)).collect();
        let (now, later): (HashSet<&'m str>, HashSet<&'m str>) = tests
            .into_iter()
            .partition(|id| mode == Indirect::Eager || self.parents_of(id).all(|parent| reach.contains(parent)));
        Selected { direct: selected.union(&now).copied().collect(), indirect: later }
    }

    /// The selected nodes, all their ancestors, and every source.
    fn with_ancestors(&self, selected: &HashSet<&'m str>) -> HashSet<&'m str> {
        let ids: Vec<String> = selected.iter().map(|id| (*id).to_owned()).collect();
        let mut reach = selected.clone();
        reach.extend(self.known(graph::ancestors(self.manifest, &ids, None).into_keys()));
        reach.extend(self.manifest.sources.keys().map(String::as_str));
        reach
    }

    fn parents_of(&self, id: &str) -> impl Iterator<Item = &'m str> {
        self.manifest.parents().get(id).into_iter().flatten().map(String::as_str)
    }

    /// The manifest's own copies of ids.
    fn known(&self, ids: impl Iterator<Item = String>) -> Vec<&'m str> {
        ids.filter_map(|id| self.manifest.parents().get_key_value(&id).map(|(id, _)| id.as_str())).collect()
    }
}
