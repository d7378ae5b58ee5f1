//! The job: what a user wants, settled. No value is left open; every default has been applied.
//!
//! `config/` makes a `Job` from a job file, and all other rooms receive it. It imports nothing of `config/`: a job can be
//! made by other means, as tests do. Most of it is data, each type in the file of its section. Calculations are pure, with
//! the time passed in:
//!
//! - `limits` has quotas and caps as types that cannot hold nonsense; `schedule` and `period` say which limits apply at what
//!   time of day, and over which day or month a cap counts. `effective` combines job, schedule and changes to the running
//!   job into the limits of a moment; `forecast` calculates from them when a run will end.
//! - `facts`, `price` and `languages` are the known facts about a model. `models/` fills them from the model table, and an
//!   unknown fact is absent. `ModelCatalog` looks them up for rows that bring their own model.
//! - `field_owner` decides whether a field of the request belongs to the job, alike for every row, or to the row; with it, a
//!   refusal stops the job or fails one row.
//! - `tier` is how the service is asked: at once, or through a queue for less.
//! - `address` and `units` check and read values written as text; `TemplateText` has the place of a template, for messages.
//!
//! The words of a job file's key are enums here, which serde reads by their names.

pub(crate) mod address;
pub mod answer;
pub mod batch;
pub mod documents;
pub mod each;
pub mod effective;
pub mod facts;
pub mod facts_date;
pub mod field_owner;
pub mod forecast;
pub mod input_format;
pub mod languages;
pub mod lengths;
pub mod limits;
pub mod notify;
mod output;
pub mod over;
mod own_names;
pub mod pack;
pub mod period;
pub mod price;
mod rehearsed_names;
pub mod schedule;
pub mod sheet_choice;
pub mod split;
mod template_text;
pub mod tier;
pub mod units;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use answer::{AnswerRules, GlossaryFiles, Tool};
use batch::BatchSettings;
use documents::DocumentSettings;
use each::Each;
use facts::{ModelCatalog, ModelInfo};
use input_format::InputFormat;
use limits::{Caps, Concurrency, Quotas, Rates};
use notify::Notify;
pub use output::{Output, RowLayout};
use over::{DigestRequest, PartsRequest};
use pack::PackSettings;
use period::CapPeriod;
use price::Price;
use rehearsed_names::simulated;
use schedule::Schedule;
use sheet_choice::SheetChoice;
use split::Split;
pub use template_text::TemplateText;
use tier::ServiceTier;

/// A job, settled.
#[derive(Debug, Clone)]
pub struct Job {
    /// The files that it was read from: the job file, the variables, the model table. The caller that reads them sets this.
    pub read_from: Vec<PathBuf>,
    /// The rows.
    pub input: InputSettings,
    /// The service.
    pub model: ModelSettings,
    /// The templates; `None` when the rows bring their own requests.
    pub prompt: Option<Prompt>,
    /// Every other field of the request body; its strings are templates.
    pub request: Map<String, Value>,
    /// The places of the strings in `request`, for messages: the path under `request`, and its text.
    pub request_texts: Vec<(Vec<String>, TemplateText)>,
    /// The rates that the job keeps to; each row has to fit within them.
    pub quotas: Quotas,
    /// The limits that the job itself gives.
    pub rates: Rates,
    /// The limits in the model table.
    pub known_rates: Rates,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// The most requests in flight that the service takes at once, if that is known.
    pub most_in_flight: Option<usize>,
    /// The caps.
    pub caps: Caps,
    /// The period of the caps on money and tokens.
    pub cap_period: CapPeriod,
    /// The limits by time of day, and when a run ends.
    pub schedule: Schedule,
    /// Retries and time-outs.
    pub retry: Retry,
    /// The results.
    pub output: Output,
    /// The price of tokens, if known; for rows that bring their own model, see [`Job::facts_of`].
    pub price: Option<Arc<Price>>,
    /// The currency of the prices; `None` for figures of the user's own without one.
    pub currency: Option<String>,
    /// Whether the price is the user's own, and applies to every model.
    pub own_price: bool,
    /// The requirements for answers.
    pub answer: AnswerRules,
    /// The commands that are run when the model calls a tool.
    pub tools: Vec<Tool>,
    /// Who is notified when a run starts, ends or stops.
    pub notify: Option<Notify>,
    /// The glossary and sample translations for qwen-mt.
    pub glossary: GlossaryFiles,
    /// How short rows travel together, if they do.
    pub pack: Option<PackSettings>,
    /// How requests travel in batches of the provider, if they do.
    pub batch: Option<BatchSettings>,
    /// The values for each of which a row is asked, if there are any.
    pub each: Option<Each>,
    /// How each row's text is cut into pieces, if it is.
    pub split: Option<Split>,
    /// The request over the answers to a row's pieces, if there is one.
    pub merge: Option<PartsRequest>,
    /// The answer over all rows, if the job asks for one.
    pub digest: Option<DigestRequest>,
}

impl Job {
    /// The facts about a model; with the user's own price, if there is one.
    pub fn facts_of(&self, model: &str) -> ModelInfo {
        self.model.facts_of(model, self.own_price.then_some(self.price.as_ref()).flatten())
    }
}

impl Job {
    /// The job at the pace of a rehearsal: neither limits nor hours hold it back. Its caps stay, and its rows are still
    /// checked against its token limit.
    #[must_use]
    pub fn at_the_pace_of_a_rehearsal(mut self) -> Self {
        (self.rates, self.known_rates) = (Rates::default(), Rates::default());
        self.schedule = Schedule { zone: self.schedule.zone, ..Schedule::default() };
        if let Some(batch) = &mut self.batch {
            batch.poll = BatchSettings::SHORTEST_POLL;
        }
        self
    }

    /// The job with the files of a rehearsal: its output and what is beside it, and its digest.
    #[must_use]
    pub fn with_outputs_of_a_rehearsal(mut self) -> Self {
        self.output = self.output.simulated();
        if let Some(digest) = &mut self.digest {
            digest.output = digest.output.as_deref().map(simulated);
        }
        self
    }

    /// The rates at hours at which the schedule names no others.
    pub fn quotas_in_force(&self) -> Quotas {
        self.rates.quotas(self.known_rates)
    }
}

/// The parts that a job and a single question share: the service, the request, retries, and the price.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// The service.
    pub model: ModelSettings,
    /// Every other field of the request body; for a question it is sent unchanged.
    pub request: Map<String, Value>,
    /// The places of the strings in `request`, for messages: the path under `request`, and its text.
    pub request_texts: Vec<(Vec<String>, TemplateText)>,
    /// Retries and time-outs.
    pub retry: Retry,
    /// The user's own price, which applies to every model.
    pub own_price: Option<Arc<Price>>,
    /// The currency of the prices, if that is known.
    pub currency: Option<String>,
}

/// The rows of a job.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// Paths and globs, in order; `-` is standard input.
    pub paths: Vec<String>,
    /// The format, if it is not determined by the files' names.
    pub format: Option<InputFormat>,
    /// The column that names a row.
    pub id: Option<String>,
    /// Whether rows with equal requests are sent once.
    pub share_duplicates: bool,
    /// Whether a row that cannot be sent is recorded as failed instead of stopping the run.
    pub skip_bad_rows: bool,
    /// Whether nothing is asked of a row whose text is blank.
    pub skip_blank: bool,
    /// The sheet of a spreadsheet; `None`: the first.
    pub sheet: Option<SheetChoice>,
    /// The character between the cells of a CSV file, if it is not detected.
    pub delimiter: Option<u8>,
    /// The largest record, in bytes.
    pub max_record_bytes: u64,
    /// The largest size one file may expand to, in bytes, when the job sets one.
    pub max_expanded_bytes: Option<u64>,
    /// How documents are read.
    pub documents: DocumentSettings,
    /// How many rows to read from the top.
    pub limit: Option<u64>,
    /// The fewest rows of a valid input: fewer mean that an export has failed.
    pub min_rows: u64,
}

/// The service, and the place of its key.
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
    /// How the service is asked: at once, or through a queue for less.
    pub tier: ServiceTier,
    /// How answers are received.
    pub transport: Transport,
    /// The facts about models.
    pub book: ModelCatalog,
}

impl ModelSettings {
    /// The facts about a model by its name; with the user's own price, if there is one.
    pub fn facts_of(&self, name: &str, own_price: Option<&Arc<Price>>) -> ModelInfo {
        let facts = self.book.of(name);
        match own_price {
            Some(price) => ModelInfo { price: Some(Arc::clone(price)), ..facts },
            None => facts,
        }
    }
}

/// How answers are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Whole; as a stream if the model only streams, or if the service cut a whole answer.
    #[default]
    Auto,
    /// Whole.
    Whole,
    /// As a stream.
    Stream,
    /// In batches of the provider, at half price; what follows a first answer, whole or as a stream.
    Batch,
}

/// The place of the API key. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In an environment variable.
    Variable {
        /// Its name.
        name: String,
        /// Whether the job can run without a key: a server on this machine that has none of its own.
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

/// The role of a few-shot turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user's.
    User,
    /// The model's.
    Assistant,
}

impl Role {
    /// The word for it in requests.
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
    /// Its role.
    pub role: Role,
    /// Its text.
    pub content: TemplateText,
}

/// Retries and time-outs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries per row while the service answers others; at least one.
    pub max_attempts: u32,
    /// The first backoff.
    pub initial_backoff: Duration,
    /// The longest backoff.
    pub max_backoff: Duration,
    /// The time limit of one request.
    pub timeout: Duration,
    /// The time limit of one request whose answer is streamed.
    pub stream_timeout: Duration,
    /// The longest pause between two pieces of a stream.
    pub idle_timeout: Duration,
    /// How long to wait for a service that answers no request.
    pub max_outage: Duration,
}

impl Retry {
    /// The defaults of a tier. Batch Chat holds a request for up to an hour, in which nothing arrives; that is not an outage.
    pub fn of_tier(tier: ServiceTier) -> Self {
        let seconds = Duration::from_secs;
        match tier {
            ServiceTier::Standard => Self::default(),
            ServiceTier::BatchChat => Self {
                timeout: BATCH_CHAT_WAIT + LATER_THAN_THE_SERVICE,
                stream_timeout: BATCH_CHAT_WAIT + LATER_THAN_THE_SERVICE,
                idle_timeout: BATCH_CHAT_WAIT + LATER_THAN_THE_SERVICE,
                max_outage: seconds(7200),
                ..Self::default()
            },
        }
    }
}

/// How long Batch Chat holds a request before it closes the connection, by the vendor's page of 12 October 2026.
const BATCH_CHAT_WAIT: Duration = Duration::from_secs(3600);

/// By how much our time limit is longer than the service's own, to see its own cut.
const LATER_THAN_THE_SERVICE: Duration = Duration::from_secs(30);

impl Default for Retry {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            max_attempts: 6,
            initial_backoff: seconds(1),
            max_backoff: seconds(60),
            // The service's own limit is 300 s.
            timeout: seconds(300) + LATER_THAN_THE_SERVICE,
            stream_timeout: seconds(3600),
            idle_timeout: seconds(120),
            max_outage: seconds(1800),
        }
    }
}
