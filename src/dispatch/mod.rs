//! The stage that sends: one loop owns all rows in flight.
//!
//! A row holds no slot while it waits. It is sent as soon as a slot is free, every limit admits it and the caps can cover
//! its worst case. A request ends in an answer or a fault, and a fault leads to another try, to this row's failure, or to
//! the end of the job. The end is written to the journal, and counts once the journal reports that it is on disk.
//!
//! A [`Dispatcher`] holds the state between passes: `pace` (rate and token limits, over all services), `budget` (caps, by
//! reservation; `bill` is the usage of a request), `live_limits` (changes while it runs), and its `services`. A `service` has
//! everything that is known of one address alone: its own `pace` (its limits, and the brake that finds the rate it admits),
//! `concurrency` (slots), `preflight` (the first rows), and `circuit_breaker` (an outage, or one row's trouble). A
//! `pass` has the active rows (`work`), how far they are handed out (`handout`) and what may be in flight (`exposure`). In
//! calling order: `pass_loop` asks `scheduling` for the next row, which `readiness` decides from queues, limits and time;
//! `flight` sends it, `completion` handles its end (`retry`, `reserved`), `tool_round` runs the tools that an answer calls,
//! and `row_end` stores the outcome or lets the row wait. Short rows may travel together: `gathering` forms a pack of them (`packing`) when it
//! can be sent, and `unpacking` takes its answer apart. `collecting` takes in what a
//! provider's batch has brought, which continues like any other answer.
//!
//! Laws of this room:
//!
//! - **Time, chance and stopping are passed in**: it runs on tokio's clock, and its dice and its [`stop`] are arguments. It
//!   knows an endpoint, a toolbox and a [`Ledger`], but not HTTP, SQLite or a screen.
//! - **The journal comes first**: before a row is sent, it has recorded that the row may be in flight, and what all rows in
//!   flight may cost.
//! - **A cap is a reservation at the worst case**; usage that nobody counted stays reserved.
//! - **Memory is bounded** by slots and rows read ahead, and does not grow with the number of rows.
//! - **Tries count only while the service answers others**: an outage costs no row a try, and is probed with one row at a
//!   time.

mod bill;
mod budget;
pub mod carry_over;
mod circuit_breaker;
mod collecting;
mod completion;
mod concurrency;
mod dispatcher;
mod exposure;
mod flight;
mod gathering;
mod handout;
mod ledger;
pub mod live_limits;
pub mod pace;
mod packing;
mod pass;
mod pass_loop;
mod preflight;
mod readiness;
mod reserved;
pub mod retry;
mod row_end;
mod scheduling;
mod service;
mod services;
pub mod stop;
mod submission;
mod tool_round;
mod unpacking;
mod work;

pub use carry_over::CarryOver;
pub use dispatcher::{DispatchSettings, Dispatcher};
pub use ledger::Ledger;
pub use pass_loop::PassEnd;
pub use work::{Collected, Ready};

#[cfg(test)]
mod tests;
