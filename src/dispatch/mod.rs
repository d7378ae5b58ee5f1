//! The stage that sends: one loop owns everything that is on its way.
//!
//! A row waits without a place. It goes when a place is free, every limit lets it pass and the caps can bear its worst
//! case; then it is sent at once. A try ends in an answer or a fault; a fault is judged: again, this row, or the whole
//! job. What came of a row is told to the journal, and counts when the journal says that it is on disk.

mod bill;
mod budget;
pub mod carry_over;
mod circuit_breaker;
mod completion;
mod concurrency;
mod dispatcher;
mod exposure;
mod flight;
mod handout;
mod ledger;
pub mod live_limits;
pub mod pace;
mod pass;
mod pass_loop;
mod preflight;
mod reserved;
pub mod retry;
mod row_end;
mod scheduling;
pub mod stop;
mod tool_round;
mod work;

pub use carry_over::CarryOver;
pub use dispatcher::{DispatchSettings, Dispatcher};
pub use ledger::Ledger;
pub use pass_loop::PassEnd;
pub use work::Ready;

#[cfg(test)]
mod tests;
