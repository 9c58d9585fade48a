//! `adapter`: what templates may ask of the database, and do to it.
//!
//! While parsing, every method that would touch the database answers as if there were nothing there.

use std::sync::Arc;

use highwater_jinja::value::{Object, ObjectRepr, Tuple};
use highwater_jinja::{Arguments, Error, ErrorKind, Value, dict, list};
use indexmap::IndexMap;
use minijinja::State;

use super::Message;
use super::column::{self, ColumnValue};
use super::constraints;
use super::dispatch::dispatch;
use super::fault::Fault;
use super::relation::RelationValue;
use super::scene::{Frame, Running, Transaction, lock};
use super::statement::response;
use super::table::TableValue;
use crate::engine::{Column, Connection, EngineError, Relation, RelationKind, Table, ddl, folded, quote_identifier};
use crate::manifest::Config;
use crate::run::longer_text;

/// The value of `adapter`.
#[derive(Debug)]
pub(crate) struct Adapter(Frame);

/// The strategies an incremental model may name.
const STRATEGIES: [&str; 5] = ["append", "delete+insert", "merge", "microbatch", "exact"];

fn none() -> Value {
    Value::from(())
}

/// `adapter.config`: what packages ask of the settings.
fn config(frame: &Frame) -> Value {
    let project = &frame.scene.project;
    let text = |text: &str| Value::from(text);
    let quoted = |part: &str| {
        let said = project.main.quoting.get(part).and_then(serde_json::Value::as_bool);
        (Value::from(part), Value::from(said.unwrap_or(true)))
    };
    let target = &project.target;
    let credentials = [("type", &target.adapter), ("database", &target.database), ("schema", &target.schema)];
    let credentials = credentials.map(|(key, value)| (text(key), text(value))).to_vec();
    dict(vec![
        (text("project_name"), text(&project.name)),
        (text("project_root"), text(&project.main.root.to_string_lossy())),
        (text("profile_name"), text(&project.target.profile_name)),
        (text("target_name"), text(&target.name)),
        (text("quoting"), dict(["database", "schema", "identifier"].map(quoted).to_vec())),
        (text("credentials"), dict(credentials)),
    ])
}

impl Adapter {
    pub(crate) fn new(frame: &Frame) -> Self {
        Self(frame.clone())
    }

    /// Methods that need no database.
    fn plain(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "dispatch" => {
                let name = arguments.required_text(0, "macro_name")?;
                let namespace = arguments.text(1, "macro_namespace")?;
                dispatch(&self.0, &name, namespace.as_deref())?
            }
            "type" => Value::from(self.0.scene.project.target.adapter.as_str()),
            "quote" => Value::from(quote_identifier(&arguments.required(0, "identifier")?.to_string())),
            "quote_as_configured" => Value::from(quote_identifier(&arguments.required(0, "identifier")?.to_string())),
            "quote_seed_column" => {
                let name = arguments.required(0, "column")?.to_string();
                let quoted = arguments.get(1, "quote_config").is_none_or(|flag| flag.is_none() || flag.is_true());
                Value::from(if quoted { quote_identifier(&name) } else { name })
            }
            "is_motherduck" | "disable_transactions" => Value::from(false),
            "is_ducklake" => {
                let relation = arguments.required(0, "relation")?.downcast_object_ref::<RelationValue>();
                let database = relation.and_then(RelationValue::database);
                Value::from(database.is_some_and(|database| self.0.scene.project.target.is_ducklake(database)))
            }
            "warn_once" => {
                self.0.scene.say(Message::WarningOnce, &arguments.required_text(0, "msg")?);
                none()
            }
            "external_root" => {
                let root = self.0.scene.project.target.raw.get("external_root").and_then(|root| root.as_str());
                Value::from(root.unwrap_or("."))
            }
            "use_database" => Value::from(self.0.scene.project.target.database.as_str()),
            "valid_incremental_strategies" => list(STRATEGIES.map(Value::from).to_vec()),
            "get_incremental_strategy_macro" => self.strategy_macro(arguments)?,
            "render_raw_columns_constraints" => constraints::of_columns(&self.0, arguments)?,
            "render_raw_model_constraints" => constraints::of_model(&self.0, arguments)?,
            "get_hard_deletes_behavior" => Value::from(hard_deletes(&self.0.scene.subject.config)?),
            "standardize_grants_dict" => grants(arguments.required(0, "grants_table")?)?,
            "cache_added" | "cache_dropped" | "cache_renamed" | "clear_transaction" | "pre_model_hook"
            | "post_model_hook" | "verify_database" => none(),
            "submit_python_job" => return Err(Error::raised("Python models need an engine that runs Python")),
            _ => return Ok(None),
        }))
    }

    fn strategy_macro(&self, arguments: &Arguments) -> Result<Value, Error> {
        let strategy =
            arguments.required_text(1, "model_strategy").or_else(|_| arguments.required_text(0, "strategy"))?;
        let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
        self.0.macro_named(&name).ok_or_else(|| {
            Fault::new("HW0310", format!("dbt could not find an incremental strategy macro with the name \"{name}\""))
                .help(format!("write a macro {name}(arg_dict), or use one of {}", STRATEGIES.join(", ")))
                .into()
        })
    }

    /// The answers while parsing.
    fn absent(name: &str) -> Option<Value> {
        Some(match name {
            "get_columns_in_relation"
            | "get_columns_in_table"
            | "get_missing_columns"
            | "list_relations"
            | "list_relations_without_caching"
            | "list_schemas"
            | "get_column_schema_from_query" => list(Vec::new()),
            "check_schema_exists" | "already_exists" => Value::from(false),
            "execute" | "add_query" => answer(&Table::default(), none()),
            "get_relation"
            | "load_relation"
            | "create_schema"
            | "drop_schema"
            | "drop_relation"
            | "rename_relation"
            | "truncate_relation"
            | "expand_target_column_types"
            | "valid_snapshot_target"
            | "assert_valid_snapshot_target_given_strategy"
            | "commit"
            | "rollback" => none(),
            _ => return None,
        })
    }

    /// Methods that ask the database.
    fn ask(&self, running: &Running, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "execute" | "add_query" => {
                self.0.scene.tell_statement(&arguments.required(0, "sql")?.to_string());
                execute(running, arguments)?
            }
            "get_relation" => self.get_relation(running, arguments)?,
            "load_relation" => {
                self.existing(running, &RelationValue::from_value(arguments.required(0, "relation")?)?)?
            }
            "get_columns_in_relation" | "get_columns_in_table" => {
                let relation = RelationValue::from_value(arguments.required(0, "relation")?)?;
                list(columns(running, &relation)?.iter().map(ColumnValue::of).collect())
            }
            "get_missing_columns" => {
                let from = RelationValue::from_value(arguments.required(0, "from_relation")?)?;
                let to = RelationValue::from_value(arguments.required(1, "to_relation")?)?;
                let known: Vec<String> =
                    columns(running, &to)?.iter().map(|column| column.name.to_lowercase()).collect();
                let missing = columns(running, &from)?;
                let missing = missing.iter().filter(|column| !known.contains(&column.name.to_lowercase()));
                list(missing.map(ColumnValue::of).collect())
            }
            "get_column_schema_from_query" => {
                let sql = arguments.required_text(0, "sql")?;
                let columns = running.on_connection(|connection| connection.describe(&sql))?;
                list(columns.iter().map(ColumnValue::of).collect())
            }
            "list_relations" | "list_relations_without_caching" => {
                let (database, schema) = self.place(arguments)?;
                let found = running.on_connection(|connection| connection.relations(&database, &schema))?;
                list(found.iter().map(|(relation, kind)| self.known(relation, *kind)).collect())
            }
            "list_schemas" => list(schemas(running, &self.place(arguments)?.0)?.into_iter().map(Value::from).collect()),
            "check_schema_exists" => {
                let (database, schema) = self.place(arguments)?;
                let ddl = ddl(&self.0.scene.project.target.adapter);
                let wanted = ddl.known_by(&schema);
                Value::from(schemas(running, &database)?.iter().any(|known| ddl.known_by(known) == wanted))
            }
            "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => {
                check_snapshot(running, arguments)?
            }
            "already_exists" => {
                let place = RelationValue::new(
                    Some(self.0.scene.project.target.database.clone()),
                    arguments.text(0, "schema")?,
                    arguments.text(1, "name")?,
                );
                Value::from(!self.existing(running, &place)?.is_none())
            }
            _ => return Ok(None),
        }))
    }

    /// Database and schema from a relation, or from two names; what is missing comes from the target.
    fn place(&self, arguments: &Arguments) -> Result<(String, String), Error> {
        let target = &self.0.scene.project.target;
        let given = arguments.positional.first().or_else(|| arguments.keyword.get("schema_relation"));
        let (database, schema) = match given.and_then(|value| value.downcast_object_ref::<RelationValue>()) {
            Some(relation) => (relation.database().map(ToOwned::to_owned), relation.schema().map(ToOwned::to_owned)),
            None => (arguments.text(0, "database")?, arguments.text(1, "schema")?),
        };
        Ok((database.unwrap_or_else(|| target.database.clone()), schema.unwrap_or_else(|| target.schema.clone())))
    }

    fn get_relation(&self, running: &Running, arguments: &Arguments) -> Result<Value, Error> {
        arguments.reject_unknown(&["database", "schema", "identifier"])?;
        let database = arguments.text(0, "database")?;
        let place = RelationValue::new(
            Some(database.unwrap_or_else(|| self.0.scene.project.target.database.clone())),
            arguments.text(1, "schema")?,
            arguments.text(2, "identifier")?,
        );
        self.existing(running, &place)
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        if let Some(value) = self.plain(name, arguments)? {
            return Ok(Some(value));
        }
        let Some(running) = self.0.scene.running() else { return Ok(Self::absent(name)) };
        match self.ask(running, name, arguments)? {
            Some(value) => Ok(Some(value)),
            None => self.change(running, name, arguments),
        }
    }
}

/// What a snapshot does with rows that are gone: `hard_deletes`, or the older `invalidate_hard_deletes`.
fn hard_deletes(config: &Config) -> Result<&'static str, Error> {
    match (config.get("hard_deletes"), config.get("invalidate_hard_deletes")) {
        (Some(_), Some(_)) => {
            Err(Error::raised("a snapshot says either hard_deletes or invalidate_hard_deletes, not both"))
        }
        (None, None) => Ok("ignore"),
        (None, Some(flag)) => Ok(if flag.as_bool() == Some(true) { "invalidate" } else { "ignore" }),
        (Some(word), None) => ["ignore", "invalidate", "new_record"]
            .into_iter()
            .find(|known| word.as_str() == Some(known))
            .ok_or_else(|| Error::raised("hard_deletes is ignore, invalidate or new_record")),
    }
}

/// Rows of `grantee` and `privilege_type` as a map from privilege to grantees.
fn grants(table: &Value) -> Result<Value, Error> {
    let mut grants: IndexMap<String, Vec<Value>> = IndexMap::new();
    let rows = table.get_attr("rows")?;
    for row in rows.try_iter().into_iter().flatten() {
        let privilege = row.get_item(&Value::from("privilege_type"))?.to_string();
        grants.entry(privilege).or_default().push(row.get_item(&Value::from("grantee"))?);
    }
    Ok(dict(grants.into_iter().map(|(privilege, grantees)| (Value::from(privilege), list(grantees))).collect()))
}

/// Whether a table has the columns that a snapshot adds, and so is one.
fn check_snapshot(running: &Running, arguments: &Arguments) -> Result<Value, Error> {
    let relation = RelationValue::from_value(arguments.required(0, "relation")?)?;
    let known: Vec<String> = columns(running, &relation)?.iter().map(|column| column.name.to_lowercase()).collect();
    let names = arguments.get(1, "column_names").cloned().unwrap_or_default();
    let strategy = arguments.get(2, "strategy").cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get_attr(key).ok().and_then(|name| name.as_str().map(str::to_owned));
    let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
    if text(&strategy, "hard_deletes").as_deref() == Some("new_record") {
        wanted.push("dbt_is_deleted");
    }
    let wanted = wanted.into_iter().map(|name| text(&names, name).unwrap_or_else(|| name.to_owned()));
    let missing: Vec<String> = wanted.filter(|name| !known.contains(&name.to_lowercase())).collect();
    if missing.is_empty() {
        return Ok(none());
    }
    let missing: Vec<String> = missing.iter().map(|name| format!("\"{name}\"")).collect();
    let title = format!("Snapshot target is missing configured columns (missing {})", missing.join(", "));
    Err(Fault::new("HW0418", title)
        .help(format!(
            "rename the columns of {} to what the snapshot calls them now, or drop the table",
            relation.name()
        ))
        .into())
}

impl Adapter {
    /// Methods that change the database.
    fn change(&self, running: &Running, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        let ddl = ddl(&self.0.scene.project.target.adapter);
        let relation = |index, name: &str| RelationValue::from_value(arguments.required(index, name)?);
        let sql = match name {
            "create_schema" | "drop_schema" => {
                let relation = relation(0, "relation")?;
                let database = relation.database().unwrap_or(&self.0.scene.project.target.database);
                let Some(schema) = relation.schema() else {
                    return Err(Error::new(ErrorKind::Value, format!("{} names no schema", relation.name())));
                };
                if name == "create_schema" {
                    ddl.create_schema(database, schema)
                } else {
                    ddl.drop_schema(database, schema)
                }
            }
            "drop_relation" => {
                let relation = relation(0, "relation")?;
                let Some(kind) = kind_of(running, &relation)? else { return Ok(Some(none())) };
                let lake = relation.database().is_some_and(|name| self.0.scene.project.target.is_ducklake(name));
                // Nothing in a DuckLake hangs on anything else, and it refuses the word.
                format!("drop {kind} if exists {}{}", relation.name(), if lake { "" } else { " cascade" })
            }
            "rename_relation" => {
                let (from, to) = (relation(0, "from_relation")?, relation(1, "to_relation")?);
                let kind = kind_of(running, &from)?.unwrap_or_else(|| "table".to_owned());
                let Some(identifier) = to.identifier() else {
                    return Err(Error::new(ErrorKind::Value, "the new name has no identifier"));
                };
                format!("alter {kind} {} rename to {}", from.name(), quote_identifier(identifier))
            }
            "truncate_relation" => format!("truncate {}", relation(0, "relation")?.name()),
            "expand_target_column_types" => return self.expand(running, arguments).map(Some),
            "commit" => return end_transaction(running, |connection| connection.commit()).map(Some),
            "rollback" => return end_transaction(running, |connection| connection.rollback()).map(Some),
            _ => return Ok(None),
        };
        self.0.scene.tell_statement(&sql);
        running.on_connection(|connection| connection.execute(&sql))?;
        Ok(Some(none()))
    }

    /// The relation with its kind, as the database has it; none when there is no such relation.
    fn existing(&self, running: &Running, place: &RelationValue) -> Result<Value, Error> {
        let (Some(database), Some(schema), Some(identifier)) = (place.database(), place.schema(), place.identifier())
        else {
            return Ok(none());
        };
        let ddl = ddl(&self.0.scene.project.target.adapter);
        // As in dbt: where names are written without quotes, any spelling finds them.
        let place = Relation::new(database, schema, identifier);
        let place = folded(&self.0.scene.project.target.adapter, place, self.0.scene.project.bare());
        let wanted = ddl.known_by(&place.identifier);
        let found = running.on_connection(|connection| connection.relations(&place.database, &place.schema))?;
        let found = found.iter().find(|(relation, _)| ddl.known_by(&relation.identifier) == wanted);
        Ok(found.map_or_else(none, |(relation, kind)| self.known(relation, *kind)))
    }

    /// A relation of the database as templates have it.
    fn known(&self, relation: &Relation, kind: RelationKind) -> Value {
        RelationValue::of(relation, Some(kind)).bare(self.0.scene.project.bare()).into_value()
    }

    /// Makes columns of text longer where the other relation's are. Text without a length fits everywhere.
    fn expand(&self, running: &Running, arguments: &Arguments) -> Result<Value, Error> {
        let from = columns(running, &RelationValue::from_value(arguments.required(0, "from_relation")?)?)?;
        let to = RelationValue::from_value(arguments.required(1, "to_relation")?)?;
        let Some(table) = to.relation() else { return Ok(none()) };
        let statements = longer_text(&from, &columns(running, &to)?, &table, ddl(&self.0.scene.project.target.adapter));
        for sql in statements {
            running.on_connection(|connection| connection.execute(&sql))?;
        }
        Ok(none())
    }
}

/// `table`, `view`, `materialized view`; what the relation says of itself, or else what the database says.
fn kind_of(running: &Running, relation: &RelationValue) -> Result<Option<String>, Error> {
    match (relation.kind(), relation.relation()) {
        (Some(kind), _) => Ok(Some(kind.replace('_', " "))),
        (None, Some(place)) => {
            let kind = running.on_connection(|connection| connection.kind(&place))?;
            Ok(kind.map(|kind| kind.sql().to_owned()))
        }
        // Only tables of the session go without database and schema.
        (None, None) => Ok(Some("table".to_owned())),
    }
}

fn columns(running: &Running, relation: &RelationValue) -> Result<Vec<Column>, Error> {
    match (relation.relation(), relation.identifier()) {
        (Some(place), _) => running.on_connection(|connection| connection.columns(&place)),
        (None, Some(identifier)) => {
            let temporary = lock(&running.connection).temporary(identifier);
            running.on_connection(|connection| connection.columns(&temporary))
        }
        (None, None) => Ok(Vec::new()),
    }
}

fn schemas(running: &Running, database: &str) -> Result<Vec<String>, Error> {
    running.on_connection(|connection| connection.schemas(database))
}

/// `execute(sql, auto_begin, fetch, limit)`: what the database said, and the rows.
fn execute(running: &Running, arguments: &Arguments) -> Result<Value, Error> {
    let sql = arguments.required(0, "sql")?.to_string();
    let flag = |index, name| arguments.get(index, name).is_some_and(Value::is_true);
    let (auto_begin, fetch) = (flag(1, "auto_begin"), flag(2, "fetch"));
    if sql.trim().is_empty() {
        return Ok(answer(&Table::default(), none()));
    }
    if auto_begin {
        begin(running)?;
    }
    running.on_connection(|connection| {
        if fetch {
            let mut table = connection.query(&sql)?;
            if let Some(limit) = arguments.get(3, "limit").and_then(Value::as_usize) {
                table.rows.truncate(limit);
            }
            Ok::<_, EngineError>(answer(&table, Value::from(table.rows.len())))
        } else {
            let changed = connection.execute(&sql)?;
            Ok(answer(&Table::default(), Value::from(changed)))
        }
    })
}

/// Opens the transaction of a materialization with its first statement that wants one.
fn begin(running: &Running) -> Result<(), Error> {
    let mut transaction = lock(&running.transaction);
    if *transaction == Transaction::Closed {
        running.on_connection(|connection| connection.begin())?;
        *transaction = Transaction::Open;
    }
    Ok(())
}

fn end_transaction(
    running: &Running,
    how: impl FnOnce(&mut dyn Connection) -> Result<(), EngineError>,
) -> Result<Value, Error> {
    let mut transaction = lock(&running.transaction);
    if *transaction == Transaction::Open {
        running.on_connection(how)?;
        *transaction = Transaction::Closed;
    }
    Ok(none())
}

fn answer(table: &Table, rows: Value) -> Value {
    let said = response(&Value::from("OK"), &Value::from("OK"), rows);
    Value::from(Tuple::from(vec![said, TableValue::of(table)]))
}

impl Object for Adapter {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "Relation" => Some(Value::from_object(super::relation::RelationClass(self.0.scene.project.bare()))),
            "Column" => Some(Value::from_object(column::ColumnClass)),
            "config" => Some(config(&self.0)),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        self.method(method, &Arguments::from_values(values))?.ok_or_else(|| minijinja::ErrorKind::UnknownMethod.into())
    }
}
