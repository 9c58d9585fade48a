//! `exceptions`: raising errors and warnings from templates.

use std::sync::Arc;

use highwater_jinja::value::{Object, ObjectRepr};
use highwater_jinja::{Arguments, Error, Value};
use minijinja::State;

use super::fault::Fault;
use super::scene::Frame;
use super::{Message, Warned};

/// The value of `exceptions`.
pub(crate) fn value(frame: &Frame) -> Value {
    Value::from_object(Exceptions(frame.clone()))
}

#[derive(Debug)]
struct Exceptions(Frame);

impl Exceptions {
    /// Warns, as the command wants it of warnings with this name of dbt's. A warning taken for an error ends the template, as in dbt.
    fn warn(&self, name: &str, text: &str) -> Result<Option<Value>, Error> {
        match self.0.scene.running().and_then(|running| running.flags.warned.get(name)) {
            Some(Warned::Error) => return Err(Error::raised(text)),
            Some(Warned::Silent) => {}
            None => self.0.scene.say(Message::Warning, text),
        }
        Ok(Some(Value::from("")))
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        let text = |index: usize, key: &str| arguments.get(index, key).map(ToString::to_string).unwrap_or_default();
        Err(match name {
            "warn" => return self.warn("JinjaLogWarning", &text(0, "msg")),
            "warn_snapshot_timestamp_data_types" => {
                let warning = format!(
                    "the clock of {} is {}, and its updated_at is {}: comparing the two converts one of them",
                    self.0.scene.subject.name,
                    text(0, "snapshot_time_data_type"),
                    text(1, "updated_at_data_type")
                );
                return self.warn("SnapshotTimestampWarning", &warning);
            }
            "warn_once" => return Ok(Some(Value::from(""))),
            "raise_compiler_error"
            | "raise_parsing_error"
            | "raise_fail_fast_error"
            | "raise_not_implemented"
            | "raise_cache_inconsistent"
            | "raise_dataclass_not_dict" => Error::raised(text(0, "msg")),
            "raise_contract_error" => super::constraints::broken(arguments)?,
            "raise_database_error" => Fault::new("HW0403", text(0, "msg")).into(),
            "missing_config" => {
                Error::raised(format!("{} needs the configuration '{}'", self.0.scene.subject.name, text(1, "name")))
            }
            "missing_materialization" => Error::raised(format!(
                "no materialization '{}' was found for {}",
                self.0.scene.subject.config.materialized(),
                self.0.scene.project.target.adapter
            )),
            "missing_relation" => Error::raised(format!("relation {} does not exist", text(0, "relation"))),
            "relation_wrong_type" => Error::raised(format!(
                "{} exists, but is not what the model needs: {}",
                text(0, "relation"),
                text(1, "expected_type")
            )),
            "column_type_missing" => Fault::new(
                "HW0422",
                format!("the contract promises columns without a data_type: {}", text(0, "column_names")),
            )
            .help("add `data_type` to each of the model's columns")
            .into(),
            other if other.starts_with("raise_") => Error::raised(text(0, "msg")),
            _ => return Ok(None),
        })
    }
}

impl Object for Exceptions {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
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
