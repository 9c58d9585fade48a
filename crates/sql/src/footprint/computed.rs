//! What has no rule, looked at for its result: Theorem 7.
//!
//! A common table expression with a `limit`, a hierarchy, a scalar subquery: how its tables reach its rows cannot be followed, but its rows can be
//! computed. They are fingerprinted as a table's would be, and where they stay as they were, nothing that reads them has changed.
//!
//! - **Condition**: the part of the query can be run alone (see `excerpt.rs`); and it stands beside the rows that are cut into partitions, not
//!   under them: to compute the result itself in order to see what changed is to build it twice.
//! - **Fallback**: its tables are watched, and any change of them dirties everything.

use std::collections::BTreeSet;

use super::join::is_bare;
use super::mutant::Mutant;
use super::{Partial, Target, Walk};
use crate::tree::{Id, Node, column_name};
use crate::{Effect, Finding, Group};

/// Rows that are computed in order to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Computed {
    /// The query.
    pub sql: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// What it reads.
    pub scans: Vec<usize>,
}

/// The text of a relation, if it is a query that can be run alone.
fn text(walk: &Walk<'_>, node: &Node) -> Option<(String, Vec<Id>)> {
    let ids = node.ids(&walk.tree.scans);
    let same = |excerpt: &Vec<Id>| excerpt.iter().copied().collect::<BTreeSet<Id>>() == ids;
    let excerpt = walk.tree.excerpts.iter().find(|excerpt| same(&excerpt.ids))?;
    excerpt.described(walk.catalog).map(|(sql, _)| (sql, excerpt.ids.clone()))
}

/// The rows of a relation with the wanted columns, computed as the user wrote them.
pub(super) fn rows(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    let (sql, _) = text(walk, node)?;
    let items: Vec<String> = wanted.iter().map(|id| column_name(*id)).collect();
    let list = if items.is_empty() { "1 as hw_nothing".to_owned() } else { items.join(", ") };
    Some(format!("select {list} from ({sql}) as hw_rows"))
}

/// How changes of a relation's rows become dirty slices, by its result.
pub(super) fn dirty_computed(walk: &Walk<'_>, node: &Node, target: &Target) -> Option<Vec<Partial>> {
    if target.own {
        return None;
    }
    let columns = &walk.tree.columns;
    let group = target.group(columns, &|_| None, &|id| column_name(id));
    partials(walk, node, group, &Effect::Partitions)
}

/// Everything is dirty when a relation's result changes.
pub(super) fn whole_computed(walk: &Walk<'_>, node: &Node, finding: &Finding) -> Option<Vec<Partial>> {
    if is_bare(node) {
        return None;
    }
    let place = node.scans().first().and_then(|scan| walk.tree.scans[*scan].place.clone());
    partials(walk, node, Group::Whole, &Effect::All(Finding { place, ..finding.clone() }))
}

fn partials(walk: &Walk<'_>, node: &Node, group: Group, effect: &Effect) -> Option<Vec<Partial>> {
    let (sql, ids) = text(walk, node)?;
    let scans = node.scans();
    let computed = Computed { sql, columns: ids.iter().map(|id| column_name(*id)).collect(), scans: scans.clone() };
    if walk.mutant == Some(Mutant::ResultTakenForGiven) {
        return Some(Vec::new());
    }
    // Every table behind it gets the same question, which is asked once.
    let partial = |scan| Partial {
        scan,
        group: group.clone(),
        rows: Some(computed.clone()),
        steps: Vec::new(),
        effect: effect.clone(),
    };
    Some(scans.into_iter().map(partial).collect())
}
