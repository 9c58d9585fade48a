//! Joins whose partition comes from a side that may be missing, or from either: rules 5 and 6.
//!
//! - **Rule 6**, `full join` with the partition in its condition: `coalesce(a.day, b.day)` where `a.day = b.day`. A row is in the partition of
//!   whichever side is there, and both sides of a pair are in the same one. Footprint and dirty map: either side's own.
//! - **Rule 5**, the partition comes from a side that may be missing. Rows of the other side without a partner are all in one partition, that of
//!   NULL (or of what `coalesce` makes of it): the **orphans**. Dirty map: the side's own slices; those in which a key occurs that changed on the
//!   other side; and the orphans' when the other side changed, or when a key that changed occurs in it. Footprint: the side's slice and the keys
//!   that occur in it; when the orphans' partition is dirty, both sides whole.
//! - **Condition**: at least one equality.
//! - **Fallback**: `both.rs`, then everything.

use sqlparser::ast::{CastKind, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, VisitMut, VisitorMut};

use super::along::Margin;
use super::join::is_bare;
use super::mutant::Mutant;
use super::rows::{CHANGED, changed_key, driver, rows_sql};
use super::{Partial, Reaches, Source, Target, Walk, read_whole};
use crate::dialect::cast_to;
use crate::tree::{Columns, Id, JoinKind, Node, columns_of, columns_of_all};
use crate::{Piece, Reach, Step};

/// The side the target is made of, which may be missing, and the other.
struct Missing<'n> {
    side: &'n Node,
    other: &'n Node,
    /// The side's expressions first.
    equalities: Vec<(Expr, Expr)>,
}

fn missing<'n>(walk: &Walk<'_>, node: &'n Node, target: &Target) -> Option<Missing<'n>> {
    let Node::Join { kind, left, right, equalities, .. } = node else { return None };
    let wanted = target.columns();
    if equalities.is_empty() || *kind == JoinKind::Inner {
        return None;
    }
    if wanted.is_subset(&right.ids(&walk.tree.scans)) {
        let equalities = equalities.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
        return Some(Missing { side: right, other: left, equalities });
    }
    let left_may = *kind == JoinKind::Full && wanted.is_subset(&left.ids(&walk.tree.scans));
    left_may.then(|| Missing { side: left, other: right, equalities: equalities.clone() })
}

/// The target as each side of a full join has it.
fn either(walk: &Walk<'_>, node: &Node, target: &Target) -> Option<(Target, Target)> {
    let Node::Join { kind: JoinKind::Full, left, right, equalities, .. } = node else { return None };
    let on = |side: &Node, first: bool| {
        let mut merged = target.clone();
        for expression in &mut merged.expressions {
            let _ = expression.visit(&mut Merged { walk, sides: (left, right), equalities, first });
        }
        merged.columns().is_subset(&side.ids(&walk.tree.scans)).then_some(merged)
    };
    Some((on(left, true)?, on(right, false)?))
}

/// Replaces `coalesce(a, b)` by one side's part, where the join says that the two are equal.
struct Merged<'m, 't> {
    walk: &'m Walk<'t>,
    sides: (&'m Node, &'m Node),
    equalities: &'m [(Expr, Expr)],
    first: bool,
}

impl VisitorMut for Merged<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> std::ops::ControlFlow<()> {
        let Some(parts) = coalesced(expression) else { return std::ops::ControlFlow::Continue(()) };
        let scans = &self.walk.tree.scans;
        let of = |side: &Node| -> Vec<Expr> {
            let ids = side.ids(scans);
            let own = |part: &&Expr| !columns_of(part).is_empty() && columns_of(part).is_subset(&ids);
            parts.iter().filter(own).cloned().collect()
        };
        let (left, right) = (of(self.sides.0), of(self.sides.1));
        let rest: Vec<Expr> = parts.iter().filter(|part| columns_of(part).is_empty()).cloned().collect();
        if left.len() + right.len() + rest.len() != parts.len() {
            return std::ops::ControlFlow::Continue(());
        }
        let same = |one: &Expr, list: &[Expr]| text(one) == text(&rebuilt(expression, list));
        if self.equalities.iter().any(|(one, other)| same(one, &left) && same(other, &right)) {
            let own = if self.first { left } else { right };
            *expression = rebuilt(expression, &[own, rest].concat());
        }
        std::ops::ControlFlow::Continue(())
    }
}

/// The expression's text, however casts are spelt.
fn text(expression: &Expr) -> String {
    struct Spelling;
    impl VisitorMut for Spelling {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &mut Expr) -> std::ops::ControlFlow<()> {
            while let Expr::Nested(inner) = expression {
                *expression = (**inner).clone();
            }
            if let Expr::Cast { kind: kind @ CastKind::DoubleColon, .. } = expression {
                *kind = CastKind::Cast;
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    let mut spelt = expression.clone();
    let _ = spelt.visit(&mut Spelling);
    spelt.to_string().to_ascii_lowercase()
}

/// The arguments of `coalesce`, those of one within another included.
fn coalesced(expression: &Expr) -> Option<Vec<Expr>> {
    match expression {
        Expr::Nested(inner) => coalesced(inner),
        Expr::Function(function) if function.over.is_none() => {
            let name = function.name.to_string().to_ascii_lowercase();
            let FunctionArguments::List(list) = &function.args else { return None };
            if !matches!(name.as_str(), "coalesce" | "ifnull") {
                return None;
            }
            let mut parts = Vec::new();
            for argument in &list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(part)) = argument else { return None };
                match coalesced(part) {
                    Some(inner) => parts.extend(inner),
                    None => parts.push(part.clone()),
                }
            }
            Some(parts)
        }
        _ => None,
    }
}

/// `coalesce` of some of its arguments; of one alone, that.
fn rebuilt(expression: &Expr, parts: &[Expr]) -> Expr {
    if let [single] = parts {
        return single.clone();
    }
    match expression {
        Expr::Nested(inner) => rebuilt(inner, parts),
        Expr::Function(function) => {
            let mut function = function.clone();
            if let FunctionArguments::List(list) = &mut function.args {
                list.args =
                    parts.iter().map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part.clone()))).collect();
            }
            Expr::Function(function)
        }
        other => other.clone(),
    }
}

pub(super) fn dirty_outer(walk: &Walk<'_>, node: &Node, target: &Target) -> Option<Vec<Partial>> {
    if let (Some((on_left, on_right)), Node::Join { left, right, .. }) = (either(walk, node, target), node) {
        let mut terms = walk.dirty(left, &on_left);
        if walk.mutant != Some(Mutant::FullJoinLeftOnly) {
            terms.extend(walk.dirty(right, &on_right));
        }
        return Some(terms);
    }
    let Missing { side, other, equalities } = missing(walk, node, target)?;
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = equalities.into_iter().unzip();
    let columns = &walk.tree.columns;
    let orphans = target.output(columns, &|id| Some(null(id, columns)));
    let rows = rows_sql(walk, side, &(&target.columns() | &columns_of_all(&own)))?;
    let found = format!(
        "select distinct {} from ({rows}) as hw_rows where {}",
        target.output(columns, &|_| None),
        changed_key(walk, &own)
    );
    let naive = walk.mutant == Some(Mutant::OrphansForgotten);
    let reached = if naive { found } else { format!("{found} union all select distinct {orphans} from {CHANGED}") };
    let rows = rows_sql(walk, other, &columns_of_all(&theirs))?;
    let flipped = format!("select distinct {orphans} from ({rows}) as hw_rows where {}", changed_key(walk, &theirs));
    let names: Vec<&str> = columns_of_all(&own).into_iter().map(|id| columns[id].name.as_str()).collect();
    let step = |sql: String| Step { sql, reason: names.join(", ") };
    let (reached, flipped) = (step(reached), step(flipped));
    let mut terms = walk.dirty(side, target);
    terms.extend(walk.dirty(other, &Target::key(theirs)).into_iter().map(|term| term.then(&reached)));
    if !naive {
        terms.extend(walk.dirty(side, &Target::key(own)).into_iter().map(|term| term.then(&flipped)));
    }
    Some(terms)
}

/// NULL in place of a column.
fn null(id: Id, columns: &Columns) -> Expr {
    let null = Expr::value(sqlparser::ast::Value::Null);
    match columns[id].data_type.as_deref() {
        Some(data_type) if data_type != "NULL" => cast_to(columns.dialect, null, data_type),
        _ => null,
    }
}

pub(super) fn restrict_outer(
    walk: &Walk<'_>,
    node: &Node,
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    if let (Some((on_left, on_right)), Node::Join { left, right, .. }) = (either(walk, node, target), node) {
        walk.restrict(left, &on_left, source, reaches, drivers);
        return walk.restrict(right, &on_right, source, reaches, drivers);
    }
    // Where a window looks around the slices, it may look at the orphans' partition from another one.
    let found = missing(walk, node, target).filter(|_| target.margin == Margin::default());
    let Some(Missing { side, other, equalities }) = found else { return read_whole(node, reaches) };
    let columns = &walk.tree.columns;
    let whenever = Reach::Whenever {
        partition: target.sql(columns, &|id| Some(null(id, columns))),
        driver: match source {
            Source::Output => None,
            Source::Driver(driver) => Some(driver),
        },
    };
    let whole_for_orphans = |node: &Node, reaches: &mut Reaches| {
        for scan in node.scans() {
            if let Some(Some(known)) = reaches.get_mut(&scan) {
                known.push(whenever.clone());
            }
        }
    };
    walk.restrict(side, target, source, reaches, drivers);
    whole_for_orphans(side, reaches);
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = equalities.into_iter().unzip();
    let found = if is_bare(other) { None } else { driver(walk, side, &own, reaches) };
    match found {
        Some(pieces) => {
            drivers.push(pieces);
            walk.restrict(other, &Target::key(theirs), Source::Driver(drivers.len() - 1), reaches, drivers);
            whole_for_orphans(other, reaches);
        }
        None => read_whole(other, reaches),
    }
}
