//! Names of columns, as PostgreSQL keeps them.

use sqlparser::ast::{Expr, ObjectName, SelectItem, SetExpr};

use super::types::normalised;
use crate::dialect::last_name;

/// Longest identifier, in bytes.
const LONGEST: usize = 63;

/// An identifier as it is kept, when that is not as it is written.
pub(super) fn kept(name: &str, quoted: bool) -> Option<String> {
    let mut kept = if quoted { name.to_owned() } else { name.to_ascii_lowercase() };
    if kept.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
        kept.truncate(end);
    }
    (kept != name).then_some(kept)
}

/// The name a column has without an alias.
pub(super) fn default_name(expression: &Expr) -> String {
    found(expression).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name, and whether it would be kept under a cast.
fn found(expression: &Expr) -> Option<(String, bool)> {
    let own = |name: &str| Some((name.to_owned(), true));
    let weak = |name: &str| Some((name.to_owned(), false));
    match expression {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => found(inner),
        Expr::Function(function) => own(&last_part(&function.name)),
        Expr::Extract { .. } => own("extract"),
        Expr::Ceil { .. } => own("ceil"),
        Expr::Floor { .. } => own("floor"),
        Expr::Position { .. } => own("position"),
        Expr::Substring { .. } => own("substring"),
        Expr::Overlay { .. } => own("overlay"),
        Expr::Trim { trim_where, .. } => own(match trim_where {
            Some(sqlparser::ast::TrimWhereField::Leading) => "ltrim",
            Some(sqlparser::ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::AtTimeZone { .. } => own("timezone"),
        Expr::Exists { .. } => own("exists"),
        Expr::Array(_) => own("array"),
        Expr::Tuple(_) => own("row"),
        Expr::CompoundFieldAccess { root, .. } => found(root),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first() {
                Some(SelectItem::ExprWithAlias { alias, .. }) => own(&alias.value),
                Some(SelectItem::UnnamedExpr(inner)) => found(inner).map(|(name, _)| (name, true)),
                _ => None,
            },
            _ => None,
        },
        Expr::Case { else_result, .. } => {
            let other = else_result.as_deref().and_then(found).filter(|(_, strong)| *strong);
            other.or_else(|| weak("case"))
        }
        Expr::Cast { expr, data_type, .. } => {
            let inner = found(expr).filter(|(_, strong)| *strong);
            inner.or_else(|| weak(&catalogue_name(&data_type.to_string())))
        }
        Expr::TypedString(typed) => weak(&catalogue_name(&typed.data_type.to_string())),
        Expr::Interval(_) => weak("interval"),
        other => last_name(other).map(|name| (name, true)),
    }
}

fn last_part(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone()).unwrap_or_default()
}

/// The catalogue's name of a type, after which a cast without a better name is called.
fn catalogue_name(data_type: &str) -> String {
    match normalised(data_type).as_str() {
        "VARCHAR" if data_type.trim().eq_ignore_ascii_case("text") => "text".into(),
        "CHARACTER" => "bpchar".into(),
        "INTEGER" => "int4".into(),
        "BIGINT" => "int8".into(),
        "SMALLINT" => "int2".into(),
        "DOUBLE" => "float8".into(),
        "FLOAT" => "float4".into(),
        "BOOLEAN" => "bool".into(),
        "DECIMAL" => "numeric".into(),
        other if other.starts_with("TIMESTAMP WITH TIME ZONE") => "timestamptz".into(),
        other if other.starts_with("TIMESTAMP") => "timestamp".into(),
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn names_are_folded_and_cut() {
        assert_eq!(kept("Orders", false).as_deref(), Some("orders"));
        assert_eq!(kept("Orders", true), None);
        assert_eq!(kept(&"é".repeat(40), true).map(|name| name.len()), Some(62));
    }
}
