//! Highwater: dbt projects with exact incremental models.
//!
//! | module | what it does | reads |
//! | --- | --- | --- |
//! | [`diagnostics`] | problems as data, and their renderings | |
//! | [`clock`] | the present moment, replaceable | |
//! | [`engine`] | the databases | |
//! | [`context`] | what templates see: macros, `ref`, `config`, `adapter`; compiling | project, manifest, engine |
//! | [`project`] | project, profile and packages as files and settings | engine |
//! | [`manifest`] | nodes, configuration, graph, selection | engine (names only) |
//! | [`strategies`] | dbt's incremental strategies as SQL | engine (names only), manifest |
//! | [`run`] | running the graph: scheduler, materializations, tests, hooks | everything above |
//! | [`artifacts`] | dbt's artifacts | manifest, run |
//! | [`session`] | a project, opened | everything above |
//! | [`exact`] | the exact strategy: detect, plan, swap, explain | engine, `highwater-sql` |
//! | [`verify`] | comparing a table with a rebuild | engine, exact (ledger only) |

pub mod artifacts;
pub mod clock;
pub mod context;
pub mod diagnostics;
pub mod engine;
pub mod exact;
mod macros;
pub mod manifest;
pub mod project;
pub mod run;
pub mod session;
pub mod strategies;
pub mod verify;
