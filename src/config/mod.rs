//! From a job file, flags and variables to a job: what was written, where it was written, and every default.
//!
//! Imports run one way, from the written values to the settled ones:
//!
//! - `patterns`, `words` and `one_or_many` define how single values are written; `file` and `input_section` have a struct for
//!   each section of the job file, every key optional and every unknown key an error. Editors show the comments there, and
//!   `json_schema` is made from those types.
//! - `overlay` is one value that a flag or a variable sets over the file. `flags` declares each flag of a job once, with the
//!   key that it sets, and refuses keys and other secrets on the command line.
//! - `layers` lays the overlays over the file and knows where each value was given, so a message can show it there. It also
//!   rewords the reader's errors.
//! - `resolve` settles a job: it is the home of every default and of every check that needs no input. `fields`, `headers`,
//!   `notify` and the files below it each settle one section. Facts that a job cannot know by itself, such as the address of
//!   a region, are passed in as `Lookups`; no file or variable is read here.
//! - `orders` reads the changes that `fanfold set` makes to a running job, with the same keys and messages as the job file.
//!
//! A new key is a field in `file` with its comment, its default and its check in `resolve`, its settled form in `job/`, and
//! a line in `docs/job-file.md`. A command that only looks at a job (`resolve_to_look`) does not fail because of values that
//! only sending needs: `resolve/looking.rs` removes those sections.

pub mod batch_section;
mod fields;
pub mod file;
pub mod flags;
pub mod headers;
pub mod input_section;
pub mod json_schema;
pub mod layers;
mod notify;
pub mod one_or_many;
pub mod orders;
pub mod overlay;
pub mod pack_section;
mod patterns;
pub mod resolve;
pub mod text_sections;
mod words;
