//! Packages: what a project asks for, what exactly that comes to, and installing it.
//!
//! | file | what |
//! | --- | --- |
//! | `wanted.rs` | what packages.yml or dependencies.yml ask for |
//! | `add.rs` | a further line in packages.yml |
//! | `version.rs` | versions, and what may be said of them |
//! | `resolve.rs` | from what is asked for to one version of everything |
//! | `lock.rs` | package-lock.yml, as dbt reads and writes it |
//! | `hub.rs`, `git.rs`, `tools.rs` | where packages come from; `git`, `curl` and `tar` do the fetching |
//! | `install.rs` | all of it in order: the work of `hw deps` |
//! | `installed.rs` | the packages that lie in the packages folder |

mod add;
mod git;
mod hub;
mod install;
mod installed;
mod lock;
mod resolve;
mod tools;
mod version;
mod wanted;

pub use add::{Source, add};
pub use install::{Done, Installed, Steps, install};
pub(super) use installed::{installed, shown};
pub use wanted::{Origin, Wanted, wanted};
