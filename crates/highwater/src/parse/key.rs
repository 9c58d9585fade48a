//! Settings in one digest, and whether what is kept is wanted.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::project::stamp::Stamp;
use crate::project::{LoadOptions, Project};

/// dbt's variable for `--partial-parse`.
const VARIABLE: &str = "DBT_PARTIAL_PARSE";

/// Whether what an earlier command parsed may be used: the command line's word, the environment's, the project's.
pub(super) fn is_wanted(options: &LoadOptions, settings: &Project) -> bool {
    let variable = || match std::env::var(VARIABLE).ok()?.trim().to_ascii_lowercase().as_str() {
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        "" => None,
        _ => Some(true),
    };
    let flag = || settings.flags.get("partial_parse").and_then(Value::as_bool);
    options.partial_parse.or_else(variable).or_else(flag).unwrap_or(true)
}

/// Everything that was read of the project besides its files, and which program read it; nothing when that cannot be told.
pub(super) fn key(settings: &Project) -> Option<String> {
    let program = std::env::current_exe().and_then(|path| path.metadata()).ok()?;
    let selectors = std::fs::read(settings.main.root.join("selectors.yml")).ok();
    // These say nothing about what is parsed.
    let settings = Project { invocation_id: String::new(), wait: Duration::ZERO, ..settings.clone() };
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    digest.update(format!("{:?} {selectors:?} {settings:?}", Stamp::of_content(&program)));
    Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
