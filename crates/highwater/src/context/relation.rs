//! Relations as templates have them: `{{ this }}`, `{{ ref('x').identifier }}`, `api.Relation.create(...)`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use highwater_jinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use highwater_jinja::{Arguments, Error, ErrorKind, Value, dict};
use minijinja::State;

use crate::engine::{Bare, Relation, RelationKind, quote_identifier};

/// The prefix of the common table expression of an ephemeral model.
pub(crate) const CTE_PREFIX: &str = "__dbt__cte__";

/// The three parts of a name, in order.
const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// A relation and how it prints. Every change makes a new one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationValue {
    /// Database, schema, identifier.
    parts: [Option<String>; 3],
    /// `table`, `view`, `cte`, ...
    kind: Option<String>,
    include: [bool; 3],
    quote: [bool; 3],
    /// A query around the name: `where false` for `--empty`, a window of event time for a batch.
    filter: Option<String>,
    /// What is read instead: a file, or a function that reads one.
    external: Option<String>,
}

impl RelationValue {
    /// A relation from its three parts.
    pub(crate) fn new(database: Option<String>, schema: Option<String>, identifier: Option<String>) -> Self {
        Self {
            parts: [database, schema, identifier],
            kind: None,
            include: [true; 3],
            quote: [true; 3],
            filter: None,
            external: None,
        }
    }

    /// An existing place in the database.
    pub(crate) fn of(relation: &Relation, kind: Option<RelationKind>) -> Self {
        let mut value = Self::new(
            Some(relation.database.clone()),
            Some(relation.schema.clone()),
            Some(relation.identifier.clone()),
        );
        value.kind = kind.map(|kind| kind_word(kind).to_owned());
        value
    }

    /// The same relation, with these parts of its name written without quotes.
    pub(crate) fn bare(mut self, bare: Bare) -> Self {
        self.quote = bare.0.map(|bare| !bare);
        self
    }

    /// The common table expression of an ephemeral model; prints as its bare name.
    pub(crate) fn cte(name: &str) -> Self {
        let mut value = Self::new(None, None, Some(name.to_owned()));
        value.kind = Some("cte".to_owned());
        value.quote = [false; 3];
        value
    }

    /// The same relation, restricted to rows for which `condition` holds.
    pub(crate) fn filtered(mut self, condition: impl Into<String>) -> Self {
        self.filter = Some(condition.into());
        self
    }

    /// Reads a relation out of a template value.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn from_value(value: &Value) -> Result<Self, Error> {
        value.downcast_object_ref::<Self>().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Type, format!("a relation is needed here, not {} '{value}'", value.kind()))
        })
    }

    /// The full name, where all three parts are known.
    pub(crate) fn relation(&self) -> Option<Relation> {
        match &self.parts {
            [Some(database), Some(schema), Some(identifier)] => Some(Relation::new(database, schema, identifier)),
            _ => None,
        }
    }

    pub(crate) fn into_value(self) -> Value {
        Value::from_object(self)
    }

    pub(crate) fn database(&self) -> Option<&str> {
        self.parts[0].as_deref()
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.parts[1].as_deref()
    }

    pub(crate) fn identifier(&self) -> Option<&str> {
        self.parts[2].as_deref()
    }

    pub(crate) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The same relation, read from a file.
    pub(crate) fn read_from(mut self, location: String) -> Self {
        self.external = Some(location);
        self
    }

    /// The same relation, printed without its database.
    pub(crate) fn without_database(mut self) -> Self {
        self.include[0] = false;
        self
    }

    /// The quoted name, without any filter.
    pub(crate) fn name(&self) -> String {
        if let Some(location) = &self.external {
            return location.clone();
        }
        let shown = (0..3).filter(|&part| self.include[part]).filter_map(|part| {
            let text = self.parts[part].as_deref()?;
            Some(if self.quote[part] { quote_identifier(text) } else { text.to_owned() })
        });
        shown.collect::<Vec<_>>().join(".")
    }

    fn is(&self, kind: &str) -> Value {
        Value::from(self.kind.as_deref() == Some(kind))
    }

    fn policy(flags: [bool; 3]) -> Value {
        dict(PARTS.iter().zip(flags).map(|(name, flag)| (Value::from(*name), Value::from(flag))).collect())
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let text = |part: &Option<String>| part.as_ref().map_or(Value::from(()), |text| Value::from(text.as_str()));
        Some(match name {
            "database" => text(&self.parts[0]),
            "schema" => text(&self.parts[1]),
            "identifier" | "name" | "table" => text(&self.parts[2]),
            "type" => text(&self.kind),
            "is_table" => self.is("table"),
            "is_view" => self.is("view"),
            "is_cte" => self.is("cte"),
            "is_external" => self.is("external"),
            "is_materialized_view" => self.is("materialized_view"),
            "is_dynamic_table" | "is_pointer" | "is_function" | "require_alias" => Value::from(false),
            "can_be_renamed" | "can_be_replaced" => Value::from(self.kind.is_some()),
            "include_policy" => Self::policy(self.include),
            "quote_policy" => Self::policy(self.quote),
            "quote_character" => Value::from("\""),
            "limit" => Value::from(()),
            "metadata" => dict(vec![(Value::from("type"), Value::from("DuckDBRelation"))]),
            "path" => {
                dict(PARTS.iter().zip(&self.parts).map(|(name, part)| (Value::from(*name), text(part))).collect())
            }
            "Table" => Value::from("table"),
            "View" => Value::from("view"),
            "MaterializedView" => Value::from("materialized_view"),
            "CTE" => Value::from("cte"),
            "External" => Value::from("external"),
            _ => return None,
        })
    }

    /// `include(database=false)` and `quote(identifier=false)`: flags by position or name, those not given stay.
    fn flags(arguments: &Arguments, mut flags: [bool; 3]) -> Result<[bool; 3], Error> {
        arguments.reject_unknown(&PARTS)?;
        for (index, name) in PARTS.iter().enumerate() {
            if let Some(value) = arguments.get(index, name).filter(|value| !value.is_none()) {
                flags[index] = value.is_true();
            }
        }
        Ok(flags)
    }

    fn set_parts(&mut self, path: &Value) -> Result<(), Error> {
        for (index, name) in PARTS.iter().enumerate() {
            let value = path.get_attr(name)?;
            if value.is_none() {
                self.parts[index] = None;
            } else if !value.is_undefined() {
                self.parts[index] = Some(value.to_string());
            }
        }
        Ok(())
    }

    fn incorporate(&self, arguments: &Arguments) -> Result<Self, Error> {
        let mut changed = self.clone();
        if let Some(path) = arguments.keyword.get("path") {
            changed.set_parts(path)?;
        }
        if let Some(kind) = arguments.keyword.get("type").or_else(|| arguments.positional.first()) {
            changed.kind = (!kind.is_none()).then(|| kind.to_string());
        }
        Ok(changed)
    }

    /// `replace_path(schema='x')`: only the parts named.
    fn replace_path(&self, arguments: &Arguments) -> Result<Self, Error> {
        arguments.reject_unknown(&PARTS)?;
        let mut changed = self.clone();
        for (index, name) in PARTS.iter().enumerate() {
            if let Some(value) = arguments.keyword.get(*name) {
                changed.parts[index] = (!value.is_none()).then(|| value.to_string());
            }
        }
        Ok(changed)
    }

    fn matches(&self, arguments: &Arguments) -> bool {
        PARTS.iter().enumerate().all(|(index, name)| match arguments.get(index, name) {
            Some(wanted) if !wanted.is_none() => {
                self.parts[index].as_deref().is_some_and(|part| part.eq_ignore_ascii_case(&wanted.to_string()))
            }
            _ => true,
        })
    }

    fn information_schema(&self, view: Option<String>) -> Self {
        let mut changed = self.clone();
        changed.parts[1] = Some("information_schema".to_owned());
        changed.parts[2] = view;
        changed.quote = [true, false, false];
        changed.kind = None;
        changed
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        let made = match name {
            "include" => Self { include: Self::flags(arguments, self.include)?, ..self.clone() },
            "quote" => Self { quote: Self::flags(arguments, self.quote)?, ..self.clone() },
            "incorporate" => self.incorporate(arguments)?,
            "replace_path" => self.replace_path(arguments)?,
            "without_identifier" => Self { include: [self.include[0], self.include[1], false], ..self.clone() },
            "information_schema" => self.information_schema(arguments.text(0, "view_name")?),
            "information_schema_only" => self.information_schema(None),
            "render" => return Ok(Some(Value::from(self.name()))),
            "matches" => return Ok(Some(Value::from(self.matches(arguments)))),
            "get" => {
                let key = arguments.required_text(0, "key")?;
                let default = arguments.get(1, "default").cloned().unwrap_or_else(|| Value::from(()));
                return Ok(Some(self.attribute(&key).unwrap_or(default)));
            }
            _ => return Ok(None),
        };
        Ok(Some(made.into_value()))
    }
}

/// dbt's word for a kind of relation.
pub(crate) fn kind_word(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table => "table",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized_view",
    }
}

impl Object for RelationValue {
    // Packages tell relations from names by `is mapping` and `get('metadata')`.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["path", "type", "quote_character", "include_policy", "quote_policy", "limit"])
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.attribute(key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        self.method(method, &Arguments::from_values(values))?.ok_or_else(|| minijinja::ErrorKind::UnknownMethod.into())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.as_ref().cmp(other.downcast_ref::<Self>()?))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filter {
            None => formatter.write_str(&self.name()),
            Some(condition) => write!(formatter, "(select * from {} where {condition})", self.name()),
        }
    }
}

/// `api.Relation`: makes relations, their names written as the project has them.
#[derive(Debug)]
pub(crate) struct RelationClass(pub(crate) Bare);

impl Object for RelationClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        RelationValue::new(None, None, None)
            .attribute(key.as_str()?)
            .filter(|_| key.as_str().is_some_and(|key| key.starts_with(char::is_uppercase)))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(values);
        if method == "add_ephemeral_prefix" {
            return Ok(Value::from(format!("{CTE_PREFIX}{}", arguments.required_text(0, "name")?)));
        }
        if method == "scd_args" {
            let key = arguments.required(0, "primary_key")?;
            let mut all: Vec<Value> = match key.as_str() {
                Some(_) => vec![key.clone()],
                None => key.try_iter()?.collect(),
            };
            all.push(arguments.required(1, "updated_at")?.clone());
            return Ok(highwater_jinja::list(all));
        }
        if method != "create" {
            return Err(minijinja::ErrorKind::UnknownMethod.into());
        }
        let mut made = RelationValue::new(
            arguments.text(0, "database")?,
            arguments.text(1, "schema")?,
            arguments.text(2, "identifier")?,
        );
        made = made.bare(self.0);
        made.kind = arguments.text(3, "type")?;
        if let Some(policy) = arguments.keyword.get("quote_policy") {
            for (index, name) in PARTS.iter().enumerate() {
                let flag = policy.get_attr(name)?;
                if !flag.is_undefined() && !flag.is_none() {
                    made.quote[index] = flag.is_true();
                }
            }
        }
        Ok(made.into_value())
    }
}
