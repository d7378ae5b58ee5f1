//! The input and the output of a job.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Value;

use super::values::{bytes, duration};
use crate::config::file::OutputSection;
use crate::config::input_section::{Duplicates, InputSection, OnBadRow, OnBlank};
use crate::config::layers::Layers;
use crate::config::one_or_many::OneOrMany;
use crate::diagnostic::Diagnostic;
use crate::encoding::is_known;
use crate::format::{ENDINGS, Format};
use crate::job::documents::DocumentSettings;
use crate::job::input_format::InputFormat;
use crate::job::sheet_choice::SheetChoice;
use crate::job::{InputSettings, Output, TemplateText};

/// Settles an input.
///
/// # Errors
///
/// The first value that is missing or out of range, shown where it was given.
pub fn input(mut section: InputSection, layers: &Layers) -> Result<InputSettings, Diagnostic> {
    let paths = section.path.take().map(OneOrMany::into_list).unwrap_or_default();
    if paths.is_empty() {
        return Err(Diagnostic::new("no input given")
            .help("give a job file, as in `fanfold run job.toml`, whose [input] has a `path`, or --input"));
    }
    let delimiter = delimiter("input.delimiter", section.delimiter.take(), layers)?;
    let documents = documents(&mut section, layers)?;
    let sheet = sheet(section.sheet.take(), layers)?;
    if sheet.is_some()
        && let Some(format) = only_format(&paths, section.format)
    {
        let message = format!("`sheet` names a sheet of a spreadsheet (.xlsx), and the input is {format}");
        return Err(layers.problem("input.sheet", message).help("remove `sheet`"));
    }
    let max_record_bytes = bytes("input.max_record", section.max_record.as_ref(), layers)?;
    Ok(InputSettings {
        paths,
        format: section.format,
        id: section.id,
        share_duplicates: section.duplicates == Some(Duplicates::Share),
        skip_bad_rows: section.on_bad_row == Some(OnBadRow::Skip),
        skip_blank: section.on_blank != Some(OnBlank::Send),
        sheet,
        delimiter,
        max_record_bytes: max_record_bytes.unwrap_or(16 * 1024 * 1024),
        max_expanded_bytes: bytes("input.max_expanded", section.max_expanded.as_ref(), layers)?,
        documents,
        limit: section.limit,
        min_rows: section.min_rows.unwrap_or(0),
    })
}

/// How documents are read.
fn documents(section: &mut InputSection, layers: &Layers) -> Result<DocumentSettings, Diagnostic> {
    let default = DocumentSettings::default();
    let timeout = duration("input.reader_timeout", section.reader_timeout.as_deref(), layers)?;
    let timeout = timeout.unwrap_or(default.timeout);
    layers.refuse_if(timeout.is_zero(), "input.reader_timeout", "`reader_timeout` must be above 0")?;
    let reader = |(ending, command): (String, OneOrMany)| {
        let key = format!("input.readers.{ending}");
        let command = command.into_command();
        let is_empty = command.first().is_none_or(String::is_empty);
        layers.refuse_if(is_empty, &key, "the command is empty")?;
        let bare = ending.strip_prefix('.').unwrap_or(&ending).to_ascii_lowercase();
        let is_none = bare.is_empty() || bare.contains(['.', '/']);
        layers.refuse_if(is_none, &key, "the name must be the ending of a file, such as `pdf`")?;
        Ok::<_, Diagnostic>((bare, command))
    };
    let encoding = section.encoding.take().filter(|label| !label.trim().eq_ignore_ascii_case("auto"));
    if let Some(label) = encoding.as_ref().filter(|label| !is_known(label)) {
        let problem = layers.problem("input.encoding", format!("`{label}` is not the name of an encoding"));
        return Err(
            problem.help("write a name such as utf-8, gbk, big5, shift_jis or windows-1252, or `auto`")
        );
    }
    Ok(DocumentSettings {
        encoding,
        readers: std::mem::take(&mut section.readers).into_iter().map(reader).collect::<Result<_, _>>()?,
        max_bytes: bytes("input.max_document", section.max_document.as_ref(), layers)?
            .unwrap_or(default.max_bytes),
        timeout,
    })
}

/// The format of all files, or of the first, if none of them can be a spreadsheet by the job or by its ending.
fn only_format(paths: &[String], declared: Option<InputFormat>) -> Option<String> {
    let of_ending = |path: &String| Format::of_path(path).map(InputFormat::Table);
    let formats: Option<Vec<InputFormat>> =
        paths.iter().map(|path| declared.or_else(|| of_ending(path))).collect();
    let formats = formats.filter(|formats| !formats.contains(&InputFormat::Table(Format::Xlsx)))?;
    formats.first().map(InputFormat::to_string)
}

/// The sheet of a spreadsheet, if one is named.
fn sheet(value: Option<Value>, layers: &Layers) -> Result<Option<SheetChoice>, Diagnostic> {
    match value {
        None => Ok(None),
        Some(Value::String(name)) if !name.is_empty() => Ok(Some(SheetChoice::Name(name))),
        Some(Value::Integer(number)) if number > 0 => Ok(Some(SheetChoice::Number(number.unsigned_abs()))),
        Some(_) => Err(layers.problem("input.sheet", "`sheet` must be a name, or a number from 1")),
    }
}

/// The delimiter of cells at a key, if one is given.
fn delimiter(key: &str, text: Option<String>, layers: &Layers) -> Result<Option<u8>, Diagnostic> {
    match text.as_deref().map(str::as_bytes) {
        None => Ok(None),
        Some([byte]) if byte.is_ascii() => Ok(Some(*byte)),
        Some(_) => {
            let message = "the delimiter must be one character, such as \";\" or \"\\t\"";
            Err(layers.problem(key, message))
        }
    }
}

pub(super) fn output(section: OutputSection, layers: &Layers) -> Result<Output, Diagnostic> {
    let Some(path) = section.path.filter(|path| !path.is_empty()) else {
        return Err(
            Diagnostic::new("no output given").help("give it with --output, or as `path` under [output]")
        );
    };
    let format = format_of(&path, layers)?;
    let delimiter = delimiter("output.delimiter", section.delimiter, layers)?;
    let cannot = delimiter.is_some_and(|delimiter| b"\"\r\n".contains(&delimiter));
    layers.refuse_if(cannot, "output.delimiter", "a quote or the end of a line cannot delimit cells")?;
    let documents = section.documents.clone();
    let is_empty = documents.as_ref().is_some_and(|template| template.trim().is_empty());
    let advice = "`documents` must name a file for each row, such as \"out/{{ stem }}.md\"";
    layers.refuse_if(is_empty, "output.documents", advice)?;
    let both = section.select.is_some() && section.answers_only == Some(true);
    layers.refuse_if(both, "output.answers_only", "remove it, or `select`, which names the columns")?;
    Ok(Output {
        path: PathBuf::from(path),
        leads_to: None,
        format,
        names: names(&section.select, &section.rename, layers),
        select: section.select,
        answers_only: section.answers_only.unwrap_or(false),
        rename: BTreeMap::into_iter(section.rename).collect(),
        prefix: section.prefix.unwrap_or_default(),
        spreadsheet_safe: section.spreadsheet_safe.unwrap_or(false),
        delimiter,
        bom: section.bom,
        is_of_a_rehearsal: false,
        layout: section.layout.unwrap_or_default(),
        wide: section.wide.map(|source| TemplateText { source, place: layers.place("output.wide") }),
        documents: documents.map(|source| TemplateText { source, place: layers.place("output.documents") }),
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
