//! Scan, filter, projection: rule 1.
//!
//! - **What**: one row in, at most one row out.
//! - **Footprint**: the rows whose own target lies in the slice.
//! - **Dirty map**: the target of every changed row, before and after the change. Fingerprints by target show both: a row that moves
//!   changes the slice it leaves and the one it enters.
//! - **Condition**: the target is a deterministic function of the row.
//! - **Fallback**: everything.

use super::along::Margin;
use super::{Partial, Reaches, Shape, Source, Target, Walk, let_through};
use crate::tree::{Id, Scan, column};
use crate::{Effect, Finding, Reach};

use sqlparser::ast::Expr;

/// A table's own column, for SQL that reads the table directly.
pub(super) fn own_column(walk: &Walk<'_>, scan: usize, id: Id) -> Option<Expr> {
    let Scan { ids, passing, .. } = &walk.tree.scans[scan];
    let own = || match passing {
        Some(_) => column(id),
        None => walk.tree.columns.dialect.reading().own_name(&walk.tree.columns[id].name),
    };
    ids.contains(&id).then(own)
}

/// Whether the table's own columns make up the target.
fn own_target(walk: &Walk<'_>, scan: usize, target: &Target) -> bool {
    target.columns().iter().all(|id| walk.tree.scans[scan].ids.contains(id))
}

pub(super) fn dirty_scan(walk: &Walk<'_>, scan: usize, target: &Target) -> Partial {
    if !own_target(walk, scan, target) {
        let finding = Finding {
            rule: "partition-from-elsewhere",
            message:
                "the partition is computed from more than this table's rows; any change of it rebuilds the whole table"
                    .to_owned(),
            help: "take the event time or the key from a column of the table".to_owned(),
            place: None,
        };
        return walk.whole(scan, &finding);
    }
    let name = |id: Id| walk.tree.columns[id].name.clone();
    let group = target.group(&walk.tree.columns, &|id| own_column(walk, scan, id), &name);
    Partial { scan, group, rows: None, steps: Vec::new(), effect: Effect::Partitions }
}

pub(super) fn too_large() -> Finding {
    Finding {
        rule: "large-partition",
        message: "the expression behind the partition is too large to be followed; any change rebuilds the whole table"
            .to_owned(),
        help: "compute it in a model of its own".to_owned(),
        place: None,
    }
}

pub(super) fn restrict_scan(walk: &Walk<'_>, scan: usize, target: &Target, source: Source, reaches: &mut Reaches) {
    if !own_target(walk, scan, target) {
        return let_through(reaches, scan, None);
    }
    let own = |id: Id| own_column(walk, scan, id);
    let columns = &walk.tree.columns;
    let reach = match (source, target.shape) {
        (Source::Output, Shape::Interval(unit)) => {
            let Margin { back, ahead } = target.margin;
            Some(Reach::Interval { expression: target.interval_sql(unit, columns, &own), back, ahead })
        }
        (Source::Output, Shape::Key) => Some(Reach::Key { expressions: target.key_sql(columns, &own) }),
        (Source::Driver(driver), Shape::Key) => {
            Some(Reach::Driven { expressions: target.key_sql(columns, &own), driver })
        }
        (Source::Driver(_), Shape::Interval(_)) | (_, Shape::Values) => None,
    };
    let_through(reaches, scan, reach);
}

/// A table's name in SQL.
pub(super) fn table_sql(walk: &Walk<'_>, parts: &[String]) -> String {
    parts.iter().map(|part| walk.tree.columns.dialect.quote(part)).collect::<Vec<_>>().join(".")
}
