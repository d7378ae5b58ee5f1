//! The wire: chat completions over HTTP, and what the replies mean.
//!
//! [`client::HttpEndpoint`] sends one request and gives one [`crate::outcome::Reply`]: an answer, or a fault. Each reply goes
//! the same way: its body is unpacked (`packed`), the secrets are taken out of it, it is read loosely (`reply`, `usage`, with
//! `lenient` for fields that servers write each in their own way; `thoughts` for reasoning between tags), and it is judged by
//! status, headers and words together (`verdict`, whose `table` is the error table). An answer that comes as a stream is put
//! together into what a whole reply would have held (`stream`), and is judged like one; while it comes, its pieces
//! (`piece`) go to whoever looks on, past `stream_redactor`.
//!
//! `key` and `access` read the key and put it into headers, and read it again when it is not taken any more. `own_client`,
//! `proxy`, `headers`, `retry_after` and `reply_limit` are small parts of the way; `simulated` tells the built-in simulator
//! from a service; `notify` calls an address that is no chat service; `fuzzing` opens inner parts to `fuzz/`.
//!
//! What holds here:
//!
//! - One request is one request: no redirects and no retries; there is one retry layer, and it is `dispatch`.
//! - `verdict` is pure. A rule about an error is a row of its table, with the literal reply in a test.
//! - What cannot be read in one field never makes an answer unreadable that was paid for.
//! - The room never sees a row. It alone opens the key, which cannot be printed, and no reply leaves it with a secret.
//! - A stream without its end is no answer; no reply is kept beyond `reply_limit`.

pub mod access;
pub mod client;
#[doc(hidden)]
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
