//! `[notify]`, read: who is notified when a run starts, ends or stops.

use super::file::NotifySection;
use super::layers::Layers;
use super::one_or_many::OneOrMany;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::secret_scan::names_a_variable;
use crate::job::notify::{Hidden, Moment, Notify, Recipient};

/// Settles who is notified. No message contains the address, which is a secret.
pub(super) fn notify(section: NotifySection, layers: &Layers) -> Result<Notify, Diagnostic> {
    let to = match (section.url, section.url_env, section.command.map(OneOrMany::into_command)) {
        (Some(url), None, None) => Recipient::Url(Hidden(url)),
        (None, Some(name), None) if names_a_variable(&name) => Recipient::Variable(name),
        (None, Some(_), None) => {
            // The value may be the address itself, and is not shown.
            let problem = layers.problem("notify.url_env", "`url_env` does not name a variable");
            return Err(
                problem.help("name the variable that holds the address, as in url_env = \"NOTIFY_URL\"")
            );
        }
        (None, None, Some(words)) if !words.is_empty() => Recipient::Command(words),
        _ => {
            let message = "[notify] needs exactly one of `url`, `url_env` and `command`";
            let problem = layers.problem("notify", message);
            return Err(
                problem.help("name the variable that holds the address, as in url_env = \"NOTIFY_URL\"")
            );
        }
    };
    let on = match section.on {
        None => Moment::ALL.to_vec(),
        Some(words) => words.into_list().iter().map(|word| moment(word, layers)).collect::<Result<_, _>>()?,
    };
    Ok(Notify { to, on, allow_http: section.allow_http.unwrap_or(false) })
}

fn moment(word: &str, layers: &Layers) -> Result<Moment, Diagnostic> {
    Moment::ALL.into_iter().find(|moment| moment.as_str() == word).ok_or_else(|| {
        let problem = layers.problem("notify.on", format!("`on` must be start, end or stop, not `{word}`"));
        problem.suggest(word, Moment::ALL.map(Moment::as_str), || None)
    })
}
