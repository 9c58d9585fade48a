//! `var` and `env_var`.

use highwater_jinja::{Arguments, Error, Template, Value, from_json, function, render};

use super::fault::Fault;
use super::scene::Frame;
use crate::project::render::has_jinja;

/// `var(name, default)`, with `var.has_var(name)`.
pub(crate) fn var_function(frame: &Frame) -> Value {
    Value::from_object(Variables(frame.clone()))
}

#[derive(Debug)]
struct Variables(Frame);

impl Variables {
    /// The value as the node's package sees it; macros of packages see the node's, as in dbt, then their own.
    fn find(&self, name: &str) -> Option<Value> {
        let (scene, package) = (&self.0.scene, &self.0.package);
        let project = &scene.project;
        let mock = scene.running().and_then(|running| running.mock.as_ref());
        if let Some(value) = mock.and_then(|mock| mock.variable(name)) {
            return Some(value);
        }
        let found = project.var(&scene.subject.package, name).or_else(|| project.var(package, name));
        found.map(from_json)
    }

    /// A text that is a template itself (`"{{ ref('orders') }}"`), rendered with what the node sees.
    fn rendered(&self, value: Value) -> Result<Value, Error> {
        let Some(text) = value.as_str().filter(|text| has_jinja(text)) else { return Ok(value) };
        let scene = &self.0.scene;
        let template = Template::parse("dbt_project.yml", text)?;
        let output = render(&template, &Frame::top(std::sync::Arc::clone(scene)).context(), &scene.options)?;
        Ok(Value::from(output.text))
    }

    fn get(&self, arguments: &Arguments) -> Result<Value, Error> {
        let name = arguments.required_text(0, "var_name")?;
        if let Some(value) = self.find(&name) {
            return self.rendered(value);
        }
        match arguments.get(1, "default").cloned() {
            Some(value) => Ok(value),
            // Reading a project, what is missing may stand in a model that is disabled.
            None if self.0.scene.running().is_none() => Ok(Value::from(())),
            None => Err(missing_var(&name)),
        }
    }
}

impl highwater_jinja::value::Object for Variables {
    fn repr(self: &std::sync::Arc<Self>) -> highwater_jinja::value::ObjectRepr {
        highwater_jinja::value::ObjectRepr::Plain
    }

    fn call(
        self: &std::sync::Arc<Self>,
        _state: &mut minijinja::State<'_, '_>,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        Ok(self.get(&Arguments::from_values(values))?)
    }

    fn call_method(
        self: &std::sync::Arc<Self>,
        _state: &mut minijinja::State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(values);
        match method {
            "has_var" => Ok(Value::from(self.find(&arguments.required_text(0, "var_name")?).is_some())),
            "get" => Ok(self.get(&arguments)?),
            _ => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }
}

fn missing_var(name: &str) -> Error {
    Fault::new("HW0308", format!("required variable '{name}' is not set"))
        .help(format!(
            "set it under `vars:` in dbt_project.yml, with `--vars '{{{name}: ...}}'`, or give a default: var('{name}', ...)"
        ))
        .into()
}

/// `env_var(name, default)`.
pub(crate) fn env_var_function(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("env_var", move |arguments| {
        let name = arguments.required_text(0, "var")?;
        let mock = scene.running().and_then(|running| running.mock.as_ref());
        if let Some(value) = mock.and_then(|mock| mock.environment(&name)) {
            return Ok(value);
        }
        match crate::environment::read(&name) {
            Ok(value) => Ok(Value::from(value)),
            Err(_) => arguments.get(1, "default").cloned().ok_or_else(|| {
                Fault::new("HW0309", format!("environment variable '{name}' is not set"))
                    .help(format!("set it, or give a default: env_var('{name}', '...')"))
                    .into()
            }),
        }
    })
}

/// What begins a variable of the environment that goes into every artifact.
const METADATA_PREFIX: &str = "DBT_ENV_CUSTOM_ENV_";

/// Variables of the environment for artifacts and `dbt_metadata_envs`: names without their prefix, and values.
pub(crate) fn metadata_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.to_str()?.strip_prefix(METADATA_PREFIX)?.to_owned();
        Some((name, value.to_string_lossy().into_owned()))
    })
}
