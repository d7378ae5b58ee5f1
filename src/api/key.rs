//! The API key: read from where the job says, then only sent.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use reqwest::header::HeaderValue;

use crate::diagnostic::secret_scan::{as_a_name, masked};
use crate::job::KeySource;
use crate::regular;
use crate::secrets::{self, Secrets};
use crate::text::{how_it_ended, short};

/// An API key. It cannot be printed or serialised.
pub struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The most characters shown of a failing command's standard error.
const MOST_SHOWN: usize = 300;

const ELSEWHERE: &str = "check `api_key_file` under [model]: paths are relative to the working directory";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set.
    #[error(
        "no API key: the environment variable {name} is not set\n  = help: export {name}=… , or use another \
         source with api_key_env, api_key_file or api_key_command under [model]; a rehearsal with --simulate \
         needs no key"
    )]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("no API key: the file {} cannot be read: {source}\n  = help: {ELSEWHERE}", as_a_name(&path.to_string_lossy()))]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The command did not give one.
    #[error(
        "no API key: the command `{command}` {what}\n  = help: run it by itself; it must print only the key, in \
         its first line"
    )]
    Command {
        /// Its first word only: the others may be the key.
        command: String,
        /// What happened.
        what: String,
    },
    /// The text that was found is not a key.
    #[error("no API key: the key from {place} {what}\n  = help: it must hold the key alone, in one line")]
    Unusable {
        /// Where it was found.
        place: String,
        /// What is wrong with it; never the text itself.
        what: &'static str,
    },
}

impl Key {
    /// Reads the key from where it is kept. `None` if the job needs no key and there is none. `variable` looks up
    /// the environment; at a terminal, a command may prompt the user.
    ///
    /// # Errors
    ///
    /// When a key is needed and there is none, or the text that was found is not a key.
    pub fn load(
        source: &KeySource,
        variable: impl Fn(&str) -> Option<String>,
        at_a_terminal: bool,
    ) -> Result<Option<Self>, KeyError> {
        let (text, place) = match source {
            KeySource::Variable { name, optional } => match (variable(name), optional) {
                (Some(text), _) => (text, format!("the variable {name}")),
                (None, true) => return Ok(None),
                (None, false) => return Err(KeyError::NoVariable { name: name.clone() }),
            },
            KeySource::File(path) => {
                let failed = |source| KeyError::File { path: path.clone(), source };
                (
                    regular::read_to_string(path).map_err(failed)?,
                    format!("the file {}", as_a_name(&path.to_string_lossy())),
                )
            }
            KeySource::Command(words) => {
                (printed(words, at_a_terminal)?, format!("the command `{}`", program(words)))
            }
        };
        Self::new(alone(&text)).map(Some).map_err(|what| KeyError::Unusable { place, what })
    }

    /// A key from its text, which is kept secret from now on.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match () {
            () if text.is_empty() => Err("is empty"),
            () if text.contains(char::is_whitespace) => Err("has white space in it"),
            () if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("has characters that cannot be in a key")
            }
            () => {
                secrets::keep(text);
                Ok(Self(text.to_owned()))
            }
        }
    }

    /// The key that the built-in simulator accepts; it is not secret.
    pub fn of_a_rehearsal() -> Self {
        Self("simulated".to_owned())
    }

    /// A function that says whether a text is the key or contains it in any form.
    pub fn finder(&self) -> impl Fn(&str) -> bool {
        let secrets = Secrets::new(vec![self.0.clone()]);
        move |text| text.trim() == self.0 || secrets.hide(text).is_some()
    }

    /// Whether it is the key of a Coding Plan, by its prefix. Such a key may not be used for jobs and scripts.
    pub fn is_of_coding_plan(&self) -> bool {
        self.0.starts_with("sk-sp-")
    }

    /// The header that carries the key.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The key in a text that holds nothing else.
pub fn alone(text: &str) -> &str {
    unquoted(text.trim_start_matches('\u{feff}').trim())
}

/// The first word of a command, which may be shown.
pub fn program(words: &[String]) -> String {
    words.first().map_or_else(String::new, |word| {
        format!("{}{}", as_a_name(word), if words.len() > 1 { " …" } else { "" })
    })
}

/// A text without the quotes around it.
pub fn unquoted(text: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}

/// The first line that a command prints. Its standard error is shown on a terminal, where it can prompt for a password;
/// elsewhere it may contain the key and end up in a log, and is shown only if the command fails.
fn printed(words: &[String], at_a_terminal: bool) -> Result<String, KeyError> {
    let failed = |what: String| KeyError::Command { command: program(words), what };
    let Some((program, arguments)) = words.split_first() else { return Err(failed("is empty".to_owned())) };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(if at_a_terminal { Stdio::inherit() } else { Stdio::piped() })
        .output()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        // The command may have printed the key before it failed.
        String::from_utf8_lossy(&output.stdout).lines().for_each(|line| secrets::keep(alone(line)));
        let complaint =
            secrets::kept().out_of_complaint(String::from_utf8_lossy(&output.stderr).into_owned());
        let complaint = match short(&masked(&complaint), MOST_SHOWN) {
            complaint if complaint.is_empty() => complaint,
            complaint => format!(": {complaint}"),
        };
        return Err(failed(format!("{}{complaint}", how_it_ended(output.status))));
    }
    let text =
        String::from_utf8(output.stdout).map_err(|_| failed("printed text that is not UTF-8".to_owned()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_its_place_and_never_shown() {
        let source = KeySource::Variable { name: "K".into(), optional: false };
        let key = Key::load(&source, |_| Some(" sk-secret\n".into()), false).unwrap().unwrap();
        assert!(!format!("{key:?}").contains("secret"));
        let is_key = key.finder();
        assert!(is_key("sk-secret") && is_key("c2stc2VjcmV0") && !is_key("a secret"));
        assert!(
            Key::load(&source, |_| None, false).unwrap_err().to_string().contains("variable K is not set")
        );
        let shown = Key::load(&source, |_| Some("sk secret".into()), false).unwrap_err().to_string();
        assert!(shown.contains("white space") && !shown.contains("secret"), "{shown}");
        assert!(!key.is_of_coding_plan() && Key::new("sk-sp-1").unwrap().is_of_coding_plan());
        let source = KeySource::Command(vec!["echo".into(), "sk-1".into()]);
        assert!(Key::load(&source, |_| None, false).unwrap().is_some());
        let source = KeySource::Command(vec!["false".into()]);
        assert!(Key::load(&source, |_| None, false).is_err());
    }
}
