//! The real binary against the simulator. Every scenario ends with the one judge (`support/judge.rs`).

#![allow(clippy::disallowed_methods, reason = "tests set the stage: files, time, environment")]

mod commands;
mod faults;
mod input;
mod limits;
mod messages;
mod output;
mod resume;
mod run;
mod support;
