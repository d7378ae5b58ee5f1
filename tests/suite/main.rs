//! The real binary against the simulator. Every scenario ends before the one judge (`judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod edits;
mod error_table;
mod evidence;
mod harness;
mod journals;
mod journey;
mod judge;
mod judge_is_strict;
mod moving_input;
mod outage;
mod pacing;
mod resume;
mod stopping;
mod wire_faults;
