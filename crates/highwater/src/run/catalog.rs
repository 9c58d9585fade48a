//! What lies in the schemas of a run: asked once per schema, then kept true by what the run itself does.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::{Connection, Ddl, EngineError, Relation, RelationKind};

type Names = HashMap<String, RelationKind>;

/// Tables and views by schema and name, as the engine tells names apart.
pub(crate) struct Catalog {
    ddl: &'static dyn Ddl,
    schemas: Mutex<HashMap<(String, String), Names>>,
}

impl Catalog {
    /// A catalog in which nothing has been looked up yet.
    pub(crate) fn new(ddl: &'static dyn Ddl) -> Self {
        Self { ddl, schemas: Mutex::default() }
    }

    fn key(&self, database: &str, schema: &str) -> (String, String) {
        (self.ddl.known_by(database), self.ddl.known_by(schema))
    }

    fn schemas(&self) -> MutexGuard<'_, HashMap<(String, String), Names>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the schemas, one query each.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn load(
        &self,
        connection: &mut dyn Connection,
        schemas: &BTreeSet<(String, String)>,
    ) -> Result<(), EngineError> {
        for (database, schema) in schemas {
            let found = connection.relations(database, schema)?;
            let names =
                found.into_iter().map(|(relation, kind)| (self.ddl.known_by(&relation.identifier), kind)).collect();
            self.schemas().insert(self.key(database, schema), names);
        }
        Ok(())
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// The engine's own message, when the schema had to be read first.
    pub(crate) fn kind(
        &self,
        connection: &mut dyn Connection,
        relation: &Relation,
    ) -> Result<Option<RelationKind>, EngineError> {
        if !self.schemas().contains_key(&self.key(&relation.database, &relation.schema)) {
            self.load(connection, &BTreeSet::from([(relation.database.clone(), relation.schema.clone())]))?;
        }
        let schemas = self.schemas();
        let names = schemas.get(&self.key(&relation.database, &relation.schema));
        Ok(names.and_then(|names| names.get(&self.ddl.known_by(&relation.identifier))).copied())
    }

    /// Notes what a name stands for from now on.
    pub(crate) fn note(&self, relation: &Relation, kind: Option<RelationKind>) {
        if let Some(names) = self.schemas().get_mut(&self.key(&relation.database, &relation.schema)) {
            match kind {
                Some(kind) => names.insert(self.ddl.known_by(&relation.identifier), kind),
                None => names.remove(&self.ddl.known_by(&relation.identifier)),
            };
        }
    }

    /// Asks the engine about one name: for after hooks and macros, which may have done anything.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn refresh(&self, connection: &mut dyn Connection, relation: &Relation) -> Result<(), EngineError> {
        let kind = connection.kind(relation)?;
        self.note(relation, kind);
        Ok(())
    }
}

/// Creates the schemas that are missing.
///
/// # Errors
/// The engine's own message.
pub(crate) fn create_schemas(
    connection: &mut dyn Connection,
    ddl: &dyn Ddl,
    schemas: &BTreeSet<(String, String)>,
) -> Result<(), EngineError> {
    let mut existing: HashMap<&str, Vec<String>> = HashMap::new();
    for (database, schema) in schemas {
        if !existing.contains_key(database.as_str()) {
            existing.insert(database, connection.schemas(database)?);
        }
        if !existing[database.as_str()].iter().any(|known| ddl.known_by(known) == ddl.known_by(schema)) {
            connection.execute(&ddl.create_schema(database, schema))?;
        }
    }
    Ok(())
}
