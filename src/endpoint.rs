//! The door to a chat service: one request in, an answer or a fault out.

use std::future::Future;

use crate::outcome::Reply;
use crate::request::ChatRequest;

/// A chat service. The dispatcher knows nothing else about it, neither HTTP nor keys.
pub trait Endpoint {
    /// Sends one request and waits for its end. Every failure is a [`Fault`](crate::outcome::Fault), already judged.
    ///
    /// Dropping the future cancels the request.
    fn send(&self, request: &ChatRequest) -> impl Future<Output = Reply>;

    /// Whether it is fanfold's simulator; `None` when nobody answers. What gives no sign of it is none.
    ///
    /// # Errors
    ///
    /// Why it cannot be asked.
    fn is_simulator(&self) -> impl Future<Output = Result<Option<bool>, String>> {
        async { Ok(Some(false)) }
    }
}
