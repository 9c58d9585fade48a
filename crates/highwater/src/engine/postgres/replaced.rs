//! Tables that were replaced under a snapshot.
//!
//! A snapshot shows rows as they were, but a name leads to the table that bears it now, and a table to the file that it has now. So what another transaction
//! truncated, rewrote (`alter column ... type`), or made and renamed, and committed after the snapshot was taken, looks *empty* to it: the rows of the new file
//! are too young, and the old file is gone. Whoever loads a table anew in one transaction makes everybody who comes meanwhile wait for the lock, and then see
//! nothing. To the server that is no conflict; to a model it would be a rebuild from an empty table. From the first look at a table to the end of the transaction
//! the lock on it keeps it as it is; so to ask once, at the end, is enough.

/// The question for a table that this transaction has read, or a view, index or partition on the way to it, and that is not what it was when its snapshot was
/// taken: of another file, under another name, among another table's partitions, or not there yet. The catalogue's own rows are those of the snapshot; its
/// functions say how it stands now. What the transaction itself did is in both.
pub(super) const REPLACED: &str = "select l.relation::regclass::text \
     from pg_locks l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace \
     where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database()) \
     and case when c.oid is null then pg_relation_filenode(l.relation) is not null \
     else (c.relfilenode <> 0 and c.relfilenode is distinct from pg_relation_filenode(c.oid)) \
     or (n.nspname !~ '^pg_' and format('%I.%I', n.nspname, c.relname) is distinct from (pg_identify_object('pg_class'::regclass, c.oid, 0)).identity) \
     or (c.relkind = 'r' and c.relispartition <> (pg_partition_root(c.oid) is not null)) end \
     order by 1 limit 1";
