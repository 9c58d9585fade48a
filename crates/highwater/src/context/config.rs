//! `config`: called, it configures the node; its methods read the configuration.

use std::sync::Arc;

use highwater_jinja::value::{Object, ObjectRepr};
use highwater_jinja::{Arguments, Error, Value, call, dict, from_json, to_json};
use indexmap::IndexMap;
use minijinja::State;

use super::scene::Frame;
use crate::manifest::Config;

/// The value of `config`.
#[derive(Debug)]
pub(crate) struct ConfigObject(Frame);

impl ConfigObject {
    pub(crate) fn new(frame: &Frame) -> Self {
        Self(frame.clone())
    }

    fn parsing(&self) -> bool {
        self.0.scene.running().is_none()
    }

    /// Notes what a call sets; running, the configuration stands already.
    fn set(&self, arguments: &Arguments) -> Result<Value, Error> {
        if self.parsing() {
            let mut given: Vec<(String, serde_json::Value)> = Vec::new();
            for positional in &arguments.positional {
                for key in positional.try_iter()? {
                    given.push((key.to_string(), json_of(&positional.get_item(&key)?)));
                }
            }
            given.extend(arguments.keyword.iter().map(|(key, value)| (key.clone(), json_of(value))));
            let is_given = |wanted: &str| given.iter().any(|(key, _)| key == wanted);
            for (one, other) in [("pre_hook", "pre-hook"), ("post_hook", "post-hook")] {
                if is_given(one) && is_given(other) {
                    let title = format!("{one} and {other} are the same configuration: give one of them");
                    return Err(Error::raised(title));
                }
            }
            self.0
                .scene
                .note(|captured| given.into_iter().for_each(|(key, value)| merge(&mut captured.config, &key, value)));
        }
        Ok(Value::from(""))
    }

    fn find(&self, name: &str) -> Option<Value> {
        let config = &self.0.scene.subject.config;
        if name == "snapshot_table_column_names" {
            return Some(snapshot_columns(config));
        }
        config.get(name).or_else(|| config.get(&name.replace("_hook", "-hook"))).map(from_json)
    }

    fn find_meta(&self, name: &str) -> Option<Value> {
        self.0.scene.subject.config.get("meta")?.get(name).map(from_json)
    }

    /// The value or the default, checked by the validator.
    fn get(&self, arguments: &Arguments, find: impl Fn(&Self, &str) -> Option<Value>) -> Result<Value, Error> {
        if self.parsing() {
            return Ok(Value::from(""));
        }
        let name = arguments.required_text(0, "name")?;
        let value =
            find(self, &name).or_else(|| arguments.get(1, "default").cloned()).unwrap_or_else(|| Value::from(()));
        if let Some(validator) = arguments.get(2, "validator").filter(|validator| !validator.is_none()) {
            call(validator, std::slice::from_ref(&value), &[])?;
        }
        Ok(value)
    }

    fn require(&self, arguments: &Arguments, find: impl Fn(&Self, &str) -> Option<Value>) -> Result<Value, Error> {
        if self.parsing() {
            return Ok(Value::from(""));
        }
        let name = arguments.required_text(0, "name")?;
        find(self, &name)
            .ok_or_else(|| Error::raised(format!("{} needs the configuration '{name}'", self.0.scene.subject.name)))
    }

    fn persists(&self, what: &str) -> Value {
        let flag = self.0.scene.subject.config.get("persist_docs").and_then(|docs| docs.get(what));
        Value::from(flag.and_then(serde_json::Value::as_bool).unwrap_or(false))
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "get" => self.get(arguments, Self::find)?,
            "require" => self.require(arguments, Self::find)?,
            "meta_get" => self.get(arguments, Self::find_meta)?,
            "meta_require" => self.require(arguments, Self::find_meta)?,
            "set" => {
                let key = arguments.required_text(0, "name")?;
                self.set(&Arguments::new(&[], &[(&key, arguments.required(1, "value")?.clone())]))?
            }
            "persist_relation_docs" => self.persists("relation"),
            "persist_column_docs" => self.persists("columns"),
            _ => return Ok(None),
        }))
    }
}

/// What the columns that a snapshot adds are called: dbt's names, save where `snapshot_meta_column_names` says otherwise.
fn snapshot_columns(config: &Config) -> Value {
    let names = ["dbt_valid_from", "dbt_valid_to", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];
    let own = |name: &str| config.get("snapshot_meta_column_names")?.get(name)?.as_str();
    dict(names.iter().map(|name| (Value::from(*name), Value::from(own(name).unwrap_or(name)))).collect())
}

/// A value as configuration; what is not made of JSON's kinds becomes its text.
fn json_of(value: &Value) -> serde_json::Value {
    if value.is_undefined() {
        return serde_json::Value::Null;
    }
    to_json(value).unwrap_or_else(|_| serde_json::Value::String(value.to_string()))
}

/// Lists that grow with every further call, as in dbt.
const GROWING: [&str; 3] = ["tags", "pre_hook", "post_hook"];

/// Adds one setting: lists of [`GROWING`] grow, `meta` is merged, everything else is replaced.
fn merge(config: &mut IndexMap<String, serde_json::Value>, key: &str, value: serde_json::Value) {
    use serde_json::Value as Json;
    let key = key.replace('-', "_");
    if GROWING.contains(&key.as_str()) && config.contains_key(&key) {
        let many = |value: Json| match value {
            Json::Array(items) => items,
            Json::Null => Vec::new(),
            one => vec![one],
        };
        let mut all = config.get(&key).cloned().map(many).unwrap_or_default();
        all.extend(many(value));
        config.insert(key, Json::Array(all));
        return;
    }
    if key == "meta"
        && let (Some(Json::Object(old)), Json::Object(new)) = (config.get_mut("meta"), &value)
    {
        old.extend(new.clone());
        return;
    }
    config.insert(key, value);
}

impl Object for ConfigObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        Ok(self.set(&Arguments::from_values(values))?)
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
