//! Highwater: dbt projects with exact incremental models.
//!
//! | module | what it does | reads |
//! | --- | --- | --- |
//! | [`diagnostics`] | problems as data, and their renderings | |
//! | [`clock`] | the present moment, replaceable | |
//! | [`engine`] | the databases | |
//! | [`project`] | files: project, profile, packages | diagnostics |
//! | [`context`] | what a template sees, and compiling | project, manifest, engine |
//! | [`manifest`] | nodes, configuration, graph, selection | project, context |
//! | [`audit`] | data tests of rows that are not published yet | engine, manifest |
//! | [`exact`] | the exact strategy: ledger, detection, dirty partitions, swap, plan, explanation | engine |
//! | [`verify`] | comparing tables with an independent rebuild | exact |
//! | [`backfill`] | rebuilding chosen partitions: planned, staged, audited, swapped, undone | exact, verify |
//! | [`run`] | running nodes in their order | all of the above |
//! | [`runbook`] | how to rebuild and repair the models of a project, as a page | manifest, exact |
//! | [`artifacts`] | `manifest.json` and `run_results.json` | manifest, run |
//! | [`state`] | what an earlier run left behind, what differs from it, deferring to it | manifest |
//! | `parse` | a project parsed, or what an earlier command parsed of it | project, context, manifest |
//! | `environment` | variables of the environment that templates read | |
//! | [`session`] | a loaded project and its engine, what every command starts from | all of the above |

pub mod artifacts;
pub mod audit;
pub mod backfill;
pub mod clock;
pub mod context;
pub mod diagnostics;
pub mod engine;
mod environment;
pub mod exact;
mod macros;
pub mod manifest;
mod parse;
pub mod project;
pub mod run;
pub mod runbook;
pub mod session;
pub mod state;
pub mod verify;
