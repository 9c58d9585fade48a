//! Tables whose rows are told by their tuples.
//!
//! A row of a PostgreSQL heap is never changed in place: an update writes another version of it, a *tuple*, and every tuple bears the id of the transaction
//! that wrote it (`xmin`). What a query reads of a tuple is therefore what it always was, as long as the tables, their columns and the meaning of their types
//! are. The text that [`identity`] asks for is equal as long as all that is; there is none for a table of which it cannot be said:
//!
//! | left out | because |
//! | --- | --- |
//! | views, foreign tables, other access methods than `heap` | their rows lie elsewhere, or are kept in another way |
//! | row security | whose rows one sees depends on more than the table |
//! | columns of enumerations, domains, composites and types of extensions | what they mean can change, and the tuples stay |
//! | columns that are computed when they are read | the same |
//! | servers that do not say which they are | another one's tables and transactions have the same numbers |
//! | servers past their 2³²th transaction | `xmin` has 32 bits: from then on two transactions may share one |
//!
//! Freezing, vacuuming and clustering keep the ids, as PostgreSQL has done since version 9.4; whatever else writes a tuple gives it a new one.

use super::super::{Relation, quote_literal};
use super::catalog::object;

/// The first id of a type that somebody made: everything below comes with the server and means the same for ever.
const FIRST_MADE_TYPE: u32 = 16384;

/// Whether the session may ask [`SERVER`]: the server checks that before it runs any part of a statement, so both cannot be one.
pub(super) const MAY_ASK: &str = "select has_function_privilege('pg_control_system()', 'execute')";

/// The question for what no other server has, unless it is a copy of this one.
pub(super) const SERVER: &str = "select system_identifier::text from pg_control_system()";

/// The query for the identity of a table and of all tables below it: one text, or NULL. A server gives numbers to tables and transactions of all its databases
/// from one sequence each, so those of a database that was copied by it mean there what they meant here.
pub(super) fn identity(relation: &Relation, server: &str) -> String {
    format!(
        "with recursive tree(id) as (\
         select {}::oid union all select inhrelid from pg_inherits join tree on inhparent = id), \
         columns as (select attrelid, \
         bool_and(attisdropped or (atttypid < {FIRST_MADE_TYPE} and attgenerated <> 'v')) as is_plain, \
         string_agg(format('%s %I %s %s %L', attnum, attname, atttypid, attisdropped, attmissingval), ',' order by attnum) as list \
         from pg_attribute where attnum > 0 and attrelid in (select id from tree) group by attrelid) \
         select case when bool_and(c.relkind in ('r', 'p') and coalesce(a.amname = 'heap', c.relkind = 'p') \
         and not c.relrowsecurity and coalesce(is_plain, true)) \
         and pg_snapshot_xmax(pg_current_snapshot())::text::numeric < 4294967296 \
         then {} || ' ' || md5(string_agg(c.oid::text || ' ' || coalesce(list, ''), ';' order by c.oid)) end \
         from tree join pg_class c on c.oid = id left join pg_am a on a.oid = c.relam left join columns on attrelid = c.oid",
        object(relation),
        quote_literal(server)
    )
}
