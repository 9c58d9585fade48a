//! Renders templates from JSON lines: `{"template": ..., "macros": ..., "context": {...}, "native": false}` in,
//! `{"output": ...}` or `{"error": ...}` out. For comparing with other implementations of Jinja.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::{Arc, OnceLock};

use highwater_jinja::{
    Clock, Error, Lookup, Options, Template, UndefinedPolicy, Value, from_json, function, macro_value, render,
    render_native, to_json,
};

/// The context of one case: its values, then the macros of its `macros` text.
struct Names {
    values: HashMap<String, Value>,
    macros: OnceLock<HashMap<String, Value>>,
}

impl Lookup for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.values.get(name).or_else(|| self.macros.get()?.get(name)).cloned()
    }
}

fn run(case: &serde_json::Value) -> Result<String, Error> {
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let mut values: HashMap<String, Value> = HashMap::new();
    for (name, value) in case["context"].as_object().into_iter().flatten() {
        values.insert(name.clone(), from_json(value));
    }
    let raise =
        function("raise_compiler_error", |arguments| Err(Error::raised(arguments.required(0, "message")?.to_string())));
    values.insert("exceptions".into(), Value::from_iter([("raise_compiler_error", raise)]));
    let names = Arc::new(Names { values, macros: OnceLock::new() });
    let context: Arc<dyn Lookup> = names.clone();
    let clock = Clock::fixed("2026-03-04T05:06:07.89Z".parse().map_err(Error::external)?);
    let undefined = if case["chainable"] == true { UndefinedPolicy::Chainable } else { UndefinedPolicy::Default };
    let options = Options { undefined, clock, ..Options::default() };
    let library = Template::parse("macros.sql", text("macros"))?;
    let bound = library.macros().iter().map(|each| (each.name.clone(), macro_value(each, &context, &options)));
    // The first and only time that this cell is filled.
    let _ = names.macros.set(bound.collect());
    let template = Template::parse("model.sql", text("template"))?;
    if case["native"] == true {
        let value = render_native(&template, &context, &options)?;
        return Ok(to_json(&value)?.to_string());
    }
    Ok(render(&template, &context, &options)?.text)
}

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: serde_json::Value = serde_json::from_str(&line?)?;
        let result = match run(&case) {
            Ok(output) => serde_json::json!({ "output": output }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        writeln!(output, "{result}")?;
    }
    Ok(())
}
