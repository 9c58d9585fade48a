//! What a dialect must be able to say: the fragments of SQL in which engines differ, and the questions to their catalogues.
//!
//! Everything else that the exact strategy runs is written once, in SQL that all of them read: subqueries in `from` have an alias,
//! nothing begins with `from`, casts are `cast(... as ...)`.

use crate::{FunctionKind, IntervalUnit};

/// Under which of a database's columns texts that differ may be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blurred {
    /// A query with one value, true when every text column may be.
    pub everywhere: &'static str,
    /// A query for the tables and views of which some column may be: database, schema, name.
    pub relations: &'static str,
}

/// What an engine's SQL looks like where engines differ.
pub trait Language: Sync {
    /// The engine's name, as adapters have it.
    fn name(&self) -> &'static str;

    /// An identifier, quoted.
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// Whether two identifiers, as the engine keeps them, are one name.
    fn same_name(&self, one: &str, other: &str) -> bool;

    // Partitions and fingerprints.

    /// The type of key hashes: what [`Language::key_hash`] yields.
    fn key_type(&self) -> &'static str;

    /// The type of sums of row hashes: wide enough never to wrap.
    fn sum_type(&self) -> &'static str;

    /// The start of the interval an expression falls into, as `timestamp`; NULL stays NULL.
    fn interval(&self, expression: &str, unit: IntervalUnit) -> String {
        format!("date_trunc('{}', cast({expression} as timestamp))", unit.word())
    }

    /// The same as something that is cheap to group by, and the start of the interval of such a group, as an expression over `p`.
    fn interval_group(&self, expression: &str, unit: IntervalUnit) -> (String, &'static str) {
        (self.interval(expression, unit), "p")
    }

    /// The intervals around those of a set (a table with one column `p`), as a query with one column `p`: so many before and after each.
    /// NULL and moments that are not in the years 1 to 200000 stay where they are.
    fn around(&self, set: &str, unit: IntervalUnit, back: u32, ahead: u32) -> String {
        format!(
            "select case when p between timestamp '0001-01-01' and timestamp '200000-01-01' \
             then p + cast(n as integer) * interval '1 {}' else p end as p \
             from {set} cross join generate_series(-{back}, {ahead}) as hw_near(n)",
            unit.word()
        )
    }

    /// The label of an interval start: `2026-02-01`, `2026-02-01 10:00`. For finite moments only.
    fn interval_label(&self, start: &str, unit: IntervalUnit) -> String;

    /// The hash that stands for a key. Keys that are equal have one hash, whatever the engine's notion of equal is; others may share one.
    fn key_hash(&self, expressions: &[String]) -> String;

    /// Row count and sum of salted row hashes over some expressions: `count(*), ...`, as `bigint` and [`Language::sum_type`]. The salt is
    /// below 2^63.
    fn fingerprint(&self, expressions: &[String], salt: u64) -> String;

    /// Sum of salted hashes of what tells the tuples of a table apart, as [`Language::sum_type`]; none where an engine changes rows in place, or
    /// does not say.
    fn tuples(&self, _salt: u64) -> Option<String> {
        None
    }

    /// Values as they are kept beside a group's id: an array of texts.
    fn carry(&self, expressions: &[String]) -> String {
        let texts: Vec<String> =
            expressions.iter().map(|expression| format!("cast({expression} as varchar)")).collect();
        format!("array[{}]", texts.join(", "))
    }

    /// What of a column goes into fingerprints: expressions that differ whenever any query could tell two values apart.
    fn image(&self, column: &str, data_type: &str) -> Vec<String>;

    /// Whether a type holds binary fractions, sums of which depend on the order of their rows.
    fn is_fraction(&self, data_type: &str) -> bool;

    /// A binary fraction to nine significant digits, as text; zero has no sign.
    fn rounded(&self, fraction: &str) -> String;

    /// A binary fraction of the widest kind.
    fn double(&self, fraction: &str) -> String;

    /// Whether a binary fraction is a number, and not infinite.
    fn is_finite(&self, fraction: &str) -> String;

    /// A column for comparing whole rows by `except all` and `is not distinct from`: itself, unless its type has no equality.
    fn equatable(&self, column: &str, _data_type: &str) -> String {
        column.to_owned()
    }

    // Statements.

    /// Fills a temporary table from a query, replacing what stood there.
    fn store(&self, table: &str, query: &str) -> String;

    /// Makes a schema, in SQL, if it is not there. Several sessions may do so at once.
    fn create_schema(&self, database: &str, schema: &str) -> String;

    /// Makes a table anew from a query. `standing` says whether one is there, with these columns: what hangs on it is kept then.
    fn replace(&self, table: &str, query: &str, standing: bool) -> String;

    /// Gives a table further columns behind its own, by name and type. None where a table is as well made anew, because nothing hangs on it.
    fn append_columns(&self, _table: &str, _columns: &[(String, String)]) -> Option<String> {
        None
    }

    /// Takes columns away from a table, and fails where a view reads them. None as for [`Language::append_columns`].
    fn drop_columns(&self, _table: &str, _names: &[String]) -> Option<String> {
        None
    }

    /// Removes a view or a table, by the word for what it is.
    fn remove(&self, kind: &str, name: &str) -> String;

    // Questions to the catalogue.

    /// A query for the places an unqualified name is looked for, best first: database, schema.
    fn search_path(&self) -> &'static str;

    /// The schema that a name of two parts may leave out, `database.table`.
    fn default_schema(&self) -> Option<&'static str> {
        None
    }

    /// The session's settings that change what a query means, `TimeZone` among them.
    fn settings(&self) -> &'static [&'static str];

    /// The value of a setting, as an expression; NULL where there is none to tell.
    fn setting(&self, name: &str) -> String {
        format!("current_setting('{name}', true)")
    }

    /// Where texts that differ may be equal.
    fn blurred(&self) -> Blurred;

    /// Whether a type holds text, which a collation may blur.
    fn is_text(&self, data_type: &str) -> bool;

    /// A query for the engine's functions: name, and `scalar`, `aggregate`, `rows`, `clock`, `volatile` or `macro`. A name may
    /// come twice, the later row counts.
    fn functions(&self) -> &'static str;

    /// The query for the keys that the database keeps to in a table, all three names given as literals: a name of the key, and one of its
    /// columns.
    fn unique_keys(&self, database: &str, schema: &str, name: &str) -> String;

    /// Whether an order ascends that does not say, as a query.
    fn ascends(&self) -> &'static str {
        "select true"
    }

    /// A query for the columns of a table that the database keeps from being NULL. Arguments are literals.
    fn never_null(&self, database: &str, schema: &str, name: &str) -> String {
        format!(
            "select column_name from information_schema.columns where is_nullable = 'NO' and lower(table_catalog) = lower({database}) \
             and lower(table_schema) = lower({schema}) and lower(table_name) = lower({name})"
        )
    }

    /// What a function of this name is, by our own lists; everything they do not have is taken for a scalar function.
    fn builtin(&self, name: &str) -> FunctionKind;

    /// Whether the catalogue calls a function by more than it is, so that our own lists count.
    fn is_unremarkable(&self, name: &str) -> bool;
}
