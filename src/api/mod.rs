//! The wire: chat completions over HTTP, and what the replies mean.

pub mod client;
#[doc(hidden)]
pub mod fuzzing;
pub mod key;
mod loose;
pub mod notify;
pub mod proxy;
mod repair;
pub mod reply;
pub mod retry_after;
mod secrets;
pub mod stream;
mod thoughts;
mod usage;
pub mod verdict;
