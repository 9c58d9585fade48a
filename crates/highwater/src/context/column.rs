//! Columns as templates have them: `adapter.get_columns_in_relation(...)`, `api.Column.create(...)`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use highwater_jinja::value::{DynObject, Object, ObjectRepr};
use highwater_jinja::{Arguments, Error, Value};
use minijinja::State;

use crate::engine::{Column, quote_identifier};

/// A column: its name, and its type in the engine's own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ColumnValue {
    name: String,
    data_type: String,
}

impl ColumnValue {
    pub(crate) fn of(column: &Column) -> Value {
        Value::from_object(Self { name: column.name.clone(), data_type: column.data_type.clone() })
    }

    /// The type without what is in parentheses: `timestamp without time zone` of `timestamp(3) without time zone`.
    fn plain_type(&self) -> String {
        match self.data_type.split_once('(') {
            Some((before, rest)) => format!("{before}{}", rest.split_once(')').map_or("", |(_, after)| after)),
            None => self.data_type.clone(),
        }
    }

    /// The same in lower case.
    fn family(&self) -> String {
        self.plain_type().trim().to_ascii_lowercase()
    }

    /// The numbers in the parentheses of the type: `[18, 3]` of `DECIMAL(18,3)`.
    fn sizes(&self) -> Vec<u32> {
        let Some((_, rest)) = self.data_type.split_once('(') else { return Vec::new() };
        rest.trim_end_matches(')').split(',').filter_map(|size| size.trim().parse().ok()).collect()
    }

    fn is_string(&self) -> bool {
        matches!(
            self.family().as_str(),
            "text" | "varchar" | "char" | "bpchar" | "string" | "character varying" | "character"
        )
    }

    fn is_integer(&self) -> bool {
        matches!(
            self.family().as_str(),
            "tinyint"
                | "smallint"
                | "integer"
                | "int"
                | "bigint"
                | "hugeint"
                | "utinyint"
                | "usmallint"
                | "uinteger"
                | "ubigint"
                | "uhugeint"
                | "int2"
                | "int4"
                | "int8"
                | "smallserial"
                | "serial"
                | "bigserial"
        )
    }

    fn is_float(&self) -> bool {
        matches!(self.family().as_str(), "real" | "float" | "float4" | "float8" | "double" | "double precision")
    }

    fn is_numeric(&self) -> bool {
        matches!(self.family().as_str(), "numeric" | "decimal")
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let size = |index: usize| self.sizes().get(index).map_or(Value::from(()), |size| Value::from(*size));
        Some(match name {
            "name" | "column" => Value::from(self.name.as_str()),
            "dtype" => Value::from(self.plain_type()),
            "data_type" => Value::from(self.data_type.as_str()),
            "quoted" => Value::from(quote_identifier(&self.name)),
            "char_size" if self.is_string() => size(0),
            "numeric_precision" if self.is_numeric() => size(0),
            "numeric_scale" if self.is_numeric() => size(1),
            "char_size" | "numeric_precision" | "numeric_scale" => Value::from(()),
            _ => return None,
        })
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "is_string" => Value::from(self.is_string()),
            "is_number" => Value::from(self.is_integer() || self.is_float() || self.is_numeric()),
            "is_integer" => Value::from(self.is_integer()),
            "is_float" => Value::from(self.is_float()),
            "is_numeric" => Value::from(self.is_numeric()),
            "string_size" => {
                if !self.is_string() {
                    return Err(Error::raised("string_size() is for columns of text"));
                }
                Value::from(self.sizes().first().copied().unwrap_or(256))
            }
            "can_expand_to" => {
                let other = arguments.required(0, "other_column")?;
                let other = other.downcast_object_ref::<Self>().filter(|other| other.is_string() && self.is_string());
                // Text without a length fits everywhere, and everything into it.
                let sizes = other.and_then(|other| Some((*self.sizes().first()?, *other.sizes().first()?)));
                Value::from(sizes.is_some_and(|(here, there)| here < there))
            }
            "literal" => Value::from(format!("{}::{}", arguments.required(0, "value")?, self.data_type)),
            _ => return class_method(name, arguments),
        }))
    }
}

/// What both a column and the class answer.
fn class_method(name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "translate_type" => Value::from(translate(&arguments.required(0, "dtype")?.to_string())),
        "string_type" => Value::from(format!("character varying({})", arguments.required(0, "size")?)),
        "numeric_type" => {
            let family = arguments.required(0, "dtype")?;
            match (arguments.get(1, "precision"), arguments.get(2, "scale")) {
                (Some(precision), Some(scale)) if !precision.is_none() && !scale.is_none() => {
                    Value::from(format!("{family}({precision},{scale})"))
                }
                _ => Value::from(family.to_string()),
            }
        }
        "create" => Value::from_object(ColumnValue {
            name: arguments.required(0, "name")?.to_string(),
            data_type: translate(&arguments.required(1, "label_or_dtype")?.to_string()),
        }),
        _ => return Ok(None),
    }))
}

/// The engine's type for dbt's word; all others it writes as they are.
fn translate(word: &str) -> String {
    if word.eq_ignore_ascii_case("string") { "TEXT".to_owned() } else { word.to_owned() }
}

impl Object for ColumnValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
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
        write!(formatter, "<Column {} ({})>", self.name, self.data_type)
    }
}

/// `api.Column`: makes columns and translates types.
#[derive(Debug)]
pub(crate) struct ColumnClass;

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(values);
        let name = arguments.required(0, "column")?.to_string();
        let mut data_type = arguments.required(1, "dtype")?.to_string();
        let number = |index, name| arguments.get(index, name).filter(|value| !value.is_none()).map(ToString::to_string);
        if let Some(size) = number(2, "char_size") {
            data_type = format!("{data_type}({size})");
        } else if let Some((precision, scale)) = number(3, "numeric_precision").zip(number(4, "numeric_scale")) {
            data_type = format!("{data_type}({precision},{scale})");
        }
        Ok(Value::from_object(ColumnValue { name, data_type }))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        class_method(method, &Arguments::from_values(values))?.ok_or_else(|| minijinja::ErrorKind::UnknownMethod.into())
    }
}
