//! Runs the cases of `tests/cases/*.md`.
//!
//! A case is a heading of the second level with fenced blocks below it: `jinja` is the template (`jinja native` renders
//! to a value, `jinja chainable` with the undefined values of parsing), `macros` the macros it may call, `json` its
//! context, and `output` or `error` what must come of it.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use highwater_jinja::{
    Clock, Error, Lookup, Options, Template, UndefinedPolicy, Value, from_json, function, macro_value, render,
    render_native, to_json,
};
use libtest_mimic::{Arguments, Failed, Trial};

#[derive(Debug, Clone, Default)]
struct Case {
    title: String,
    template: String,
    native: bool,
    chainable: bool,
    macros: String,
    context: String,
    kind: String,
    expected: String,
}

struct Names {
    values: HashMap<String, Value>,
    macros: OnceLock<HashMap<String, Value>>,
}

impl Lookup for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.values.get(name).or_else(|| self.macros.get()?.get(name)).cloned()
    }
}

fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_string(), context: "{}".into(), ..Case::default() });
        }
        let (Some(info), Some(case)) = (line.strip_prefix("```"), cases.last_mut()) else {
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let body = body.join("\n");
        match info {
            "macros" => case.macros = body,
            "json" => case.context = body,
            "output" | "error" => (case.kind, case.expected) = (info.to_string(), body),
            _ => {
                case.template = body;
                case.native = info.ends_with("native");
                case.chainable = info.ends_with("chainable");
            }
        }
    }
    cases
}

fn run(case: &Case) -> Result<String, Error> {
    let context: serde_json::Value = serde_json::from_str(&case.context).map_err(Error::external)?;
    let mut values: HashMap<String, Value> = HashMap::new();
    for (name, value) in context.as_object().into_iter().flatten() {
        values.insert(name.clone(), from_json(value));
    }
    let raise =
        function("raise_compiler_error", |arguments| Err(Error::raised(arguments.required(0, "message")?.to_string())));
    values.insert("exceptions".into(), Value::from_iter([("raise_compiler_error", raise)]));
    let names = Arc::new(Names { values, macros: OnceLock::new() });
    let context: Arc<dyn Lookup> = names.clone();
    let undefined = if case.chainable { UndefinedPolicy::Chainable } else { UndefinedPolicy::Default };
    let clock = Clock::fixed("2026-03-04T05:06:07.89Z".parse().map_err(Error::external)?);
    let options = Options { undefined, clock, ..Options::default() };
    let library = Template::parse("macros.sql", &case.macros)?;
    let bound = library.macros().iter().map(|each| (each.name.clone(), macro_value(each, &context, &options)));
    names.macros.set(bound.collect()).map_err(|_| Error::raised("macros are bound once"))?;
    let template = Template::parse("model.sql", &case.template)?;
    if case.native {
        return Ok(to_json(&render_native(&template, &context, &options)?)?.to_string());
    }
    Ok(render(&template, &context, &options)?.text)
}

fn check(case: &Case) -> Result<(), Failed> {
    let (kind, actual) = match run(case) {
        Ok(output) => ("output", output),
        Err(error) => ("error", error.to_string()),
    };
    if (kind, actual.as_str()) == (case.kind.as_str(), case.expected.as_str()) {
        return Ok(());
    }
    let Case { template, expected, kind: wanted, .. } = case;
    Err(format!("{template}\n--- expected {wanted}\n{expected}\n--- got {kind}\n{actual}").into())
}

fn main() -> Result<(), Box<dyn StdError>> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    files.sort();
    let mut trials = Vec::new();
    for path in files {
        let topic = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for case in read(&fs::read_to_string(&path)?) {
            trials.push(Trial::test(format!("{topic}::{}", case.title), move || check(&case)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
