//! What a unit test puts in the place of a model's inputs, variables and macros.

use std::collections::HashMap;

use highwater_jinja::{Value, from_json, function};
use serde_json::Value as Json;

use super::relation::{CTE_PREFIX, RelationValue};
use crate::manifest::{Manifest, Node, UnitTest};

/// The stand-ins of one unit test.
#[derive(Debug)]
pub(crate) struct Mock {
    /// Name of the test, for messages.
    pub(crate) test: String,
    /// Unique id of every given input to the name of the expression that stands for it.
    pub(crate) inputs: HashMap<String, String>,
    /// Unique id of the tested model.
    pub(crate) model: String,
    overrides: Json,
}

impl Mock {
    pub(crate) fn of(node: &Node, test: &UnitTest, manifest: &Manifest) -> Self {
        let inputs = test.given.iter().map(|given| (given.node.clone(), expression_name(manifest, &given.node)));
        Self {
            test: node.name.clone(),
            inputs: inputs.collect(),
            model: node.depends_on.nodes.first().cloned().unwrap_or_default(),
            overrides: test.overrides.clone(),
        }
    }

    fn overridden(&self, kind: &str, name: &str) -> Option<&Json> {
        self.overrides.get(kind)?.get(name)
    }

    /// A variable as the test sets it.
    pub(crate) fn variable(&self, name: &str) -> Option<Value> {
        self.overridden("vars", name).map(from_json)
    }

    /// A variable of the environment as the test sets it.
    pub(crate) fn environment(&self, name: &str) -> Option<Value> {
        self.overridden("env_vars", name).map(from_json)
    }

    /// What stands for a macro: a function that gives the value the test names, whatever it is called with.
    pub(crate) fn callable(&self, package: &str, name: &str) -> Option<Value> {
        let value = self
            .overridden("macros", &format!("{package}.{name}"))
            .or_else(|| self.overridden("macros", name))
            .map(from_json)?;
        Some(function("a macro that a unit test replaces", move |_| Ok(value.clone())))
    }

    /// `this`, when the test gives rows for it.
    pub(crate) fn this(&self) -> Option<RelationValue> {
        self.inputs.get(&self.model).map(|name| RelationValue::cte(name))
    }
}

/// The name of the common table expression that stands for an input.
fn expression_name(manifest: &Manifest, id: &str) -> String {
    match (manifest.nodes.get(id), manifest.sources.get(id)) {
        (Some(node), _) => format!("{CTE_PREFIX}{}", node.relation.identifier),
        (None, Some(source)) => format!("{CTE_PREFIX}{}__{}", source.source_name, source.relation.identifier),
        (None, None) => CTE_PREFIX.to_owned(),
    }
}
