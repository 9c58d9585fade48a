//! The graph of what reads what: order, relatives, circles.

use std::collections::VecDeque;

use indexmap::IndexMap;

use super::Manifest;
use crate::diagnostics::Diagnostic;

/// Fills `parents` and `children` from what every node, source, exposure and metric depends on.
pub(crate) fn connect(manifest: &mut Manifest) {
    let nodes = manifest.nodes.iter().map(|(id, node)| (id, node.depends_on.nodes.as_slice()));
    let sources = manifest.sources.keys().map(|id| (id, [].as_slice()));
    let exposures = manifest.exposures.iter().map(|(id, exposure)| (id, exposure.depends_on.nodes.as_slice()));
    let metrics = manifest.metrics.iter().map(|(id, metric)| (id, metric.depends_on.nodes.as_slice()));
    let semantic_models = manifest.semantic_models.iter().map(|(id, model)| (id, model.depends_on.nodes.as_slice()));
    let saved_queries = manifest.saved_queries.iter().map(|(id, query)| (id, query.depends_on.nodes.as_slice()));
    let parents: IndexMap<String, Vec<String>> = nodes
        .chain(sources)
        .chain(exposures)
        .chain(metrics)
        .chain(semantic_models)
        .chain(saved_queries)
        .map(|(id, parents)| (id.clone(), parents.to_vec()))
        .collect();
    let mut children: IndexMap<String, Vec<String>> = parents.keys().map(|id| (id.clone(), Vec::new())).collect();
    for (id, parents) in &parents {
        for parent in parents {
            if let Some(children) = children.get_mut(parent) {
                children.push(id.clone());
            }
        }
    }
    manifest.parents = parents;
    manifest.children = children;
}

/// Every node, source, exposure and metric, parents before children, otherwise in the order of the manifest. What is
/// part of a circle is left out.
pub fn order(manifest: &Manifest) -> Vec<String> {
    let known = |parent: &&String| manifest.parents.contains_key(*parent);
    let mut waiting: IndexMap<&String, usize> =
        manifest.parents.iter().map(|(id, parents)| (id, parents.iter().filter(known).count())).collect();
    let mut ready: VecDeque<&String> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(id) = ready.pop_front() {
        order.push(id.clone());
        for child in manifest.children.get(id).into_iter().flatten() {
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
    walk(&manifest.parents, ids, depth)
}

/// Everything that reads these, directly or not, with the least number of steps to it; at most `depth` steps when given.
pub fn descendants(manifest: &Manifest, ids: &[String], depth: Option<usize>) -> IndexMap<String, usize> {
    walk(&manifest.children, ids, depth)
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
    if done.len() == manifest.parents.len() {
        return None;
    }
    let done: std::collections::HashSet<String> = done.into_iter().collect();
    let open = |id: &&String| !done.contains(*id) && manifest.parents.contains_key(*id);
    let mut path: Vec<&String> = vec![manifest.parents.keys().find(open)?];
    // Whatever is left has a parent that is left too, so that walking up must meet itself.
    loop {
        let next = manifest.parents.get(*path.last()?)?.iter().find(open)?;
        if let Some(start) = path.iter().position(|id| *id == next) {
            let circle = path[start..].iter().chain([&next]);
            return Some(circle.map(|id| (*id).clone()).collect());
        }
        path.push(next);
    }
}
