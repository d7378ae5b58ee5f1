//! The output of a job, and the files beside it.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::rehearsed_names::simulated;
use super::template_text::TemplateText;
use crate::format::Format;

/// How an output holds the answers to the combinations of `[each]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowLayout {
    /// One row out for each row in, with a response column for each combination.
    #[default]
    Wide,
    /// A row for each combination.
    Long,
}

/// The output.
#[derive(Debug, Clone)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// The target of the path, if it is a symbolic link.
    pub leads_to: Option<PathBuf>,
    /// Its format.
    pub format: Format,
    /// Columns and their order, if the job names them.
    pub select: Option<Vec<String>>,
    /// Whether the columns of the input are left out.
    pub answers_only: bool,
    /// New names of columns.
    pub rename: Vec<(String, String)>,
    /// The places of the names in `select` and `rename`, for messages.
    pub names: Vec<TemplateText>,
    /// The prefix of every answer column.
    pub prefix: String,
    /// Whether CSV cells that a spreadsheet would run are escaped.
    pub spreadsheet_safe: bool,
    /// The delimiter of CSV or TSV, if the job sets one.
    pub delimiter: Option<u8>,
    /// Whether CSV and TSV begin with a byte order mark, if the job says so.
    pub bom: Option<bool>,
    /// How it holds the answers to the combinations of `[each]`.
    pub layout: RowLayout,
    /// The name of the response column of each combination, a template over its values.
    pub wide: Option<TemplateText>,
    /// The name of the file that the response of each row gets of its own, a template over the row's columns.
    pub documents: Option<TemplateText>,
    /// Whether it is that of a rehearsal, whose files have names of their own.
    pub is_of_a_rehearsal: bool,
    /// The journal, if the job does not want it next to the output.
    pub journal: Option<PathBuf>,
    /// The file for figures during the run.
    pub metrics: Option<PathBuf>,
}

impl Output {
    /// The journal: where the job wants it, else next to the output. It belongs to the file, whichever name leads there.
    pub fn journal(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| beside(self.file(), "journal"))
    }

    fn file(&self) -> &Path {
        self.leads_to.as_deref().unwrap_or(&self.path)
    }

    /// The run's receipt, next to the output.
    pub fn summary(&self) -> PathBuf {
        beside(&self.path, "summary.json")
    }

    /// The report page, next to the output.
    pub fn report(&self) -> PathBuf {
        beside(&self.path, "report.html")
    }

    /// The copy of standard input, with which it can be read twice and resumed.
    pub fn spool(&self) -> PathBuf {
        beside(self.file(), "stdin")
    }

    /// The texts of the documents that were read, from which the job is fed.
    pub fn kept_documents(&self) -> PathBuf {
        beside(self.file(), "documents")
    }

    /// The output of a rehearsal: `a.csv.gz` becomes `a.simulated.csv.gz`; files elsewhere are renamed in the same way.
    pub fn simulated(&self) -> Self {
        let metrics = self.metrics.as_deref().map(simulated);
        let journal = self.journal.as_deref().map(simulated);
        let (path, is_of_a_rehearsal) = (simulated(&self.path), true);
        Self { path, leads_to: None, journal, metrics, is_of_a_rehearsal, ..self.clone() }
    }

    /// The file of a document's answer, from the name that the job gives it.
    pub fn document(&self, name: PathBuf) -> PathBuf {
        if self.is_of_a_rehearsal { simulated(&name) } else { name }
    }
}

/// The name of a file next to another.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    file.with_file_name(name)
}
