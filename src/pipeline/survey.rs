//! The columns of an input that only its rows show: collected row by row, or known from an earlier pass.

use std::collections::HashMap;

use super::{Opened, PipelineError};
use crate::clock;
use crate::diagnostic::Diagnostic;
use crate::format::Format;
use crate::journal::reader::Reader;
use crate::journal::survey::Survey;
use crate::read::Projection;
use crate::row::{Column, ColumnKind, JsonKind, Place, Row};
use crate::text::count;
use crate::write::Layout;

/// The maximum number of different columns in the rows of one input.
const MOST_COLUMNS: usize = 1_000_000;

/// Collects the columns of the rows.
pub(super) struct Columns<'o> {
    opened: &'o Opened,
    wanted: Projection,
    open_layout: Option<Layout>,
    columns: Vec<Column>,
    /// The position of each column: some inputs have a hundred thousand.
    places: HashMap<String, usize>,
    /// Whether the rows bring their own columns.
    own: bool,
    /// Identifies the files in their current state.
    files: Option<String>,
    /// The result of the earlier pass.
    before: Option<(Survey, Vec<Column>)>,
    /// How many rows are unchanged since that pass.
    known: u64,
}

/// The result of a pass.
pub(super) struct Surveyed {
    /// The columns of the input.
    pub(super) columns: Vec<Column>,
    /// The result as kept for the next pass.
    pub(super) kept: Option<Survey>,
}

impl<'o> Columns<'o> {
    /// Begins a pass over all rows.
    pub(super) fn begin(opened: &'o Opened, reader: &Reader) -> Result<Self, PipelineError> {
        let before = reader.survey()?.filter(|survey| survey.job == opened.request_key());
        let before = before.and_then(|survey| read(&survey.columns).map(|columns| (survey, columns)));
        Self::new(opened, before)
    }

    fn new(opened: &'o Opened, before: Option<(Survey, Vec<Column>)>) -> Result<Self, PipelineError> {
        let known = opened.source.columns();
        let format = opened.job.output.format;
        let open_layout = match known {
            None if format == Format::Jsonl => Some(opened.layout(None, format)?),
            _ => None,
        };
        let wanted = match (known, opened.wanted_by_requests()) {
            // What is written at the end is read now, before anything is paid for.
            (Some(_), Projection::Only(columns)) => Projection::Checked(columns),
            _ => Projection::Fields,
        };
        Ok(Self {
            opened,
            wanted,
            open_layout,
            columns: known.unwrap_or_default().to_vec(),
            places: HashMap::new(),
            own: known.is_none(),
            // Taken before the first row is read: any later change makes it another input.
            files: opened.source.mark(clock::now()),
            before,
            known: 0,
        })
    }

    /// What must be read of each row.
    pub(super) fn wanted(&self) -> Projection {
        self.wanted.clone()
    }

    /// How many rows from the first on the earlier pass has seen; none if rows bring their own columns and rows that it has
    /// not seen may have been answered since.
    pub(super) fn surveyed(&self) -> u64 {
        let Some((survey, _)) = &self.before else { return 0 };
        let is_sure = !self.own || survey.holds || self.is_of_these_files(survey);
        if is_sure { survey.rows } else { 0 }
    }

    /// Whether the files are unchanged since the earlier pass.
    fn is_of_these_files(&self, survey: &Survey) -> bool {
        survey.files.is_some() && survey.files == self.files
    }

    /// Accepts the next row, which is unchanged since the earlier pass.
    pub(super) fn known(&mut self) {
        self.known += 1;
    }

    /// Accepts the next row.
    pub(super) fn look_at(&mut self, row: Option<&Row>, place: &Place) -> Result<(), PipelineError> {
        let Some(row) = row.filter(|_| self.own) else { return Ok(()) };
        let names = row.fields.keys().map(String::as_str);
        if let Some(clash) = self.open_layout.as_ref().and_then(|layout| layout.clashes_with(names)) {
            let message = format!("{place}: the input has a column `{clash}`, as the answers do");
            let problem =
                Diagnostic::new(message).help("set a `prefix` for the answer columns under [output]");
            return Err(problem.into());
        }
        for (index, (name, value)) in row.fields.iter().enumerate() {
            if !self.see(index, name, JsonKind::of(value)) {
                return Err(too_many_columns(place));
            }
        }
        Ok(())
    }

    /// Merges a column, which a row has at this index, with the known ones. False when there are too many.
    fn see(&mut self, index: usize, name: &str, seen: JsonKind) -> bool {
        // Rows usually have their columns in the same order.
        let known = match self.columns.get(index) {
            Some(column) if column.name == *name => Some(index),
            _ => self.places.get(name).copied(),
        };
        match known {
            Some(index) => {
                if let Some(Column { kind: ColumnKind::Json(kind), .. }) = self.columns.get_mut(index) {
                    *kind = kind.join(seen);
                }
                true
            }
            None if self.columns.len() >= MOST_COLUMNS => false,
            None => {
                self.places.insert(name.to_owned(), self.columns.len());
                self.columns.push(Column { name: name.to_owned(), kind: ColumnKind::Json(seen) });
                true
            }
        }
    }

    /// The columns of all `rows`; `wanted` says whether there must be no others.
    ///
    /// # Errors
    ///
    /// The output cannot have the requested columns.
    pub(super) fn finish(mut self, rows: u64, wanted: bool) -> Result<Surveyed, PipelineError> {
        let opened = self.opened;
        let mut exact = true;
        if let Some((survey, before)) = self.before.take().filter(|_| self.own && self.known > 0) {
            // For rows that were not looked at, the earlier pass knows the columns: exactly theirs, unless some of its rows
            // are gone.
            let is_same_input = self.is_of_these_files(&survey) && survey.rows == rows;
            let is_whole = is_same_input || survey.holds && self.known == survey.rows;
            exact = survey.exact && is_whole;
            if self.clashes(&before) || !exact && wanted || self.columns.len() + before.len() > MOST_COLUMNS {
                return self.look_again(rows);
            }
            self.join(before);
        }
        opened.layout(Some(&self.columns), opened.job.output.format)?;
        // An input without any columns has no rows either.
        if !self.columns.is_empty() {
            opened.check_names(&self.columns)?;
        }
        let columns = if self.own { written(&self.columns) } else { Some(String::new()) };
        let kept = columns.map(|columns| Survey {
            job: opened.request_key().to_owned(),
            files: self.files,
            rows,
            columns,
            exact,
            holds: false,
        });
        Ok(Surveyed { columns: self.columns, kept })
    }

    fn clashes(&self, columns: &[Column]) -> bool {
        let names = columns.iter().map(|column| column.name.as_str());
        self.open_layout.as_ref().and_then(|layout| layout.clashes_with(names)).is_some()
    }

    /// Puts the columns of the earlier pass before those that were found since.
    fn join(&mut self, before: Vec<Column>) {
        let since = std::mem::replace(&mut self.columns, before);
        let places = self.columns.iter().enumerate().map(|(index, column)| (column.name.clone(), index));
        self.places = places.collect();
        for Column { name, kind } in since {
            if let ColumnKind::Json(seen) = kind {
                self.see(usize::MAX, &name, seen);
            }
        }
    }

    /// Reads every row, if the earlier pass knows too little.
    fn look_again(self, rows: u64) -> Result<Surveyed, PipelineError> {
        let mut all = Self::new(self.opened, None)?;
        for item in self.opened.rows(all.wanted())? {
            let item = item?;
            all.look_at(item.row(), item.place())?;
        }
        all.finish(rows, true)
    }
}

/// The error when rows keep bringing new columns.
fn too_many_columns(place: &Place) -> PipelineError {
    let most = count(MOST_COLUMNS as u64);
    let problem = Diagnostic::new(format!("{place}: the rows so far have more than {most} columns"));
    let help = "is a value used as a key, as in { \"2026-11-30\": … }? Use one column for the key and one for \
        the value";
    problem.help(help).into()
}

fn written(columns: &[Column]) -> Option<String> {
    let named = columns.iter().map(|column| match &column.kind {
        ColumnKind::Json(kind) => Some((column.name.as_str(), *kind)),
        _ => None,
    });
    serde_json::to_string(&named.collect::<Option<Vec<_>>>()?).ok()
}

fn read(written: &str) -> Option<Vec<Column>> {
    if written.is_empty() {
        return Some(Vec::new());
    }
    let columns: Vec<(String, JsonKind)> = serde_json::from_str(written).ok()?;
    Some(columns.into_iter().map(|(name, kind)| Column { name, kind: ColumnKind::Json(kind) }).collect())
}
