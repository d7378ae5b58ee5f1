//! The input and the output of a job.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::values::bytes;
use crate::config::file::{Duplicates, InputSection, OnBadRow, OneOrMany, OutputSection};
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::format::{ENDINGS, Format};
use crate::job::{InputSettings, Output, TemplateText};

pub(super) fn input(section: InputSection, layers: &Layers) -> Result<InputSettings, Diagnostic> {
    let paths = section.path.map(OneOrMany::into_list).unwrap_or_default();
    if paths.is_empty() {
        return Err(Diagnostic::new("no input given")
            .help("give a job file, as in `fanfold run job.toml`, whose [input] has a `path`, or --input"));
    }
    let delimiter = section.delimiter.map(|text| one_byte(&text, layers)).transpose()?;
    let max_record_bytes = bytes("input.max_record", section.max_record.as_ref(), layers)?;
    Ok(InputSettings {
        paths,
        format: section.format,
        id: section.id,
        share_duplicates: section.duplicates == Some(Duplicates::Share),
        skip_bad_rows: section.on_bad_row == Some(OnBadRow::Skip),
        delimiter,
        max_record_bytes: max_record_bytes.unwrap_or(16 * 1024 * 1024),
        max_expanded_bytes: bytes("input.max_expanded", section.max_expanded.as_ref(), layers)?,
        limit: section.limit,
        min_rows: section.min_rows.unwrap_or(0),
    })
}

fn one_byte(text: &str, layers: &Layers) -> Result<u8, Diagnostic> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(layers
            .problem("input.delimiter", "the delimiter must be one character, such as \";\" or \"\\t\"")),
    }
}

pub(super) fn output(section: OutputSection, layers: &Layers) -> Result<Output, Diagnostic> {
    let Some(path) = section.path.filter(|path| !path.is_empty()) else {
        return Err(
            Diagnostic::new("no output given").help("give it with --output, or as `path` under [output]")
        );
    };
    let format = format_of(&path, layers)?;
    Ok(Output {
        path: PathBuf::from(path),
        leads_to: None,
        format,
        names: names(&section.select, &section.rename, layers),
        select: section.select,
        rename: BTreeMap::into_iter(section.rename).collect(),
        prefix: section.prefix.unwrap_or_default(),
        spreadsheet_safe: section.spreadsheet_safe.unwrap_or(false),
        journal: section.journal.filter(|path| !path.is_empty()).map(PathBuf::from),
        metrics: section.metrics.filter(|path| !path.is_empty()).map(PathBuf::from),
    })
}

/// The format of an output, from the ending of its name.
pub(super) fn format_of(path: &str, layers: &Layers) -> Result<Format, Diagnostic> {
    Format::of_path(path).ok_or_else(|| {
        let message = format!("the ending of `{path}` is not that of a known format");
        layers.problem("output.path", message).help(format!("use {ENDINGS}"))
    })
}

/// The columns in `select` and `rename`, new names too, with their places. An empty `select` has an empty name.
fn names(
    select: &Option<Vec<String>>,
    rename: &BTreeMap<String, String>,
    layers: &Layers,
) -> Vec<TemplateText> {
    let text = |source: &str, key: &str| TemplateText { source: source.to_owned(), place: layers.place(key) };
    let selected = select.iter().flatten().enumerate();
    let mut names: Vec<TemplateText> =
        selected.map(|(index, name)| text(name, &format!("output.select.{index}"))).collect();
    if select.as_ref().is_some_and(Vec::is_empty) {
        names.push(text("", "output.select"));
    }
    for (from, to) in rename {
        let key = format!("output.rename.{from}");
        names.extend([text(from, &key), text(to, &key)]);
    }
    names
}
