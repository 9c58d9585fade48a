//! What the tests that run whole projects share.
//!
//! | file | what |
//! | --- | --- |
//! | `project.rs` | a copy of a project in a folder of its own, its database, and `hw` on it |
//! | `readers.rs` | others who look on while a story is told |
//! | `rebuild.rs` | equal to a rebuild: the check itself, without any of the library's reasoning |
//! | `story.rs` | a scenario in Markdown, read and told |

#![allow(dead_code, reason = "every test file uses a part of it")]

pub mod project;
pub mod readers;
pub mod rebuild;
pub mod story;
