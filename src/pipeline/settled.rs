//! What a journal's positions were brought to: an output of the same input and the same requests needs no new matching.

use std::time::SystemTime;

use super::{Opened, PipelineError};
use crate::job::facts::ModelInfo;
use crate::job::limits::Rates;
use crate::journal::cursors::Results;
use crate::journal::reader::{Reader, Settled};
use crate::read::Stamp;
use crate::render::fingerprint;
use crate::row::{Column, ColumnKind, JsonKind};

/// What an output is written by: positions that fit the input as it was at a moment.
pub struct Planned {
    /// The columns of the input.
    pub(super) columns: Vec<Column>,
    /// The files at that moment.
    pub(super) stamp: Stamp,
    /// The journal's own word, where nothing was matched anew.
    settled: Option<Settled>,
}

impl Planned {
    /// By a matching that was made just now.
    pub(super) fn now(columns: Vec<Column>, stamp: Stamp) -> Self {
        Self { columns, stamp, settled: None }
    }

    /// By the journal's own word, if it was brought to this input, as it is, and to the requests of this job.
    ///
    /// # Errors
    ///
    /// When the input or the journal cannot be read, or the output cannot have the columns that it should.
    pub fn by(opened: &Opened, reader: &Reader) -> Result<Option<Self>, PipelineError> {
        let stamp = opened.source.stamp()?;
        let Some(settled) = reader.settled()? else { return Ok(None) };
        if mark(opened).is_none_or(|mark| mark != settled.mark) {
            return Ok(None);
        }
        let columns = match (opened.source.columns(), &settled.columns) {
            (Some(columns), _) => columns.to_vec(),
            (None, Some(written)) => match read(written) {
                Some(columns) => columns,
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        if !columns.is_empty() {
            opened.check_names(&columns)?;
        }
        Ok(Some(Self { columns, stamp, settled: Some(settled) }))
    }

    /// Whether the journal's word is all there is: then no request of the input is made anew.
    pub(super) fn is_by_word(&self) -> bool {
        self.settled.is_some()
    }

    /// Whether all of it holds still.
    pub(super) fn holds(&self, opened: &Opened, results: &Results<'_>) -> Result<bool, PipelineError> {
        let journal_holds = match &self.settled {
            Some(_) => !results.are_misplaced() && results.settled()? == self.settled,
            None => true,
        };
        Ok(journal_holds && opened.source.stamp()? == self.stamp)
    }
}

/// What the journal is told once its positions fit an input that had this mark before it was read.
pub(super) fn settled(opened: &Opened, mark: Option<String>, columns: &[Column]) -> Option<Settled> {
    let columns = match opened.source.columns() {
        Some(_) => None,
        None => Some(written(columns)?),
    };
    mark.map(|mark| Settled { mark, columns })
}

/// What tells the files of an input and the requests that are made of them from any others. `None` where that cannot be
/// told without reading more than the job: the files were changed just now, or a glossary is read with them.
pub(super) fn mark(opened: &Opened) -> Option<String> {
    let job = &opened.job;
    let glossary = &job.glossary;
    if glossary.terms.is_some() || glossary.memory.is_some() {
        return None;
    }
    let files = opened.source.mark(SystemTime::now())?;
    let model = job.model.name.as_deref();
    let facts = model.map(|model| job.facts_of(model));
    // Quotas and prices are not what is asked, and may be given by a flag of one run.
    let facts = facts.map(|facts| ModelInfo { rates: Rates::default(), price: None, ..facts });
    // More than decides a request: a difference that does not matter costs one more pass over the input.
    let asked = (&job.input, model, facts, &job.prompt, &job.request, &job.request_texts);
    let text = format!("{} {asked:?}\n{files}", env!("CARGO_PKG_VERSION"));
    Some(fingerprint::of_bytes(text.as_bytes()).to_string())
}

fn written(columns: &[Column]) -> Option<String> {
    let named = columns.iter().map(|column| match &column.kind {
        ColumnKind::Json(kind) => Some((column.name.as_str(), *kind)),
        _ => None,
    });
    serde_json::to_string(&named.collect::<Option<Vec<_>>>()?).ok()
}

fn read(written: &str) -> Option<Vec<Column>> {
    let columns: Vec<(String, JsonKind)> = serde_json::from_str(written).ok()?;
    Some(columns.into_iter().map(|(name, kind)| Column { name, kind: ColumnKind::Json(kind) }).collect())
}
