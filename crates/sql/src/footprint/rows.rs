//! The rows of a relation as SQL, for some of its columns: what translates dirty keys into dirty slices, and slices into keys.
//!
//! More rows than the relation has are welcome here, fewer are not: a row too many makes a slice dirty for nothing. So a side of a join
//! whose columns nobody asks for is left out, and so is a filter that would need it. What can neither be written nor left out gives none.
//! One thing does not grow with its input: the rows that a left join leaves without a partner. They are added where the right side may have
//! been given too many rows.

use std::collections::BTreeSet;

use sqlparser::ast::Expr;

use super::row::{own_column, table_sql};
use super::{Reaches, Target, Walk, computed};
use crate::dialect::type_of;
use crate::tree::{Id, JoinKind, Node, Series, SetKind, column_name, columns_of, columns_of_all};
use crate::{Piece, Step};

/// Stands around a scan's number until it is known how the scan is written.
const MARK: char = '\u{1}';

/// Stands for the set of changed groups.
pub(super) const CHANGED: &str = "{changed}";

/// The slices in which one of some changed keys occurs. With `unknown`, a key that is NULL is as good as an equal one.
pub(super) fn step(walk: &Walk<'_>, node: &Node, target: &Target, keys: &[Expr], unknown: bool) -> Option<Step> {
    let rows = rows_sql(walk, node, &(&target.columns() | &columns_of_all(keys)))?;
    let slice = target.output(&walk.tree.columns, &|_| None);
    let mut condition = changed_key(walk, keys);
    if let ([key], true) = (keys, unknown) {
        let null = null_like(walk, type_of(key, &walk.tree.columns).as_deref());
        let null = walk.tree.columns.dialect.key_hash(&[null]);
        condition = format!("({condition} or ({key}) is null or exists (select 1 from {CHANGED} where p = {null}))");
    }
    let sql = format!("select distinct {slice} from ({rows}) as hw_rows where {condition}");
    let names: Vec<&str> = columns_of_all(keys).into_iter().map(|id| walk.tree.columns[id].name.as_str()).collect();
    Some(Step { sql, reason: names.join(", ") })
}

/// A query for the wanted columns of a relation's rows, named by their numbers.
pub(super) fn rows_sql(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    let rows = rows(walk, node, wanted)?;
    (!rows.contains(CHANGED)).then(|| unmarked(walk, &rows))
}

/// The same where there may be no row too many.
pub(super) fn exact_rows(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    if exact(node) { rows_sql(walk, node, wanted) } else { computed::rows(walk, node, wanted) }
}

/// The keys that occur in the rows let through by `reaches`.
pub(super) fn driver(walk: &Walk<'_>, node: &Node, keys: &[Expr], reaches: &Reaches) -> Option<Vec<Piece>> {
    let rows = rows(walk, node, &columns_of_all(keys))?;
    let sql = format!(
        "select distinct {} as p from ({rows}) as hw_rows",
        walk.tree.columns.dialect.key_hash(&parts_of_key(walk, keys))
    );
    let mut pieces = Vec::new();
    for (index, part) in sql.split(MARK).enumerate() {
        if index % 2 == 0 {
            pieces.push(Piece::Text(part.to_owned()));
            continue;
        }
        let scan: usize = part.parse().ok()?;
        pieces.push(Piece::Scan {
            table: table_sql(walk, &walk.tree.scans[scan].table),
            reach: reaches.get(&scan).cloned().flatten(),
            alias: Some("hw_scan".to_owned()),
        });
    }
    Some(pieces)
}

/// Whether a key is among those that changed.
pub(super) fn changed_key(walk: &Walk<'_>, keys: &[Expr]) -> String {
    format!("{} in (select p from {CHANGED})", walk.tree.columns.dialect.key_hash(&parts_of_key(walk, keys)))
}

/// NULL, of a type.
pub(super) fn null_like(walk: &Walk<'_>, data_type: Option<&str>) -> String {
    match data_type.filter(|data_type| *data_type != "NULL") {
        Some(data_type) => format!("cast(null as {})", walk.tree.columns.dialect.reading().type_name(data_type)),
        None => "null".to_owned(),
    }
}

/// The parts of a key, in SQL.
fn parts_of_key(walk: &Walk<'_>, keys: &[Expr]) -> Vec<String> {
    Target::key(keys.to_vec()).key_sql(&walk.tree.columns, &|_| None)
}

fn unmarked(walk: &Walk<'_>, sql: &str) -> String {
    sql.split(MARK)
        .enumerate()
        .map(|(index, part)| match part.parse::<usize>() {
            Ok(scan) if index % 2 == 1 => format!("{} as hw_scan", table_sql(walk, &walk.tree.scans[scan].table)),
            _ => part.to_owned(),
        })
        .collect()
}

/// A query for the wanted columns, named by their numbers; scans are marked. What cannot be written is taken from the user's own text.
fn rows(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    written(walk, node, wanted).or_else(|| computed::rows(walk, node, wanted))
}

fn written(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    match node {
        Node::Scan(scan) => {
            let items =
                wanted.iter().map(|id| Some(format!("{} as {}", own_column(walk, *scan, *id)?, column_name(*id))));
            let items: Vec<String> = items.collect::<Option<_>>()?;
            Some(match &walk.tree.scans[*scan].passing {
                Some(passing) => format!("select {} from ({}) as hw_passing", list(&items), passing.sql),
                None => format!("select {} from {MARK}{scan}{MARK}", list(&items)),
            })
        }
        Node::Constant { sql, ids, .. } if wanted.iter().all(|id| ids.contains(id)) => {
            let items: Vec<String> = wanted.iter().map(|id| column_name(*id)).collect();
            Some(format!("select {} from ({}) as hw_constant", list(&items), sql.as_ref()?))
        }
        Node::Filter { input, conjuncts } => filtered(walk, input, conjuncts, wanted),
        Node::Project { input, items } => {
            let kept: Vec<&(Id, Expr)> = items.iter().filter(|(id, _)| wanted.contains(id)).collect();
            computed(walk, input, &kept, wanted)
        }
        Node::Group { input, keys, .. } => {
            let kept: Vec<&(Id, Expr)> = keys.iter().filter(|(id, _)| wanted.contains(id)).collect();
            computed(walk, input, &kept, wanted)
        }
        Node::Distinct { input, .. } => rows(walk, input, wanted),
        Node::Window { input, functions } if functions.iter().all(|function| !wanted.contains(&function.id)) => {
            rows(walk, input, wanted)
        }
        Node::Depend { input, ids, .. } | Node::Expand { input, ids, .. }
            if ids.iter().all(|id| !wanted.contains(id)) =>
        {
            rows(walk, input, wanted)
        }
        Node::Expand { input, ids, series: Some(series) } => expanded(walk, input, ids, series, wanted),
        Node::Join { .. } => joined(walk, node, wanted),
        Node::Set { branches, ids, kind } => {
            let kept = match kind {
                SetKind::UnionAll | SetKind::Union => branches.as_slice(),
                SetKind::Except | SetKind::Intersect => &branches[..1],
            };
            let texts: Option<Vec<String>> = kept.iter().map(|branch| renamed(walk, branch, ids, wanted)).collect();
            Some(texts?.join(" union all "))
        }
        _ => None,
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "1 as hw_nothing".to_owned() } else { items.join(", ") }
}

/// The rows that pass those conditions which can be written; the others are left out.
fn filtered(walk: &Walk<'_>, input: &Node, conjuncts: &[Expr], wanted: &BTreeSet<Id>) -> Option<String> {
    let sql = |written: &[&Expr]| {
        let rows = rows(walk, input, &(wanted | &columns_of_all(written.iter().copied())))?;
        let conditions: Vec<String> = written.iter().map(|conjunct| format!("({conjunct})")).collect();
        Some(match conditions.as_slice() {
            [] => rows,
            some => format!("select * from ({rows}) as hw_rows where {}", some.join(" and ")),
        })
    };
    // One condition at a time would take a walk each at every filter on the way down.
    let available = writable(walk, input);
    if !wanted.is_subset(&available) {
        return sql(&[]);
    }
    let written: Vec<&Expr> = conjuncts.iter().filter(|conjunct| columns_of(conjunct).is_subset(&available)).collect();
    sql(&written)
}

/// The columns that can be written, as a rule.
pub(super) fn writable(walk: &Walk<'_>, node: &Node) -> BTreeSet<Id> {
    match node {
        Node::Scan(scan) => walk.tree.scans[*scan].ids.iter().copied().collect(),
        Node::Constant { sql, ids, .. } => {
            if sql.is_some() {
                ids.iter().copied().collect()
            } else {
                BTreeSet::new()
            }
        }
        Node::Filter { input, .. } | Node::Distinct { input, .. } | Node::Window { input, .. } => writable(walk, input),
        Node::Depend { input, .. } | Node::Expand { input, .. } => writable(walk, input),
        Node::Recursive { .. } => BTreeSet::new(),
        Node::Project { input, items } | Node::Group { input, keys: items, .. } => {
            let below = writable(walk, input);
            items.iter().filter(|(_, item)| columns_of(item).is_subset(&below)).map(|(id, _)| *id).collect()
        }
        Node::Join { kind, left, right, others, complete, .. } => {
            let left = writable(walk, left);
            let both = &left | &writable(walk, right);
            let met = columns_of_all(others).is_subset(&both) && *complete;
            match (met, kind) {
                (_, JoinKind::Inner) | (true, _) => both,
                (false, JoinKind::Full) => BTreeSet::new(),
                (false, _) => left,
            }
        }
        Node::Set { branches, ids, .. } => {
            let below: Vec<BTreeSet<Id>> = branches.iter().map(|(branch, _)| writable(walk, branch)).collect();
            let can = |at: usize| branches.iter().zip(&below).all(|((_, columns), below)| below.contains(&columns[at]));
            ids.iter().enumerate().filter(|(at, _)| can(*at)).map(|(_, id)| *id).collect()
        }
        Node::Opaque { .. } => BTreeSet::new(),
    }
}

fn computed(walk: &Walk<'_>, input: &Node, items: &[&(Id, Expr)], wanted: &BTreeSet<Id>) -> Option<String> {
    if items.len() < wanted.len() {
        return None;
    }
    let below = columns_of_all(items.iter().map(|(_, item)| item));
    let texts: Vec<String> = items.iter().map(|(id, item)| format!("{item} as {}", column_name(*id))).collect();
    Some(format!("select {} from ({}) as hw_rows", list(&texts), rows(walk, input, &below)?))
}

fn joined(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    let Node::Join { kind, left, right, others, complete, .. } = node else { return None };
    let (left_ids, right_ids) = (left.ids(&walk.tree.scans), right.ids(&walk.tree.scans));
    if *kind == JoinKind::Full {
        return full(walk, node, wanted);
    }
    if wanted.is_subset(&left_ids) {
        return rows(walk, left, wanted);
    }
    if *kind == JoinKind::Inner && wanted.is_subset(&right_ids) {
        return rows(walk, right, wanted);
    }
    // An inner join without one of its conditions has more rows, and no fewer.
    let writable =
        if *kind == JoinKind::Inner { &writable(walk, left) | &writable(walk, right) } else { BTreeSet::new() };
    let leave = |condition: &&Expr| *kind != JoinKind::Inner || columns_of(condition).is_subset(&writable);
    let others: Vec<&Expr> = others.iter().filter(leave).collect();
    let inner = wanted | &columns_of_all(others.iter().copied());
    let side = |node: &Node, ids: &BTreeSet<Id>, all: &BTreeSet<Id>| rows(walk, node, &(all & ids));
    let word = match kind {
        JoinKind::Inner => "join",
        // A left join with a condition left out would lose the rows without a partner.
        JoinKind::Left if *complete => "left join",
        JoinKind::Left | JoinKind::Full => return None,
    };
    let conditions: Vec<String> = others.iter().map(|condition| format!("({condition})")).collect();
    let on = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") };
    let (left, right_rows) = (side(left, &left_ids, &inner)?, side(right, &right_ids, &inner)?);
    let pairs = format!("select * from ({left}) as hw_left {word} ({right_rows}) as hw_right on {on}");
    if *kind == JoinKind::Inner || exact(right) {
        return Some(pairs);
    }
    // Rows too many on the right give partners to rows that have none: these must be there without a partner, too.
    Some(format!("{pairs} union all select * from ({left}) as hw_left left join ({right_rows}) as hw_right on false"))
}

/// The pairs of a full join, and every row of either side without a partner: some of them are.
fn full(walk: &Walk<'_>, node: &Node, wanted: &BTreeSet<Id>) -> Option<String> {
    let Node::Join { left, right, others, .. } = node else { return None };
    let (left_ids, right_ids) = (left.ids(&walk.tree.scans), right.ids(&walk.tree.scans));
    let both = &left_ids | &right_ids;
    let known: Vec<&Expr> = others.iter().filter(|condition| columns_of(condition).is_subset(&both)).collect();
    let inner = wanted | &columns_of_all(known.iter().copied());
    let (left, right) = (rows(walk, left, &(&inner & &left_ids))?, rows(walk, right, &(&inner & &right_ids))?);
    let conditions: Vec<String> = known.iter().map(|condition| format!("({condition})")).collect();
    let on = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") };
    let pairs =
        |word: &str, on: &str| format!("select * from ({left}) as hw_left {word} ({right}) as hw_right on {on}");
    Some(format!("{} union all {}", pairs("join", &on), pairs("full join", "false")))
}

/// Every row with the elements of its series.
fn expanded(walk: &Walk<'_>, input: &Node, ids: &[Id], series: &Series, wanted: &BTreeSet<Id>) -> Option<String> {
    let below: BTreeSet<Id> = wanted.iter().copied().filter(|id| !ids.contains(id)).collect();
    let rows = rows(walk, input, &(&below | &series.given))?;
    let elements = format!("select * from ({rows}) as hw_rows, {}", series.call);
    if !series.outer {
        return Some(elements);
    }
    let nulls: Vec<String> = ids.iter().map(|id| format!("null as {}", column_name(*id))).collect();
    Some(format!("{elements} union all select *, {} from ({rows}) as hw_rows", nulls.join(", ")))
}

/// Whether the rows written for a relation are its own and no more.
fn exact(node: &Node) -> bool {
    match node {
        Node::Scan(_) | Node::Constant { .. } => true,
        Node::Project { input, .. } => exact(input),
        // What a filter over such a relation names can be written.
        Node::Filter { input, .. } => exact(input),
        _ => false,
    }
}

fn renamed(walk: &Walk<'_>, (branch, columns): &(Node, Vec<Id>), ids: &[Id], wanted: &BTreeSet<Id>) -> Option<String> {
    let position = |id: &Id| ids.iter().position(|other| other == id);
    let pairs: Vec<(Id, Id)> = wanted.iter().map(|id| Some((*id, columns[position(id)?]))).collect::<Option<_>>()?;
    let below: BTreeSet<Id> = pairs.iter().map(|(_, own)| *own).collect();
    let items: Vec<String> =
        pairs.iter().map(|(id, own)| format!("{} as {}", column_name(*own), column_name(*id))).collect();
    Some(format!("select {} from ({}) as hw_branch", list(&items), rows(walk, branch, &below)?))
}
