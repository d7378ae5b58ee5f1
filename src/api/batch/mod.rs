//! A provider's Batch API over HTTP: files up, batches created and looked at, files of replies down.
//!
//! `service` is the door [`crate::batch_service::BatchService`], on the connection of the live endpoint: the same client, key,
//! proxy and headers. `caller` sends one call and judges its reply by the same error table as a live one; `upload` streams a
//! file from disk, `download` continues one that broke off, and writes it as a `redacted_file`; `objects` reads files, batches and lists loosely, and `line` the
//! lines of output and error files, whose bodies `verdict` judges like live ones.
//!
//! Laws, beside those of `api`:
//!
//! - A call that may have created a batch is never repeated here, and never called refused unless the provider refused it.
//! - A list that cannot be read to its end is a fault, and not a list without the batch that is looked for.
//! - Memory does not grow with a file.

mod caller;
mod download;
mod line;
mod objects;
mod redacted_file;
mod service;
#[cfg(test)]
mod tests;
mod upload;

pub use service::HttpBatchService;
