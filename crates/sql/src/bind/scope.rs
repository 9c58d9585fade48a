//! Which columns a name can mean.

use sqlparser::ast::Ident;

use crate::Dialect;
use crate::tree::Id;

/// The columns of a `from`, by name and by the alias of their table.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub columns: Vec<ScopeColumn>,
    /// Places among the columns, in the order of a star.
    order: Vec<usize>,
    dialect: Dialect,
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
    /// No columns.
    pub fn empty(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// The columns of one table, all under one alias.
    pub fn of(dialect: Dialect, alias: &str, columns: &[(Id, String)]) -> Self {
        let column = |(id, name): &(Id, String)| ScopeColumn {
            id: *id,
            name: name.clone(),
            table: alias.to_owned(),
            merged: false,
        };
        Self { columns: columns.iter().map(column).collect(), order: (0..columns.len()).collect(), dialect }
    }

    /// Both scopes, left columns first.
    pub fn and(mut self, other: Self) -> Self {
        let before = self.columns.len();
        self.order.extend(other.order.iter().map(|place| before + place));
        self.columns.extend(other.columns);
        self
    }

    /// A bare name.
    pub fn by_name(&self, name: &str) -> Found {
        one(self.columns.iter().filter(|column| !column.merged && self.dialect.same_name(&column.name, name)))
    }

    /// A name with its table's.
    pub fn by_table(&self, table: &str, name: &str) -> Found {
        let same = |one: &str, other: &str| self.dialect.same_name(one, other);
        one(self.columns.iter().filter(|column| same(&column.table, table) && same(&column.name, name)))
    }

    /// Whether a table goes by this alias.
    pub fn has_table(&self, table: &str) -> bool {
        self.columns.iter().any(|column| self.dialect.same_name(&column.table, table))
    }

    /// Where a column stood, another one stands in for it; it is found with its table's name only.
    pub fn stand_in(&mut self, hidden: Id, shown: Id, name: &str) {
        let Some(place) = self.columns.iter().position(|column| column.id == hidden) else { return };
        self.columns.iter_mut().filter(|column| column.id == hidden).for_each(|column| column.merged = true);
        let column = ScopeColumn { id: shown, name: name.to_owned(), table: String::new(), merged: false };
        self.columns.insert(place, column);
    }

    /// Puts columns that `using` merged before all others of a star, in their order.
    pub fn lead(&mut self, merged: &[Id]) {
        let places = merged.iter().filter_map(|id| self.columns.iter().position(|column| column.id == *id));
        let places: Vec<usize> = places.collect();
        self.order.retain(|place| !places.contains(place));
        self.order.splice(0..0, places);
    }

    /// What a star stands for: all tables, or one.
    pub fn star(&self, table: Option<&Ident>) -> Vec<(Id, String)> {
        let named = |column: &&ScopeColumn| (column.id, column.name.clone());
        match table {
            Some(table) => {
                let own = |column: &&ScopeColumn| self.dialect.same_name(&column.table, &table.value);
                self.columns.iter().filter(own).map(|column| named(&column)).collect()
            }
            None => {
                let columns = self.order.iter().map(|place| &self.columns[*place]);
                columns.filter(|column| !column.merged).map(|column| named(&column)).collect()
            }
        }
    }
}

fn one<'a>(mut found: impl Iterator<Item = &'a ScopeColumn>) -> Found {
    match (found.next(), found.next()) {
        (None, _) => Found::Nothing,
        (Some(column), None) => Found::One(column.id),
        _ => Found::Many,
    }
}
