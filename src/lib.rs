//! fanfold runs one prompt over every row of a file and folds the answers back in input order.
//!
//! The program is [`main`]. Another program can run a job by itself with [`execute`], against an [`Endpoint`] of its own or
//! [`HttpEndpoint`]. All rooms are private, so that the compiler finds code that nothing uses; the names that leave the crate
//! are listed at the end of this file.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "the build without tests is checked"))]

// Nouns: values, without files, clocks or a runtime.
mod batch;
mod batch_service;
mod bottleneck;
mod checks;
mod config;
mod conversation;
mod csv_manner;
mod diagnostic;
mod digits;
mod document_format;
mod encoding;
mod endpoint;
mod epoch;
mod event;
mod finish;
mod format;
mod history;
mod job;
mod literals;
mod near_json;
mod note;
mod outcome;
mod packs;
mod pieces;
mod request;
mod reserve;
mod row;
mod row_words;
mod schema;
mod secrets;
#[cfg_attr(not(test), expect(dead_code, reason = "the dispatcher asks it next"))]
mod shared_quota;
mod sheet_time;
mod tally;
mod text;
mod tokens;
mod toolbox;

// The time of day, failpoints, names beside a file, durable names, regular files, and waiting.
mod beside;
mod blank;
mod clock;
mod durable;
mod failpoint;
mod kin;
mod likely;
mod patience;
mod regular;

// Stages: each knows the nouns, none knows another.
mod api;
mod dispatch;
mod documents;
mod journal;
mod read;
mod render;
#[cfg_attr(not(test), expect(dead_code, reason = "the dispatcher asks it next"))]
mod share;
mod tools;
mod write;

// Side rooms, which observe and change nothing.
mod models;
mod report;
pub mod simulator;
mod watch;

// The rooms that join the others.
mod cli;
mod commands;
mod exit;
mod pipeline;

pub use commands::main;

/// The library: to settle a job, run it, and ask a service.
#[cfg(not(main_alone))]
mod library {
    pub use crate::config::layers::Layers;
    pub use crate::config::resolve::{Lookups, resolve};
    pub use crate::diagnostic::{Diagnostic, SourceText};
    pub use crate::job::Job;
    pub use crate::job::facts::{ModelCatalog, ModelInfo};
    pub use crate::job::schedule::utc;

    pub use crate::dispatch::stop::StopLevel;
    pub use crate::journal::lock::Lock;
    pub use crate::journal::{Journal, JournalError};
    pub use crate::pipeline::execute::{Clock, ExecuteError, RunEnd, RunOrder, Summary, execute};
    pub use crate::pipeline::reporter::{Reporter, RunNews, Sending};
    pub use crate::pipeline::{Opened, PipelineError};

    pub use crate::api::batch::HttpBatchService;
    pub use crate::api::client::{ClientSettings, HttpEndpoint};
    pub use crate::api::key::Key;
    pub use crate::batch_service::{
        BatchCounts, BatchError, BatchOrder, BatchService, BatchState, CreateFault, ProviderBatch,
    };
    pub use crate::endpoint::Endpoint;
    pub use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
    pub use crate::request::{ChatRequest, Fingerprint};
}
#[cfg(not(main_alone))]
pub use library::*;

/// What the tests, the benchmarks and the fuzz targets of this repository need from inside. Not part of the library: it may
/// change at any time.
#[cfg(not(main_alone))]
#[doc(hidden)]
pub mod inside {
    pub use crate::api::fuzzing;
    pub use crate::api::piece::Piece;
    pub use crate::api::verdict::judge;
    pub use crate::checks::Checks;
    pub use crate::cli::command;
    pub use crate::config::flags::JOB_FLAGS;
    pub use crate::document_format::DocumentFormat;
    pub use crate::documents::child::allow as allow_reader;
    pub use crate::documents::{ReadDocument, Unreadable, UnreadableReason, read as read_document};
    pub use crate::event::Bottleneck;
    pub use crate::exit::Exit;
    pub use crate::format::Format;
    pub use crate::job::documents::DocumentSettings;
    pub use crate::job::languages::{Language, Languages};
    pub use crate::job::units::duration;
    pub use crate::job::{Retry, TemplateText};
    pub use crate::journal::ballast::Ballast;
    pub use crate::journal::matching::{Fit, MatchRules};
    pub use crate::journal::reader::Reader;
    pub use crate::journal::runs::RunRecord;
    pub use crate::note::{JournalEvent, Outcome, PackPlace, RequestEnd, RowKey, SendTime};
    pub use crate::pieces::{Frame, SplitBy, halves, mismatch, parts};
    pub use crate::pipeline::output::{Destination, write};
    pub use crate::pipeline::plan::{Purpose, plan};
    pub use crate::pipeline::prepare::prepare;
    pub use crate::read::{InputSpec, Projection, Source};
    pub use crate::render::Renderer;
    pub use crate::render::fingerprint::of as fingerprint_of;
    pub use crate::render::glossary::{Glossary, Term};
    pub use crate::render::template::Templates;
    pub use crate::reserve::Reserve;
    pub use crate::row::{Item, Origin, Place, PlaceUnit, Row};
    pub use crate::schema::{AnswerSchema, parse_answer};
}
