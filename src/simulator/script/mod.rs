//! The script of a rehearsal: which faults apply to which requests, and when the server is down.
//!
//! ```toml
//! [[fault]]
//! contains = "row 7"       # conditions, all of which must hold; the first matching fault happens
//! first_tries = 2
//! status = 503             # what happens
//!
//! [[down]]
//! after = "1s"
//! until = "3s"
//! ```

mod fault;
mod matching;
mod written;

pub(super) use fault::{Effect, ScriptedFault};
pub use fault::{Script, ScriptError};
pub(super) use matching::Arrival;
