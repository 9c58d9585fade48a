//! What a dialect must know of the queries of others: how they are parsed, what names and types mean, and which words have no rule.

use sqlparser::ast::{CastKind, DataType, Expr, Ident};
use sqlparser::tokenizer::TokenWithSpan;

use super::{Dialect, Language};
use crate::tree::{ColumnFacts, Columns};

/// What differs in the meaning of a query.
pub(crate) trait Reading: Language {
    /// The parser's own idea of the dialect.
    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect;

    /// An identifier as the engine keeps it, when that is not as it is written.
    fn kept(&self, _name: &str, _quoted: bool) -> Option<String> {
        None
    }

    /// A column of a table, by the name the engine keeps.
    fn own_name(&self, name: &str) -> Expr {
        Expr::Identifier(Ident::with_quote('"', name))
    }

    /// A type's name without what does not matter to a comparison of hashes, in the words that the rules use (`VARCHAR`, `BIGINT`, ...).
    fn normalised(&self, data_type: &str) -> String;

    /// Such a word as a type's name in SQL.
    fn type_name<'n>(&self, normalised: &'n str) -> &'n str {
        normalised
    }

    /// The type of an expression, normalised; none when it takes more than we know to tell.
    fn type_of(&self, expression: &Expr, columns: &[ColumnFacts]) -> Option<String>;

    /// The type of a column of `values`, normalised; none when it takes more than we know to tell.
    fn type_of_values(&self, _values: &[&Expr]) -> Option<String> {
        None
    }

    /// The type in which the engine compares values of two types that differ; none when that takes more than we know.
    fn meeting(&self, own: &str, other: &str) -> Option<String>;

    /// Whether the cast to that type can fail for some value; a cast that yields NULL instead is made then.
    fn may_fail(&self, _own: &str, _meeting: &str) -> bool {
        false
    }

    /// Whether values of a type come back from their texts as what they were.
    fn carries(&self, data_type: &str) -> bool {
        carries_plainly(data_type)
    }

    /// The value at a position (from 0) of what [`Language::carry`] kept in a column `v`.
    fn carried(&self, position: usize, data_type: &str) -> String {
        format!("cast(v[{}] as {})", position + 1, self.type_name(data_type))
    }

    /// What the engine reads and the parser does not, spelt in other words. Places stay what they were.
    fn spelt_out(&self, tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
        tokens
    }

    /// Whether `unnest` in a select list makes rows after windows and their conditions.
    fn unnests(&self) -> bool {
        false
    }

    /// How a function that makes rows is called in `from` with arguments that read columns, and what yields an element in a select list.
    fn series(&self, function: &str, arguments: &[String]) -> Option<(String, Option<String>)>;

    /// The type of a set operation's column whose branches have these; none when it takes more than we know to tell.
    fn common(&self, left: &str, right: &str) -> Option<String>;

    /// A key's part for [`Language::key_hash`], where the type has no hash of its own.
    fn key_part(&self, sql: String, _data_type: Option<&str>) -> String {
        sql
    }

    /// Whether values of a type that differ may be equal, as texts are in a collation without case.
    fn is_blurred(&self, _data_type: &str) -> bool {
        false
    }

    /// Whether a field of a struct is written `value['field']`; if not, fields have no rule.
    fn has_fields(&self) -> bool {
        true
    }

    /// Whether the names of a select list can be used in its other expressions, and not only as whole keys of `group by`.
    fn reuses_aliases(&self) -> bool {
        true
    }

    /// Whether a subquery in `from` sees the tables before it without the word `lateral`.
    fn is_lateral(&self) -> bool {
        true
    }

    /// Whether a star begins with the columns that `using` and `natural` merged.
    fn merged_first(&self) -> bool {
        false
    }

    /// The name of a function's only column in `from`, by the alias.
    fn series_column<'n>(&self, function: &'n str, _alias: Option<&'n str>) -> &'n str {
        function
    }

    /// The name of a column of `values`, counted from 0.
    fn values_column(&self, index: usize) -> String;

    /// The name the engine gives a column without an alias, as far as later names can refer to it.
    fn default_name(&self, expression: &Expr) -> String;

    /// Whether a function in `from` makes rows from its arguments alone.
    fn is_series(&self, function: &str) -> bool;

    /// Whether a function in `from` reads the files that its first argument names; and `from`, whether a text after it names one.
    fn reads_files(&self, _function: &str) -> bool {
        false
    }

    /// Whether a function makes several rows of one where a value is expected.
    fn makes_rows(&self, function: &str) -> bool;

    /// Whether an unquoted identifier reads the clock, the session or a row's place instead of a column.
    fn is_special(&self, _name: &str) -> bool {
        false
    }

    /// Whether a string, taken for a moment, means one that passes.
    fn passes(&self, _literal: &str) -> bool {
        false
    }
}

/// The name a plain column goes on by.
pub(crate) fn last_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => Some(names.last().map(|name| name.value.clone()).unwrap_or_default()),
        Expr::Nested(inner) => last_name(inner),
        _ => None,
    }
}

/// The expression, cast to a normalised type.
pub(crate) fn cast_to(dialect: Dialect, expression: Expr, normalised: &str) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expression),
        data_type: DataType::Custom(vec![Ident::new(dialect.reading().type_name(normalised))].into(), Vec::new()),
        format: None,
    }
}

/// The type of an expression over columns; none when it takes more than we know to tell.
pub(crate) fn type_of(expression: &Expr, columns: &Columns) -> Option<String> {
    columns.dialect.reading().type_of(expression, columns)
}

/// Whether values of a type come back from their texts as what they were, in every engine.
pub(crate) fn carries_plainly(data_type: &str) -> bool {
    const PLAIN: &[&str] = &[
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "VARCHAR",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "BOOLEAN",
        "DOUBLE",
        "FLOAT",
        "UUID",
    ];
    PLAIN.contains(&data_type) || data_type.starts_with("DECIMAL(")
}
