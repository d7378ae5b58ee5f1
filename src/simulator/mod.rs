//! A local server that speaks DashScope's OpenAI-compatible chat API, with its limits and its faults.
//!
//! A request's way: `server` and `wire` hold the connections, `received` reads it, `exchange` gives it its number and asks
//! the `script` whether a fault befalls it; `validate` holds it against the service's rules, `meter` against the limits;
//! `answer` makes the answer, `completion` and `stream` its shape, `quirks` the manners of other servers,
//! `fault_injection` spoils it, `reply` sends it after the `latency`. `witness` logs what really arrived, and when.
//! `catalogue` and `languages` are what the server knows of models, `error_bodies` its words. A caller without a runtime
//! uses `thread`.
//!
//! Laws of this room:
//!
//! - **It imports nothing of the rest of the crate**: it is written from the protocol (the vendor's pages, and bodies seen
//!   on the wire), so that a misreading of the protocol elsewhere cannot agree with itself here. Rules, languages, limits
//!   and durations are therefore written down a second time, on purpose. Only `commands` and the tests import it.
//! - **An answer depends on the request alone**, never on time, order or chance: `fingerprint` tells requests apart, and
//!   latencies and shares of faults are drawn from it and the seed. A schema of an answer is satisfied with bounds,
//!   formats and patterns, so that a rehearsal passes the checks of a real job.
//! - **It never passes for a service**: each reply carries the mark, in a header and in `system_fingerprint`.
//! - **The witness log has no gaps**: where a line cannot be written, the request fails.

mod answer;
mod catalogue;
mod completion;
mod duration;
mod error_bodies;
mod exchange;
mod fault_injection;
mod fingerprint;
mod languages;
mod latency;
mod meter;
mod profile;
mod quirks;
mod received;
mod reply;
mod request;
mod script;
mod server;
mod settings;
mod simulated_answer;
mod stream;
#[cfg(test)]
mod tests;
mod thread;
mod tokens;
mod validate;
mod wire;
mod witness;

pub use latency::{Latency, LatencyError};
pub use meter::{MinuteWindow, ServerLimits, TokenCharge};
pub use profile::Profile;
pub use script::{Script, ScriptError};
pub use server::Simulator;
pub use settings::{ServerSettings, SimulatorError};
pub use thread::{Handle, spawn_thread};
pub use tokens::count_tokens;

/// How everything that the simulator says is told from what a service says: the name in `system_fingerprint` of completions
/// and their pieces, and of a header of every reply, `x-fanfold-simulator`.
const MARK: &str = "fanfold-simulator";

/// The header of every reply.
const MARK_HEADER: &str = "x-fanfold-simulator";
