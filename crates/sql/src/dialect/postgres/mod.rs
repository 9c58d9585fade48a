//! PostgreSQL, 14 and later.
//!
//! - Names are folded to lower case unless quoted, and cut at 63 bytes.
//! - `hash_record_extended` agrees with `=` for every type that has a hash: 1.0 and 1.00, 0.0 and -0.0, an `integer` and a `bigint` of one
//!   value. That is what keys need, and what fingerprints must not have. It also folds integers and moments to 32 bits before it mixes
//!   them (1 and 4294967296 have one hash whatever the seed), and combines columns so that a sum of row hashes is blind to values that
//!   change places between rows. So fingerprints hash the binary image of the whole row, which `record_send` gives for every type.
//! - A literal has no type of its own until something asks for one; `coalesce` with one argument does, and costs nothing.

mod functions;
mod names;
mod types;

use sqlparser::ast::Expr;

use super::{Blurred, Language, Reading, carries_plainly};
use crate::tree::ColumnFacts;
use crate::{FunctionKind, IntervalUnit};

/// The dialect.
pub(super) struct Postgres;

const SETTINGS: &[&str] = &[
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "array_nulls",
    "bytea_output",
    "default_text_search_config",
    "extra_float_digits",
    "lc_collate",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "quote_all_identifiers",
    "search_path",
    "server_encoding",
    "standard_conforming_strings",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
];

/// Types with an order but no hash, so that they can be grouped by: their binary image stands in.
const WITHOUT_HASH: &[&str] = &["MONEY", "BIT", "BIT VARYING", "VARBIT", "TSVECTOR", "TSQUERY"];

impl Language for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn same_name(&self, one: &str, other: &str) -> bool {
        one == other
    }

    fn key_type(&self) -> &'static str {
        "bigint"
    }

    fn sum_type(&self) -> &'static str {
        "numeric"
    }

    fn interval_label(&self, start: &str, unit: IntervalUnit) -> String {
        let format = match unit {
            IntervalUnit::Hour => "YYYY-MM-DD HH24:00",
            IntervalUnit::Day => "YYYY-MM-DD",
            IntervalUnit::Month => "YYYY-MM",
            IntervalUnit::Year => "YYYY",
        };
        format!("to_char({start}, '{format}')")
    }

    fn key_hash(&self, expressions: &[String]) -> String {
        let typed: Vec<String> = expressions.iter().map(|expression| format!("coalesce({expression})")).collect();
        format!("hash_record_extended(row({}), 0)", typed.join(", "))
    }

    /// A sum of `bigint` is `numeric`: it does not wrap.
    fn fingerprint(&self, expressions: &[String], salt: u64) -> String {
        let image = format!("record_send(row({}))", expressions.join(", "));
        format!("count(*), coalesce(sum(hash_record_extended(row({image}), {salt})), 0)")
    }

    /// `xmin` has no cast to a number, only an age: the distance to the id of a transaction that is the same throughout a statement.
    fn tuples(&self, salt: u64) -> Option<String> {
        let id = "(((select age('3'::xid)::bigint + 3) - age(xmin)) & 4294967295)";
        Some(format!("coalesce(sum(hashint8extended({id}, {salt})), 0)"))
    }

    fn image(&self, column: &str, _data_type: &str) -> Vec<String> {
        vec![column.to_owned()]
    }

    fn is_fraction(&self, data_type: &str) -> bool {
        ["DOUBLE", "FLOAT"].contains(&self.normalised(data_type).as_str())
    }

    fn rounded(&self, fraction: &str) -> String {
        format!(
            "case when {0} then to_char(case when {fraction} = 0 then 0 else {fraction} end::float8, '9.99999999EEEE') \
             else cast({fraction} as text) end",
            self.is_finite(fraction)
        )
    }

    fn double(&self, fraction: &str) -> String {
        format!("{fraction}::float8")
    }

    fn is_finite(&self, fraction: &str) -> String {
        format!("{fraction} not in ('NaN', 'Infinity', '-Infinity')")
    }

    /// What has no equality is compared by its binary image.
    fn equatable(&self, column: &str, data_type: &str) -> String {
        let known = |word: &str| {
            matches!(
                word,
                "SMALLINT"
                    | "INTEGER"
                    | "BIGINT"
                    | "VARCHAR"
                    | "DATE"
                    | "TIMESTAMP"
                    | "BOOLEAN"
                    | "UUID"
                    | "FLOAT"
                    | "DOUBLE"
            ) || word.starts_with("TIMESTAMP")
        };
        if known(&self.normalised(data_type)) { column.to_owned() } else { format!("record_send(row({column}))") }
    }

    fn store(&self, table: &str, query: &str) -> String {
        format!("drop table if exists {table}; create temp table {table} as {query}")
    }

    /// Two sessions that make one schema at once would trip over each other's row in the catalogue.
    fn create_schema(&self, _database: &str, schema: &str) -> String {
        format!(
            "select pg_advisory_xact_lock({}); create schema if not exists {}",
            "hashtextextended('highwater schema', 0)",
            self.quote(schema)
        )
    }

    /// Views, privileges and indexes stay where the columns do.
    fn replace(&self, table: &str, query: &str, standing: bool) -> String {
        if standing {
            format!("delete from {table}; insert into {table} {query}")
        } else {
            format!("drop table if exists {table} cascade; create table {table} as {query}")
        }
    }

    fn append_columns(&self, table: &str, columns: &[(String, String)]) -> Option<String> {
        let add = |(name, data_type): &(String, String)| format!("add column {} {data_type}", self.quote(name));
        Some(format!("alter table {table} {}", columns.iter().map(add).collect::<Vec<_>>().join(", ")))
    }

    fn drop_columns(&self, table: &str, names: &[String]) -> Option<String> {
        let drop = |name: &String| format!("drop column {}", self.quote(name));
        Some(format!("alter table {table} {}", names.iter().map(drop).collect::<Vec<_>>().join(", ")))
    }

    fn remove(&self, kind: &str, name: &str) -> String {
        format!("drop {kind} {name} cascade")
    }

    fn search_path(&self) -> &'static str {
        "select current_database(), schema from unnest(current_schemas(true)) with ordinality as path(schema, place) order by place"
    }

    fn settings(&self) -> &'static [&'static str] {
        SETTINGS
    }

    fn blurred(&self) -> Blurred {
        Blurred {
            everywhere: "select false",
            relations: "select distinct current_database()::text, nspname::text, relname::text from pg_catalog.pg_attribute \
                 join pg_catalog.pg_class on pg_class.oid = attrelid \
                 join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace \
                 join pg_catalog.pg_collation on pg_collation.oid = attcollation where not collisdeterministic",
        }
    }

    fn is_text(&self, data_type: &str) -> bool {
        let data_type = data_type.to_lowercase();
        ["text", "character", "varchar", "bpchar", "citext"].iter().any(|name| data_type.starts_with(name))
    }

    /// Functions of extensions are as known as those of the engine; what others wrote may be written anew at any time.
    fn functions(&self) -> &'static str {
        "select proname::text, case max(kind) when 0 then 'scalar' when 1 then 'aggregate' when 2 then 'rows' when 3 then 'clock' \
         when 4 then 'volatile' else 'macro' end from (\
         select proname, case when nspname <> 'pg_catalog' and not exists (select 1 from pg_catalog.pg_depend \
         where classid = 'pg_catalog.pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e') then 5 \
         when prokind = 'a' then 1 when prokind = 'w' then 0 when provolatile = 'v' then 4 when proretset then 2 \
         when provolatile = 's' then 3 else 0 end as kind from pg_catalog.pg_proc \
         join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace) as known group by 1"
    }

    fn unique_keys(&self, database: &str, schema: &str, name: &str) -> String {
        format!(
            "select conname::text, attname::text from pg_catalog.pg_constraint \
             join pg_catalog.pg_class on pg_class.oid = conrelid join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace \
             join pg_catalog.pg_attribute on attrelid = conrelid and attnum = any (conkey) \
             where contype in ('p', 'u') and current_database() = {database} and nspname = {schema} and relname = {name}"
        )
    }

    fn builtin(&self, name: &str) -> FunctionKind {
        functions::builtin(name)
    }

    fn is_unremarkable(&self, name: &str) -> bool {
        functions::SETTLED.contains(&name)
    }
}

impl Reading for Postgres {
    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &sqlparser::dialect::PostgreSqlDialect {}
    }

    fn kept(&self, name: &str, quoted: bool) -> Option<String> {
        names::kept(name, quoted)
    }

    fn normalised(&self, data_type: &str) -> String {
        types::normalised(data_type)
    }

    fn type_name<'n>(&self, normalised: &'n str) -> &'n str {
        types::written(normalised)
    }

    // A `numeric` without bounds holds as many digits as there are.
    fn carries(&self, data_type: &str) -> bool {
        data_type == "DECIMAL" || carries_plainly(data_type)
    }

    fn type_of(&self, expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
        types::type_of(expression, columns)
    }

    fn meeting(&self, own: &str, other: &str) -> Option<String> {
        types::meeting(own, other)
    }

    fn series(&self, function: &str, arguments: &[String]) -> Option<(String, Option<String>)> {
        matches!(function, "unnest" | "generate_series")
            .then(|| (format!("{function}({})", arguments.join(", ")), None))
    }

    fn common(&self, left: &str, right: &str) -> Option<String> {
        types::common(left, right)
    }

    fn key_part(&self, sql: String, data_type: Option<&str>) -> String {
        let bare = data_type.and_then(|name| name.split('(').next()).map(str::trim);
        if bare.is_some_and(|name| WITHOUT_HASH.contains(&name)) { format!("record_send(row({sql}))") } else { sql }
    }

    fn is_blurred(&self, data_type: &str) -> bool {
        let last = data_type.rsplit('.').next().unwrap_or(data_type);
        last.trim_matches('"').eq_ignore_ascii_case("citext")
    }

    fn has_fields(&self) -> bool {
        false
    }

    fn reuses_aliases(&self) -> bool {
        false
    }

    fn is_lateral(&self) -> bool {
        false
    }

    fn merged_first(&self) -> bool {
        true
    }

    fn series_column<'n>(&self, function: &'n str, alias: Option<&'n str>) -> &'n str {
        alias.unwrap_or(function)
    }

    fn values_column(&self, index: usize) -> String {
        format!("column{}", index + 1)
    }

    fn default_name(&self, expression: &Expr) -> String {
        names::default_name(expression)
    }

    fn is_series(&self, function: &str) -> bool {
        functions::SERIES.contains(&function)
    }

    fn makes_rows(&self, function: &str) -> bool {
        functions::SERIES.contains(&function)
    }

    fn is_special(&self, name: &str) -> bool {
        functions::SPECIAL.contains(&name)
    }

    fn passes(&self, literal: &str) -> bool {
        let literal = literal.trim().to_ascii_lowercase();
        let mut words = literal.split_ascii_whitespace();
        // `today`, `tomorrow 10:00`; more words than that make a sentence.
        let passing = words.next().is_some_and(|word| ["now", "today", "tomorrow", "yesterday"].contains(&word));
        passing && words.all(|word| word == "allballs" || word.starts_with(|first: char| first.is_ascii_digit()))
    }
}
