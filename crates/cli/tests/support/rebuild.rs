//! Equal to a rebuild: the check itself.
//!
//! The project is compiled as for a full refresh, and every model that the checked ones rest on is made anew from the raw tables with its
//! compiled query alone: in a copy of a DuckDB file, or in a transaction on PostgreSQL that is rolled back. Then the two are subtracted
//! from each other, as bags and both ways. No ledger, no dirty set and no fingerprint take part, nor `hw verify`.

use std::collections::BTreeMap;
use std::path::Path;

use highwater::engine::{Connection, DuckDb, Engine, Relation};
use serde_json::Value;

use super::project::{Home, Project};

/// A model as far as a rebuild needs it.
struct Model {
    name: String,
    relation: Relation,
    is_view: bool,
    sql: String,
    parents: Vec<String>,
}

/// How each of these models differs from a rebuild; none when it is equal. In the order asked.
pub fn differences(project: &Project, names: &[String]) -> Result<Vec<Option<String>>, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let target = scratch.path().join("target");
    let target_text = target.to_string_lossy().into_owned();
    project.hw_succeeds(["compile", "--full-refresh", "--target-path", target_text.as_str()])?;
    let models = read_models(&target)?;
    let asked: Vec<&str> = names
        .iter()
        .map(|name| {
            let id = models.iter().find(|(_, model)| &model.name == name).map(|(id, _)| id.as_str());
            id.ok_or_else(|| format!("the project has no model {name}"))
        })
        .collect::<Result<_, String>>()?;
    match project.home() {
        Home::File(path) => {
            let copy = scratch.path().join(path.file_name().ok_or("the database has no name")?);
            copy_database(path, &copy)?;
            let database = DuckDb::open(&copy, "").map_err(|error| error.to_string())?;
            let mut connection = database.connect().map_err(|error| error.to_string())?;
            compare(connection.as_mut(), &models, &asked)
        }
        Home::Server(_) => project.with(|connection| {
            run(connection, "begin")?;
            let found = compare(connection, &models, &asked)?;
            run(connection, "rollback")?;
            Ok(found)
        }),
    }
}

/// Keeps what is there, makes it anew, and compares.
fn compare(
    connection: &mut dyn Connection,
    models: &BTreeMap<String, Model>,
    asked: &[&str],
) -> Result<Vec<Option<String>>, String> {
    let keep = |index: usize| format!("__live_{index}");
    for (index, &id) in asked.iter().enumerate() {
        run(connection, &format!("create table {} as select * from {}", keep(index), models[id].relation))?;
    }
    let mut rebuilt = Vec::new();
    for id in asked {
        rebuild(connection, models, id, &mut rebuilt)?;
    }
    asked.iter().enumerate().map(|(index, &id)| difference(connection, &keep(index), &models[id].relation)).collect()
}

/// Wants all of these models to be equal to a rebuild.
pub fn assert_equal(project: &Project, names: &[&str]) -> Result<(), String> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    for (name, found) in names.iter().zip(differences(project, &names)?) {
        if let Some(found) = found {
            return Err(format!("{name} differs from a rebuild: {found}"));
        }
    }
    Ok(())
}

/// Models of the manifest that are tables or views, with the SQL that was compiled for them.
fn read_models(target: &Path) -> Result<BTreeMap<String, Model>, String> {
    let text =
        std::fs::read_to_string(target.join("manifest.json")).map_err(|error| format!("manifest.json: {error}"))?;
    let manifest: Value = serde_json::from_str(&text).map_err(|error| format!("manifest.json: {error}"))?;
    let nodes = manifest["nodes"].as_object().ok_or("manifest.json has no nodes")?;
    let mut models = BTreeMap::new();
    for (id, node) in nodes {
        let said = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        let materialized = node["config"]["materialized"].as_str().unwrap_or_default();
        if said("resource_type") != "model" || materialized == "ephemeral" {
            continue;
        }
        let path = target.join("compiled").join(said("package_name")).join(said("original_file_path"));
        let sql = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let parents = node["depends_on"]["nodes"].as_array().into_iter().flatten();
        let model = Model {
            name: said("name"),
            relation: Relation::new(said("database"), said("schema"), said("alias")),
            is_view: materialized == "view",
            sql: sql.trim().trim_end_matches(';').to_owned(),
            parents: parents.filter_map(Value::as_str).map(str::to_owned).collect(),
        };
        models.insert(id.clone(), model);
    }
    Ok(models)
}

/// Makes a model anew, parents first.
fn rebuild(
    connection: &mut dyn Connection,
    models: &BTreeMap<String, Model>,
    id: &str,
    done: &mut Vec<String>,
) -> Result<(), String> {
    let Some(model) = models.get(id) else { return Ok(()) };
    if done.iter().any(|other| other == id) {
        return Ok(());
    }
    done.push(id.to_owned());
    for parent in &model.parents {
        rebuild(connection, models, parent, done)?;
    }
    let before = connection.kind(&model.relation).map_err(|error| error.to_string())?;
    if let Some(kind) = before {
        run(connection, &format!("drop {} {} cascade", kind.sql(), model.relation))?;
    }
    let word = if model.is_view { "view" } else { "table" };
    run(connection, &format!("create {word} {} as\n{}", model.relation, model.sql))
}

/// How a kept table differs from the rebuilt one.
fn difference(connection: &mut dyn Connection, kept: &str, rebuilt: &Relation) -> Result<Option<String>, String> {
    let columns = |connection: &mut dyn Connection, name: &str| {
        connection.describe(&format!("select * from {name}")).map_err(|error| error.to_string())
    };
    let (here, there) = (columns(connection, kept)?, columns(connection, &rebuilt.sql())?);
    if here != there {
        return Ok(Some(format!("columns {here:?}, in a rebuild {there:?}")));
    }
    let mut sides = Vec::new();
    for (word, one, other) in [("only here", kept, rebuilt.sql().as_str()), ("only in a rebuild", &rebuilt.sql(), kept)]
    {
        let subtracted = format!("select * from {one} except all select * from {other}");
        let rows = connection.query(&subtracted).map_err(|error| error.to_string())?.rows;
        if !rows.is_empty() {
            let first: Vec<String> = rows[0].iter().map(ToString::to_string).collect();
            sides.push(format!("{} rows {word}, as ({})", rows.len(), first.join(", ")));
        }
    }
    Ok((!sides.is_empty()).then(|| sides.join("; ")))
}

fn run(connection: &mut dyn Connection, sql: &str) -> Result<(), String> {
    connection.execute(sql).map(drop).map_err(|error| format!("{error}\n{sql}"))
}

/// Copies a database file that nobody has open, and its log if it has one.
fn copy_database(source: &Path, target: &Path) -> Result<(), String> {
    std::fs::copy(source, target).map_err(|error| format!("{}: {error}", source.display()))?;
    let log =
        |path: &Path| path.with_file_name(format!("{}.wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if log(source).exists() {
        std::fs::copy(log(source), log(target)).map_err(|error| error.to_string())?;
    }
    Ok(())
}
