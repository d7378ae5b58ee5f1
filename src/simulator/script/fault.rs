//! The contents of a script: faults, their conditions, and when the server is down.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};

use super::super::batches::{ApiCall, BatchFate, BatchManners};
use super::super::error_bodies::Refusal;
use super::super::mispacking::Mispacking;
use super::super::mistranslation::Mistranslation;

/// The faults and the outages of a simulated server, in the order of the script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    pub(in super::super) faults: Vec<ScriptedFault>,
    pub(in super::super) downs: Vec<TimeSpan>,
    pub(in super::super) batches: BatchManners,
}

/// An invalid script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It is not TOML, or has an unknown key or a wrong type; the text shows the line.
    #[error("the script cannot be read: {0}")]
    Unreadable(toml::de::Error),
    /// It can be parsed, but a fault (or outage) makes no sense; counted from 1.
    #[error("{kind} {number} of the script: {reason}")]
    Senseless { kind: &'static str, number: usize, reason: String },
}

/// A period since the server started; without end if `until` is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct TimeSpan {
    pub(in super::super) after: Duration,
    pub(in super::super) until: Option<Duration>,
}

impl TimeSpan {
    pub(in super::super) fn holds(&self, since_start: Duration) -> bool {
        self.after <= since_start && self.until.is_none_or(|until| since_start < until)
    }
}

/// One fault: its conditions and its effect.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct ScriptedFault {
    pub(in super::super) conditions: Conditions,
    /// A wait before anything else.
    pub(in super::super) delay: Duration,
    pub(in super::super) effect: Effect,
    /// Whether the call is carried out nevertheless, and only its reply is lost.
    pub(in super::super) done: bool,
    /// Its name in the witness log, such as `1 hang`.
    pub(in super::super) label: String,
}

/// When a fault happens; a condition that is not set always holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Conditions {
    /// A text in the body as received.
    pub(in super::super) contains: Option<String>,
    /// The call; without it, every request to a model, live or in a batch.
    pub(in super::super) call: Option<ApiCall>,
    /// The first and the last request, counted from 1 in the order of arrival; of a call, if one is named.
    pub(in super::super) requests: Option<(u64, u64)>,
    /// Only the first tries of a request, up to this number.
    pub(in super::super) first_tries: Option<u64>,
    /// At most this many times in all.
    pub(in super::super) times: Option<u64>,
    /// This share of the requests, from 0 to 1.
    pub(in super::super) share: Option<f64>,
    pub(in super::super) span: TimeSpan,
}

/// The effect of a fault.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Effect {
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
    /// An HTML page, as proxies send them.
    Html { status: u16 },
    /// A whole completion without a `finish_reason`.
    NullFinish,
    /// The body comes in small pieces.
    SlowBody { bytes: usize, pause: Duration },
    /// A body that claims to be gzip but is not.
    BadGzip,
    /// A `Content-Length` that ends before the body does.
    WrongLength,
    /// A redirection to another path.
    Redirect { status: u16 },
    /// An error in the middle of a stream with status 200; a reply without streaming consists only of the error.
    ErrorEvent(Refusal),
    /// A translation whose structure is damaged, of a text that has something to lose.
    Mistranslate(Mistranslation),
    /// An answer to numbered texts that is not one for one.
    Mispack(Mispacking),
    /// The end of a batch that is created.
    Fate(BatchFate),
    /// The answer to a line of a batch is in no file.
    LoseLine,
    /// It is there twice.
    DoubleLine,
}

impl Script {
    /// Whether the server is down at this time.
    pub(in super::super) fn is_down(&self, since_start: Duration) -> bool {
        self.downs.iter().any(|span| span.holds(since_start))
    }

    /// Whether a fault damages translations.
    pub(in super::super) fn mistranslates(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.effect, Effect::Mistranslate(_)))
    }

    /// Whether a fault damages the answers to numbered texts.
    pub(in super::super) fn mispacks(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.effect, Effect::Mispack(_)))
    }

    /// When the server next goes down.
    pub(in super::super) fn next_down(&self, since_start: Duration) -> Option<Duration> {
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
