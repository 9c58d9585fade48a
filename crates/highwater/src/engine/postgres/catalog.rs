//! What lies in the database, from the server's own catalog.

use super::super::{Column, Relation, RelationKind, Table, quote_identifier, quote_literal};

/// The kinds of relations that are tables or views to us: partitioned and foreign tables are tables.
const KINDS: &str = "('r', 'p', 'f', 'v', 'm')";

/// By the server's letter.
pub(super) fn kind_of(letter: &str) -> Option<RelationKind> {
    match letter {
        "r" | "p" | "f" => Some(RelationKind::Table),
        "v" => Some(RelationKind::View),
        "m" => Some(RelationKind::MaterializedView),
        _ => None,
    }
}

/// The letter of one relation.
pub(super) fn kind(relation: &Relation) -> String {
    format!("select relkind::text from pg_class where oid = {} and relkind in {KINDS}", object(relation))
}

/// Whether a relation is a table of this server without others below it, whose rows might be anywhere.
pub(super) fn has_own_rows(relation: &Relation) -> String {
    format!("select relkind = 'r' and not relhassubclass from pg_class where oid = {}", object(relation))
}

/// How many tables of these names are in a schema.
pub(super) fn count_tables(schema: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quote_literal(name)).collect();
    format!(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {} and c.relkind in ('r', 'p') and c.relname in ({})",
        quote_literal(schema),
        names.join(", ")
    )
}

/// Schema, name and letter of everything in a schema.
pub(super) fn relations(schema: &str) -> String {
    format!(
        "select n.nspname, c.relname, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {} and c.relkind in {KINDS} order by 2",
        quote_literal(schema)
    )
}

/// Name and type of each column. Of a domain it is the type below it: the server says the same of a query's result.
pub(super) fn columns(relation: &Relation) -> String {
    format!(
        "with recursive typed(place, name, type, modifier) as (\
         select attnum, attname, atttypid, atttypmod from pg_attribute \
         where attrelid = {} and attnum > 0 and not attisdropped \
         union all select place, name, typbasetype, typtypmod from typed join pg_type on oid = type where typtype = 'd') \
         select name, format_type(type, modifier) from typed join pg_type on oid = type where typtype <> 'd' order by place",
        object(relation)
    )
}

/// Owner and comment of a relation, then name and comment of each column that has one.
pub(super) fn remarks(relation: &Relation) -> String {
    let object = object(relation);
    format!(
        "select 0 as place, pg_get_userbyid(relowner)::text as name, obj_description(oid, 'pg_class') as comment \
         from pg_class where oid = {object} \
         union all select attnum, attname::text, col_description(attrelid, attnum) from pg_attribute \
         where attrelid = {object} and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is not null \
         order by place"
    )
}

/// The names of types.
pub(super) fn format_types(types: impl Iterator<Item = (u32, i32)>) -> String {
    let rows: Vec<String> =
        types.enumerate().map(|(index, (oid, modifier))| format!("({index}, {oid}::oid, {modifier})")).collect();
    format!("select format_type(oid, modifier) from (values {}) t(at, oid, modifier) order by at", rows.join(", "))
}

/// The session that holds an advisory lock. Keys of 64 bits are shown in two halves.
pub(super) fn lock_holder(key: i64) -> String {
    format!(
        "select format('%s (user %s, process %s of the server%s) since %s', coalesce(nullif(a.application_name, ''), 'a session'), \
         a.usename, a.pid, coalesce(', from ' || host(a.client_addr), ''), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')) \
         from pg_locks l join pg_stat_activity a using (pid) \
         where l.locktype = 'advisory' and l.granted and l.objsubid = 1 \
         and l.database = (select oid from pg_database where datname = current_database()) \
         and ((l.classid::bigint << 32) | l.objid::bigint) = {key} limit 1"
    )
}

/// Rows of name and type.
pub(super) fn names_and_types(table: &Table) -> Vec<Column> {
    table.rows.iter().map(|row| Column { name: row[0].to_string(), data_type: row[1].to_string() }).collect()
}

/// The relation as the server numbers it; null when there is none.
pub(super) fn object(relation: &Relation) -> String {
    let name = format!("{}.{}", quote_identifier(&relation.schema), quote_identifier(&relation.identifier));
    format!("to_regclass({})", quote_literal(&name))
}
