//! The script of a rehearsal: which faults befall which requests, and when the server is down.
//!
//! ```toml
//! [[fault]]
//! contains = "row 7"       # conditions, all of which must hold; the first fault that fits happens
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
