//! Faults: runs that are killed, stopped, starved of disk, or not alone. Whatever happens, afterwards
//!
//! * I1: the ledger describes the rows that are in the table,
//! * I2: the table is what a rebuild held at the ledger's snapshot: wholly old or wholly new,
//! * I3: no run has committed a model twice, and no two runs have committed on the same epoch,
//!
//! and the next run is right.
//!
//! | file | what happens |
//! | --- | --- |
//! | `backfill.rs` | `kill -9` at every step of a backfill, and readers meanwhile |
//! | `kill.rs` | `kill -9` at every step of a swap, and at random moments |
//! | `writers.rs` | two and five runs at once, a run that finds the database taken |
//! | `disk.rs` | no room to write |
//! | `postgres.rs` | a run is far from its database: pauses, broken connections, lost answers |
//! | `shop.rs` | the project and its data, and the invariants |
//!
//! `HIGHWATER_KILLS` says how often a run is killed at every step; 1 when it says nothing.

mod backfill;
mod disk;
mod kill;
mod postgres;
mod shop;
mod writers;
