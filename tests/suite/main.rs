//! The real binary against the simulator. Every scenario ends before the one judge (`judge.rs`).

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod harness;
mod journey;
mod judge;
mod resume;
