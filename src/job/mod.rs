//! The job: what a user asks for, settled. Nothing here is "not said" any more; every default has been decided.
//!
//! `Job` is what `config/` makes of a job file, and what all other rooms are given. It imports nothing of `config/`: a job can be
//! made by other means, as tests do. Most of it is data, each type in the file of its section. What is computed is pure, with the time
//! passed in:
//!
//! - `limits` has quotas and caps as types that cannot hold nonsense; `schedule` and `period` say what holds at what time of day, and
//!   over which day or month a cap counts. `effective` puts job, schedule and what a running job was set to together into the limits
//!   of one moment; `forecast` says from them when a run will end.
//! - `facts`, `price` and `languages` are what is known of a model beforehand. They are filled from the model table by `models/`, and a
//!   fact that is not known is absent. `ModelCatalog` looks them up for rows that bring their own model.
//! - `field_owner` decides whether a field of the request is the job's, alike for every row, or the row's own; with it, a refusal stops
//!   the job or fails one row.
//! - `address` and `units` check and read what is written as text; `TemplateText` keeps where a template stands, for messages.
//!
//! Words that a key of the job file may take are enums here, which serde reads by their names.

pub(crate) mod address;
pub mod answer;
pub mod effective;
pub mod facts;
pub mod facts_date;
pub mod field_owner;
pub mod forecast;
pub mod languages;
pub mod limits;
pub mod notify;
pub mod period;
pub mod price;
pub mod schedule;
mod template_text;
pub mod units;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::format::Format;
use answer::{AnswerRules, GlossaryFiles, Tool};
use facts::{ModelCatalog, ModelInfo};
use limits::{Caps, Concurrency, Quotas, Rates};
use notify::Notify;
use period::CapPeriod;
use price::Price;
use schedule::Schedule;
pub use template_text::TemplateText;

/// A job, settled.
#[derive(Debug, Clone)]
pub struct Job {
    /// The files that it was read from: the job file, the variables, the model table. Filled in by whoever reads them.
    pub read_from: Vec<PathBuf>,
    /// The rows.
    pub input: InputSettings,
    /// Who is asked.
    pub model: ModelSettings,
    /// The templates; `None` when the rows bring their own requests.
    pub prompt: Option<Prompt>,
    /// Every other field of the request body; its strings are templates.
    pub request: Map<String, Value>,
    /// Where the strings of `request` stand, for messages: the dotted path under `request`, and its text.
    pub request_texts: Vec<(Vec<String>, TemplateText)>,
    /// The quota, which each row has to fit.
    pub quotas: Quotas,
    /// The limits that the job names itself.
    pub rates: Rates,
    /// The limits that the model table knows.
    pub known_rates: Rates,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// Where to stop.
    pub caps: Caps,
    /// What the caps on money and tokens count over.
    pub cap_period: CapPeriod,
    /// What holds at what time of day, and when a run ends.
    pub schedule: Schedule,
    /// Patience.
    pub retry: Retry,
    /// The results.
    pub output: Output,
    /// What tokens cost, when it is known; of rows that bring their own model, see [`Job::facts_of`].
    pub price: Option<Arc<Price>>,
    /// Whether the price is the user's own, and holds for every model.
    pub own_price: bool,
    /// What an answer has to be.
    pub answer: AnswerRules,
    /// The commands that are run when the model calls a tool.
    pub tools: Vec<Tool>,
    /// Who is told when a run starts, ends or stops.
    pub notify: Option<Notify>,
    /// What qwen-mt is told of words and sentences.
    pub glossary: GlossaryFiles,
}

impl Job {
    /// What is known of a model; with the user's own price, where there is one.
    pub fn facts_of(&self, model: &str) -> ModelInfo {
        self.model.facts_of(model, self.own_price.then_some(self.price.as_ref()).flatten())
    }
}

impl Job {
    /// The job at the pace of a rehearsal: neither limits nor hours hold it back. Its caps stay, and its rows are still held
    /// against its own limit of tokens.
    #[must_use]
    pub fn at_the_pace_of_a_rehearsal(mut self) -> Self {
        (self.rates, self.known_rates) = (Rates::default(), Rates::default());
        self.schedule = Schedule { zone: self.schedule.zone, ..Schedule::default() };
        self
    }

    /// What limits the requests at the hours at which the schedule names nothing else.
    pub fn quotas_in_force(&self) -> Quotas {
        self.rates.quotas(self.known_rates)
    }
}

/// What a job and a single question have in common: who is asked, with what, how patiently, and at what price.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// Who is asked.
    pub model: ModelSettings,
    /// Every other field of the request body; of a question it goes out as it is.
    pub request: Map<String, Value>,
    /// Where the strings of `request` stand, for messages: the dotted path under `request`, and its text.
    pub request_texts: Vec<(Vec<String>, TemplateText)>,
    /// Patience.
    pub retry: Retry,
    /// The user's own price, which holds for every model.
    pub own_price: Option<Arc<Price>>,
}

/// The rows of a job.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// Paths and globs, in order; `-` is standard input.
    pub paths: Vec<String>,
    /// The format, when it is not left to the files' names.
    pub format: Option<Format>,
    /// The column that names a row.
    pub id: Option<String>,
    /// Whether rows with equal requests are sent once.
    pub share_duplicates: bool,
    /// Whether a row that cannot be sent is recorded as failed instead of stopping the run.
    pub skip_bad_rows: bool,
    /// What stands between the cells of a CSV file, when it is not detected.
    pub delimiter: Option<u8>,
    /// The largest record, in bytes.
    pub max_record_bytes: u64,
    /// The largest size one file may expand to, in bytes, when the job sets one.
    pub max_expanded_bytes: Option<u64>,
    /// Only so many rows from the top.
    pub limit: Option<u64>,
    /// The fewest rows that are an input and no export that failed.
    pub min_rows: u64,
}

/// Who is asked, and with what key.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// The model's name; `None` when each row brings its own.
    pub name: Option<String>,
    /// The address of the API, without `/chat/completions` and without a slash at its end.
    pub base_url: String,
    /// Where the key is.
    pub key: KeySource,
    /// Headers that every request carries.
    pub headers: Vec<(String, String)>,
    /// How answers travel.
    pub transport: Transport,
    /// What is known of models.
    pub book: ModelCatalog,
}

impl ModelSettings {
    /// What is known of a model by its name; with the user's own price, where there is one.
    pub fn facts_of(&self, name: &str, own_price: Option<&Arc<Price>>) -> ModelInfo {
        let facts = self.book.of(name);
        match own_price {
            Some(price) => ModelInfo { price: Some(Arc::clone(price)), ..facts },
            None => facts,
        }
    }
}

/// How answers travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// In one piece; as a stream where a model takes nothing else, or where the service cut the piece.
    #[default]
    Auto,
    /// In one piece.
    Whole,
    /// As a stream.
    Stream,
}

/// Where the API key is. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In an environment variable.
    Variable {
        /// Its name.
        name: String,
        /// Whether the job can do without: a server on this machine that was given no key of its own.
        optional: bool,
    },
    /// In a file, without the white space around it.
    File(PathBuf),
    /// On the standard output of a command.
    Command(Vec<String>),
}

/// The templates of a job.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// The system turn.
    pub system: Option<TemplateText>,
    /// Turns between the two.
    pub turns: Vec<ExampleTurn>,
    /// The last turn, the user's; `None` when the rows bring their own.
    pub user: Option<TemplateText>,
}

/// Whose turn a few-shot turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user's.
    User,
    /// The model's.
    Assistant,
}

impl Role {
    /// The word that requests have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A few-shot turn.
#[derive(Debug, Clone)]
pub struct ExampleTurn {
    /// Whose turn it is.
    pub role: Role,
    /// Its text.
    pub content: TemplateText,
}

/// How patient a job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries of one row while the service answers others; at least one.
    pub max_attempts: u32,
    /// The first backoff.
    pub initial_backoff: Duration,
    /// The longest backoff.
    pub max_backoff: Duration,
    /// The time one request may take.
    pub timeout: Duration,
    /// The time one request may take whose answer comes as a stream.
    pub stream_timeout: Duration,
    /// The time that may pass between two pieces of a stream.
    pub idle_timeout: Duration,
    /// How long to wait for a service that answers nobody.
    pub max_outage: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            max_attempts: 6,
            initial_backoff: seconds(1),
            max_backoff: seconds(60),
            // Just past the service's own 300 s, so that its own cut is seen.
            timeout: seconds(330),
            stream_timeout: seconds(3600),
            idle_timeout: seconds(120),
            max_outage: seconds(1800),
        }
    }
}

/// Where the results go.
#[derive(Debug, Clone)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// The file that the path leads to, where it is a symbolic link.
    pub leads_to: Option<PathBuf>,
    /// Its format.
    pub format: Format,
    /// Columns and their order, when the job names them.
    pub select: Option<Vec<String>>,
    /// New names of columns.
    pub rename: Vec<(String, String)>,
    /// Where the names in `select` and `rename` stand, for messages.
    pub names: Vec<TemplateText>,
    /// Put before every answer column.
    pub prefix: String,
    /// Whether CSV cells that a spreadsheet would run are escaped.
    pub spreadsheet_safe: bool,
    /// Where the job wants its journal, when that is not beside the output.
    pub journal: Option<PathBuf>,
    /// Where figures of the run are kept while it goes on.
    pub metrics: Option<PathBuf>,
}

/// The file of a rehearsal in the place of another.
fn simulated(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let at = stem.rfind('.').filter(|at| *at > 0).unwrap_or(stem.len());
    path.with_file_name(format!("{}.simulated{}", &name[..at], &name[at..]))
}

impl Output {
    /// The journal: where the job wants it, else beside the output. It belongs to the file, by whatever name that is written.
    pub fn journal(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| beside(self.file(), "journal"))
    }

    fn file(&self) -> &Path {
        self.leads_to.as_deref().unwrap_or(&self.path)
    }

    /// The run's receipt beside the output.
    pub fn summary(&self) -> PathBuf {
        beside(&self.path, "summary.json")
    }

    /// The page about the job, beside the output.
    pub fn report(&self) -> PathBuf {
        beside(&self.path, "report.html")
    }

    /// Where standard input is kept, so that it can be read twice and resumed.
    pub fn spool(&self) -> PathBuf {
        beside(self.file(), "stdin")
    }

    /// The output of a rehearsal: `a.csv.gz` becomes `a.simulated.csv.gz`, and so does each file that lies elsewhere.
    pub fn simulated(&self) -> Self {
        let metrics = self.metrics.as_deref().map(simulated);
        let journal = self.journal.as_deref().map(simulated);
        Self { path: simulated(&self.path), leads_to: None, journal, metrics, ..self.clone() }
    }
}

/// A name beside a file.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    file.with_file_name(name)
}
