//! Names within expressions: what a path of names leads to among the tables in sight.

use sqlparser::ast::{Expr, Ident};

use super::scope::{Found, Scope};
use crate::tree::{Columns, Id, column, field_of};

/// A path of names as a column, or a field of one.
pub(super) fn lookup(
    scope: &Scope,
    path: &[Ident],
    columns: &Columns,
    outer: &[&Scope],
) -> Option<Result<Expr, String>> {
    let (first, rest) = path.split_first()?;
    // table.column.field, with schema and database before the table left out of account.
    for skip in 0..path.len().saturating_sub(1) {
        let (table, tail) = (&path[skip], &path[skip + 1..]);
        if scope.has_table(&table.value) {
            match scope.by_table(&table.value, &tail[0].value) {
                Found::One(_) if tail.len() > 1 && !columns.dialect.reading().has_fields() => {}
                Found::One(id) => return Some(Ok(field(id, &tail[1..]))),
                Found::Many => return Some(Err(format!("`{}.{}` is ambiguous", table.value, tail[0].value))),
                Found::Nothing => {}
            }
        }
    }
    if !rest.is_empty() && !columns.dialect.reading().has_fields() {
        return None;
    }
    match scope.by_name(&first.value) {
        Found::One(id) if !rest.is_empty() => match has_fields(columns[id].data_type.as_deref()) {
            Some(true) => Some(Ok(field(id, rest))),
            Some(false) => None,
            None if outer.iter().any(|scope| scope.has_table(&first.value)) => {
                Some(Err(format!("`{}` is a column here and a table outside", first.value)))
            }
            None => Some(Ok(field(id, rest))),
        },
        Found::One(id) => Some(Ok(field(id, rest))),
        Found::Many => Some(Err(format!("`{}` is ambiguous", first.value))),
        Found::Nothing => None,
    }
}

/// Whether a type has fields; none when the type is not known.
fn has_fields(data_type: Option<&str>) -> Option<bool> {
    let data_type = data_type?;
    Some(["STRUCT", "UNION", "MAP", "JSON", "VARIANT"].iter().any(|kind| data_type.starts_with(kind)))
}

fn field(id: Id, path: &[Ident]) -> Expr {
    if path.is_empty() {
        return column(id);
    }
    Expr::CompoundFieldAccess { root: Box::new(column(id)), access_chain: path.iter().map(field_of).collect() }
}
