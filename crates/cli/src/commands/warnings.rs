//! What becomes of a warning: `--warn-error`, `--warn-error-options`, and the flags of these names in dbt_project.yml.
//!
//! dbt names warnings by its own events. Here they go by code, and dbt's names stand for the codes that say the same.

use highwater::context::Warned;
use highwater::diagnostics::Diagnostic;
use highwater::session::Session;
use indexmap::IndexMap;
use serde_json::Value;

use crate::arguments::GlobalArguments;
use crate::project;

/// dbt's names of warnings, and the codes that say the same.
const NAMES: [(&str, &str); 10] = [
    ("NoNodesForSelectionCriteria", "HW0417"),
    ("NothingToDo", "HW0417"),
    ("NodeNotFoundOrDisabled", "HW0213"),
    ("NodeNotFoundOrDisabled", "HW0214"),
    ("NoNodeForYamlKey", "HW0203"),
    ("MacroNotFoundForPatch", "HW0203"),
    ("UnusedResourceConfigPath", "HW0202"),
    ("ConfigFolderDirectory", "HW0109"),
    ("CustomTopLevelKeyDeprecation", "HW0106"),
    ("DuplicateYAMLKeysDeprecation", "HW0108"),
];
/// A test that warns.
const TEST: &str = "LogTestResult";

/// The warnings of templates.
const TEMPLATES: [&str; 2] = ["JinjaLogWarning", "SnapshotTimestampWarning"];

/// What becomes of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The command fails.
    Error,
    /// It is said.
    Said,
    /// It is not said.
    Silent,
}

/// Which warnings are errors, which stay warnings although all others are errors, and which nobody wants to hear of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
}

impl Warnings {
    /// As the command line says, or else the project.
    ///
    /// # Errors
    /// `HW0002` when the options are not readable, or say the same twice.
    pub fn of(global: &GlobalArguments, session: &Session) -> Result<Self, Diagnostic> {
        let flags = &session.project.flags;
        let written = match &global.warn_error_options {
            Some(text) => Some(project::mapping("--warn-error-options", text)?),
            None => flags
                .get("warn_error_options")
                .and_then(Value::as_object)
                .map(|flag| flag.clone().into_iter().collect()),
        };
        if global.fails_on_warnings() && global.warn_error_options.is_some() {
            return Err(wrong("--warn-error and --warn-error-options exclude each other"));
        }
        let mut warnings = written.map_or_else(|| Ok(Self::default()), |written| Self::read(&written))?;
        let flag = flags.get("warn_error").and_then(Value::as_bool).unwrap_or(false);
        warnings.all |= global.fails_on_warnings() || (flag && global.warn_error_options.is_none());
        Ok(warnings)
    }

    fn read(written: &IndexMap<String, Value>) -> Result<Self, Diagnostic> {
        let mut warnings = Self::default();
        for (key, value) in written {
            let everything = value.as_str().is_some_and(|word| ["all", "*"].contains(&word));
            let names = match value {
                Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::Null => Vec::new(),
                _ if everything => Vec::new(),
                _ => return Err(wrong(&format!("`{key}` of the options on warnings must be a list of names"))),
            };
            match key.as_str() {
                "error" | "include" => (warnings.all, warnings.error) = (everything, names),
                "warn" | "exclude" if !everything => warnings.warn = names,
                "silence" if !everything => warnings.silence = names,
                _ => return Err(wrong(&format!("the options on warnings have no `{key}: {value}`"))),
            }
        }
        Ok(warnings)
    }

    /// What becomes of a warning.
    pub fn fate(&self, warning: &Diagnostic) -> Fate {
        self.of_names(|name| name == warning.code || NAMES.contains(&(name, warning.code)))
    }

    /// Whether tests that warn fail the command.
    pub fn fail_tests(&self) -> bool {
        self.of_names(|name| name == TEST) == Fate::Error
    }

    /// What becomes of the warnings that templates give, as far as they are not just said.
    pub fn of_templates(&self) -> IndexMap<&'static str, Warned> {
        let fates = TEMPLATES.into_iter().filter_map(|name| match self.of_names(|other| other == name) {
            Fate::Error => Some((name, Warned::Error)),
            Fate::Silent => Some((name, Warned::Silent)),
            Fate::Said => None,
        });
        fates.collect()
    }

    fn of_names(&self, is_it: impl Fn(&str) -> bool) -> Fate {
        let among = |names: &[String]| names.iter().any(|name| is_it(name));
        match () {
            () if among(&self.silence) => Fate::Silent,
            () if among(&self.warn) => Fate::Said,
            () if self.all || among(&self.error) => Fate::Error,
            () => Fate::Said,
        }
    }
}

fn wrong(title: &str) -> Diagnostic {
    Diagnostic::error("HW0002", title).help(
        "for instance: --warn-error-options '{error: all, warn: [NoNodesForSelectionCriteria], silence: [HW0109]}'",
    )
}
