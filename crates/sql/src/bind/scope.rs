//! Which columns a name can mean.

use sqlparser::ast::Ident;

use crate::tree::Id;

/// The columns of a `from`, by name and by the alias of their table.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub columns: Vec<ScopeColumn>,
}

/// A column in sight.
#[derive(Debug, Clone)]
pub(super) struct ScopeColumn {
    pub id: Id,
    pub name: String,
    pub table: String,
    /// Merged away by `using`: found with its table's name only, and not part of a star.
    pub merged: bool,
}

/// What a name led to.
pub(super) enum Found {
    Nothing,
    One(Id),
    Many,
}

impl Scope {
    /// The columns of one table, all under one alias.
    pub fn of(alias: &str, columns: &[(Id, String)]) -> Self {
        let column = |(id, name): &(Id, String)| ScopeColumn {
            id: *id,
            name: name.clone(),
            table: alias.to_owned(),
            merged: false,
        };
        Self { columns: columns.iter().map(column).collect() }
    }

    /// Both scopes, left columns first.
    pub fn and(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    /// A bare name.
    pub fn by_name(&self, name: &str) -> Found {
        one(self.columns.iter().filter(|column| !column.merged && column.name.eq_ignore_ascii_case(name)))
    }

    /// A name with its table's.
    pub fn by_table(&self, table: &str, name: &str) -> Found {
        one(self
            .columns
            .iter()
            .filter(|column| column.table.eq_ignore_ascii_case(table) && column.name.eq_ignore_ascii_case(name)))
    }

    /// Whether a table goes by this alias.
    pub fn has_table(&self, table: &str) -> bool {
        self.columns.iter().any(|column| column.table.eq_ignore_ascii_case(table))
    }

    /// What a star stands for: all tables, or one.
    pub fn star(&self, table: Option<&Ident>) -> Vec<(Id, String)> {
        self.columns
            .iter()
            .filter(|column| match table {
                Some(table) => column.table.eq_ignore_ascii_case(&table.value),
                None => !column.merged,
            })
            .map(|column| (column.id, column.name.clone()))
            .collect()
    }
}

fn one<'a>(mut found: impl Iterator<Item = &'a ScopeColumn>) -> Found {
    match (found.next(), found.next()) {
        (None, _) => Found::Nothing,
        (Some(column), None) => Found::One(column.id),
        _ => Found::Many,
    }
}
