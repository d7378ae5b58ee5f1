//! The side room that shows a run: a bar on a terminal, plain lines elsewhere, JSON lines on request.
//!
//! A [`Watcher`] has a thread of its own. Every tenth of a second (a bar), every second (JSON) or every 5, later 30 seconds
//! (lines in a log) it takes the newest snapshot of the run and draws it in the way of the screen's [`Mode`]: `terminal`,
//! `json` or `plain`. Messages for people go through a [`Screen`], so that bar and messages never tear each other. `stderr`
//! puts both on standard error. `metrics` writes the same snapshot in the text format of Prometheus; a command puts that
//! into a file.
//!
//! Laws of this room:
//!
//! - The room looks and does not touch: it returns nothing to the run, and a slow terminal or a closed pipe stops no run.
//! - Nothing foreign reaches a terminal with its control characters, and no line leaves with a secret in it.
//! - A snapshot shows only what is committed to the journal (the order of truth in ARCHITECTURE.md).
//! - JSON lines carry a version and only ever gain fields.

mod json;
pub mod metrics;
mod plain;
mod screen;
mod stderr;
mod terminal;
mod watcher;

pub use screen::{Mode, Screen, say_error};
pub use stderr::{columns, fitted, put};
pub use watcher::Watcher;
