//! `[notify]`: who is notified when a run starts, ends or stops.

use std::fmt;
use std::time::Duration;

/// How long one notification may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Who is notified of a run, and when.
#[derive(Debug, Clone)]
pub struct Notify {
    /// The recipient.
    pub to: Recipient,
    /// The moments, each once.
    pub on: Vec<Moment>,
    /// Whether a plain `http://` address beyond loopback is allowed.
    pub allow_http: bool,
}

/// The recipient of notifications.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// An address that is called.
    Url(Hidden),
    /// The address that a variable holds.
    Variable(String),
    /// A command that is run.
    Command(Vec<String>),
}

/// A text that cannot be printed.
#[derive(Clone)]
pub struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

impl Hidden {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The moments of which a notification can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A run begins to send.
    Start,
    /// A run has finished every row.
    End,
    /// A run has ended before that, or could not begin.
    Stop,
}

impl Moment {
    /// All of them, in the order of a run.
    pub const ALL: [Self; 3] = [Self::Start, Self::End, Self::Stop];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Stop => "stop",
        }
    }
}
