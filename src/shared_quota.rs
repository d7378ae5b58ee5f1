//! The door to a quota that several processes keep together: one exchange reports what happened, and asks for turns.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

/// A quota that several workers keep together. The dispatcher knows nothing else about it, neither files nor servers.
pub trait SharedQuota {
    /// Reports what happened since the last exchange, and asks for turns. It also shows that the worker is alive.
    ///
    /// Dropping the future may lose turns that were granted; they pass unused.
    ///
    /// # Errors
    ///
    /// Why the quota's store cannot be asked at present.
    fn exchange(&self, exchange: Exchange) -> LocalBoxFuture<'_, Result<ExchangeReply, String>>;

    /// The worker ends: it no longer counts.
    fn leave(&self) -> LocalBoxFuture<'_, ()>;
}

/// Limits that hold for all workers together; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SharedLimits {
    /// Requests per second.
    pub qps: f64,
    /// Requests per minute.
    pub qpm: f64,
    /// Tokens per minute.
    pub tpm: f64,
}

/// What a worker says, and what it asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exchange {
    /// Its own limits: of all that live, the lowest holds.
    pub limits: SharedLimits,
    /// The turns that it asks for, if any.
    pub ask: Option<TurnsAsked>,
    /// Requests that used more or fewer tokens than they were charged.
    pub settled: Vec<Settled>,
    /// Requests that the service throttled.
    pub throttled: Vec<Throttled>,
    /// The number of workers among whom the quota was divided while this one could not reach the store; 0 if it could.
    pub divided_by: u32,
}

/// Turns for requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnsAsked {
    /// How many.
    pub turns: u32,
    /// The tokens that all of them are expected to use.
    pub tokens: f64,
}

/// A correction of the tokens that a request was charged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// How long ago it was sent.
    pub ago: Duration,
    /// Used minus charged.
    pub difference: f64,
}

/// A throttling answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttled {
    /// How long ago its request was sent.
    pub ago: Duration,
    /// The wait that it requests.
    pub retry_after: Option<Duration>,
    /// The service gives the number of tokens as the reason.
    pub tokens: bool,
}

/// What a worker hears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExchangeReply {
    /// The turns; `None` if it asked for none.
    pub turn: Option<TurnsReply>,
    /// How many workers live, this one included.
    pub workers: u32,
    /// The lowest limits of all of them.
    pub limits: SharedLimits,
    /// How long everyone still keeps to its own part, after the store was away.
    pub opens: Duration,
}

/// The answer to a request for turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TurnsReply {
    /// They are granted: the first one after this wait, the others after this time each. A turn that is not used within
    /// the time for which it is good has passed.
    Granted { wait: Duration, every: Duration, good: Duration },
    /// None is granted yet: ask again after this time.
    Later { wait: Duration, held_by: HeldBy },
}

/// The limit that delays turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// A limit of requests.
    Requests,
    /// The limit of tokens.
    Tokens,
    /// The service throttled.
    Brake,
}
