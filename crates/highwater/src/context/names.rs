//! Every name a template knows besides macros: the one table of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater_jinja::purity::note_impure;
use highwater_jinja::value::{Enumerator, Object, ObjectRepr};
use highwater_jinja::{Arguments, Value, dict, from_json, list};
use minijinja::State;

use super::adapter::Adapter;
use super::column::ColumnClass;
use super::config::ConfigObject;
use super::relation::RelationClass;
use super::scene::{Frame, lock};
use super::{describe, exceptions, functions, moment, reference, statement, variables};

/// The version of dbt whose behaviour templates may rely on.
pub(super) const DBT_VERSION: &str = "1.11.0";

/// The value of a name.
pub(crate) fn lookup(frame: &Frame, name: &str) -> Option<Value> {
    let scene = &frame.scene;
    let project = &scene.project;
    Some(match name {
        "ref" => reference::ref_function(frame),
        "source" => reference::source_function(frame),
        "metric" => reference::metric_function(frame),
        "doc" => reference::doc_function(frame),
        "config" => Value::from_object(ConfigObject::new(frame)),
        "this" => {
            scene.note(|captured| captured.uses_this = true);
            let mock = scene.running().and_then(|running| Some((running, running.mock.as_ref()?)));
            if let Some((running, mock)) = mock
                && let Some(stand_in) = mock.this()
            {
                lock(&running.ephemeral).insert(mock.model.clone());
                return Some(stand_in.into_value());
            }
            scene.subject.this.clone()?.into_value()
        }
        "model" => Value::clone(scene.subject.model.as_ref()?),
        "builtins" => builtins(frame),
        "adapter" => Value::from_object(Adapter::new(frame)),
        "api" => dict(vec![
            (Value::from("Relation"), Value::from_object(RelationClass(project.bare()))),
            (Value::from("Column"), Value::from_object(ColumnClass)),
        ]),
        "execute" => Value::from(scene.running().is_some()),
        "target" => target(frame),
        "database" => own_place(frame, 0),
        "schema" => own_place(frame, 1),
        "project_name" => Value::from(project.name.as_str()),
        "invocation_id" => {
            note_impure();
            Value::from(project.invocation_id.as_str())
        }
        "run_started_at" => {
            note_impure();
            moment::instant(scene.started_at)
        }
        "dbt_version" => Value::from(DBT_VERSION),
        "flags" => flags(frame),
        "invocation_args_dict" => invocation(frame),
        "dbt_metadata_envs" => {
            note_impure();
            let variables = variables::metadata_environment();
            dict(variables.map(|(name, value)| (Value::from(name), Value::from(value))).collect())
        }
        "thread_id" => {
            note_impure();
            let thread = std::thread::current();
            Value::from(thread.name().filter(|name| *name != "main").unwrap_or("MainThread"))
        }
        "selected_resources" => selected(frame),
        "graph" => describe::graph(frame),
        "exceptions" => exceptions::value(frame),
        "pre_hooks" => hooks(frame, "pre_hook"),
        "post_hooks" => hooks(frame, "post_hook"),
        "env_var" => variables::env_var_function(frame),
        "var" => variables::var_function(frame),
        "load_result" => statement::load_result(frame),
        "store_result" => statement::store_result(frame),
        "store_raw_result" => statement::store_raw_result(frame),
        "log" => functions::log(frame),
        "print" => functions::print(frame),
        "write" => functions::write(frame),
        "render" => functions::render(frame),
        // The evaluator's own: the one with its clock, the other with all our answers.
        "modules" | "context" => return None,
        _ => return functions::lookup(name).or_else(|| namespace(frame, name)),
    })
}

/// `builtins`: what macros of the project may stand in front of.
fn builtins(frame: &Frame) -> Value {
    let reference = Value::from_object(BuiltinReference(frame.clone(), reference::ref_function(frame)));
    dict(vec![
        (Value::from("ref"), reference),
        (Value::from("source"), reference::source_function(frame)),
        (Value::from("config"), Value::from_object(ConfigObject::new(frame))),
    ])
}

/// `builtins.ref`: packages find the settings of the run in its `config`.
#[derive(Debug)]
struct BuiltinReference(Frame, Value);

impl BuiltinReference {
    fn settings(&self) -> Value {
        let project = &self.0.scene.project;
        let packages = project.all_packages().map(|package| {
            let described =
                [("project_name", package.name.as_str()), ("name", &package.name), ("version", &package.version)];
            let described = described.map(|(key, text)| (Value::from(key), Value::from(text)));
            (Value::from(package.name.as_str()), dict(described.to_vec()))
        });
        let vars = project.vars_for(&project.name).into_iter();
        let vars = vars.map(|(key, value)| (Value::from(key), from_json(&value)));
        dict(vec![
            (Value::from("project_name"), Value::from(project.name.as_str())),
            (Value::from("profile_name"), Value::from(project.profile.as_str())),
            (Value::from("target_name"), Value::from(project.target.name.as_str())),
            (Value::from("threads"), Value::from(project.target.threads)),
            (Value::from("dependencies"), dict(packages.collect())),
            (Value::from("vars"), describe::record(dict(vars.collect()))),
            (Value::from("args"), invocation(&self.0)),
        ])
    }
}

impl Object for BuiltinReference {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("config")).then(|| self.settings())
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        self.1.call(state, values)
    }
}

/// `selected_resources`: unique ids of what the command works on; empty while parsing.
fn selected(frame: &Frame) -> Value {
    let ids = frame.scene.running().map(|running| running.selected.as_slice()).unwrap_or_default();
    list(ids.iter().map(|id| Value::from(id.as_str())).collect())
}

/// `target`: what the profile says, without secrets.
fn target(frame: &Frame) -> Value {
    let target = &frame.scene.project.target;
    let secret = |key: &str| {
        ["password", "pass", "token", "secret", "key"].iter().any(|word| key.to_ascii_lowercase().contains(word))
    };
    let mut entries: Vec<(Value, Value)> = target
        .raw
        .iter()
        .filter(|(key, _)| !secret(key) && !matches!(key.as_str(), "settings" | "secrets"))
        .map(|(key, value)| (Value::from(key.as_str()), from_json(value)))
        .collect();
    for (key, value) in [
        ("name", Value::from(target.name.as_str())),
        ("target_name", Value::from(target.name.as_str())),
        ("profile_name", Value::from(target.profile_name.as_str())),
        ("type", Value::from(target.adapter.as_str())),
        ("database", Value::from(target.database.as_str())),
        ("schema", Value::from(target.schema.as_str())),
        ("threads", Value::from(target.threads)),
    ] {
        entries.retain(|(known, _)| known.as_str() != Some(key));
        entries.push((Value::from(key), value));
    }
    dict(entries)
}

/// Database and schema of the node, or of the target where there is no node.
fn own_place(frame: &Frame, part: usize) -> Value {
    let (this, target) = (frame.scene.subject.this.as_ref(), &frame.scene.project.target);
    Value::from(match part {
        0 => this.and_then(|this| this.database()).unwrap_or(&target.database),
        _ => this.and_then(|this| this.schema()).unwrap_or(&target.schema),
    })
}

/// `flags`: those of the command, and those of the project in upper case.
fn flags(frame: &Frame) -> Value {
    let mut all: BTreeMap<String, Value> =
        frame.scene.project.flags.iter().map(|(key, value)| (key.to_ascii_uppercase(), from_json(value))).collect();
    let set = frame.scene.running().map(|running| running.flags.clone()).unwrap_or_default();
    let which = if set.which.is_empty() { "parse".to_owned() } else { set.which };
    all.insert("FULL_REFRESH".to_owned(), Value::from(set.full_refresh));
    all.insert("EMPTY".to_owned(), Value::from(set.empty));
    all.insert("STORE_FAILURES".to_owned(), Value::from(set.store_failures));
    all.insert("WHICH".to_owned(), Value::from(which));
    dict(all.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

/// `invocation_args_dict`: the flags in lower case, and the variables of the command line.
fn invocation(frame: &Frame) -> Value {
    let mut entries = Vec::new();
    let flags = flags(frame);
    for key in flags.try_iter().into_iter().flatten() {
        let value = flags.get_item(&key).unwrap_or_default();
        entries.push((Value::from(key.to_string().to_ascii_lowercase()), value));
    }
    let recorded = frame.scene.running().map(|running| running.flags.arguments.clone()).unwrap_or_default();
    for (key, value) in recorded.iter().filter(|(key, _)| key.as_str() != "vars") {
        if flags.get_item(&Value::from(key.to_ascii_uppercase())).is_ok_and(|known| known.is_undefined()) {
            entries.push((Value::from(key.as_str()), from_json(value)));
        }
    }
    let vars = &frame.scene.project.cli_vars;
    let vars = vars.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value))).collect();
    entries.push((Value::from("vars"), dict(vars)));
    dict(entries)
}

/// The node's hooks, each with `sql` and `transaction`.
fn hooks(frame: &Frame, key: &str) -> Value {
    let one = |hook: &serde_json::Value| match hook {
        serde_json::Value::String(sql) => {
            dict(vec![(Value::from("sql"), Value::from(sql.as_str())), (Value::from("transaction"), Value::from(true))])
        }
        other => from_json(other),
    };
    let config = &frame.scene.subject.config;
    let configured = config.get(key).or_else(|| config.get(&key.replace('_', "-")));
    list(match configured {
        None => Vec::new(),
        Some(serde_json::Value::Array(hooks)) => hooks.iter().map(one).collect(),
        Some(hook) => vec![one(hook)],
    })
}

/// A package as a name: `dbt_utils.star(...)`.
#[derive(Debug)]
struct Namespace {
    frame: Frame,
    package: String,
}

fn namespace(frame: &Frame, name: &str) -> Option<Value> {
    frame
        .scene
        .macros
        .has_package(name)
        .then(|| Value::from_object(Namespace { frame: frame.clone(), package: name.to_owned() }))
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let entry = self.frame.scene.macros.find(&self.package, key.as_str()?)?;
        Some(self.frame.callable(entry))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.frame.scene.macros.names_of(&self.package).into_iter().map(Value::from).collect())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match self.get_value(&Value::from(method)) {
            Some(found) => found.call(state, values),
            // In dbt a package is a dictionary of its macros.
            None if method == "get" => {
                let arguments = Arguments::from_values(values);
                let found = self.get_value(arguments.required(0, "key")?);
                Ok(found.or_else(|| arguments.get(1, "default").cloned()).unwrap_or_else(|| Value::from(())))
            }
            // Reading a project, what is missing may stand in a model that is disabled.
            None if self.frame.scene.running().is_none() => Ok(Value::UNDEFINED),
            None => Err(self.frame.scene.macros.unknown_macro(&self.package, method).into()),
        }
    }
}
