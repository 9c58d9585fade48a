//! Running projects on real databases: small projects written out in the tests, results as inline snapshots. DuckDB where
//! nothing else is said.
//!
//! | file | what |
//! | --- | --- |
//! | `project.rs` | a project in a temporary folder |
//! | `models.rs` | views, tables, ephemeral models, what a failure does to the rest |
//! | `incremental.rs` | dbt's strategies, first and later runs, changed columns |
//! | `seeds.rs` | CSV files |
//! | `data_tests.rs` | tests, severities, kept rows |
//! | `hooks.rs` | hooks of models and of the project |
//! | `comments.rs` | the comments of statements, as the engines were sent them |
//! | `everywhere.rs` | the same projects on every engine |
//! | `postgres.rs` | what only Postgres has, and what can happen to a connection |
//! | `show.rs` | compiling and showing |
//! | `snapshots.rs` | snapshots |
//! | `microbatch.rs` | models in batches of event time |
//! | `contracts.rs` | contracts, constraints, comments, indexes |
//! | `unit_tests.rs` | unit tests |
//! | `exact.rs` | the exact strategy within a run |
//! | `audits.rs` | tests before publishing |
//! | `drifts.rs` | what `verify` makes of tables that have drifted |
//! | `artifacts.rs` | manifest.json and run_results.json |

mod artifacts;
mod audits;
mod comments;
mod contracts;
mod data_tests;
mod drifts;
mod everywhere;
mod exact;
mod external;
mod hooks;
mod incremental;
mod microbatch;
mod models;
mod postgres;
mod project;
mod seeds;
mod show;
mod snapshots;
mod unit_tests;
