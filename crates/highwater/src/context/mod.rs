//! What a template sees: macros, `ref`, `config`, `adapter`, and everything else dbt puts into scope.
//!
//! | file | what |
//! | --- | --- |
//! | `library.rs` | every macro of every package and our own, found by name |
//! | `parse.rs` | reading a node before anything runs: which refs, sources, configuration |
//! | `compile.rs` | from a node to the SQL that runs, ephemeral parents included |

mod compile;
mod library;
mod parse;

pub use compile::{Compiled, Compiler, Flags, SharedConnection, relation_value};
pub use library::{Macros, load_macros};
pub use parse::{Captured, NameKind, ParseContext, render_profile_value};
