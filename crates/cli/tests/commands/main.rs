//! Every command of `hw`, run for real on small projects. One file per command; `bad_input.rs` holds what people get wrong.

mod backfill;
mod bad_input;
mod build;
mod clean;
mod compile;
mod debug;
mod deps;
mod docs;
mod explain;
mod help;
mod init;
mod ls;
mod output;
mod parse;
mod partial_parse;
mod plan;
mod retry;
mod run;
mod run_operation;
mod runbook;
mod seed;
mod show;
mod source;
mod state;
mod support;
mod test;
mod verify;

pub use support::{SHOP, TestProject};
