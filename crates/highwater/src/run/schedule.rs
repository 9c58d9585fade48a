//! Which node may start next: the graph of the selected nodes, and what a failure does to the rest of it.
//!
//! Pure bookkeeping, without threads: a coordinator asks [`Schedule::next`] while workers are free and reports with
//! [`Schedule::finish`]. Among what is ready the [`Order`] decides.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use indexmap::IndexSet;

use crate::audit;
use crate::manifest::{Manifest, Node, ResourceType};

/// What comes first among the nodes that are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// What was ready first, by names among what became ready together: the order of dbt with one thread, which hooks, sources that are tables
    /// of seeds, and other dependencies that no `ref` tells of rely on. With one thread every order takes equally long.
    ByTurns,
    /// The longest chain of nodes behind it: keeps several threads busy to the end.
    LongestFirst,
}

impl Order {
    /// The order for so many threads.
    pub(crate) fn of_threads(threads: usize) -> Self {
        if threads > 1 { Self::LongestFirst } else { Self::ByTurns }
    }
}

/// The selected nodes, what each still waits for, and what waits for it.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The selected nodes, then the ephemeral ones: these take their turn like every node, and are done when it comes.
    ids: IndexSet<String>,
    /// How many of them are handed out.
    handed_out: usize,
    waits_for: Vec<usize>,
    waiters: Vec<Vec<usize>>,
    order: Order,
    /// Higher goes first, for [`Order::LongestFirst`].
    height: Vec<usize>,
    /// Lower goes first among what became ready together.
    rank: Vec<usize>,
    /// In which turn each became ready: how many nodes were done then.
    turn: Vec<usize>,
    done: usize,
    ready: BinaryHeap<(Priority, usize)>,
    state: Vec<State>,
}

/// Seeds or not, the height, the turn, the rank; the greatest goes first.
type Priority = (bool, usize, Reverse<usize>, Reverse<usize>);

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
    pub(crate) fn new(manifest: &Manifest, selected: &IndexSet<String>, tests_block: bool, order: Order) -> Self {
        let mut ids = selected.clone();
        ids.extend(manifest.nodes.values().filter(|node| is_ephemeral(node)).map(|node| node.unique_id.clone()));
        let edges = edges(manifest, &ids, tests_block);
        let mut waits_for = vec![0; ids.len()];
        let mut waiters = vec![Vec::new(); ids.len()];
        for (child, parents) in edges.iter().enumerate() {
            waits_for[child] = parents.len();
            for parent in parents {
                waiters[*parent].push(child);
            }
        }
        let (height, rank) = match order {
            Order::ByTurns => (vec![0; ids.len()], ranks(manifest, &ids)),
            Order::LongestFirst => (heights(&waits_for, &waiters), (0..ids.len()).collect()),
        };
        let mut schedule = Self {
            handed_out: selected.len(),
            state: vec![State::Waiting; ids.len()],
            turn: vec![0; ids.len()],
            ids,
            waits_for,
            waiters,
            order,
            height,
            rank,
            done: 0,
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
            let priority = match self.order {
                Order::ByTurns => (false, 0, Reverse(self.turn[index]), Reverse(self.rank[index])),
                // Seeds come first: sources are often described that are nothing but tables of seeds.
                Order::LongestFirst => {
                    let is_seed = self.ids[index].starts_with("seed.");
                    (is_seed, self.height[index], Reverse(0), Reverse(self.rank[index]))
                }
            };
            self.ready.push((priority, index));
        }
    }

    /// The node to start now.
    pub(crate) fn next(&mut self) -> Option<String> {
        while let Some((_, index)) = self.ready.pop() {
            if self.state[index] != State::Ready {
                continue;
            }
            if index < self.handed_out {
                self.state[index] = State::Running;
                return Some(self.ids[index].clone());
            }
            self.succeed(index);
        }
        None
    }

    /// Notes that a node is done. When it failed, returns everything that needed it, nearest first: those will never
    /// be handed out.
    pub(crate) fn finish(&mut self, id: &str, failed: bool) -> Vec<String> {
        let Some(index) = self.ids.get_index_of(id) else { return Vec::new() };
        if !failed {
            self.succeed(index);
            return Vec::new();
        }
        self.state[index] = State::Done;
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
        skipped.retain(|index| *index < self.handed_out);
        skipped.into_iter().map(|index| self.ids[index].clone()).collect()
    }

    fn succeed(&mut self, index: usize) {
        self.state[index] = State::Done;
        self.done += 1;
        // A model takes over the turn of its unit tests: to dbt they are a part of it.
        let turn = if is_unit_test(&self.ids[index]) { self.turn[index] } else { self.done };
        for waiter in self.waiters[index].clone() {
            self.waits_for[waiter] -= 1;
            self.turn[waiter] = turn;
            self.release(waiter);
        }
    }

    /// Gives up on everything that has not started, and returns it.
    pub(crate) fn abandon(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        for (index, state) in self.state.iter_mut().enumerate().take(self.handed_out) {
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
    let begins = |index: usize, words: &[&str]| words.iter().any(|word| among[index].starts_with(word));
    // What only tells of others does not wait for their tests.
    block(&mut edges, &|index| begins(index, &["test.", "unit_test."]), &|index| {
        !begins(index, &["test.", "unit_test.", "exposure.", "saved_query."])
    });
    edges.truncate(selected.len());
    for parents in &mut edges {
        parents.retain(|parent| *parent < selected.len());
    }
    unit_tests_first(manifest, selected, &mut edges);
    edges
}

/// What reads a node waits for the tests of the node, if it is of those that wait.
fn block(edges: &mut [BTreeSet<usize>], is_test: &dyn Fn(usize) -> bool, waits: &dyn Fn(usize) -> bool) {
    let mut tests_of: HashMap<usize, Vec<usize>> = HashMap::new();
    for (test, parents) in edges.iter().enumerate().filter(|(test, _)| is_test(*test)) {
        for parent in parents {
            tests_of.entry(*parent).or_default().push(test);
        }
    }
    let mut blocking = Vec::new();
    for (child, parents) in edges.iter().enumerate().filter(|(child, _)| waits(*child)) {
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
    let is_unit_test = |index: &usize| is_unit_test(&selected[*index]);
    for test in (0..selected.len()).filter(is_unit_test) {
        let Some(model) = model_of_unit_test(manifest, &selected[test]) else { continue };
        match selected.get_index_of(model) {
            Some(model) => {
                edges[test] = edges[model].iter().copied().filter(|index| !is_unit_test(index)).collect();
                edges[model].insert(test);
            }
            None => edges[test] = nearest_selected(manifest, selected, model),
        }
    }
}

fn is_ephemeral(node: &Node) -> bool {
    node.resource_type == ResourceType::Model && node.config.materialized() == "ephemeral"
}

fn is_unit_test(id: &str) -> bool {
    id.starts_with("unit_test.")
}

fn model_of_unit_test<'a>(manifest: &'a Manifest, id: &str) -> Option<&'a String> {
    manifest.parents().get(id).and_then(|parents| parents.first())
}

/// The place of each node in the order of their names; a unit test has its place before its model.
fn ranks(manifest: &Manifest, selected: &IndexSet<String>) -> Vec<usize> {
    let place = |id: &String| {
        let model = if is_unit_test(id) { model_of_unit_test(manifest, id) } else { None };
        let model = model.filter(|model| selected.contains(*model)).unwrap_or(id);
        (model.clone(), model == id, id.clone())
    };
    let mut order: Vec<usize> = (0..selected.len()).collect();
    order.sort_by_cached_key(|index| place(&selected[*index]));
    let mut rank = vec![0; selected.len()];
    for (place, index) in order.into_iter().enumerate() {
        rank[index] = place;
    }
    rank
}

/// The selected nodes above `id` with no selected node between.
fn nearest_selected(manifest: &Manifest, selected: &IndexSet<String>, id: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut frontier = vec![id];
    while let Some(current) = frontier.pop() {
        for parent in manifest.parents().get(current).into_iter().flatten() {
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
    let ids: Vec<String> = edges.iter().map(|(id, _)| (*id).to_owned()).collect();
    let manifest = Manifest::of_edges(ids.iter().zip(edges.iter().map(|(_, parents)| parents.to_vec())));
    (manifest, ids.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_chain_starts_first() {
        let (manifest, selected) =
            graph(&[("short", &[]), ("long", &[]), ("middle", &["long"]), ("end", &["middle", "short"])]);
        let mut schedule = Schedule::new(&manifest, &selected, false, Order::LongestFirst);
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
        let mut schedule = Schedule::new(&manifest, &selected, false, Order::LongestFirst);
        assert_eq!(schedule.next().as_deref(), Some("seed.raw"));
        assert_eq!(schedule.next().as_deref(), Some("test.source"));
    }

    /// The sequence of a run with one thread.
    fn sequence(edges: &[(&str, &[&str])], order: Order) -> String {
        let (manifest, selected) = graph(edges);
        let mut schedule = Schedule::new(&manifest, &selected, true, order);
        let mut sequence = Vec::new();
        while let Some(id) = schedule.next() {
            schedule.finish(&id, false);
            sequence.push(id);
        }
        sequence.join(" ")
    }

    #[test]
    fn with_one_thread_the_sequence_is_that_of_dbt() {
        let edges: &[(&str, &[&str])] = &[
            ("test.source", &[]),
            ("seed.raw", &[]),
            ("model.z", &["seed.raw"]),
            ("model.b", &[]),
            ("model.y", &["model.b"]),
            ("unit_test.y", &["model.y"]),
            ("model.x", &["model.b"]),
            ("model.a", &["model.x"]),
            ("test.z", &["model.z"]),
        ];
        let expected = "model.b seed.raw test.source model.x unit_test.y model.y model.z model.a test.z";
        assert_eq!(sequence(edges, Order::ByTurns), expected);
        // A unit test has its place where its model has: z waits for its own, and x, ready with z's, still comes before it.
        let edges: &[(&str, &[&str])] = &[
            ("model.x", &[]),
            ("unit_test.a", &["model.z"]),
            ("unit_test.b", &["model.z"]),
            ("model.z", &[]),
            ("seed.s", &[]),
        ];
        assert_eq!(sequence(edges, Order::ByTurns), "model.x unit_test.a unit_test.b model.z seed.s");
    }

    #[test]
    fn a_failure_skips_everything_behind_it_and_nothing_else() {
        let (manifest, selected) = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("other", &[])]);
        let mut schedule = Schedule::new(&manifest, &selected, false, Order::LongestFirst);
        assert_eq!(schedule.next().as_deref(), Some("a"));
        assert_eq!(schedule.finish("a", true), ["b", "c"]);
        assert_eq!(schedule.next().as_deref(), Some("other"));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn order_holds_through_nodes_that_are_not_selected() {
        let (manifest, mut selected) = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
        selected.shift_remove("b");
        let mut schedule = Schedule::new(&manifest, &selected, false, Order::LongestFirst);
        assert_eq!(schedule.next().as_deref(), Some("a"));
        assert_eq!(schedule.next(), None);
        schedule.finish("a", false);
        assert_eq!(schedule.next().as_deref(), Some("c"));
    }

    #[test]
    fn abandoning_leaves_what_is_running() {
        let (manifest, selected) = graph(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
        let mut schedule = Schedule::new(&manifest, &selected, false, Order::LongestFirst);
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
        let mut schedule = Schedule::new(&manifest, &selected, true, Order::LongestFirst);
        assert_eq!(schedule.next().as_deref(), Some("model.a"));
        schedule.finish("model.a", false);
        assert_eq!(schedule.next().as_deref(), Some("test.a_unique"));
        assert_eq!(schedule.next(), None);
        assert_eq!(schedule.finish("test.a_unique", true), ["model.b", "test.b_refers_to_a"]);
    }
}
