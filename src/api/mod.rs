//! The wire: chat completions over HTTP, and what the replies mean.

pub mod access;
pub mod client;
#[doc(hidden)]
pub mod fuzzing;
pub mod key;
mod lenient;
pub mod notify;
mod packed;
pub mod proxy;
pub mod reply;
pub mod retry_after;
pub mod simulated;
pub mod stream;
mod stream_redactor;
mod thoughts;
mod usage;
pub mod verdict;
