//! A session that something happens to: before every call of the machinery, a test has a word.

use highwater_sql::Dialect;

use crate::engine::{Column, Comment, Connection, EngineError, Quiet, Relation, RelationKind, Table};

/// What the machinery is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Ask,
    Write,
    Begin,
    Commit,
    Rollback,
}

/// A session that does nothing before a test agrees; what the test answers instead is what the machinery hears.
pub struct Meddled<'a, F> {
    pub session: &'a mut dyn Connection,
    pub before: F,
}

impl<F: FnMut(&mut dyn Connection, Call) -> Result<(), EngineError>> Meddled<'_, F> {
    fn agreed(&mut self, call: Call) -> Result<&mut dyn Connection, EngineError> {
        (self.before)(self.session, call)?;
        Ok(self.session)
    }
}

impl<F: FnMut(&mut dyn Connection, Call) -> Result<(), EngineError> + Send> Connection for Meddled<'_, F> {
    fn set_comment(&mut self, comment: Option<Comment>) {
        self.session.set_comment(comment);
    }

    fn comment(&self) -> Option<&Comment> {
        self.session.comment()
    }

    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    fn execute(&mut self, sql: &str) -> Result<u64, EngineError> {
        self.agreed(Call::Write)?.execute(sql)
    }

    fn create_as(&mut self, sql: &str) -> Result<u64, EngineError> {
        self.agreed(Call::Write)?.create_as(sql)
    }

    fn query(&mut self, sql: &str) -> Result<Table, EngineError> {
        self.agreed(Call::Ask)?.query(sql)
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, EngineError> {
        self.agreed(Call::Ask)?.columns(relation)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, EngineError> {
        self.agreed(Call::Ask)?.describe(sql)
    }

    fn temporary(&self, identifier: &str) -> Relation {
        self.session.temporary(identifier)
    }

    fn schemas(&mut self, database: &str) -> Result<Vec<String>, EngineError> {
        self.agreed(Call::Ask)?.schemas(database)
    }

    fn kind(&mut self, relation: &Relation) -> Result<Option<RelationKind>, EngineError> {
        self.agreed(Call::Ask)?.kind(relation)
    }

    fn has_tables(&mut self, database: &str, schema: &str, names: &[&str]) -> Result<bool, EngineError> {
        self.agreed(Call::Ask)?.has_tables(database, schema, names)
    }

    fn relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, EngineError> {
        self.agreed(Call::Ask)?.relations(database, schema)
    }

    fn begin(&mut self) -> Result<(), EngineError> {
        self.agreed(Call::Begin)?.begin()
    }

    fn begin_snapshot(&mut self) -> Result<(), EngineError> {
        self.agreed(Call::Begin)?.begin_snapshot()
    }

    fn commit(&mut self) -> Result<(), EngineError> {
        self.agreed(Call::Commit)?.commit()
    }

    fn rollback(&mut self) -> Result<(), EngineError> {
        self.agreed(Call::Rollback)?.rollback()
    }

    fn quiet(&mut self) -> Option<Quiet> {
        self.session.quiet()
    }

    fn still_quiet(&mut self, since: &Quiet) -> bool {
        self.session.still_quiet(since)
    }

    fn has_own_rows(&mut self, relation: &Relation) -> Result<bool, EngineError> {
        self.agreed(Call::Ask)?.has_own_rows(relation)
    }

    fn keep_books(&mut self, only: bool) {
        self.session.keep_books(only);
    }

    fn try_lock(&mut self, name: &str) -> Result<bool, EngineError> {
        self.session.try_lock(name)
    }

    fn unlock(&mut self, name: &str) -> Result<(), EngineError> {
        self.session.unlock(name)
    }

    fn lock_holder(&mut self, name: &str) -> Result<Option<String>, EngineError> {
        self.session.lock_holder(name)
    }
}
