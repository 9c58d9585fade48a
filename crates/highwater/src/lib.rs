//! Highwater: dbt projects with exact incremental models.
//!
//! | module | what it does | reads |
//! | --- | --- | --- |
//! | [`diagnostics`] | problems as data, and their renderings | |
//! | [`clock`] | the present moment, replaceable | |
//! | [`engine`] | the databases | |
//! | [`manifest`] | nodes, configuration, graph, selection | engine (names only) |
//! | [`exact`] | the exact strategy: detect, plan, swap, explain | engine, `highwater-sql` |
//! | [`verify`] | comparing a table with a rebuild | engine, exact (ledger only) |

pub mod clock;
pub mod diagnostics;
pub mod engine;
pub mod exact;
pub mod manifest;
pub mod verify;
