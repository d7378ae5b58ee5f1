//! Tests of the sending loop on a paused clock: hours of pacing pass in milliseconds.

mod bench;
mod caps;
mod chance;
mod counting;
mod half;
mod limits;
mod matrix;
mod meter;
mod order;
mod outage;
mod packs;
mod pieces;
mod preflight;
mod refusals;
mod seeds;
mod service;
mod shelf;
mod steering;
mod steps;
mod stopping;
mod throttling;
