//! The wire: chat completions over HTTP, and the meaning of their replies.
//!
//! [`client::HttpEndpoint`] sends one request and returns one [`crate::outcome::Reply`]: an answer, or a fault. Each reply
//! is unpacked (`packed`), cleared of secrets, read loosely (`reply`, `usage`, with `lenient` for fields that servers write
//! in different ways and `thoughts` for reasoning between tags), and judged by status, headers and words together
//! (`verdict`, whose `table` is the error table). An answer that arrives as a stream is assembled into what a whole reply
//! would have held (`stream`), and judged in the same way; while it arrives, its pieces (`piece`) pass through
//! `stream_redactor` to an observer.
//!
//! `connection` is the client, the address and the key that all calls to a service share; `batch` is the service's Batch API
//! over the same connection.
//!
//! `key` and `access` read the key, put it into headers, and read it again when it is refused. `own_client`, `proxy`,
//! `headers`, `retry_after` and `reply_limit` are small parts of the same path; `simulated` distinguishes the built-in
//! simulator from a service; `notify` calls an address that is not a chat service; `fuzzing` opens inner parts to `fuzz/`.
//!
//! Laws of this room:
//!
//! - A call sends one request: no redirects and no retries; the only retry layer is `dispatch`.
//! - `verdict` is pure. A rule about an error is a row of its table, with the literal reply in a test.
//! - One field that cannot be read never makes a paid answer unreadable.
//! - The room never sees a row. It alone opens the key, which cannot be printed, and no reply leaves it with a secret.
//! - A stream without its end is not an answer; no reply is kept beyond `reply_limit`.

pub mod access;
pub mod batch;
pub mod client;
mod connection;
#[doc(hidden)]
#[cfg(not(main_alone))]
pub mod fuzzing;
mod headers;
pub mod key;
mod lenient;
pub mod notify;
pub mod own_client;
mod packed;
pub mod piece;
pub mod proxy;
pub mod reply;
mod reply_limit;
pub mod retry_after;
pub mod simulated;
pub mod stream;
mod stream_redactor;
mod thoughts;
mod usage;
pub mod verdict;
