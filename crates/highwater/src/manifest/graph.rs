//! The graph of what reads what: order, relatives, circles.

use std::collections::VecDeque;

use indexmap::IndexMap;

use super::Manifest;
use crate::diagnostics::Diagnostic;

/// Who reads what, by unique id.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// To what each reads.
    pub parents: IndexMap<String, Vec<String>>,
    /// The inverse.
    pub children: IndexMap<String, Vec<String>>,
}

impl Graph {
    /// What every node, source, exposure and metric depends on comes to.
    pub fn of(manifest: &Manifest) -> Self {
        let nodes = manifest.nodes.iter().map(|(id, node)| (id, node.parents()));
        let sources = manifest.sources.keys().map(|id| (id, Vec::new()));
        let exposures = manifest.exposures.iter().map(|(id, exposure)| (id, &exposure.depends_on));
        let metrics = manifest.metrics.iter().map(|(id, metric)| (id, &metric.depends_on));
        let models = manifest.semantic_models.iter().map(|(id, model)| (id, &model.depends_on));
        let queries = manifest.saved_queries.iter().map(|(id, query)| (id, &query.depends_on));
        let others = exposures.chain(metrics).chain(models).chain(queries);
        let others = others.map(|(id, depends_on)| (id, depends_on.nodes.iter().map(String::as_str).collect()));
        Self::new(nodes.chain(sources).chain(others))
    }

    /// The graph of these, each with what it reads.
    pub fn new<'a>(parents: impl Iterator<Item = (&'a String, Vec<&'a str>)>) -> Self {
        let own = |parents: Vec<&str>| parents.into_iter().map(str::to_owned).collect();
        let parents: IndexMap<String, Vec<String>> = parents.map(|(id, parents)| (id.clone(), own(parents))).collect();
        let mut children: IndexMap<String, Vec<String>> = parents.keys().map(|id| (id.clone(), Vec::new())).collect();
        for (id, parents) in &parents {
            for parent in parents {
                if let Some(children) = children.get_mut(parent) {
                    children.push(id.clone());
                }
            }
        }
        Self { parents, children }
    }
}

/// Every node, source, exposure and metric, parents before children, otherwise in the order of the manifest. What is
/// part of a circle is left out.
pub fn order(manifest: &Manifest) -> Vec<String> {
    let known = |parent: &&String| manifest.parents().contains_key(*parent);
    let mut waiting: IndexMap<&String, usize> =
        manifest.parents().iter().map(|(id, parents)| (id, parents.iter().filter(known).count())).collect();
    let mut ready: VecDeque<&String> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(id) = ready.pop_front() {
        order.push(id.clone());
        for child in manifest.children().get(id).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(child) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(child);
                }
            }
        }
    }
    order
}

/// Everything these read, directly or not, with the least number of steps to it; at most `depth` steps when given.
pub fn ancestors(manifest: &Manifest, ids: &[String], depth: Option<usize>) -> IndexMap<String, usize> {
    walk(manifest.parents(), ids, depth)
}

/// Whether a node reads itself, directly or not.
pub(super) fn reads_itself(manifest: &Manifest, id: &str) -> bool {
    ancestors(manifest, &[id.to_owned()], None).contains_key(id)
}

/// Everything that reads these, directly or not, with the least number of steps to it; at most `depth` steps when given.
pub fn descendants(manifest: &Manifest, ids: &[String], depth: Option<usize>) -> IndexMap<String, usize> {
    walk(manifest.children(), ids, depth)
}

/// Breadth first; a starting point is part of the answer only when another one leads to it.
fn walk(edges: &IndexMap<String, Vec<String>>, ids: &[String], depth: Option<usize>) -> IndexMap<String, usize> {
    let mut found: IndexMap<String, usize> = IndexMap::new();
    let mut frontier: Vec<&String> = ids.iter().collect();
    let mut steps = 0;
    while !frontier.is_empty() && depth.is_none_or(|depth| steps < depth) {
        steps += 1;
        let mut next = Vec::new();
        for neighbour in frontier.iter().filter_map(|id| edges.get(*id)).flatten() {
            if !found.contains_key(neighbour) {
                found.insert(neighbour.clone(), steps);
                next.push(neighbour);
            }
        }
        frontier = next;
    }
    found
}

/// The first circle, as an error that names its path.
pub fn cycle(manifest: &Manifest) -> Option<Diagnostic> {
    let path = cycle_path(manifest)?;
    let names: Vec<&str> = path.iter().map(|id| id.rsplit('.').next().unwrap_or(id)).collect();
    let title = match names.as_slice() {
        [one, _] => format!("`{one}` reads itself"),
        _ => format!("these read each other in a circle: {}", names.join(" -> ")),
    };
    let error = Diagnostic::error("HW0220", title);
    Some(if names.len() == 2 {
        error.help("in an incremental model its own table is {{ this }}")
    } else {
        error.help("take one of the references out, or move what both need into a model of its own")
    })
}

/// The unique ids of the first circle, from a node to its parents and back to the node itself.
pub(super) fn cycle_path(manifest: &Manifest) -> Option<Vec<String>> {
    let done = order(manifest);
    if done.len() == manifest.parents().len() {
        return None;
    }
    let done: std::collections::HashSet<String> = done.into_iter().collect();
    let open = |id: &&String| !done.contains(*id) && manifest.parents().contains_key(*id);
    let mut path: Vec<&String> = vec![manifest.parents().keys().find(open)?];
    // Whatever is left has a parent that is left too, so that walking up must meet itself.
    loop {
        let next = manifest.parents().get(*path.last()?)?.iter().find(open)?;
        if let Some(start) = path.iter().position(|id| *id == next) {
            let circle = path[start..].iter().chain([&next]);
            return Some(circle.map(|id| (*id).clone()).collect());
        }
        path.push(next);
    }
}
