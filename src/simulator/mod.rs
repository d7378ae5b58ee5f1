//! A local server that speaks DashScope's OpenAI-compatible chat API, with its limits and faults.
//!
//! `server` and `wire` hold the connections, `received` reads a request, and `exchange` registers it and asks the `script`
//! for a fault. `validate` checks it against the service's rules, `meter` against the limits. `answer` makes the answer,
//! `completion` and `stream` serialise it, `quirks` imitates other servers, `fault_injection`, `mistranslation` and
//! `mispacking` damage it, and
//! `reply` sends it after the `latency`. `witness` logs what really arrived, and when. `catalogue` and `languages` hold facts about
//! models, `error_bodies` the error messages. `batches` is the Batch API, whose lines `exchange` answers like live requests. A caller without a runtime uses `thread`.
//!
//! Laws of this room:
//!
//! - **It imports nothing from the rest of the crate.** It is written from the protocol (the vendor's pages, and bodies
//!   observed on the wire), so that a misreading of the protocol elsewhere is not repeated here. Rules, languages, limits
//!   and durations are therefore defined a second time, on purpose. Only `commands` and the tests import it.
//! - **An answer depends on the request alone**, never on time, order or chance: `fingerprint` identifies requests, and
//!   latencies and shares of faults are drawn from it and the seed. An answer satisfies its schema with bounds, formats and
//!   patterns, so that a rehearsal passes the checks of a real job.
//! - **It cannot be mistaken for a service**: each reply carries the mark, in a header and in `system_fingerprint`.
//! - **The witness log has no gaps**: if a line cannot be written, the request fails.

mod answer;
mod batches;
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
mod mispacking;
mod mistranslation;
mod numbered;
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
mod translation_style;
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
pub use translation_style::TranslationStyle;

/// The mark that distinguishes the simulator's replies from a service's: `system_fingerprint` in completions and their
/// pieces, and the value of the header `x-fanfold-simulator` in every reply.
const MARK: &str = "fanfold-simulator";

/// A header of every reply.
const MARK_HEADER: &str = "x-fanfold-simulator";
