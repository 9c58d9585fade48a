//! Query results as templates have them: `run_query(...)` gives a table whose rows and columns go by position and by name.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use highwater_jinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use highwater_jinja::{Arguments, Error, Value, call, dict, list};
use minijinja::State;

use super::moment;
use crate::engine::{Cell, Table};

/// A table of values.
#[derive(Debug)]
pub(crate) struct TableValue {
    names: Arc<Vec<String>>,
    types: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl TableValue {
    /// The rows of a query.
    pub(crate) fn of(table: &Table) -> Value {
        Value::from_object(Self {
            names: Arc::new(table.columns.iter().map(|column| column.name.clone()).collect()),
            types: table.columns.iter().map(|column| column.data_type.clone()).collect(),
            rows: table.rows.iter().map(|row| row.iter().map(cell_value).collect()).collect(),
        })
    }

    fn row(&self, index: usize) -> Value {
        Value::from_object(Mapped::new(&self.names, self.rows[index].clone()))
    }

    fn rows(&self) -> Value {
        let rows = (0..self.rows.len()).map(|index| self.row(index)).collect();
        Value::from_object(Mapped::new(&Arc::default(), rows))
    }

    fn column(&self, index: usize) -> Value {
        let values = self.rows.iter().map(|row| row[index].clone()).collect();
        let mut column = Mapped::new(&Arc::default(), values);
        column.attributes = vec![
            ("name", Value::from(self.names[index].as_str())),
            ("index", Value::from(index)),
            ("data_type", Value::from_object(DataType(self.types[index].clone()))),
        ];
        Value::from_object(column)
    }

    fn columns(&self) -> Value {
        let columns = (0..self.names.len()).map(|index| self.column(index)).collect();
        Value::from_object(Mapped::new(&self.names, columns))
    }

    /// Only these columns, in this order.
    fn keep(&self, indexes: &[usize]) -> Value {
        let pick = |texts: &[String]| indexes.iter().map(|index| texts[*index].clone()).collect::<Vec<_>>();
        Value::from_object(Self {
            names: Arc::new(pick(&self.names)),
            types: pick(&self.types),
            rows: self.rows.iter().map(|row| indexes.iter().map(|index| row[*index].clone()).collect()).collect(),
        })
    }

    /// Positions of the columns that a name or a list of names mentions.
    fn positions(&self, names: &Value) -> Result<Vec<usize>, Error> {
        let wanted: Vec<String> = match names.as_str() {
            Some(name) => vec![name.to_owned()],
            None => names.try_iter()?.map(|name| name.to_string()).collect(),
        };
        wanted
            .iter()
            .map(|name| {
                let found = self.names.iter().position(|known| known == name);
                found.ok_or_else(|| Error::raised(format!("the table has no column '{name}'")))
            })
            .collect()
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "select" => self.keep(&self.positions(arguments.required(0, "key")?)?),
            "exclude" => {
                let left_out = self.positions(arguments.required(0, "key")?)?;
                self.keep(&(0..self.names.len()).filter(|index| !left_out.contains(index)).collect::<Vec<_>>())
            }
            "limit" => {
                let first = arguments.required(0, "start_or_stop")?.as_usize().unwrap_or(self.rows.len());
                let (start, stop) = match arguments.get(1, "stop").and_then(Value::as_usize) {
                    Some(stop) => (first, stop),
                    None => (0, first),
                };
                let step = arguments.get(2, "step").and_then(Value::as_usize).unwrap_or(1).max(1);
                self.with_rows(self.rows.iter().take(stop).skip(start).step_by(step).cloned().collect())
            }
            "rename" => self.renamed(arguments)?,
            "order_by" => self.ordered(arguments)?,
            "distinct" => {
                let keys = match arguments.get(0, "key").filter(|key| !key.is_none()) {
                    Some(names) => self.positions(names)?,
                    None => (0..self.names.len()).collect(),
                };
                let mut seen: Vec<Vec<Value>> = Vec::new();
                let mut first = |row: &&Vec<Value>| {
                    let key: Vec<Value> = keys.iter().map(|index| row[*index].clone()).collect();
                    !seen.contains(&key) && {
                        seen.push(key);
                        true
                    }
                };
                let rows = self.rows.iter().filter(|row| first(row)).cloned().collect();
                self.with_rows(rows)
            }
            "where" => {
                let test = arguments.required(0, "test")?;
                let mut rows = Vec::new();
                for (index, row) in self.rows.iter().enumerate() {
                    if call(test, &[self.row(index)], &[])?.is_true() {
                        rows.push(row.clone());
                    }
                }
                self.with_rows(rows)
            }
            "print_table" => {
                tracing::info!(target: "highwater::template", "{}", self.text());
                Value::from("")
            }
            _ => return Ok(None),
        }))
    }

    fn with_rows(&self, rows: Vec<Vec<Value>>) -> Value {
        Value::from_object(Self { names: Arc::clone(&self.names), types: self.types.clone(), rows })
    }

    /// Other names: a list of all of them, or a map from old to new.
    fn renamed(&self, arguments: &Arguments) -> Result<Value, Error> {
        let given = arguments.get(0, "column_names").filter(|names| !names.is_none());
        let names: Vec<String> = match given {
            None => self.names.to_vec(),
            Some(map) if map.kind() == ValueKind::Map => {
                let new = |name: &String| match map.get_item(&Value::from(name.as_str())) {
                    Ok(new) if !new.is_undefined() => new.to_string(),
                    _ => name.clone(),
                };
                self.names.iter().map(new).collect()
            }
            Some(list) => list.try_iter()?.map(|name| name.to_string()).collect(),
        };
        if names.len() != self.names.len() {
            let (new, old) = (names.len(), self.names.len());
            return Err(Error::raised(format!("rename got {new} names for {old} columns")));
        }
        Ok(Value::from_object(Self { names: Arc::new(names), types: self.types.clone(), rows: self.rows.clone() }))
    }

    /// Sorted by the values of columns; rows without a value come last.
    fn ordered(&self, arguments: &Arguments) -> Result<Value, Error> {
        let keys = self.positions(arguments.required(0, "key")?)?;
        let mut rows = self.rows.clone();
        rows.sort_by(|left, right| {
            let each = keys.iter().map(|index| {
                let (left, right) = (&left[*index], &right[*index]);
                left.is_none().cmp(&right.is_none()).then_with(|| left.cmp(right))
            });
            each.fold(Ordering::Equal, Ordering::then)
        });
        if arguments.get(1, "reverse").is_some_and(Value::is_true) {
            rows.reverse();
        }
        Ok(self.with_rows(rows))
    }

    /// The table with lines between its columns.
    fn text(&self) -> String {
        let line = |values: Vec<String>| format!("| {} |", values.join(" | "));
        let mut text = line(self.names.to_vec());
        for row in &self.rows {
            let _ = write!(text, "\n{}", line(row.iter().map(ToString::to_string).collect()));
        }
        text
    }
}

impl Object for TableValue {
    // Not a sequence: the evaluator turns sequences that methods return into lists.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("rows") => Some(self.rows()),
            Some("columns") => Some(self.columns()),
            Some("column_names") => Some(list(self.names.iter().map(|name| Value::from(name.as_str())).collect())),
            Some("column_types") => Some(list(self.types.iter().map(|name| Value::from(name.as_str())).collect())),
            Some(_) => None,
            None => position(key, self.rows.len()).map(|index| self.row(index)),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.rows.len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        self.method(method, &Arguments::from_values(values))?.ok_or_else(|| minijinja::ErrorKind::UnknownMethod.into())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// The type of a column: its name, and `jsonify(value)`, which makes of a value what JSON can hold.
#[derive(Debug)]
struct DataType(String);

impl Object for DataType {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match (method, values) {
            ("jsonify", [value, ..]) => match value.kind() {
                ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::String => Ok(value.clone()),
                _ => value.call_method(state, "isoformat", &[]),
            },
            _ => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A sequence whose items may have names too: a row, the rows, the columns, the values of one column.
#[derive(Debug)]
struct Mapped {
    names: Arc<Vec<String>>,
    values: Vec<Value>,
    attributes: Vec<(&'static str, Value)>,
}

impl Mapped {
    fn new(names: &Arc<Vec<String>>, values: Vec<Value>) -> Mapped {
        Mapped { names: Arc::clone(names), values, attributes: Vec::new() }
    }

    /// The item of this name; engines that fold case are met half-way.
    fn named(&self, name: &str) -> Option<Value> {
        let exact = self.names.iter().position(|known| known == name);
        let found = exact.or_else(|| self.names.iter().position(|known| known.eq_ignore_ascii_case(name)));
        found.and_then(|index| self.values.get(index).cloned())
    }

    fn pairs(&self) -> Vec<(Value, Value)> {
        let names = self.names.iter().map(|name| Value::from(name.as_str()));
        names.zip(self.values.iter().cloned()).collect()
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "values" => list(self.values.clone()),
            "values_distinct" => list(distinct(&self.values)),
            "values_sorted" => {
                let mut values = self.values.clone();
                values.sort_by(|left, right| left.is_none().cmp(&right.is_none()).then_with(|| left.cmp(right)));
                list(values)
            }
            "values_without_nulls" => list(self.values.iter().filter(|value| !value.is_none()).cloned().collect()),
            "keys" => list(self.names.iter().map(|name| Value::from(name.as_str())).collect()),
            "items" => list(self.pairs().into_iter().map(|(name, value)| list(vec![name, value])).collect()),
            "dict" => dict(self.pairs()),
            "get" => {
                let default = arguments.get(1, "default").cloned().unwrap_or_else(|| Value::from(()));
                self.named(&arguments.required(0, "key")?.to_string()).unwrap_or(default)
            }
            _ => return Ok(None),
        }))
    }
}

impl Object for Mapped {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        // See [`TableValue`]: as a list a column would lose its name.
        if self.attributes.is_empty() { ObjectRepr::Seq } else { ObjectRepr::Plain }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(name) => {
                let attribute = self.attributes.iter().find(|(known, _)| *known == name);
                attribute.map(|(_, value)| value.clone()).or_else(|| self.named(name))
            }
            None => position(key, self.values.len()).map(|index| self.values[index].clone()),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.values.len())
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

/// A position, counted from the end when it is negative.
fn position(key: &Value, length: usize) -> Option<usize> {
    let index = key.as_i64()?;
    let index = if index < 0 { index + i64::try_from(length).ok()? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// Each value once, in the order of its first appearance.
pub(crate) fn distinct(values: &[Value]) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    for value in values {
        if !seen.contains(value) {
            seen.push(value.clone());
        }
    }
    seen
}

/// One cell. A decimal becomes a number templates can count with, unless that would lose digits.
fn cell_value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::from(()),
        Cell::Boolean(value) => Value::from(*value),
        Cell::Integer(value) => i64::try_from(*value).map_or_else(|_| Value::from(*value), Value::from),
        Cell::Float(value) => Value::from(*value),
        Cell::Decimal(text) if text.chars().filter(char::is_ascii_digit).count() > 15 => Value::from(text.as_str()),
        Cell::Decimal(text) => text.parse::<f64>().map_or_else(|_| Value::from(text.as_str()), Value::from),
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Date(date) => moment::date(*date),
        Cell::Timestamp(at) => moment::naive(*at),
        Cell::Instant(at) => moment::instant(*at),
    }
}
