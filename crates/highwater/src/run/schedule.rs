//! Which node may start next: the graph of the selected nodes, and what a failure does to the rest of it.
//!
//! Pure bookkeeping, without threads: a coordinator asks [`Schedule::next`] while workers are free and reports with
//! [`Schedule::finish`].

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use indexmap::IndexSet;

use crate::audit;
use crate::manifest::Manifest;

/// The selected nodes, what each still waits for, and what waits for it.
#[derive(Debug)]
pub(crate) struct Schedule {
    ids: IndexSet<String>,
    waits_for: Vec<usize>,
    waiters: Vec<Vec<usize>>,
    height: Vec<usize>,
    ready: BinaryHeap<(bool, usize, Reverse<usize>)>,
    state: Vec<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Running,
    Done,
}

impl Schedule {
    /// Plans the nodes of `selected`. Paths that lead through nodes that are not selected count: of `a → b → c` with
    /// `b` left out, `c` still waits for `a`. With `tests_block`, what reads a node also waits for its tests.
    pub(crate) fn new(manifest: &Manifest, selected: &IndexSet<String>, tests_block: bool) -> Self {
        let edges = edges(manifest, selected, tests_block);
        let mut waits_for = vec![0; selected.len()];
        let mut waiters = vec![Vec::new(); selected.len()];
        for (child, parents) in edges.iter().enumerate() {
            waits_for[child] = parents.len();
            for parent in parents {
                waiters[*parent].push(child);
            }
        }
        let height = heights(&waits_for, &waiters);
        let mut schedule = Self {
            ids: selected.clone(),
            state: vec![State::Waiting; selected.len()],
            waits_for,
            waiters,
            height,
            ready: BinaryHeap::new(),
        };
        for index in 0..schedule.ids.len() {
            schedule.release(index);
        }
        schedule
    }

    fn release(&mut self, index: usize) {
        if self.waits_for[index] == 0 && self.state[index] == State::Waiting {
            self.state[index] = State::Ready;
            // Seeds come first: sources are often described that are nothing but tables of seeds, and dbt, which goes by names among what is
            // ready, loads them before it tests sources.
            let is_seed = self.ids[index].starts_with("seed.");
            self.ready.push((is_seed, self.height[index], Reverse(index)));
        }
    }

    /// The node to start now: a seed, or else the one with the longest chain behind it, in manifest order among equals.
    pub(crate) fn next(&mut self) -> Option<String> {
        while let Some((_, _, Reverse(index))) = self.ready.pop() {
            if self.state[index] == State::Ready {
                self.state[index] = State::Running;
                return Some(self.ids[index].clone());
            }
        }
        None
    }

    /// Notes that a node is done. When it failed, returns everything that needed it, nearest first: those will never
    /// be handed out.
    pub(crate) fn finish(&mut self, id: &str, failed: bool) -> Vec<String> {
        let Some(index) = self.ids.get_index_of(id) else { return Vec::new() };
        self.state[index] = State::Done;
        if !failed {
            for waiter in self.waiters[index].clone() {
                self.waits_for[waiter] -= 1;
                self.release(waiter);
            }
            return Vec::new();
        }
        let mut skipped = Vec::new();
        let mut frontier = vec![index];
        while let Some(failed) = frontier.pop() {
            for waiter in self.waiters[failed].clone() {
                if matches!(self.state[waiter], State::Waiting | State::Ready) {
                    self.state[waiter] = State::Done;
                    skipped.push(waiter);
                    frontier.insert(0, waiter);
                }
            }
        }
        skipped.into_iter().map(|index| self.ids[index].clone()).collect()
    }

    /// Gives up on everything that has not started, and returns it.
    pub(crate) fn abandon(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        for (index, state) in self.state.iter_mut().enumerate() {
            if matches!(state, State::Waiting | State::Ready) {
                *state = State::Done;
                left.push(self.ids[index].clone());
            }
        }
        left
    }
}

/// For every selected node the selected nodes it waits for.
fn edges(manifest: &Manifest, selected: &IndexSet<String>, tests_block: bool) -> Vec<BTreeSet<usize>> {
    let nearest = |among: &IndexSet<String>| -> Vec<BTreeSet<usize>> {
        let mut edges: Vec<BTreeSet<usize>> = among.iter().map(|id| nearest_selected(manifest, among, id)).collect();
        wait_for_audits(manifest, among, &mut edges);
        edges
    };
    if !tests_block {
        return nearest(selected);
    }
    // Tests of sources block, too: for as long as that is found out, sources stand among the nodes.
    let mut among = selected.clone();
    among.extend(manifest.sources.keys().cloned());
    let mut edges = nearest(&among);
    block(&mut edges, &|index| among[index].starts_with("test.") || among[index].starts_with("unit_test."));
    edges.truncate(selected.len());
    for parents in &mut edges {
        parents.retain(|parent| *parent < selected.len());
    }
    unit_tests_first(manifest, selected, &mut edges);
    edges
}

/// What reads a node waits for the tests of the node.
fn block(edges: &mut [BTreeSet<usize>], is_test: &dyn Fn(usize) -> bool) {
    let mut tests_of: HashMap<usize, Vec<usize>> = HashMap::new();
    for (test, parents) in edges.iter().enumerate().filter(|(test, _)| is_test(*test)) {
        for parent in parents {
            tests_of.entry(*parent).or_default().push(test);
        }
    }
    let mut blocking = Vec::new();
    for (child, parents) in edges.iter().enumerate().filter(|(child, _)| !is_test(*child)) {
        let candidates: BTreeSet<usize> =
            parents.iter().filter_map(|parent| tests_of.get(parent)).flatten().copied().collect();
        // A test of several nodes blocks only what comes after all of them; otherwise it could wait for itself.
        let above =
            if candidates.iter().any(|test| edges[*test].len() > 1) { ancestors(edges, child) } else { HashSet::new() };
        blocking.extend(
            candidates
                .into_iter()
                .filter(|test| edges[*test].len() == 1 || edges[*test].iter().all(|parent| above.contains(parent)))
                .map(|test| (child, test)),
        );
    }
    for (child, test) in blocking {
        edges[child].insert(test);
    }
}

/// Where tests come before publishing, a node waits for all that they read, unless that waits for the node.
fn wait_for_audits(manifest: &Manifest, selected: &IndexSet<String>, edges: &mut [BTreeSet<usize>]) {
    let audited = |id: &String| manifest.nodes.get(id).is_some_and(|node| node.config.is_audited());
    for (index, id) in selected.iter().enumerate().filter(|(_, id)| audited(id)) {
        for other in audit::others(manifest, id) {
            let needed = match selected.get_index_of(other) {
                Some(found) => BTreeSet::from([found]),
                None => nearest_selected(manifest, selected, other),
            };
            let free = needed.into_iter().filter(|found| *found != index && !ancestors(edges, *found).contains(&index));
            let free: Vec<usize> = free.collect();
            edges[index].extend(free);
        }
    }
}

/// A unit test needs what its model reads, not the model: it runs before it, and the model waits for it.
fn unit_tests_first(manifest: &Manifest, selected: &IndexSet<String>, edges: &mut [BTreeSet<usize>]) {
    let is_unit_test = |index: &usize| selected[*index].starts_with("unit_test.");
    for test in (0..selected.len()).filter(is_unit_test) {
        let Some(model) = manifest.parents.get(&selected[test]).and_then(|parents| parents.first()) else { continue };
        match selected.get_index_of(model) {
            Some(model) => {
                edges[test] = edges[model].iter().copied().filter(|index| !is_unit_test(index)).collect();
                edges[model].insert(test);
            }
            None => edges[test] = nearest_selected(manifest, selected, model),
        }
    }
}

/// The selected nodes above `id` with no selected node between.
fn nearest_selected(manifest: &Manifest, selected: &IndexSet<String>, id: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut frontier = vec![id];
    while let Some(current) = frontier.pop() {
        for parent in manifest.parents.get(current).into_iter().flatten() {
            if let Some(index) = selected.get_index_of(parent) {
                found.insert(index);
            } else if seen.insert(parent.as_str()) {
                frontier.push(parent);
            }
        }
    }
    found
}

fn ancestors(edges: &[BTreeSet<usize>], of: usize) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut frontier = vec![of];
    while let Some(current) = frontier.pop() {
        frontier.extend(edges[current].iter().copied().filter(|parent| found.insert(*parent)));
    }
    found
}

/// Length of the longest chain of nodes that wait for each.
fn heights(waits_for: &[usize], waiters: &[Vec<usize>]) -> Vec<usize> {
    let mut left = waits_for.to_vec();
    let mut order: Vec<usize> = (0..left.len()).filter(|index| left[*index] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for waiter in &waiters[order[next]] {
            left[*waiter] -= 1;
            if left[*waiter] == 0 {
                order.push(*waiter);
            }
        }
        next += 1;
    }
    let mut height = vec![0; waits_for.len()];
    for index in order.into_iter().rev() {
        height[index] = waiters[index].iter().map(|waiter| height[*waiter] + 1).max().unwrap_or(0);
    }
    height
}

/// A manifest with nothing but edges, for tests.
#[cfg(test)]
fn graph(edges: &[(&str, &[&str])]) -> (Manifest, IndexSet<String>) {
    let mut manifest = Manifest::default();
    let parents: indexmap::IndexMap<String, Vec<String>> = edges
        .iter()
        .map(|(id, parents)| ((*id).to_owned(), parents.iter().map(|id| (*id).to_owned()).collect()))
        .collect();
    let selected = parents.keys().cloned().collect();
    manifest.parents = parents;
    (manifest, selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_chain_starts_first() {
        let (manifest, selected) =
            graph(&[("short", &[]), ("long", &[]), ("middle", &["long"]), ("end", &["middle", "short"])]);
        let mut schedule = Schedule::new(&manifest, &selected, false);
        assert_eq!(schedule.next().as_deref(), Some("long"));
        assert_eq!(schedule.next().as_deref(), Some("short"));
        assert_eq!(schedule.next(), None);
        assert!(schedule.finish("long", false).is_empty());
        assert_eq!(schedule.next().as_deref(), Some("middle"));
    }

    #[test]
    fn seeds_come_before_tests_of_sources_that_are_their_tables() {
        let (manifest, selected) = graph(&[
            ("test.source", &[]),
            ("model.staged", &["test.source"]),
            ("model.more", &["model.staged"]),
            ("seed.raw", &[]),
        ]);
        let mut schedule = Schedule::new(&manifest, &selected, false);
        assert_eq!(schedule.next().as_deref(), Some("seed.raw"));
        assert_eq!(schedule.next().as_deref(), Some("test.source"));
    }

    #[test]
    fn a_failure_skips_everything_behind_it_and_nothing_else() {
        let (manifest, selected) = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("other", &[])]);
        let mut schedule = Schedule::new(&manifest, &selected, false);
        assert_eq!(schedule.next().as_deref(), Some("a"));
        assert_eq!(schedule.finish("a", true), ["b", "c"]);
        assert_eq!(schedule.next().as_deref(), Some("other"));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn order_holds_through_nodes_that_are_not_selected() {
        let (manifest, mut selected) = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
        selected.shift_remove("b");
        let mut schedule = Schedule::new(&manifest, &selected, false);
        assert_eq!(schedule.next().as_deref(), Some("a"));
        assert_eq!(schedule.next(), None);
        schedule.finish("a", false);
        assert_eq!(schedule.next().as_deref(), Some("c"));
    }

    #[test]
    fn abandoning_leaves_what_is_running() {
        let (manifest, selected) = graph(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
        let mut schedule = Schedule::new(&manifest, &selected, false);
        assert_eq!(schedule.next().as_deref(), Some("a"));
        assert_eq!(schedule.abandon(), ["b", "c"]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn in_a_build_what_reads_a_node_waits_for_its_tests() {
        let (manifest, selected) = graph(&[
            ("model.a", &[]),
            ("model.b", &["model.a"]),
            ("test.a_unique", &["model.a"]),
            ("test.b_refers_to_a", &["model.a", "model.b"]),
        ]);
        let mut schedule = Schedule::new(&manifest, &selected, true);
        assert_eq!(schedule.next().as_deref(), Some("model.a"));
        schedule.finish("model.a", false);
        assert_eq!(schedule.next().as_deref(), Some("test.a_unique"));
        assert_eq!(schedule.next(), None);
        assert_eq!(schedule.finish("test.a_unique", true), ["model.b", "test.b_refers_to_a"]);
    }
}
