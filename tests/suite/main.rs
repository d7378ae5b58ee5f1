//! The real binary against the simulator. Every scenario ends before the one judge (`judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod columns;
mod commands;
mod edits;
mod error_table;
mod evidence;
mod formats;
mod harness;
mod journals;
mod journey;
mod judge;
mod judge_is_strict;
mod mistakes;
mod moving_input;
mod outage;
mod pacing;
mod plain_server;
mod preflight;
mod receipts;
mod resume;
mod rows;
mod samples;
mod settings;
mod sharing;
mod stopping;
mod tables;
mod wire_faults;
