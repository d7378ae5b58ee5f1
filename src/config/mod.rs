//! From a job file, flags and variables to a job: what is written, who wrote it, and every default.

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
