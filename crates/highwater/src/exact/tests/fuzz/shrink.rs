//! Smaller and smaller cases that fail in the same way: fewer batches, models, changes, rows, clauses, relations.

use super::case::{Case, Manner, Model, Outcome};

/// Runs that shrinking may take: enough for a page of SQL, and no more than a minute or two.
const TRIES: usize = 700;

/// Whether two outcomes are of one kind.
fn alike(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Differs(_), Outcome::Differs(_)) => true,
        (Outcome::Failed(name, _), Outcome::Failed(other, _)) => name == other,
        _ => false,
    }
}

/// The smallest case found that fails like `case`, and how it fails.
pub fn shrink(case: Case, outcome: Outcome, manner: Manner) -> (Case, Outcome) {
    let (mut best, mut how, mut tries) = (case, outcome, 0);
    'again: loop {
        for candidate in smaller(&best) {
            tries += 1;
            if tries > TRIES {
                return (best, how);
            }
            let came_to = candidate.run(manner);
            if alike(&how, &came_to) {
                (best, how) = (candidate, came_to);
                continue 'again;
            }
        }
        return (best, how);
    }
}

/// What could be left out, the largest things first.
fn smaller(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    for index in (0..case.models.len()).rev() {
        let mut models = case.models.clone();
        models.remove(index);
        found.push(Case { models, ..case.clone() });
    }
    for index in (0..case.batches.len()).rev() {
        let mut batches = case.batches.clone();
        batches.remove(index);
        found.push(Case { batches, ..case.clone() });
    }
    for index in 0..case.tables.len() {
        let (name, _) = &case.tables[index];
        let mut tables = case.tables.clone();
        tables.remove(index);
        let rows = case.rows.iter().filter(|(table, _)| table != name).cloned().collect();
        found.push(Case { tables, rows, ..case.clone() });
    }
    for part in [2, 4, 8] {
        for index in 0..part {
            let (from, to) = (case.rows.len() * index / part, case.rows.len() * (index + 1) / part);
            if to > from + 1 {
                let rows = [&case.rows[..from], &case.rows[to..]].concat();
                found.push(Case { rows, ..case.clone() });
            }
        }
    }
    for (index, model) in case.models.iter().enumerate() {
        for query in model.query.smaller() {
            let mut models = case.models.clone();
            models[index] = Model { query, ..model.clone() };
            found.push(Case { models, ..case.clone() });
        }
    }
    for (batch, changes) in case.batches.iter().enumerate() {
        for index in 0..changes.len() {
            let mut batches = case.batches.clone();
            batches[batch].remove(index);
            found.push(Case { batches, ..case.clone() });
        }
    }
    for index in 0..case.rows.len() {
        let mut rows = case.rows.clone();
        rows.remove(index);
        found.push(Case { rows, ..case.clone() });
    }
    found
}
