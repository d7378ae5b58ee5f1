//! The stage that sends: one loop owns everything that is on its way.
//!
//! A row holds no slot while it waits. It goes when a slot is free, every limit lets it pass and the caps can bear its worst
//! case; then it is sent at once. A request ends in an answer or a fault, and a fault is judged: another try, this row's
//! failure, or the whole job's. The end goes to the journal, and counts once the journal reports that it is on disk.
//!
//! A [`Dispatcher`] keeps what lasts from pass to pass: `pace` (rate and token limits, and the brake that finds the rate a
//! service lets in), `concurrency` (slots), `budget` (caps, by reservation; `bill` is what a request came to), `preflight`
//! (the first rows), `circuit_breaker` (an outage, or one row's trouble), `live_limits` (changes while it runs). A `pass` has
//! the rows on their way (`work`), how far they are handed out (`handout`) and what may be out (`exposure`). In the order in
//! which they call each other: `pass_loop` asks `scheduling` what goes next, `flight` sends it, `completion` judges its end
//! (`retry`, `reserved`), `tool_round` runs what an answer calls, and `row_end` stores the outcome or lets the row wait.
//!
//! Laws of this room:
//!
//! - **Time, chance and stopping are passed in**: it runs on tokio's clock; its dice and its [`stop`] are arguments. It knows
//!   an endpoint, a toolbox and a [`Ledger`], and neither HTTP nor SQLite nor a screen.
//! - **The journal is told first**: before a row is sent it knows that the row may be out, and what all that is out may cost.
//! - **A cap is a reservation at the worst case**; what nobody counted stays reserved.
//! - **What is in memory is bounded** by slots and rows read ahead, and does not grow with the number of rows.
//! - **Tries count only while the service answers others**: an outage costs no row a try, and ends with one probe at a time.

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
