//! The door to a chat service: one request in, an answer or a fault out.

use std::future::Future;

use crate::outcome::Reply;
use crate::request::ChatRequest;

/// A chat service. The dispatcher knows nothing else of it, neither HTTP nor keys.
pub trait Endpoint {
    /// Sends one request and waits for its end. Every trouble is a [`Fault`](crate::outcome::Fault), judged.
    ///
    /// Dropping the future gives the request up.
    fn send(&self, request: &ChatRequest) -> impl Future<Output = Reply>;
}
