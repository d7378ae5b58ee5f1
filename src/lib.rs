//! fanfold runs one prompt over every row of a file and folds the answers back in input order.

// Nouns: values, without files, clocks or a runtime.
pub mod bottleneck;
pub mod config;
pub mod conversation;
pub mod diagnostic;
pub mod digits;
pub mod endpoint;
pub mod epoch;
pub mod event;
pub mod finish;
pub mod format;
pub mod history;
pub mod job;
pub mod near_json;
pub mod note;
pub mod outcome;
pub mod request;
pub mod reserve;
pub mod row;
pub mod schema;
pub mod secrets;
pub mod tally;
pub mod text;
pub mod toolbox;

// Failpoints, durable names, regular files, and waiting.
pub mod durable;
pub mod failpoint;
pub mod patience;
pub mod regular;

// Stages: each knows the nouns, none knows another.
pub mod api;
pub mod dispatch;
pub mod journal;
pub mod read;
pub mod render;
pub mod tools;
pub mod write;

// Side rooms, which observe and change nothing.
pub mod models;
pub mod report;
pub mod simulator;
pub mod watch;

// The rooms that join the others.
pub mod cli;
pub mod commands;
pub mod exit;
pub mod pipeline;
