//! The job file, the environment and the flags laid over one another, and where each value came from.

use std::collections::HashMap;
use std::iter::successors;
use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::config::file::JobFile;
use crate::config::overlay::{KeyOrigin, Overlay};
use crate::diagnostic::secret_scan::is_secret;
use crate::diagnostic::{Diagnostic, SourceText, nearest};

/// All values of a job, each with its place.
#[derive(Debug)]
pub struct Layers {
    file: Option<SourceText>,
    /// The place of each key's value in the file.
    spans: HashMap<String, Range<usize>>,
    overlays: Vec<Overlay>,
}

impl Layers {
    /// Reads a job file, if there is one, and lays the overlays over it; a later overlay overrides an earlier one.
    ///
    /// # Errors
    ///
    /// A syntax error, an unknown key or a wrong type, shown at its place.
    pub fn read(file: Option<SourceText>, overlays: Vec<Overlay>) -> Result<(JobFile, Self), Diagnostic> {
        let (mut tree, mut spans) = (Table::new(), HashMap::new());
        if let Some(script) = &file {
            toml::from_str::<JobFile>(&script.text).map_err(|error| explain(script, &error))?;
            let root = DeTable::parse(&script.text).map_err(|error| explain(script, &error))?;
            keep_spans(root.get_ref(), "", &mut spans);
            tree = Table::deserialize(toml::Deserializer::from(root))
                .map_err(|error| explain(script, &error))?;
        }
        for overlay in &overlays {
            let text = || Value::String(overlay.raw.clone());
            // A value that reads as a number may be meant as text: the key decides.
            let alone = alone(overlay, overlay.value.clone())
                .or_else(|problem| alone(overlay, text()).map_err(|_| problem))?;
            merge(&mut tree, alone);
        }
        let layers = Self { file, spans, overlays };
        // Each layer was valid by itself; together they can only clash if one replaces a value by a table.
        let job = JobFile::deserialize(Value::Table(tree))
            .map_err(|error| Diagnostic::new(error.message().to_owned()))?;
        Ok((job, layers))
    }

    /// A problem with the value of a key, shown where the value was given.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Diagnostic {
        let problem = Diagnostic::new(message);
        match self.place(key) {
            Some((script, span)) => problem.at(&script, span),
            None => problem,
        }
    }

    /// Refuses the value of a key, shown where it was given, if it is wrong.
    pub(super) fn refuse_if(&self, is_wrong: bool, key: &str, message: &str) -> Result<(), Diagnostic> {
        if is_wrong { Err(self.problem(key, message)) } else { Ok(()) }
    }

    /// The origin of the value of a key that is set.
    pub fn origin(&self, key: &str) -> KeyOrigin {
        self.overlays_of(key).map(|overlay| overlay.origin).max().unwrap_or(KeyOrigin::File)
    }

    /// Where the value of a key was given: the text, and the bytes of the value in it. For a key that is not set, the
    /// nearest table around it.
    pub fn place(&self, key: &str) -> Option<(SourceText, Range<usize>)> {
        if let Some(overlay) = self.overlays_of(key).last() {
            return Some((overlay.script.clone(), 0..overlay.script.text.len()));
        }
        let script = self.file.as_ref()?;
        let mut around = successors(Some(key), |key| key.rsplit_once('.').map(|(table, _)| table));
        let span = around.find_map(|key| self.spans.get(key))?;
        Some((script.clone(), span.clone()))
    }

    /// Where a key is in the order in which keys are written: those of the file first, then those of the overlays.
    pub(super) fn order_of(&self, key: &str) -> (usize, usize) {
        let in_file = self.spans.get(key).map(|span| (0, span.start));
        let overlay = self.overlays.iter().position(|overlay| key.starts_with(&*overlay.key));
        in_file.unwrap_or((1, overlay.unwrap_or(usize::MAX)))
    }

    /// The overlays that set a key, or a table around it.
    fn overlays_of(&self, key: &str) -> impl Iterator<Item = &Overlay> {
        let is_of = move |overlay: &&Overlay| {
            key.strip_prefix(&*overlay.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.overlays.iter().filter(is_of)
    }
}

/// Records the places of a table's values, including those inside tables and lists.
fn keep_spans(table: &DeTable<'_>, prefix: &str, spans: &mut HashMap<String, Range<usize>>) {
    for (key, value) in table {
        keep_span(format!("{prefix}{}", key.get_ref()), value, spans);
    }
}

fn keep_span(key: String, value: &Spanned<DeValue<'_>>, spans: &mut HashMap<String, Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => keep_spans(table, &format!("{key}."), spans),
        DeValue::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| keep_span(format!("{key}.{index}"), value, spans));
        }
        _ => {}
    }
    spans.insert(key, value.span());
}

/// An error of the TOML reader, shown at its place and with the nearest known key.
pub fn explain(script: &SourceText, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let (message, help) = reword(error.message(), script.may_be_secret(&span));
    let problem = Diagnostic::new(message).at(script, span);
    help.into_iter().fold(problem, Diagnostic::help)
}

/// An error of the reader in the user's words; for an unknown key, also the key that was probably meant. A value that may be
/// a secret is not repeated.
///
/// The reader returns prose only, so this depends on serde's wording. If a new version changes it, its own words are shown,
/// and the snapshots of messages (`tests/suite/snapshots/job_file.txt`) notice.
fn reword(message: &str, is_secret: bool) -> (String, Option<String>) {
    let message = message.lines().next().unwrap_or(message);
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        let found = found.replace("map", "table");
        let found = match is_secret {
            true => found.split([' ', '"', '`']).next().unwrap_or_default(),
            false => &found,
        };
        return (format!("expected {}, found the {found}", kind(expected)), None);
    }
    if message == "duplicate key" {
        return ("duplicate key".to_owned(), Some("remove one of them".to_owned()));
    }
    let is_key = message.starts_with("unknown field ");
    if !is_key && !message.starts_with("unknown variant ") {
        return (message.to_owned(), None);
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let meant = nearest(unknown, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    match is_key {
        true => {
            let help = meant.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            (format!("unknown key `{unknown}`"), Some(help))
        }
        false => {
            let unknown = if is_secret { "…" } else { unknown };
            (format!("`{unknown}` is not one of {}", known.join(", ")), meant)
        }
    }
}

/// The user's word for a type that the reader names after its own types.
fn kind(expected: &str) -> &str {
    match expected {
        "f64" => "a number",
        "u32" | "u64" => "a whole number, 0 or above",
        "a string" => "text in quotes",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// The job file that consists of one overlay.
fn alone(overlay: &Overlay, value: Value) -> Result<Table, Diagnostic> {
    let shown = |message: String| Diagnostic::new(message).at_all_of(&overlay.script);
    let mut table = Table::new();
    insert(&mut table, &overlay.key, value).map_err(shown)?;
    match JobFile::deserialize(Value::Table(table.clone())) {
        Ok(_) => Ok(table),
        Err(error) => {
            let (message, help) = reword(error.message(), is_secret(&overlay.key));
            Err(help.into_iter().fold(shown(message), Diagnostic::help))
        }
    }
}

fn insert(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let wrong = || format!("`{key}` is not a key of the job file");
    match key.split_once('.') {
        None if key.is_empty() => Err(wrong()),
        None => {
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => match table.entry(first).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => insert(inner, rest, value),
            _ => Err(wrong()),
        },
    }
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::flags::{JOB_FLAGS, set};

    fn script(text: &str) -> Option<SourceText> {
        Some(SourceText::new("job.toml", text))
    }

    #[test]
    fn an_unknown_key_is_shown_with_the_nearest_known_one() {
        let problem =
            Layers::read(script("[model]\nname = \"a\"\n[limits]\nqpd = 3\n"), vec![]).expect_err("unknown");
        let shown = problem.to_string();
        assert!(shown.contains("unknown key `qpd`"), "{shown}");
        assert!(shown.contains("job.toml:4:1"), "{shown}");
        assert!(shown.contains("did you mean `qp"), "{shown}");
    }

    #[test]
    fn a_wrong_type_is_shown_at_its_place() {
        let shown = Layers::read(script("[limits]\nqps = \"fast\"\n"), vec![]).expect_err("type").to_string();
        assert!(shown.contains("job.toml:2:7"), "{shown}");
        assert!(shown.contains("expected"), "{shown}");
    }

    #[test]
    fn a_flag_overrides_the_file_and_its_mistakes_name_the_flag() {
        let overlay = set("limits.qps=7").expect("good");
        let (job, layers) =
            Layers::read(script("[limits]\nqps = 3\nqpm = 100\n"), vec![overlay]).expect("good");
        assert_eq!((job.limits.qps, job.limits.qpm), (Some(7.0), Some(100.0)));
        assert!(layers.problem("limits.qps", "no").to_string().contains("in: --set limits.qps=7"));
        assert!(layers.problem("limits.qpm", "no").to_string().contains("job.toml:3:7"));
        let shown =
            Layers::read(None, vec![set("limts.qps=7").expect("good")]).expect_err("unknown").to_string();
        assert!(shown.contains("did you mean `limits`?"), "{shown}");
    }

    #[test]
    fn every_job_flag_sets_a_key_that_the_job_file_has() {
        for job_flag in JOB_FLAGS {
            let value = match job_flag.flag {
                "max-duration" | "timeout" => "1s",
                "cap-period" => "day",
                "tier" => "standard",
                _ => "1",
            };
            let overlay = job_flag.of_flag(&[value.to_owned()]);
            assert!(Layers::read(None, vec![overlay]).is_ok(), "{}", job_flag.flag);
        }
    }
}
