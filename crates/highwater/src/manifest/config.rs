//! A node's configuration: an open map, as dbt has it, with typed readers for the keys that mean something to us.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of a model's event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl BatchSize {
    /// The size of a word.
    fn read(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }

    /// The word in configuration and in SQL's `date_trunc`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// How far a run of an exact model may go (`meta.highwater.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Incremental where it is cheaper, whole where it is not.
    #[default]
    Auto,
    /// Incremental wherever it is sound.
    Incremental,
    /// Incremental, or an error.
    Strict,
    /// Whole, every time something changed.
    Full,
}

/// Configuration with everything merged: project file, properties, the model's own `config()`.
///
/// Most nodes of a folder are configured alike (its tests above all), so that the map is shared between them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(Arc<IndexMap<String, Value>>);

impl From<IndexMap<String, Value>> for Config {
    fn from(settings: IndexMap<String, Value>) -> Self {
        Self(Arc::new(settings))
    }
}

impl Config {
    /// Every key with its value, null included.
    pub fn settings(&self) -> &IndexMap<String, Value> {
        &self.0
    }

    /// A number that two configurations have in common when they are one in memory.
    pub(crate) fn place(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Sets a key of this node alone.
    pub fn set(&mut self, key: &str, value: Value) {
        Arc::make_mut(&mut self.0).insert(key.to_owned(), value);
    }

    /// The value of a key; JSON null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The value of a key when it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The value of a key when it is true or false.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    /// The value of a key that may be one text or a list of texts (`unique_key`, `tags`).
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// `materialized`; `view` when nothing is said.
    pub fn materialized(&self) -> &str {
        self.text("materialized").unwrap_or("view")
    }

    /// `enabled`; true when nothing is said.
    pub fn enabled(&self) -> bool {
        self.flag("enabled").unwrap_or(true)
    }

    /// Whether this is an incremental model on the exact strategy.
    pub fn is_exact(&self) -> bool {
        self.materialized() == "incremental" && self.text("incremental_strategy") == Some("exact")
    }

    /// Whether this is an incremental model that dbt builds in batches of event time.
    pub fn is_microbatch(&self) -> bool {
        self.materialized() == "incremental" && self.text("incremental_strategy") == Some("microbatch")
    }

    /// `batch_size`, when it is one of dbt's four words.
    pub fn batch_size(&self) -> Option<BatchSize> {
        BatchSize::read(self.text("batch_size")?)
    }

    /// A key under `meta.highwater`.
    pub fn highwater(&self, key: &str) -> Option<&Value> {
        self.get("meta")?.get("highwater")?.get(key).filter(|value| !value.is_null())
    }

    /// Whether rows wait for their tests before anybody sees them (`meta.highwater.audits: before`): of exact models and whole tables.
    pub fn is_audited(&self) -> bool {
        (self.is_exact() || self.materialized() == "table")
            && self.highwater("audits").and_then(Value::as_str) == Some("before")
    }

    /// `meta.highwater.partials`: the step of time by which partial aggregates are kept, and the moment, if it is named.
    pub fn partials(&self) -> Option<(BatchSize, Option<&str>)> {
        let partials = self.highwater("partials")?;
        let size = partials.as_str().or_else(|| partials.get("batch_size")?.as_str())?;
        Some((BatchSize::read(size)?, partials.get("event_time").and_then(Value::as_str)))
    }

    /// Whether what reads this goes on with the old rows when new ones were held back (`meta.highwater.on_held: use_old`); else it is skipped.
    pub fn uses_old(&self) -> bool {
        self.highwater("on_held").and_then(Value::as_str) == Some("use_old")
    }

    /// `meta.highwater.policy`; `auto` when nothing is said.
    pub fn policy(&self) -> Policy {
        match self.highwater("policy").and_then(Value::as_str) {
            Some("incremental") => Policy::Incremental,
            Some("strict") => Policy::Strict,
            Some("full") => Policy::Full,
            _ => Policy::Auto,
        }
    }
}
