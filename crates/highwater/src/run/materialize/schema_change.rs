//! `on_schema_change`: what happens when the query's columns are not the table's.

use crate::engine::{Column, Ddl, Relation, quote_identifier};

/// dbt's four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSchemaChange {
    /// Write the columns the table has; also for every word dbt does not know.
    Ignore,
    /// Stop.
    Fail,
    /// Add what is new.
    AppendNewColumns,
    /// Add what is new, drop what is gone, change types.
    SyncAllColumns,
}

impl OnSchemaChange {
    /// The word in configuration.
    pub(crate) fn from_word(word: Option<&str>) -> Self {
        match word {
            Some("fail") => Self::Fail,
            Some("append_new_columns") => Self::AppendNewColumns,
            Some("sync_all_columns") => Self::SyncAllColumns,
            _ => Self::Ignore,
        }
    }
}

/// How the columns of a query and of its table differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// In the query alone.
    pub(crate) new: Vec<Column>,
    /// In the table alone.
    pub(crate) gone: Vec<Column>,
    /// In both, with another type: the query's column and the table's type.
    pub(crate) retyped: Vec<(Column, String)>,
}

impl Difference {
    /// Compares by name, regardless of case, and by type.
    pub(crate) fn between(query: &[Column], table: &[Column]) -> Self {
        let find = |columns: &[Column], name: &str| {
            columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).map(|column| column.data_type.clone())
        };
        let mut difference = Self::default();
        for column in query {
            match find(table, &column.name) {
                None => difference.new.push(column.clone()),
                Some(data_type) if data_type != column.data_type => {
                    difference.retyped.push((column.clone(), data_type));
                }
                Some(_) => {}
            }
        }
        difference.gone = table.iter().filter(|column| find(query, &column.name).is_none()).cloned().collect();
        difference
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.retyped.is_empty()
    }

    /// The statements that bring the table nearer to the query.
    pub(crate) fn statements(&self, table: &Relation, how: OnSchemaChange, ddl: &dyn Ddl) -> Vec<String> {
        let mut statements = Vec::new();
        if matches!(how, OnSchemaChange::AppendNewColumns | OnSchemaChange::SyncAllColumns) {
            for column in &self.new {
                statements.push(format!(
                    "alter table {table} add column {} {}",
                    quote_identifier(&column.name),
                    column.data_type
                ));
            }
        }
        if how == OnSchemaChange::SyncAllColumns {
            for column in &self.gone {
                statements.push(format!("alter table {table} drop column {}", quote_identifier(&column.name)));
            }
            for (column, _) in &self.retyped {
                statements.extend(ddl.change_type(table, column));
            }
        }
        statements
    }

    /// The differences, one line each, for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.new.iter().map(|column| format!("only in the query: {} {}", column.name, column.data_type)));
        lines.extend(self.gone.iter().map(|column| format!("only in the table: {} {}", column.name, column.data_type)));
        lines.extend(self.retyped.iter().map(|(column, data_type)| {
            format!("{} is {} in the query and {data_type} in the table", column.name, column.data_type)
        }));
        lines
    }
}

/// The statements that make columns of text longer where the new rows' are, as dbt does in every incremental run.
pub(crate) fn longer_text(query: &[Column], table: &[Column], relation: &Relation, ddl: &dyn Ddl) -> Vec<String> {
    let length = |column: &Column| {
        let inside = column.data_type.strip_prefix("character varying(")?.strip_suffix(')')?;
        inside.parse::<u32>().ok()
    };
    let too_short = |column: &&Column| {
        let other = table.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
        other.and_then(length).zip(length(column)).is_some_and(|(there, here)| there < here)
    };
    query.iter().filter(too_short).flat_map(|column| ddl.change_type(relation, column)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ddl;

    fn columns(columns: &[(&str, &str)]) -> Vec<Column> {
        columns.iter().map(|(name, kind)| Column { name: (*name).into(), data_type: (*kind).into() }).collect()
    }

    #[test]
    fn each_word_does_what_dbt_does() {
        let query = columns(&[("ID", "BIGINT"), ("note", "VARCHAR")]);
        let table = columns(&[("id", "INTEGER"), ("old", "DATE")]);
        let difference = Difference::between(&query, &table);
        let relation = Relation::new("db", "main", "t");
        assert!(difference.statements(&relation, OnSchemaChange::Ignore, ddl("duckdb")).is_empty());
        insta::assert_snapshot!(difference.statements(&relation, OnSchemaChange::SyncAllColumns, ddl("duckdb")).join("\n"), @r#"
        alter table "db"."main"."t" add column "note" VARCHAR
        alter table "db"."main"."t" drop column "old"
        alter table "db"."main"."t" alter column "ID" set data type BIGINT
        "#);
        insta::assert_snapshot!(difference.lines().join("\n"), @r"
        only in the query: note VARCHAR
        only in the table: old DATE
        ID is BIGINT in the query and INTEGER in the table
        ");
        assert!(Difference::between(&query, &query).is_empty());
        assert_eq!(OnSchemaChange::from_word(Some("sync")), OnSchemaChange::Ignore);
    }
}
