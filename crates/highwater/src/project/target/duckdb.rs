//! Targets of the type `duckdb`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::{Place, Target, wrong};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::{DuckDb, Engine, EngineError, occupant, quote_identifier, quote_literal};
use crate::project::yaml::{self, Yaml};

/// Extensions that are part of the library.
const BUILT_IN: &[&str] = &["autocomplete", "core_functions", "icu", "json", "parquet"];

/// What is particular to DuckDB, and the name of the database. Relative paths start at the folder of the project.
pub(super) fn read(file: &Arc<SourceFile>, yaml: &Yaml, root: &Path) -> Result<(Place, String), Diagnostic> {
    let text = yaml.text_of("path").unwrap_or_else(|| ":memory:".to_owned());
    if text.starts_with("md:") || text.starts_with("motherduck:") || text.starts_with("ducklake:") {
        let place = yaml.get("path").unwrap_or(yaml);
        return Err(yaml::error_at("HW0112", file, place, format!("`{text}` is not supported: only DuckDB files are"))
            .help("give `path` the name of a local file, for instance `path: warehouse.duckdb`"));
    }
    let path = if text == ":memory:" { PathBuf::from(text) } else { resolve(&expand_home(&text), root) };
    let database = yaml.text_of("database").unwrap_or_else(|| database_name(&path));
    Ok((Place::DuckDb { prologue: prologue(file, yaml, root)?, path }, database))
}

/// Whether the target's database of that name, its own or an attached one, is a DuckLake.
pub(super) fn is_lake(target: &Target, database: &str) -> bool {
    let said = |flag: Option<&Value>| flag.and_then(Value::as_bool) == Some(true);
    if target.database == database && said(target.raw.get("is_ducklake")) {
        return true;
    }
    let attached = target.raw.get("attach").and_then(Value::as_array);
    attached.into_iter().flatten().any(|attachment| {
        let path = attachment.get("path").and_then(Value::as_str).unwrap_or_default();
        let named = match attachment.get("alias").and_then(Value::as_str) {
            Some(alias) => alias == database,
            None => database_name(Path::new(path.rsplit(':').next().unwrap_or(path))) == database,
        };
        named && (said(attachment.get("is_ducklake")) || path.to_lowercase().contains("ducklake:"))
    })
}

/// Opens the file; makes the folder it lies in when there is none.
pub(super) fn open(target: &Target, path: &Path, prologue: &str) -> Result<Arc<dyn Engine>, Diagnostic> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Diagnostic::error("HW0130", format!("cannot make the folder {}: {error}", folder.display()))
                .help("change `path` of the target in profiles.yml to a place that can be written")
        })?;
    }
    match DuckDb::open(path, prologue) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(EngineError::Locked { path, message }) => {
            Err(Diagnostic::error("HW0131", format!("another process is using {path}"))
                .note(occupant(&message).unwrap_or(message))
                .note("DuckDB lets one process at a time open a file for writing")
                .help("close the other one (a DuckDB shell, a notebook, another run), or wait for it with --wait 10m"))
        }
        Err(other) => {
            Err(Diagnostic::error("HW0130", format!("cannot open the database of the target `{}`", target.name))
                .note(other.to_string())
                .help("check `path` of the target in profiles.yml: it must be a DuckDB file, or not exist yet"))
        }
    }
}

fn expand_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

fn resolve(path: &Path, root: &Path) -> PathBuf {
    let joined = root.join(path);
    std::path::absolute(&joined).unwrap_or(joined)
}

/// What DuckDB calls a database file: its name up to the first dot.
fn database_name(path: &Path) -> String {
    if path == Path::new(":memory:") {
        return "memory".to_owned();
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned()
}

/// The statements of `extensions`, `secrets`, `attach` and `settings`.
fn prologue(file: &Arc<SourceFile>, yaml: &Yaml, root: &Path) -> Result<String, Diagnostic> {
    let mut sql = String::new();
    let mut line = |text: String| {
        let _ = writeln!(sql, "{text};");
    };
    for extension in yaml.get("extensions").map(Yaml::items).unwrap_or_default() {
        let name = extension.scalar_text().or_else(|| extension.text_of("name"));
        let name = name.ok_or_else(|| wrong(file, extension, "extensions", "a list of names"))?;
        match extension.text_of("repo") {
            Some(repository) if is_word(&repository) => {
                line(format!("install {} from {repository}", quote_identifier(&name)));
            }
            Some(repository) => {
                line(format!("install {} from {}", quote_identifier(&name), quote_literal(&repository)));
            }
            // What DuckDB brings along must not be asked for over the network.
            None if BUILT_IN.contains(&name.as_str()) => {}
            None => line(format!("install {}", quote_identifier(&name))),
        }
        line(format!("load {}", quote_identifier(&name)));
    }
    if let Some(systems) = yaml.get("filesystems") {
        return Err(yaml::error_at(
            "HW0112",
            file,
            systems,
            "`filesystems` are modules of Python, which hw has none of",
        )
        .help(
            "reach the files with DuckDB itself: `extensions: [httpfs]`, and what it needs to know under `secrets`",
        ));
    }
    if let Some(plugin) = yaml.get("plugins").and_then(|plugins| plugins.items().first()) {
        let module = plugin.text_of("module").unwrap_or_default();
        return Err(yaml::error_at(
            "HW0112",
            file,
            plugin,
            format!("the plugin `{module}` is a module of Python, which hw has none of"),
        )
        .help(instead_of_plugin(&module))
        .help("then take `plugins` out of the profile; one profile for each tool may stand in profiles.yml"));
    }
    for (index, entry) in yaml.get("secrets").map(Yaml::items).unwrap_or_default().iter().enumerate() {
        line(secret(file, entry, index + 1)?);
    }
    for attachment in yaml.get("attach").map(Yaml::items).unwrap_or_default() {
        line(attach(file, attachment, root)?);
    }
    for (key, entry) in yaml.get("settings").into_iter().flat_map(Yaml::entries) {
        if !is_word(key) {
            return Err(wrong(file, &entry.value, key, "the name of a DuckDB setting"));
        }
        line(format!("set {key} = {}", literal(&entry.value.json())));
    }
    Ok(sql)
}

/// What reaches the same data without a plugin of dbt-duckdb.
fn instead_of_plugin(module: &str) -> &'static str {
    match module {
        "excel" => {
            "read sheets with DuckDB itself: `extensions: [excel]`, and `external_location: \"read_xlsx('file.xlsx')\"` at the source"
        }
        "gsheet" => {
            "read the sheet as a CSV file: `extensions: [httpfs]`, and `external_location` with its export address at the source"
        }
        "iceberg" => {
            "read the table with DuckDB itself: `extensions: [iceberg]`, and `external_location: \"iceberg_scan('folder')\"` at the source"
        }
        "delta" => {
            "read the table with DuckDB itself: `extensions: [delta]`, and `external_location: \"delta_scan('folder')\"` at the source"
        }
        "sqlalchemy" | "postgres" | "mysql" => {
            "attach the database with DuckDB itself: `attach: [{path: ..., type: postgres, alias: ...}]`, and `database` at the source"
        }
        _ => {
            "reach the data with DuckDB itself: `extensions`, `attach` and `secrets` in the profile, and `external_location` at the source"
        }
    }
}

/// `create secret`: keys of dbt-duckdb, the rest as DuckDB names its parameters.
fn secret(file: &Arc<SourceFile>, secret: &Yaml, number: usize) -> Result<String, Diagnostic> {
    let Some(kind) = secret.text_of("type").filter(|kind| is_word(kind)) else {
        return Err(wrong(file, secret, "secrets", "a list of mappings with a `type`, such as s3"));
    };
    let name = secret.text_of("name").unwrap_or_else(|| format!("_dbt_secret_{number}"));
    let persistent = secret.get("persistent").map(Yaml::json) == Some(Value::Bool(true));
    let mut parameters = vec![format!("type {kind}")];
    for (key, entry) in secret.entries() {
        if ["type", "name", "persistent"].contains(&key.as_str()) || entry.value.json().is_null() {
            continue;
        }
        if !is_word(key) {
            return Err(wrong(file, &entry.value, key, "a parameter of a DuckDB secret"));
        }
        parameters.push(format!("{key} {}", nested(&entry.value.json())));
    }
    let kept = if persistent { "persistent " } else { "" };
    Ok(format!("create or replace {kept}secret {} ({})", quote_identifier(&name), parameters.join(", ")))
}

/// A value of a secret's parameter: lists and maps as well.
fn nested(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(nested).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", quote_literal(key), nested(value)));
            format!("map {{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => literal(other),
    }
}

fn attach(file: &Arc<SourceFile>, attachment: &Yaml, root: &Path) -> Result<String, Diagnostic> {
    let Some(path) = attachment.text_of("path") else {
        return Err(wrong(file, attachment, "attach", "a list of mappings with a `path`"));
    };
    let remote =
        path.contains("://") || path.contains(": ") || path.split_once(':').is_some_and(|(scheme, _)| scheme.len() > 1);
    let local = |path: &str| resolve(&expand_home(path), root).display().to_string();
    let path = match path.strip_prefix("ducklake:") {
        Some(catalog) if !catalog.contains(':') => format!("ducklake:{}", local(catalog)),
        _ if remote => path,
        _ => local(&path),
    };
    let mut options = Vec::new();
    let given = attachment.get("options");
    let option = |key: &str| attachment.get(key).or_else(|| given.and_then(|given| given.get(key))).map(Yaml::json);
    options.extend(option("type").and_then(|value| value.as_str().map(|text| format!("type {text}"))));
    options.extend(option("secret").and_then(|value| value.as_str().map(|text| format!("secret {text}"))));
    if option("read_only") == Some(Value::Bool(true)) {
        options.push("read_only".to_owned());
    }
    for (key, entry) in given.into_iter().flat_map(Yaml::entries) {
        match entry.value.json() {
            _ if ["type", "secret", "read_only"].contains(&key.as_str()) => {}
            Value::Bool(true) => options.push(key.clone()),
            Value::Bool(false) | Value::Null => {}
            value => options.push(format!("{key} {}", literal(&value))),
        }
    }
    let alias =
        attachment.text_of("alias").map(|alias| format!(" as {}", quote_identifier(&alias))).unwrap_or_default();
    let options = if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) };
    Ok(format!("attach if not exists {}{alias}{options}", quote_literal(&path)))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quote_literal(text),
        other => other.to_string(),
    }
}
