//! The real binary against the simulator. Every scenario ends before the one judge (`judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod ask;
mod columns;
mod commands;
mod cost;
mod edits;
mod error_table;
mod evidence;
mod faults;
mod figures;
mod formats;
mod harness;
mod hours;
mod journals;
mod journey;
mod judge;
mod judge_is_strict;
mod key;
mod length;
mod mistakes;
mod models;
mod moving_input;
mod night;
mod notify;
mod outage;
mod pacing;
mod parameters;
mod plain_server;
mod preflight;
mod receipts;
mod resume;
mod rows;
mod samples;
mod set;
mod settings;
mod sharing;
mod stopping;
mod streaming;
mod structured;
mod tables;
mod tools;
mod translation;
mod wire_faults;
