//! The script of a rehearsal: which faults befall which requests, and when the server is down.
//!
//! ```toml
//! [[fault]]
//! contains = "row 7"       # conditions, all of which must hold; the first fault that fits happens
//! first_tries = 2
//! status = 503             # what happens
//!
//! [[down]]
//! after = "1s"
//! until = "3s"
//! ```

mod matching;
mod written;

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};

use super::error_bodies::Refusal;

pub(super) use matching::Arrival;

/// The faults and the outages of a simulated server, in the order of the script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    pub(super) faults: Vec<ScriptedFault>,
    downs: Vec<TimeSpan>,
}

/// A script that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It is not TOML, or has a key or a type that does not belong there; the text shows the line.
    #[error("the script cannot be read: {0}")]
    Unreadable(toml::de::Error),
    /// It can be read, but a fault (or outage) makes no sense; counted from 1.
    #[error("{kind} {number} of the script: {reason}")]
    Senseless { kind: &'static str, number: usize, reason: String },
}

/// A span of time since the server started; open at its end if `until` is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimeSpan {
    pub(super) after: Duration,
    pub(super) until: Option<Duration>,
}

impl TimeSpan {
    pub(super) fn holds(&self, since_start: Duration) -> bool {
        self.after <= since_start && self.until.is_none_or(|until| since_start < until)
    }
}

/// One fault: when it happens, and what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScriptedFault {
    pub(super) conditions: Conditions,
    /// A wait before anything else.
    pub(super) delay: Duration,
    pub(super) effect: Effect,
    /// What the witness log calls it, such as `1 hang`.
    pub(super) label: String,
}

/// When a fault happens; what is not said always holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    /// A text in the body as it was sent.
    pub(super) contains: Option<String>,
    /// The first and the last of the requests, counted from 1 in the order of arrival.
    pub(super) requests: Option<(u64, u64)>,
    /// Only so many of the first times that a request is seen.
    pub(super) first_tries: Option<u64>,
    /// At most so often in all.
    pub(super) times: Option<u64>,
    /// This share of the requests, from 0 to 1.
    pub(super) share: Option<f64>,
    pub(super) span: TimeSpan,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Nothing but the delay.
    Delay,
    /// An error in the API's shape, or with a body of its own.
    Refuse { refusal: Refusal, body: Option<String>, headers: Vec<(HeaderName, HeaderValue)> },
    /// No answer, ever.
    Hang,
    /// The connection is closed without a byte.
    Drop,
    /// The connection is reset: at once, or after so many bytes of the body.
    Reset { after_bytes: Option<usize> },
    /// The connection is closed in the middle of the body.
    CutBody { after_bytes: Option<usize> },
    /// The server's own time limit: a part of the text as if it were the whole.
    CutByServer,
    /// 200 without a body.
    EmptyBody,
    /// A completion whose text is empty.
    EmptyContent,
    /// A completion whose text is this one.
    Content(String),
    /// A page, as proxies send them.
    Html { status: u16 },
    /// A whole completion that does not say why it ended.
    NullFinish,
    /// The body comes in small pieces.
    SlowBody { bytes: usize, pause: Duration },
    /// A body that calls itself gzip and is not.
    BadGzip,
    /// A `Content-Length` that ends before the body does.
    WrongLength,
    /// A redirection to another path.
    Redirect { status: u16 },
    /// An error in the middle of a stream, whose status said 200 already; a whole reply is nothing but the error.
    ErrorEvent(Refusal),
}

impl Script {
    /// Reads a script, a TOML text of `[[fault]]` and `[[down]]` tables.
    ///
    /// # Errors
    ///
    /// Unknown keys are refused, and so are faults that do nothing, or two things at once.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        written::parse(text)
    }

    /// Whether the server is down at this time.
    pub(super) fn is_down(&self, since_start: Duration) -> bool {
        self.downs.iter().any(|span| span.holds(since_start))
    }

    /// When the server goes down next.
    pub(super) fn next_down(&self, since_start: Duration) -> Option<Duration> {
        self.downs.iter().map(|span| span.after).filter(|after| *after > since_start).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_down_in_its_spans_only() {
        let script = Script::parse("[[down]]\nafter = \"1s\"\nuntil = \"3s\"").unwrap();
        let at = Duration::from_millis;
        assert!(!script.is_down(at(999)));
        assert!(script.is_down(at(1000)));
        assert!(!script.is_down(at(3000)));
        assert_eq!(script.next_down(at(0)), Some(at(1000)));
        assert_eq!(script.next_down(at(1000)), None);
    }
}
