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

pub mod clock;
pub mod context;
pub mod diagnostics;
pub mod engine;
pub mod manifest;
pub mod project;
