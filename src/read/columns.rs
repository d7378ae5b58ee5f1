//! The columns of an input of several files: all columns of all files, by name, with types that hold every file's values.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::error::ReadError;
use super::parquet::types;
use crate::csv_manner::CsvManner;
use crate::row::{Column, ColumnKind, JsonKind};

/// How many columns a notice names.
const NAMED: usize = 5;

/// The columns of one file.
pub(super) struct Header {
    /// The file as the user named it.
    pub(super) file: Arc<str>,
    /// Its columns in its own order, then those of its folders.
    pub(super) columns: Vec<Column>,
    /// The cells of a CSV file's header that name no column, counted from 0.
    pub(super) unnamed: Vec<usize>,
    /// How a CSV or TSV file is written.
    pub(super) manner: Option<CsvManner>,
    /// What is left out of the file, each in a sentence without the file and the full stop.
    pub(super) notices: Vec<String>,
}

impl Header {
    /// The header of a file whose columns all have names.
    pub(super) fn new(file: Arc<str>, columns: Vec<Column>) -> Self {
        Self { file, columns, unnamed: Vec::new(), manner: None, notices: Vec::new() }
    }
}

/// The columns of the whole input.
#[derive(Debug)]
pub(super) struct Joined {
    /// In the order of their first appearance. A column is null in the rows of a file without it, and nullable if any file
    /// has it nullable.
    pub(super) columns: Vec<Column>,
    /// Notices about the columns for the user.
    pub(super) notices: Vec<String>,
    /// The columns that some files lack, each with a phrase for those files.
    pub(super) lacking: Vec<(String, String)>,
}

/// Joins the columns of all files.
///
/// # Errors
///
/// A column has two types, and no type holds the values of both.
pub(super) fn of_all(headers: &[Header]) -> Result<Joined, ReadError> {
    let mut all: Vec<SeenColumn<'_>> = Vec::new();
    let mut indices: HashMap<&str, usize> = HashMap::new();
    for (nth, header) in headers.iter().enumerate() {
        for column in &header.columns {
            match indices.get(column.name.as_str()).map(|index| &mut all[*index]) {
                Some(seen) => seen.join(column, &header.file)?,
                None => {
                    indices.insert(&column.name, all.len());
                    all.push(SeenColumn::new(column, header, nth));
                }
            }
        }
    }
    let alone = |header: &&Header| shares_no_column(header, &all, &indices, headers);
    if let Some(header) = headers.iter().rev().find(alone) {
        let others = headers.iter().find(|other| !other.columns.is_empty());
        let others = others.map_or_else(String::new, |other| {
            format!(" (such as {}: {})", other.file, named(&other.columns))
        });
        let reason = format!(
            "it has none of the columns of the other files{others}, but {}; is its header missing?",
            named(&header.columns)
        );
        return Err(ReadError::columns(&header.file, reason));
    }
    let names: Vec<HashSet<&str>> = headers
        .iter()
        .map(|header| header.columns.iter().map(|column| column.name.as_str()).collect())
        .collect();
    let mut differences: Vec<String> =
        all.iter().filter_map(|seen| seen.differences(headers, &names)).collect();
    let lacking = |seen: &SeenColumn<'_>| Some((seen.column.name.clone(), seen.lacking(headers, &names)?));
    let lacking = all.iter().filter_map(lacking).collect();
    let more = differences.len().saturating_sub(NAMED);
    differences.truncate(NAMED);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    let mut notices = left_out(headers);
    if !differences.is_empty() {
        notices.push(format!(
            "the input files have different columns, which are joined: {}",
            differences.join("; ")
        ));
    }
    let columns = all.into_iter().map(|seen| seen.finish(headers.len())).collect();
    Ok(Joined { columns, notices, lacking })
}

/// Whether a file has no column in common with any other: then its first row was read as a header, or it belongs to another
/// input.
fn shares_no_column(
    header: &Header,
    all: &[SeenColumn<'_>],
    indices: &HashMap<&str, usize>,
    headers: &[Header],
) -> bool {
    let with_columns = headers.iter().filter(|header| !header.columns.is_empty()).count();
    let is_its_own =
        |column: &Column| indices.get(column.name.as_str()).is_some_and(|index| all[*index].files == 1);
    with_columns > 1 && !header.columns.is_empty() && header.columns.iter().all(is_its_own)
}

fn named(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().take(NAMED).map(|column| column.name.as_str()).collect();
    names.join(", ")
}

/// One line for each thing that one or more files leave out.
fn left_out(headers: &[Header]) -> Vec<String> {
    let mut lines: Vec<(&str, &str, usize)> = Vec::new();
    for (file, notice) in
        headers.iter().flat_map(|header| header.notices.iter().map(|text| (&*header.file, text)))
    {
        match lines.iter_mut().find(|line| line.1 == notice) {
            Some(line) => line.2 += 1,
            None => lines.push((file, notice, 0)),
        }
    }
    let line = |(file, notice, more): &(&str, &str, usize)| match more {
        0 => format!("{file}: {notice}"),
        1 => format!("{file} and another file: {notice}"),
        more => format!("{file} and {more} other files: {notice}"),
    };
    lines.iter().map(line).collect()
}

/// A column as it was seen in the files so far.
struct SeenColumn<'a> {
    column: Column,
    /// Its types, each with a file in which it has that type.
    types: Vec<(&'a ColumnKind, &'a str)>,
    /// How many files have it.
    files: usize,
    /// The index of the first file that has it.
    first: usize,
}

impl<'a> SeenColumn<'a> {
    fn new(column: &'a Column, header: &'a Header, first: usize) -> Self {
        Self { column: column.clone(), types: vec![(&column.kind, &header.file)], files: 1, first }
    }

    fn join(&mut self, column: &'a Column, file: &'a str) -> Result<(), ReadError> {
        self.files += 1;
        let (ColumnKind::Arrow(all), ColumnKind::Arrow(other)) = (&mut self.column.kind, &column.kind) else {
            self.column.kind = joined_table_kind(&self.column.kind, &column.kind);
            return Ok(());
        };
        if all == other {
            return Ok(());
        }
        let Some(wider) = types::joined_field(all, other) else {
            let [one, other] = [&*all, other].map(|field| types::shown(field.data_type()));
            let name = &column.name;
            let first = self.types.first().map_or("", |(_, file)| file);
            let reason = format!(
                "column `{name}` is of type {other} here, and {one} in {first}; the files of one input must \
                 have compatible types"
            );
            return Err(ReadError::columns(file, reason));
        };
        *all = wider;
        if self.types.iter().all(|(kind, _)| !is_of_type(kind, other.data_type())) {
            self.types.push((&column.kind, file));
        }
        Ok(())
    }

    /// A phrase for the files that lack the column; `None` if all have it.
    fn lacking(&self, headers: &[Header], names: &[HashSet<&str>]) -> Option<String> {
        let lacks = |(_, names): &(&Header, &HashSet<&str>)| !names.contains(self.column.name.as_str());
        let first = match self.first {
            0 if self.files == headers.len() => None,
            0 => headers.iter().zip(names).find(lacks).map(|(header, _)| header),
            _ => headers.first(),
        }?;
        Some(match headers.len() - self.files {
            1 => first.file.to_string(),
            2 => format!("{} and another file", first.file),
            more => format!("{} and {} other files", first.file, more - 1),
        })
    }

    /// The notice about a column that is not the same in all files.
    fn differences(&self, headers: &[Header], names: &[HashSet<&str>]) -> Option<String> {
        let name = &self.column.name;
        let lacking = self.lacking(headers, names);
        let mut notice =
            lacking.map_or_else(String::new, |files| format!("`{name}` is null in the rows of {files}"));
        if let (ColumnKind::Arrow(all), true) = (&self.column.kind, self.types.len() > 1) {
            let of_type = |(kind, file): &(&ColumnKind, &str)| match kind {
                ColumnKind::Arrow(field) => format!("{} in {file}", types::shown(field.data_type())),
                _ => String::new(),
            };
            let types: Vec<String> = self.types.iter().map(of_type).collect();
            let begin = if notice.is_empty() { format!("`{name}` is ") } else { ", ".to_owned() };
            let together = types::shown(all.data_type());
            let _ = write!(notice, "{begin}{}, and {together} in a Parquet output", types.join(", "));
        }
        (!notice.is_empty()).then_some(notice)
    }

    fn finish(self, files: usize) -> Column {
        match self.column.kind {
            ColumnKind::Arrow(field) if self.files < files && !field.is_nullable() => {
                let field = Arc::new(field.as_ref().clone().with_nullable(true));
                Column { name: self.column.name, kind: ColumnKind::Arrow(field) }
            }
            kind => Column { name: self.column.name, kind },
        }
    }
}

/// The kind that holds the values of a column of text files and sheets: text, unless both have a narrower one.
fn joined_table_kind(one: &ColumnKind, other: &ColumnKind) -> ColumnKind {
    match (one, other) {
        (ColumnKind::Json(one), ColumnKind::Json(other)) => match one.join(*other) {
            JsonKind::Mixed => ColumnKind::Text,
            joined => ColumnKind::Json(joined),
        },
        _ => ColumnKind::Text,
    }
}

fn is_of_type(kind: &ColumnKind, data_type: &arrow::datatypes::DataType) -> bool {
    matches!(kind, ColumnKind::Arrow(field) if field.data_type() == data_type)
}

/// For each of `columns`, those of the whole input, its index in one file's header; `None` if the file lacks it.
///
/// # Errors
///
/// The file has an unknown column: it was written after the input was opened.
pub(super) fn places(columns: &[Column], header: &Header) -> Result<Vec<Option<usize>>, ReadError> {
    let indices: HashMap<&str, usize> =
        header.columns.iter().enumerate().map(|(index, column)| (column.name.as_str(), index)).collect();
    let places: Vec<_> = columns.iter().map(|column| indices.get(column.name.as_str()).copied()).collect();
    if places.iter().flatten().count() < header.columns.len() {
        let known: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let is_new = |found: &&Column| !known.contains(found.name.as_str());
        let name = header.columns.iter().find(is_new).map_or("", |column| &column.name);
        let reason = format!("column `{name}` was not there when the input was opened; is it being written?");
        return Err(ReadError::columns(&header.file, reason));
    }
    Ok(places)
}

/// Rejects two columns with the same name.
pub(super) fn refuse_twins(header: &Header) -> Result<(), ReadError> {
    let mut seen = HashMap::new();
    for (index, column) in header.columns.iter().enumerate() {
        if let Some(first) = seen.insert(column.name.as_str(), index + 1) {
            let reason =
                format!("columns {first} and {} are both named `{}`; rename one", index + 1, column.name);
            return Err(ReadError::columns(&header.file, reason));
        }
    }
    Ok(())
}

/// The id column must exist.
pub(super) fn require(id: &str, header: &Header) -> Result<(), ReadError> {
    let names: Vec<&str> = header.columns.iter().map(|column| column.name.as_str()).collect();
    if names.contains(&id) {
        return Ok(());
    }
    let likeness = |name: &&str| strsim::jaro_winkler(&id.to_lowercase(), &name.to_lowercase());
    let nearest = names.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let guess = match nearest.filter(|name| likeness(name) > 0.7) {
        Some(name) => format!("did you mean `{name}`? The"),
        None => "the".to_owned(),
    };
    let reason =
        format!("there is no column `{id}` to identify rows; {guess} columns are {}", names.join(", "));
    Err(ReadError::columns(&header.file, reason))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn header(file: &str, columns: Vec<Column>) -> Header {
        Header::new(file.into(), columns)
    }

    fn text(file: &str, names: &[&str]) -> Header {
        let column = |name: &&str| Column { name: (*name).to_owned(), kind: ColumnKind::Text };
        header(file, names.iter().map(column).collect())
    }

    fn arrow(file: &str, data_type: DataType, nullable: bool) -> Header {
        let field = Arc::new(Field::new("a", data_type, nullable));
        header(file, vec![Column { name: "a".into(), kind: ColumnKind::Arrow(field) }])
    }

    fn names(columns: &[Column]) -> Vec<&str> {
        columns.iter().map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn columns_are_the_same_by_name_in_any_order_and_those_of_all_files_are_joined() {
        let same = [text("1", &["a", "b"]), text("2", &["b", "a"])];
        let Joined { columns, notices, .. } = of_all(&same).unwrap();
        assert_eq!((names(&columns), notices.len()), (vec!["a", "b"], 0));
        assert_eq!(places(&columns, &same[1]).unwrap(), [Some(1), Some(0)]);

        let more = [text("1", &["a", "b"]), text("2", &["c", "a"]), text("3", &["a"])];
        let Joined { columns, notices, lacking } = of_all(&more).unwrap();
        assert_eq!(lacking.len(), 2);
        assert_eq!(names(&columns), ["a", "b", "c"]);
        let notice = "the input files have different columns, which are joined: `b` is null in the rows of 2 and \
            another file; `c` is null in the rows of 1 and another file";
        assert_eq!(notices, [notice]);
        assert_eq!(places(&columns, &more[1]).unwrap(), [Some(1), None, Some(0)]);
        let changed = places(&columns, &text("3", &["d", "a"])).unwrap_err().to_string();
        assert!(changed.starts_with("3: column `d` was not there"), "{changed}");
    }

    #[test]
    fn a_column_is_of_the_wider_type_and_null_in_one_file_is_null_in_all() {
        let all = [arrow("1", DataType::Int32, false), arrow("2", DataType::Int64, true)];
        let Joined { columns, notices, .. } = of_all(&all).unwrap();
        let ColumnKind::Arrow(field) = &columns[0].kind else { panic!("not Arrow") };
        assert!(field.is_nullable());
        assert_eq!(field.data_type(), &DataType::Int64);
        assert!(
            notices[0].ends_with("`a` is Int32 in 1, Int64 in 2, and Int64 in a Parquet output"),
            "{notices:?}"
        );
        let refused = of_all(&[arrow("1", DataType::Int64, true), arrow("2", DataType::Utf8, true)]);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("column `a` is of type Utf8 here, and Int64 in 1"), "{refused}");
        let lacking = [arrow("1", DataType::Int64, false), text("2", &[])];
        let columns = of_all(&lacking).unwrap().columns;
        assert!(matches!(&columns[0].kind, ColumnKind::Arrow(field) if field.is_nullable()));
    }

    #[test]
    fn an_id_column_that_is_not_there_is_refused_with_the_nearest_name() {
        let header = text("1", &["text", "review_id"]);
        assert!(require("review_id", &header).is_ok());
        let refused = require("reviewid", &header).unwrap_err().to_string();
        let expected = "did you mean `review_id`? The columns are text, review_id";
        assert!(refused.ends_with(expected), "{refused}");
        let refused = require("zzz", &header).unwrap_err().to_string();
        assert!(refused.ends_with("to identify rows; the columns are text, review_id"), "{refused}");
    }
}
