//! Permission to send a request, and what delays one that has none.

use tokio::time::Instant;

/// Permission to send one request now.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// When it was given.
    pub at: Instant,
    /// The tokens that the request is expected to use.
    pub(super) charged: f64,
}

/// When a request can be sent, and which limit delays it until then.
pub type HeldUntil = (Instant, PacedBy);

/// The limit that delays a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacedBy {
    /// A limit of requests.
    Requests,
    /// The limit of tokens.
    Tokens,
    /// The brake, after throttling.
    Brake,
}

/// The later of two waits; of equal ones, the first.
pub(super) fn later(one: Result<(), HeldUntil>, other: Result<(), HeldUntil>) -> Result<(), HeldUntil> {
    match (one, other) {
        (Err(one), Err(other)) => Err(if other.0 > one.0 { other } else { one }),
        (one, other) => one.and(other),
    }
}
