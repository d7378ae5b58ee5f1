//! `[notify]`: who is told when a run starts, ends or stops.

use std::fmt;
use std::time::Duration;

use super::diagnostic::{Diagnostic, nearest};
use super::file::{NotifySection, OneOrMany};
use super::layers::Layers;
use super::secret_scan::names_a_variable;

/// How long one notification may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Who is told of a run, and of what.
#[derive(Debug, Clone)]
pub struct Notify {
    /// Who.
    pub to: Recipient,
    /// Of what, each once.
    pub on: Vec<Moment>,
    /// Whether a plain `http://` address beyond loopback is allowed.
    pub allow_http: bool,
}

/// Who is told.
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
pub struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

impl Hidden {
    /// The text itself, for who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What somebody can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A run begins to send.
    Start,
    /// A run has brought every row to its end.
    End,
    /// A run has ended before that, or could not begin.
    Stop,
}

impl Moment {
    const ALL: [Self; 3] = [Self::Start, Self::End, Self::Stop];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Stop => "stop",
        }
    }
}

/// Settles who is told. A message says nothing of the address, which is a secret.
pub(super) fn notify(section: NotifySection, layers: &Layers) -> Result<Notify, Diagnostic> {
    let to = match (section.url, section.url_env, section.command) {
        (Some(url), None, None) => Recipient::Url(Hidden(url)),
        (None, Some(name), None) if names_a_variable(&name) => Recipient::Variable(name),
        (None, Some(_), None) => {
            // What stands here instead may be the address itself, and is not shown.
            let problem = layers.problem("notify.url_env", "`url_env` does not name a variable");
            return Err(problem.help("url_env = \"NOTIFY_URL\" names the variable that holds the address"));
        }
        (None, None, Some(OneOrMany::Many(words))) if !words.is_empty() => Recipient::Command(words),
        (None, None, Some(OneOrMany::One(line))) if !line.trim().is_empty() => {
            Recipient::Command(line.split_whitespace().map(str::to_owned).collect())
        }
        _ => {
            let message = "[notify] names one of `url`, `url_env` and `command`, and not more";
            let problem = layers.problem("notify", message);
            return Err(problem.help("url_env = \"NOTIFY_URL\" names the variable that holds the address"));
        }
    };
    let on = match section.on {
        None => Moment::ALL.to_vec(),
        Some(OneOrMany::One(word)) => vec![moment(&word, layers)?],
        Some(OneOrMany::Many(words)) => {
            words.iter().map(|word| moment(word, layers)).collect::<Result<_, _>>()?
        }
    };
    Ok(Notify { to, on, allow_http: section.allow_http.unwrap_or(false) })
}

fn moment(word: &str, layers: &Layers) -> Result<Moment, Diagnostic> {
    let words = Moment::ALL.map(Moment::as_str);
    Moment::ALL.into_iter().find(|moment| moment.as_str() == word).ok_or_else(|| {
        let problem = layers.problem("notify.on", format!("`on` has start, end and stop, not `{word}`"));
        match nearest(word, words) {
            Some(name) => problem.help(format!("did you mean `{name}`?")),
            None => problem,
        }
    })
}
