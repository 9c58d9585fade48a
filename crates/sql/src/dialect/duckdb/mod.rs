//! DuckDB.
//!
//! - Names are the same whatever their case.
//! - `hash()` combines the columns' hashes by exclusive or, so a plain sum of row hashes is blind to values that change places between
//!   rows: the row hash is hashed once more before the sum.
//! - A hash depends on the type: that of -1 is another as `SMALLINT` and as `BIGINT`.
//! - Wide and nested values are hashed carelessly: 0 and -1 have one hash as `HUGEINT` and as `DECIMAL(38,2)`, a month and a day that of no time
//!   at all, and `[]`, `[NULL]` and NULL that of NULL. For a key this means a neighbour rebuilt needlessly; in a fingerprint a change would be lost,
//!   so what is hashed there is the value's sort key, which is another for every value.

mod comparison;
mod functions;
mod grammar;
mod pivot;
mod spelling;
mod types;

use sqlparser::ast::Expr;

use super::{Blurred, Language, Reading, last_name};
use sqlparser::tokenizer::TokenWithSpan;

use crate::tree::ColumnFacts;
use crate::{FunctionKind, IntervalUnit};

/// The dialect.
pub(super) struct DuckDb;

const SETTINGS: &[&str] = &[
    "TimeZone",
    "Calendar",
    "default_collation",
    "default_null_order",
    "default_order",
    "ieee_floating_point_ops",
    "integer_division",
    "null_order",
    "old_implicit_casting",
    "order_by_non_integer_literal",
    "scalar_subquery_error_on_multiple_rows",
];

impl Language for DuckDb {
    fn name(&self) -> &'static str {
        "duckdb"
    }

    fn same_name(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    fn key_type(&self) -> &'static str {
        "ubigint"
    }

    fn sum_type(&self) -> &'static str {
        "hugeint"
    }

    /// Days as dates: small integers, which DuckDB groups by place instead of by hash, and without `date_trunc`.
    fn interval_group(&self, expression: &str, unit: IntervalUnit) -> (String, &'static str) {
        match unit {
            IntervalUnit::Day => (format!("cast(cast({expression} as timestamp) as date)"), "cast(p as timestamp)"),
            _ => (self.interval(expression, unit), "p"),
        }
    }

    fn interval_label(&self, start: &str, unit: IntervalUnit) -> String {
        let format = match unit {
            IntervalUnit::Hour => "%Y-%m-%d %H:00",
            IntervalUnit::Day => "%Y-%m-%d",
            IntervalUnit::Month => "%Y-%m",
            IntervalUnit::Year => "%Y",
        };
        format!("strftime({start}, '{format}')")
    }

    fn key_hash(&self, expressions: &[String]) -> String {
        format!("hash({})", expressions.join(", "))
    }

    fn fingerprint(&self, expressions: &[String], salt: u64) -> String {
        let row = if expressions.is_empty() { "hash(0)".to_owned() } else { self.key_hash(expressions) };
        // Numbers with a sign are added up a sixth faster, so the lowest bit is given up for it.
        format!("count(*), coalesce(sum((hash({row}, {salt}::ubigint) >> 1)::bigint), 0::hugeint)")
    }

    /// Zero and minus zero are equal, but queries can tell them apart.
    fn image(&self, column: &str, data_type: &str) -> Vec<String> {
        let text = format!("cast({column} as varchar)");
        let data_type = data_type.to_uppercase();
        if types::is_hashed_carelessly(&data_type) {
            let key = format!("create_sort_key({column}, 'asc nulls last')");
            // Within lists and structs a sign of zero cannot be asked for, but shows in the text.
            let signed = ["DOUBLE", "FLOAT"].iter().any(|part| data_type.contains(part));
            return if signed { vec![text, key] } else { vec![key] };
        }
        if self.is_fraction(&data_type) {
            vec![format!("signbit({column})"), column.to_owned()]
        } else if data_type == "TIME WITH TIME ZONE" {
            vec![text]
        } else {
            vec![column.to_owned()]
        }
    }

    fn is_fraction(&self, data_type: &str) -> bool {
        ["DOUBLE", "FLOAT"].iter().any(|name| data_type.eq_ignore_ascii_case(name))
    }

    fn rounded(&self, fraction: &str) -> String {
        format!("printf('%.8e', case when {fraction} = 0 then 0 else {fraction} end::double)")
    }

    fn double(&self, fraction: &str) -> String {
        format!("{fraction}::double")
    }

    fn is_finite(&self, fraction: &str) -> String {
        format!("isfinite({fraction})")
    }

    fn store(&self, table: &str, query: &str) -> String {
        format!("create or replace temp table {table} as {query}")
    }

    fn create_schema(&self, database: &str, schema: &str) -> String {
        format!("create schema if not exists {}.{}", self.quote(database), self.quote(schema))
    }

    fn replace(&self, table: &str, query: &str, _standing: bool) -> String {
        format!("create or replace table {table} as {query}")
    }

    fn remove(&self, kind: &str, name: &str) -> String {
        format!("drop {kind} {name}")
    }

    fn search_path(&self) -> &'static str {
        "select current_database(), current_schema()"
    }

    fn default_schema(&self) -> Option<&'static str> {
        Some("main")
    }

    fn settings(&self) -> &'static [&'static str] {
        SETTINGS
    }

    /// Of the usual calendar nothing is told, so that ledgers from before it was asked for stay as they are.
    fn setting(&self, name: &str) -> String {
        match name {
            "Calendar" => "nullif(current_setting('Calendar'), 'gregorian')".to_owned(),
            _ => format!("current_setting('{name}')"),
        }
    }

    /// The engine does not tell a column's collation, only the text that made its table. Where any table has one, any view may.
    fn blurred(&self) -> Blurred {
        Blurred {
            everywhere: "select coalesce(current_setting('default_collation'), '') <> ''",
            relations: "with made as (\
                 select database_name, schema_name, table_name as name, sql, false as is_view from duckdb_tables() \
                 union all select database_name, schema_name, view_name, sql, true from duckdb_views() where not internal) \
                 select database_name, schema_name, name from made \
                 where sql ilike '%collate%' or (is_view and (select bool_or(sql ilike '%collate%') from made))",
        }
    }

    fn ascends(&self) -> &'static str {
        "select current_setting('default_order') not ilike 'desc%'"
    }

    fn is_text(&self, data_type: &str) -> bool {
        data_type.eq_ignore_ascii_case("varchar")
    }

    /// Macros that come with the engine are as known as its functions; those of the database are not, and they hide its functions.
    fn functions(&self) -> &'static str {
        "select function_name, case when function_type = 'aggregate' then 'aggregate' \
         when function_type <> 'scalar' then 'macro' when stability = 'CONSISTENT' then 'scalar' \
         when stability = 'CONSISTENT_WITHIN_QUERY' then 'clock' else 'volatile' end from duckdb_functions() \
         where function_type in ('scalar', 'aggregate') or (not internal and function_type in ('macro', 'table_macro')) \
         order by internal desc"
    }

    fn unique_keys(&self, database: &str, schema: &str, name: &str) -> String {
        format!(
            "select constraint_index, unnest(constraint_column_names) from duckdb_constraints() \
             where constraint_type in ('PRIMARY KEY', 'UNIQUE') and lower(database_name) = lower({database}) \
             and lower(schema_name) = lower({schema}) and lower(table_name) = lower({name})"
        )
    }

    fn builtin(&self, name: &str) -> FunctionKind {
        functions::builtin(name)
    }

    fn is_unremarkable(&self, name: &str) -> bool {
        functions::UNREMARKABLE.contains(&name)
    }
}

impl Reading for DuckDb {
    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &grammar::GRAMMAR
    }

    fn normalised(&self, data_type: &str) -> String {
        types::normalised(data_type)
    }

    fn type_of(&self, expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
        types::type_of(expression, columns)
    }

    fn type_of_values(&self, values: &[&Expr]) -> Option<String> {
        types::type_of_values(values)
    }

    fn meeting(&self, own: &str, other: &str) -> Option<String> {
        comparison::meeting(own, other)
    }

    fn may_fail(&self, own: &str, meeting: &str) -> bool {
        comparison::may_fail(own, meeting)
    }

    fn spelt_out(&self, tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
        spelling::spelt_out(tokens)
    }

    fn unnests(&self) -> bool {
        true
    }

    fn series(&self, function: &str, arguments: &[String]) -> Option<(String, Option<String>)> {
        let list = match (function, arguments) {
            ("unnest", [list]) => list.clone(),
            // As a list it may be made from columns.
            ("generate_series" | "range", _) => format!("{function}({})", arguments.join(", ")),
            _ => return None,
        };
        let element = format!("unnest({list})");
        Some((element.clone(), Some(element)))
    }

    fn common(&self, left: &str, right: &str) -> Option<String> {
        types::common(left, right)
    }

    fn values_column(&self, index: usize) -> String {
        format!("col{index}")
    }

    fn default_name(&self, expression: &Expr) -> String {
        last_name(expression).unwrap_or_else(|| match expression {
            Expr::Nested(inner) => self.default_name(inner),
            other => other.to_string().to_lowercase(),
        })
    }

    fn is_series(&self, function: &str) -> bool {
        ["generate_series", "range", "unnest", "generate_subscripts", "repeat_row"].contains(&function)
    }

    fn reads_files(&self, function: &str) -> bool {
        functions::FILES.contains(&function)
    }

    fn makes_rows(&self, function: &str) -> bool {
        ["unnest", "unlist", "generate_subscripts"].contains(&function)
    }
}
