//! From a job file, flags and variables to a job: what is written, who wrote it, and every default.
//!
//! Imports run one way, from what is written to what it comes to:
//!
//! - `patterns` and `words` say how single values are written; `file` has a struct for each section of the job file, every key
//!   optional and every unknown key an error. The comments there are what editors show, and `json_schema` is made from those types.
//! - `overlay` is one value that a flag or a variable sets over the file. `flags` declares each flag of a job once, with the key that
//!   it sets, and refuses keys and other secrets on the command line.
//! - `layers` lays the overlays over the file and knows where each value was given, so that a message can show it there. It also
//!   turns the reader's errors into words of ours.
//! - `resolve` settles a job: it is the home of every default and of every check that needs no input. `fields`, `headers`, `notify`
//!   and the files below it each settle one section. What a job cannot know by itself, such as the address of a region, comes in by
//!   `Lookups`; no file is read here, and no variable.
//! - `orders` reads what `fanfold set` gives a running job, with the same keys and the same messages as the job file.
//!
//! A new key is a field in `file` with its comment, its default and its check in `resolve`, its settled form in `job/`, and a line in
//! `docs/job-file.md`. Whoever only looks at a job (`resolve_to_look`) is not stopped by what only the sending needs: a section that
//! belongs to the sending is taken out in `resolve/looking.rs`.

mod fields;
pub mod file;
pub mod flags;
pub mod headers;
pub mod json_schema;
pub mod layers;
mod notify;
pub mod orders;
pub mod overlay;
mod patterns;
pub mod resolve;
mod words;
