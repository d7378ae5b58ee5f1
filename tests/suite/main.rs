//! The real binary against the simulator. Every scenario ends before the one judge (`judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod columns;
mod commands;
mod formats;
mod harness;
mod journey;
mod judge;
mod mistakes;
mod receipts;
mod resume;
mod rows;
mod samples;
mod settings;
mod sharing;
mod tables;
