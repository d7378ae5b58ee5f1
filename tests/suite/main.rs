//! The real binary against the simulator. Every scenario ends with the one judge (`support/judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod commands;
mod faults;
mod input;
mod limits;
mod messages;
mod output;
mod resume;
mod run;
mod support;
