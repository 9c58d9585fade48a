//! What `hw demo` needs besides the library.
//!
//! | file | what |
//! | --- | --- |
//! | `files.rs` | the project it writes |
//! | `shop.rs` | the data it writes |
//! | `naive.rs` | the incremental models it stands beside |
//! | `random.rs` | numbers for the data |

pub mod files;
pub mod naive;
pub mod random;
pub mod shop;
