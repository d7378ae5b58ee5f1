//! The files of `[glossary]`: read once, when the job is opened, like any input.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::PipelineError;
use crate::diagnostic::{Diagnostic, nearest};
use crate::encoding::of_mark;
use crate::job::Job;
use crate::job::languages::Languages;
use crate::read::{InputSpec, Projection, ReadError, Source};
use crate::render::glossary::{Glossary, Term};
use crate::row::{Item, Place};

/// The columns of a text and of its translation.
const SIDES: [&str; 2] = ["source", "target"];

/// The columns that limit an entry to a pair of languages.
const LANGUAGES: [&str; 2] = ["source_lang", "target_lang"];

/// The glossary of a job, if it has one.
///
/// # Errors
///
/// A file that is missing or lacks the columns, an incomplete entry, two contradictory entries, or a language that the
/// model does not know, each with its file and line.
pub(super) fn read(job: &Job) -> Result<Option<Glossary>, PipelineError> {
    let (terms, memory) = (job.glossary.terms.as_deref(), job.glossary.memory.as_deref());
    let model = job.model.name.as_deref().unwrap_or_default();
    // A model that does not translate was rejected together with the job.
    let Some(languages) = job.facts_of(model).languages.filter(|_| terms.or(memory).is_some()) else {
        return Ok(None);
    };
    let output = &job.output.path;
    let entries = |path: Option<&Path>| match path {
        Some(path) => File { path, model, languages }.entries(output),
        None => Ok(vec![]),
    };
    Ok(Some(Glossary::new(languages, entries(terms)?, entries(memory)?)?))
}

/// One file of a glossary, for a model.
#[derive(Clone, Copy)]
struct File<'a> {
    path: &'a Path,
    model: &'a str,
    languages: Languages,
}

impl File<'_> {
    fn entries(self, output: &Path) -> Result<Vec<Term>, PipelineError> {
        let path = self.path.to_string_lossy().into_owned();
        if path == "-" {
            let help = "give a file: standard input is for the rows";
            return Err(Diagnostic::new("a glossary cannot be read from standard input").help(help).into());
        }
        let source = Source::open(InputSpec::new([&path], "")).map_err(|error| self.explained(error))?;
        if source.reads(output).is_some() {
            return Err(PipelineError::OutputIsInput { output: output.to_owned(), input: path });
        }
        if let Some(columns) = source.columns() {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            SIDES.into_iter().try_for_each(|side| has(side, &names, &path))?;
        }
        let mut entries = Entries::default();
        for item in source.rows(Projection::Fields)? {
            match item.map_err(|error| self.explained(error))? {
                Item::Row(row) => entries.add(self.entry(&row.fields, &row.place)?, row.place)?,
                Item::Bad(bad) => {
                    let problem = Diagnostic::new(format!("{}: {}", bad.place, bad.reason));
                    return Err(self.not_utf8().unwrap_or(problem).into());
                }
            }
        }
        Ok(entries.terms)
    }

    /// The error, or that the file is not UTF-8: `encoding` under [input], which the reader advises, is that of the rows.
    fn explained(self, error: ReadError) -> PipelineError {
        self.not_utf8().map_or_else(|| error.into(), PipelineError::from)
    }

    /// What is wrong with a text file that is not UTF-8.
    fn not_utf8(self) -> Option<Diagnostic> {
        let is_text = |ending: &OsStr| ["csv", "tsv", "jsonl"].iter().any(|known| ending == *known);
        let bytes =
            self.path.extension().filter(|ending| is_text(ending)).and(std::fs::read(self.path).ok())?;
        let valid = std::str::from_utf8(&bytes).err().filter(|_| of_mark(&bytes).is_none())?.valid_up_to();
        let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("{}:{line}: the glossary is not UTF-8", self.path.display());
        Some(
            Diagnostic::new(message)
                .help("save the file as UTF-8, for example as \"CSV UTF-8\" in a spreadsheet program"),
        )
    }

    fn entry(self, fields: &Map<String, Value>, place: &Place) -> Result<Term, Diagnostic> {
        let [source, target] = SIDES.map(|side| text(fields, side, place));
        let [source_lang, target_lang] = LANGUAGES.map(|column| self.language(fields, column, place));
        Ok(Term { source: source?, target: target?, source_lang: source_lang?, target_lang: target_lang? })
    }

    /// The code of the language to which an entry is limited; an empty cell and `auto` do not limit it.
    fn language(
        self,
        fields: &Map<String, Value>,
        column: &str,
        place: &Place,
    ) -> Result<Option<String>, Diagnostic> {
        let given = match fields.get(column) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if ["", "auto"].contains(&text.trim()) => return Ok(None),
            Some(Value::String(text)) => text.trim(),
            Some(other) => return Err(Diagnostic::new(format!("{place}: `{column}` is text, not {other}"))),
        };
        match self.languages.fault(self.model, given) {
            None => Ok(Some(self.languages.code_of(given))),
            Some((message, help)) => {
                let problem = Diagnostic::new(format!("{place}: `{column}`: {message}"));
                Err(help.into_iter().fold(problem, Diagnostic::help))
            }
        }
    }
}

/// A source, and the languages to which its entry is limited.
type TermKey = (String, Option<String>, Option<String>);

/// The entries of a file so far, each with the place it came from.
#[derive(Default)]
struct Entries {
    terms: Vec<Term>,
    places: Vec<Place>,
    seen: HashMap<TermKey, usize>,
}

impl Entries {
    /// Adds an entry. An exact repetition is ignored.
    fn add(&mut self, term: Term, place: Place) -> Result<(), Diagnostic> {
        let key = (term.source.clone(), term.source_lang.clone(), term.target_lang.clone());
        if let Some(first) = self.seen.get(&key) {
            return match self.terms[*first] == term {
                true => Ok(()),
                false => Err(clash(&term, &self.places[*first], &place)),
            };
        }
        self.seen.insert(key, self.terms.len());
        self.terms.push(term);
        self.places.push(place);
        Ok(())
    }
}

fn has(column: &str, names: &[&str], who: &str) -> Result<(), Diagnostic> {
    if names.contains(&column) {
        return Ok(());
    }
    let problem = Diagnostic::new(format!(
        "{who}: a glossary needs the columns `source` and `target`, and this one has no `{column}`"
    ));
    let columns = match names {
        [] => "it has no columns".to_owned(),
        names => format!("the columns are {}", names.join(", ")),
    };
    Err(match nearest(column, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`? {columns}")),
        None => problem.help(columns),
    })
}

fn text(fields: &Map<String, Value>, column: &str, place: &Place) -> Result<String, Diagnostic> {
    match fields.get(column) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(Value::String(_) | Value::Null) => {
            let problem = Diagnostic::new(format!("{place}: `{column}` is empty"));
            Err(problem.help("every entry needs a source and a target; remove the line, or complete it"))
        }
        Some(other) => Err(Diagnostic::new(format!("{place}: `{column}` is text, not {other}"))),
        None => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            has(column, &names, &place.to_string()).and(Ok(String::new()))
        }
    }
}

fn clash(term: &Term, first: &Place, second: &Place) -> Diagnostic {
    let message = format!("{second}: `{}` has another target here than at {first}", term.source);
    Diagnostic::new(message)
        .help("remove one of them, or limit them to languages with the columns source_lang and target_lang")
}
