//! The heads of artifacts.

use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::run::written_moment;
use crate::session::Session;

/// The version of dbt whose artifacts ours are shaped like.
const DBT_VERSION: &str = "1.11.0";

/// The head of `manifest.json`.
pub(super) fn manifest(session: &Session) -> Value {
    let project = &session.project;
    let digest = Md5::digest(project.name.as_bytes());
    let project_id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = now();
    let [database, schema, identifier] = project.bare().0.map(|bare| !bare);
    let column = project.main.quoting.get("column").and_then(Value::as_bool);
    json!({
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "dbt_version": DBT_VERSION,
        "generated_at": now,
        "invocation_id": project.invocation_id,
        "invocation_started_at": now,
        "env": environment(),
        "project_name": project.name,
        "project_id": project_id,
        "user_id": null,
        "send_anonymous_usage_stats": false,
        "adapter_type": session.manifest.adapter_type,
        "quoting": {"database": database, "schema": schema, "identifier": identifier, "column": column},
        "run_started_at": now,
    })
}

/// The head of `catalog.json`.
pub(super) fn catalog(session: &Session) -> Value {
    json!({
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json",
        "dbt_version": DBT_VERSION,
        "generated_at": now(),
        "invocation_id": session.project.invocation_id,
        "env": environment(),
    })
}

/// The head of `run_results.json`.
pub(super) fn run_results(session: &Session) -> Value {
    of_results(session, "run-results/v6")
}

/// The head of `sources.json`.
pub(super) fn sources(session: &Session) -> Value {
    of_results(session, "sources/v3")
}

fn of_results(session: &Session, schema: &str) -> Value {
    let now = now();
    json!({
        "dbt_schema_version": format!("https://schemas.getdbt.com/dbt/{schema}.json"),
        "dbt_version": DBT_VERSION,
        "generated_at": now,
        "invocation_id": session.project.invocation_id,
        "invocation_started_at": now,
        "env": environment(),
    })
}

/// What `DBT_ENV_CUSTOM_ENV_<NAME>` variables say: dbt's way to mark artifacts with the job that wrote them.
fn environment() -> Value {
    let custom = crate::context::metadata_environment().map(|(name, value)| (name, Value::from(value)));
    Value::Object(custom.collect())
}

/// The present moment as `created_at` has it: seconds since 1970.
pub(super) fn seconds() -> f64 {
    moment().as_millisecond() as f64 / 1000.0
}

fn now() -> String {
    written_moment(moment())
}

/// `HW_NOW`, when it is set: artifacts of a replay are the same each time.
fn moment() -> jiff::Timestamp {
    crate::clock::now().unwrap_or_else(|_| jiff::Timestamp::now())
}
