//! One session: statements, transactions, locks.
//!
//! Statements go by the simple protocol, which takes several of them at once, runs what cannot run in a transaction block, and
//! answers in text. What a query's columns are is asked first, by preparing it; that runs nothing.
//!
//! A connection that broke is replaced when nothing is lost by it: outside of a transaction, holding no lock, and before
//! anything of the next statement was sent. The server goes on with an aborted transaction as if `commit` meant `rollback`,
//! so failures are remembered here and a `commit` after one is refused.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_sql::Dialect;
use postgres::{Client, SimpleQueryMessage, Statement};

use super::super::comment::Sent;
use super::super::quiet::{AsOf, Quiet};
use super::super::{
    Cell, Column, Comment, Connection, EngineError, Relation, RelationKind, Remarks, Table, quote_identifier,
};
use super::own::{self, Own};
use super::settings::Settings;
use super::{catalog, cells, errors, heap, replaced};

/// A session that was quiet for so long is asked whether it still lives before it is used.
const QUIET: Duration = Duration::from_secs(10);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session.
pub(super) struct Session {
    client: Client,
    settings: Settings,
    transaction: Transaction,
    locks: BTreeSet<String>,
    used: Instant,
    /// The transactions of this process's swaps and books.
    own: Arc<Own>,
    /// Whether it is in a transaction of [`Connection::begin_snapshot`].
    swaps: bool,
    /// See [`Connection::keep_books`].
    keeps_books: bool,
    /// Which server it is, once asked; none when it does not say.
    server: Option<Option<String>>,
    /// See [`Connection::set_comment`].
    comment: Option<Comment>,
}

/// What is known of the transaction the session is in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement failed: the server takes no more until the end.
    Failed(String),
}

impl Session {
    pub(super) fn new(client: Client, settings: Settings, own: Arc<Own>) -> Self {
        Self {
            client,
            settings,
            transaction: Transaction::None,
            locks: BTreeSet::new(),
            used: Instant::now(),
            own,
            swaps: false,
            keeps_books: false,
            server: None,
            comment: None,
        }
    }

    /// Says that the transaction that is about to end is ours, so that nobody takes it for somebody else's.
    fn own_up(&mut self) -> Result<(), EngineError> {
        let answer = self.query(own::ID)?;
        if let Some(id) = answer.scalar().and_then(|cell| cell.as_text()?.parse().ok()) {
            self.own.add(id);
        }
        Ok(())
    }

    /// Says when a table that the transaction has read was replaced under its snapshot.
    fn stood_still(&mut self) -> Result<(), EngineError> {
        let answer = self.query(replaced::REPLACED)?;
        answer.scalar().map_or(Ok(()), |table| {
            let message = format!("{table} was emptied, rewritten or replaced since the snapshot was taken");
            Err(EngineError::Conflict { message })
        })
    }

    /// What no other server has; none when this one does not say.
    fn server(&mut self) -> Result<Option<String>, EngineError> {
        if self.server.is_none() {
            let may_ask = self.query(heap::MAY_ASK)?.scalar() == Some(&Cell::Boolean(true));
            let answer = if may_ask { Some(self.query(heap::SERVER)?) } else { None };
            self.server = Some(answer.and_then(|table| table.scalar().and_then(Cell::as_text).map(str::to_owned)));
        }
        Ok(self.server.clone().flatten())
    }

    /// Replaces a broken connection, where nothing is lost by it.
    fn revive(&mut self) -> Result<(), EngineError> {
        if self.transaction != Transaction::None {
            return Ok(());
        }
        let broken =
            self.client.is_closed() || (self.used.elapsed() > QUIET && self.client.is_valid(PATIENCE).is_err());
        if !broken {
            return Ok(());
        }
        if !self.locks.is_empty() {
            self.locks.clear();
            let message = "it held locks, which the server has given to others".to_owned();
            return Err(EngineError::Lost { message });
        }
        tracing::info!(target: "highwater::postgres", "the connection was lost; opening another one");
        self.client = super::connect(&self.settings)?;
        Ok(())
    }

    /// Does something with the connection and remembers how it went.
    fn attempt<T>(
        &mut self,
        sent: &Sent<'_>,
        work: impl FnOnce(&mut Client, &str) -> Result<T, postgres::Error>,
    ) -> Result<T, EngineError> {
        self.revive()?;
        let outcome = work(&mut self.client, &sent.text);
        self.used = Instant::now();
        outcome.map_err(|error| self.failed(errors::statement_error(&error, sent)))
    }

    fn failed(&mut self, error: EngineError) -> EngineError {
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed(error.to_string());
        }
        error
    }

    /// To a copy that it refuses the server says twice that it is ready, and the driver expects it once: from then on each answer
    /// would be taken for that of the next statement. So the connection goes, and its transaction, which had failed, with it.
    fn refused_copy(&mut self, error: EngineError) -> EngineError {
        let error = self.failed(error);
        match super::connect(&self.settings) {
            Ok(client) => self.client = client,
            Err(lost) => return lost,
        }
        if self.locks.is_empty() {
            return error;
        }
        self.locks.clear();
        EngineError::Lost { message: format!("{error}, and the locks went with the connection") }
    }

    fn simple(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, EngineError> {
        let sent = Sent::new(sql, self.comment.as_ref());
        self.attempt(&sent, Client::simple_query)
    }

    /// A statement about transactions: without the comment.
    fn plain(&mut self, sql: &str) -> Result<(), EngineError> {
        self.attempt(&Sent::plain(sql), Client::simple_query).map(drop)
    }

    /// Prepares a statement. When the failure is to be `undone`, a transaction goes on as if nothing had been asked.
    fn prepare(&mut self, sql: &str, undone: bool) -> Result<Result<Statement, postgres::Error>, EngineError> {
        self.revive()?;
        let inside = undone && self.transaction == Transaction::Open;
        if inside {
            self.plain("savepoint highwater_prepare")?;
        }
        let prepared = self.client.prepare(&Sent::new(sql, self.comment.as_ref()).text);
        self.used = Instant::now();
        if inside && !self.client.is_closed() {
            let back = if prepared.is_err() { "rollback to savepoint highwater_prepare; " } else { "" };
            self.plain(&format!("{back}release savepoint highwater_prepare"))?;
        }
        Ok(prepared)
    }

    fn end(&mut self, how: &str) -> Result<(), EngineError> {
        let outcome = self.plain(how);
        self.transaction = Transaction::None;
        self.swaps = false;
        outcome
    }

    /// Starts a transaction; on another connection, should the first turn out to be broken.
    fn start(&mut self, sql: &str) -> Result<(), EngineError> {
        let mut outcome = self.plain(sql);
        if matches!(outcome, Err(EngineError::Lost { .. })) && self.client.is_closed() && self.locks.is_empty() {
            outcome = self.plain(sql);
        }
        outcome?;
        self.transaction = Transaction::Open;
        Ok(())
    }
}

impl Connection for Session {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn set_comment(&mut self, comment: Option<Comment>) {
        self.comment = comment;
    }

    fn comment(&self) -> Option<&Comment> {
        self.comment.as_ref()
    }

    fn execute(&mut self, sql: &str) -> Result<u64, EngineError> {
        if self.keeps_books && self.transaction == Transaction::None {
            self.begin()?;
            let answer = self.execute(sql);
            if answer.is_ok() {
                self.commit()?;
            } else {
                self.rollback()?;
            }
            return answer;
        }
        let answers = self.simple(sql)?;
        let changed = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        });
        Ok(changed.unwrap_or(0))
    }

    fn copy_in(&mut self, table: &Relation, columns: &[&str], csv: &str) -> Result<u64, EngineError> {
        let names: Vec<String> = columns.iter().map(|name| quote_identifier(name)).collect();
        let sql = format!("copy {table} ({}) from stdin with (format csv)", names.join(", "));
        self.revive()?;
        let comment = self.comment.clone();
        let sent = Sent::new(&sql, comment.as_ref());
        let started = self.client.copy_in(&*sent.text).map(|mut writer| {
            // What the server has against the rows it says at the end.
            let _ = writer.write_all(csv.as_bytes());
            writer.finish()
        });
        self.used = Instant::now();
        match started {
            Ok(outcome) => outcome.map_err(|error| self.failed(errors::statement_error(&error, &sent))),
            Err(error) => Err(self.refused_copy(errors::statement_error(&error, &sent))),
        }
    }

    fn query(&mut self, sql: &str) -> Result<Table, EngineError> {
        let may_be_several = sql.trim_end().trim_end_matches(';').contains(';');
        let statement = match self.prepare(sql, may_be_several)? {
            Ok(statement) => Some(statement),
            // Nobody asks for the types of what several statements give.
            Err(error) if errors::is_several_statements(&error) => None,
            // The work of the transaction is not what it was meant to be, even where the failure was undone.
            Err(error) => {
                let error = errors::statement_error(&error, &Sent::new(sql, self.comment.as_ref()));
                return Err(self.failed(error));
            }
        };
        let answers = self.simple(sql)?;
        Ok(table(statement.as_ref(), &answers))
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, EngineError> {
        if !self.is_here(&relation.database) {
            return Ok(Vec::new());
        }
        let table = self.query(&catalog::columns(relation))?;
        Ok(catalog::names_and_types(&table))
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, EngineError> {
        let prepared = self.prepare(sql, true)?;
        let sent = Sent::new(sql, self.comment.as_ref());
        let statement = prepared.map_err(|error| errors::statement_error(&error, &sent))?;
        let columns = statement.columns();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let types = columns.iter().map(|column| (column.type_().oid(), column.type_modifier()));
        let table = self.query(&catalog::format_types(types))?;
        let names = columns.iter().map(|column| column.name().to_owned());
        Ok(names.zip(&table.rows).map(|(name, row)| Column { name, data_type: row[0].to_string() }).collect())
    }

    fn temporary(&self, identifier: &str) -> Relation {
        Relation::new(&self.settings.database, "pg_temp", identifier)
    }

    fn schemas(&mut self, database: &str) -> Result<Vec<String>, EngineError> {
        if !self.is_here(database) {
            return Ok(Vec::new());
        }
        let table = self.query("select nspname from pg_namespace where nspname !~ '^pg_(toast|temp)' order by 1")?;
        Ok(table.rows.iter().map(|row| row[0].to_string()).collect())
    }

    fn kind(&mut self, relation: &Relation) -> Result<Option<RelationKind>, EngineError> {
        if !self.is_here(&relation.database) {
            return Ok(None);
        }
        let table = self.query(&catalog::kind(relation))?;
        Ok(table.scalar().and_then(|cell| catalog::kind_of(&cell.to_string())))
    }

    fn has_tables(&mut self, database: &str, schema: &str, names: &[&str]) -> Result<bool, EngineError> {
        if !self.is_here(database) {
            return Ok(false);
        }
        let found = self.query(&catalog::count_tables(schema, names))?;
        Ok(found.scalar().and_then(Cell::as_integer) == i128::try_from(names.len()).ok())
    }

    fn relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, EngineError> {
        if !self.is_here(database) {
            return Ok(Vec::new());
        }
        let table = self.query(&catalog::relations(schema))?;
        let found = table.rows.iter().filter_map(|row| {
            let kind = catalog::kind_of(&row[2].to_string())?;
            Some((Relation::new(&self.settings.database, row[0].to_string(), row[1].to_string()), kind))
        });
        Ok(found.collect())
    }

    fn remarks(&mut self, relation: &Relation) -> Result<Remarks, EngineError> {
        if !self.is_here(&relation.database) {
            return Ok(Remarks::default());
        }
        let table = self.query(&catalog::remarks(relation))?;
        let text = |cell: &Cell| cell.as_text().map(str::to_owned);
        let mut rows = table.rows.iter();
        let Some(first) = rows.next() else { return Ok(Remarks::default()) };
        let columns = rows.filter_map(|row| Some((text(&row[1])?, text(&row[2])?))).collect();
        Ok(Remarks { owner: text(&first[1]), comment: text(&first[2]), columns })
    }

    fn begin(&mut self) -> Result<(), EngineError> {
        self.start("begin isolation level read committed")
    }

    fn begin_snapshot(&mut self) -> Result<(), EngineError> {
        self.start("begin isolation level repeatable read")?;
        self.swaps = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), EngineError> {
        if let Transaction::Failed(first) = &self.transaction {
            let message = format!("nothing was committed: a statement of the transaction had failed: {first}");
            let _ = self.end("rollback");
            return Err(EngineError::statement(message, "commit"));
        }
        let mut ready = if self.swaps { self.stood_still() } else { Ok(()) };
        if self.swaps || self.keeps_books {
            ready = ready.and_then(|()| self.own_up());
        }
        if let Err(error) = ready {
            let _ = self.end("rollback");
            return Err(error);
        }
        self.end("commit")
    }

    fn rollback(&mut self) -> Result<(), EngineError> {
        if self.client.is_closed() {
            // The server has done it already.
            self.transaction = Transaction::None;
            self.swaps = false;
            return Ok(());
        }
        // Its temporary tables gave it an id.
        if self.transaction == Transaction::Open
            && (self.swaps || self.keeps_books)
            && let Err(error) = self.own_up()
        {
            tracing::debug!(%error, "the id of a transaction");
        }
        self.end("rollback")
    }

    fn quiet(&mut self) -> Option<Quiet> {
        let seen = self.query(own::SEEN_NOW).map_err(|error| tracing::debug!(%error, "what is seen")).ok()?;
        let seen = seen.scalar().and_then(Cell::as_text)?.to_owned();
        Some(Quiet { database: self.settings.database.clone(), as_of: AsOf::Transactions(seen) })
    }

    fn still_quiet(&mut self, since: &Quiet) -> bool {
        match (&since.as_of, self.quiet()) {
            (AsOf::Transactions(before), Some(Quiet { as_of: AsOf::Transactions(now), .. })) => {
                self.own.alone(before, &now)
            }
            _ => false,
        }
    }

    fn has_own_rows(&mut self, relation: &Relation) -> Result<bool, EngineError> {
        if !self.is_here(&relation.database) {
            return Ok(false);
        }
        let table = self.query(&catalog::has_own_rows(relation))?;
        Ok(table.scalar() == Some(&Cell::Boolean(true)))
    }

    fn tuples_of(&mut self, relation: &Relation) -> Result<Option<String>, EngineError> {
        if !self.is_here(&relation.database) {
            return Ok(None);
        }
        let Some(server) = self.server()? else { return Ok(None) };
        let table = self.query(&heap::identity(relation, &server))?;
        Ok(table.scalar().and_then(Cell::as_text).map(str::to_owned))
    }

    fn keep_books(&mut self, only: bool) {
        self.keeps_books = only;
    }

    fn try_lock(&mut self, name: &str) -> Result<bool, EngineError> {
        let answer = self.query(&format!("select pg_try_advisory_lock({})", lock_key(name)))?;
        let granted = answer.scalar() == Some(&Cell::Boolean(true));
        if granted {
            self.locks.insert(name.to_owned());
        }
        Ok(granted)
    }

    fn unlock(&mut self, name: &str) -> Result<(), EngineError> {
        // A broken connection has lost its locks.
        if self.locks.remove(name) && !self.client.is_closed() {
            self.simple(&format!("select pg_advisory_unlock({})", lock_key(name)))?;
        }
        Ok(())
    }

    fn lock_holder(&mut self, name: &str) -> Result<Option<String>, EngineError> {
        let table = self.query(&catalog::lock_holder(lock_key(name)))?;
        Ok(table.scalar().map(ToString::to_string))
    }
}

impl Session {
    fn is_here(&self, database: &str) -> bool {
        self.settings.database == database
    }
}

/// The rows of the last statement that gave any.
fn table(statement: Option<&Statement>, answers: &[SimpleQueryMessage]) -> Table {
    let mut table = Table::default();
    for answer in answers {
        match answer {
            SimpleQueryMessage::RowDescription(columns) => {
                let data_type = |index: usize| {
                    let known = statement.and_then(|statement| statement.columns().get(index));
                    known.map_or_else(|| "text".to_owned(), |column| cells::type_name(column.type_()))
                };
                let named = columns.iter().enumerate();
                let columns =
                    named.map(|(index, column)| Column { name: column.name().to_owned(), data_type: data_type(index) });
                table = Table { columns: columns.collect(), rows: Vec::new() };
            }
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|index| {
                    let known = statement.and_then(|statement| statement.columns().get(index));
                    let text = row.get(index);
                    known.map_or_else(
                        || text.map_or(Cell::Null, |text| Cell::Text(text.to_owned())),
                        |column| cells::cell(column.type_(), text),
                    )
                });
                table.rows.push(cells.collect());
            }
            _ => {}
        }
    }
    table
}

/// The number by which the server knows a lock.
fn lock_key(name: &str) -> i64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(format!("highwater lock {name}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}
