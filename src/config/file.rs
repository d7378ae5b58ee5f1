//! The job file as it is written: every key optional, every unknown key an error. What editors are told of it
//! ([`super::editor`]) is made from these types: a comment here is what an editor shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

use crate::config::patterns::{DURATION, concurrency, size};
use crate::format::Format;
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::period::CAP_PERIODS;

/// What `input.duplicates` may say.
pub const DUPLICATES: [&str; 2] = ["send", "share"];
/// What `input.on_bad_row` may say.
pub const ON_BAD_ROW: [&str; 2] = ["stop", "skip"];
/// What `model.transport` may say.
pub const TRANSPORTS: [&str; 3] = ["auto", "whole", "stream"];
/// Whose turn a few-shot turn may be.
pub const ROLES: [&str; 2] = ["user", "assistant"];
/// What `answer.on_length` may say.
pub const ON_LENGTH: [&str; 3] = ["keep", "fail", "grow"];

/// A job of fanfold: one prompt over every row of a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// The rows.
    #[serde(default)]
    pub input: InputSection,
    /// Who is asked.
    #[serde(default)]
    pub model: ModelSection,
    /// The templates, over the columns of a row. Without it, rows bring their own requests.
    pub prompt: Option<PromptSection>,
    /// Every other field of the request body, sent as it is; strings are templates too.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub request: toml::Table,
    /// The quota, and where to stop. Default: what the model table says of the model.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Patience.
    #[serde(default)]
    pub retry: RetrySection,
    /// The results.
    #[serde(default)]
    pub output: OutputSection,
    /// Money per million tokens, in any currency. Default: the model table.
    pub price: Option<PriceSection>,
    /// What an answer has to be.
    #[serde(default)]
    pub answer: AnswerSection,
    /// What is run when the model calls a tool, by the tool's name.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSection>,
    /// What qwen-mt is told of words and sentences: only what occurs in the row.
    #[serde(default)]
    pub glossary: GlossarySection,
    /// `[notify]`
    pub notify: Option<NotifySection>,
}

/// `[input]`: the rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    /// One path, a list, globs, or folders; `-` is standard input. Relative to the working directory.
    pub path: Option<OneOrMany>,
    /// The format; without it, by the ending of the name.
    #[schemars(extend("enum" = Format::NAMES))]
    pub format: Option<String>,
    /// The column that names a row; without it, a row is told by its place and content.
    pub id: Option<String>,
    /// Rows with equal requests: `send` each, or send one and `share` the answer.
    #[schemars(extend("enum" = DUPLICATES, "default" = "send"))]
    pub duplicates: Option<String>,
    /// A row that cannot be read or rendered: `stop` before anything is sent, or `skip` it and record it as failed.
    #[schemars(extend("enum" = ON_BAD_ROW, "default" = "stop"))]
    pub on_bad_row: Option<String>,
    /// One character between the cells of a CSV file; without it, what the header line shows.
    #[schemars(length(equal = 1))]
    pub delimiter: Option<String>,
    /// The longest line or record, in bytes or as `16MB`; what one template may make of a row grows with it.
    #[serde(default)]
    #[schemars(schema_with = "size", extend("default" = "16MiB"))]
    pub max_record: Option<Value>,
    /// How far one compressed file may expand, in bytes or as `64GiB`; without it, to 1000 times its size.
    #[serde(default)]
    #[schemars(schema_with = "size")]
    pub max_expanded: Option<Value>,
    /// Only so many rows from the top.
    pub limit: Option<u64>,
    /// The fewest rows that are an input: with fewer, nothing is sent and the output stays as it is.
    pub min_rows: Option<u64>,
}

/// One text or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One text.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
}

/// `[model]`: who is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// The model's name.
    pub name: Option<String>,
    /// The address of the API, up to and without `/chat/completions`.
    #[schemars(extend("default" = DEFAULT_BASE_URL))]
    pub base_url: Option<String>,
    /// A region of DashScope, in place of an address: singapore, beijing, virginia, hong-kong, frankfurt or tokyo.
    pub region: Option<String>,
    /// The workspace of Model Studio whose own host in the region is asked.
    pub workspace: Option<String>,
    /// A file of facts on models, laid over the built-in table; without it, `models.toml` beside the job file.
    pub table: Option<String>,
    /// The environment variable that holds the key.
    #[schemars(extend("default" = "DASHSCOPE_API_KEY"))]
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    pub api_key_file: Option<String>,
    /// The command that prints the key.
    pub api_key_command: Option<OneOrMany>,
    /// How answers travel: `whole`, as a `stream`, or `auto`: whole, but as a stream where a model takes nothing else.
    #[schemars(extend("enum" = TRANSPORTS, "default" = "auto"))]
    pub transport: Option<String>,
    /// Headers that every request carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether a plain `http://` address beyond loopback is allowed.
    #[schemars(extend("default" = false))]
    pub allow_http: Option<bool>,
}

/// `[prompt]`: the templates.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptSection {
    /// The template of the system turn.
    pub system: Option<String>,
    /// The template of the last turn, the user's: `Summarise: {{ text }}`.
    pub user: Option<String>,
    /// Few-shot turns between the two.
    #[serde(default)]
    pub messages: Vec<TurnSection>,
}

/// One few-shot turn.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnSection {
    /// Whose turn it is.
    #[schemars(extend("enum" = ROLES))]
    pub role: String,
    /// The template of its text.
    pub content: String,
}

/// `[limits]`: the quota and the caps.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Requests per second.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub qps: Option<f64>,
    /// Requests per minute.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub qpm: Option<f64>,
    /// Tokens per minute, input and output.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tpm: Option<f64>,
    /// Requests in flight at once, or `auto`.
    #[serde(default)]
    #[schemars(schema_with = "concurrency", extend("default" = "auto"))]
    pub concurrency: Option<Value>,
    /// Stop before spending more, in the currency of the prices.
    #[schemars(range(min = 0))]
    pub max_cost: Option<f64>,
    /// Stop before using more tokens, input and output.
    pub max_total_tokens: Option<u64>,
    /// What `max_cost` and `max_total_tokens` count over: all runs of the job, each run, a day or a month of `time_zone`.
    #[schemars(extend("enum" = CAP_PERIODS, "default" = "job"))]
    pub cap_period: Option<String>,
    /// Stop after so long, over the runs of one journal: `7h`.
    #[schemars(extend("pattern" = DURATION))]
    pub max_duration: Option<String>,
    /// The time of day, or the date and time, at which a run ends.
    pub until: Option<String>,
    /// Other limits at other times of day.
    #[serde(default)]
    pub schedule: Vec<SpanSection>,
    /// The time zone of `until`, `schedule` and `cap_period`, by its IANA name.
    pub time_zone: Option<String>,
}

/// An entry of `schedule`: what holds in a span of the day.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanSection {
    /// The time of day at which it begins: `22:00`.
    pub from: String,
    /// The time of day at which it ends.
    pub to: String,
    /// The days on which it begins.
    pub days: Option<OneOrMany>,
    /// Requests per second.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub qps: Option<f64>,
    /// Requests per minute.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub qpm: Option<f64>,
    /// Tokens per minute.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tpm: Option<f64>,
    /// Requests in flight, or `auto`.
    #[serde(default)]
    #[schemars(schema_with = "concurrency")]
    pub concurrency: Option<Value>,
    /// Whether nothing is sent.
    pub pause: Option<bool>,
}

/// `[retry]`: patience.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySection {
    /// Tries of one row while the service answers others.
    #[schemars(range(min = 1), extend("default" = 6))]
    pub max_attempts: Option<u32>,
    /// The first backoff.
    #[schemars(extend("pattern" = DURATION, "default" = "1s"))]
    pub initial_backoff: Option<String>,
    /// The longest backoff.
    #[schemars(extend("pattern" = DURATION, "default" = "60s"))]
    pub max_backoff: Option<String>,
    /// The time one request may take.
    #[schemars(extend("pattern" = DURATION, "default" = "330s"))]
    pub timeout: Option<String>,
    /// The time one request may take whose answer comes as a stream.
    #[schemars(extend("pattern" = DURATION, "default" = "1h"))]
    pub stream_timeout: Option<String>,
    /// The time that may pass between two pieces of a stream; `timeout`, where that is given and this is not.
    #[schemars(extend("pattern" = DURATION, "default" = "120s"))]
    pub idle_timeout: Option<String>,
    /// How long to wait for a service that answers nobody.
    #[schemars(extend("pattern" = DURATION, "default" = "30m"))]
    pub max_outage: Option<String>,
}

/// `[output]`: the results.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    /// The file to write; its ending tells the format: .jsonl, .csv, .tsv or .parquet.
    pub path: Option<String>,
    /// Columns and their order; without it, all of the input and then all of the answers.
    #[schemars(length(min = 1))]
    pub select: Option<Vec<String>>,
    /// New names of columns: `{ response = "translation" }`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Put before every answer column.
    #[schemars(extend("default" = ""))]
    pub prefix: Option<String>,
    /// Whether CSV cells that a spreadsheet would run are escaped.
    #[schemars(extend("default" = false))]
    pub spreadsheet_safe: Option<bool>,
    /// Where the answers are kept; without it, in `PATH.journal` beside the output.
    pub journal: Option<String>,
    /// Where figures of the run are kept while it goes on, for Prometheus.
    pub metrics: Option<String>,
}

/// `[price]`: money per million tokens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    /// Prompt tokens.
    #[schemars(range(min = 0), required)]
    pub input: Option<f64>,
    /// Completion tokens.
    #[schemars(range(min = 0), required)]
    pub output: Option<f64>,
    /// Prompt tokens from the service's cache.
    #[schemars(range(min = 0))]
    pub cached_input: Option<f64>,
    /// Completion tokens of an answer that thought.
    #[schemars(range(min = 0))]
    pub thinking_output: Option<f64>,
    /// Prompt tokens written to a cache that the request marked.
    #[schemars(range(min = 0))]
    pub cache_write: Option<f64>,
}

/// `[answer]`: what an answer has to be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerSection {
    /// The file of the JSON Schema that each answer must satisfy.
    pub schema: Option<String>,
    /// How often an answer that breaks the schema is asked for again, naming the fault.
    #[schemars(range(max = 10), extend("default" = 1))]
    pub repair: Option<u32>,
    /// Whether the schema's fields become columns.
    #[schemars(extend("default" = false))]
    pub expand: Option<bool>,
    /// An answer that `max_tokens` cut: `keep` it, `fail` the row, or let it `grow`: ask once more with more room.
    #[schemars(extend("enum" = ON_LENGTH, "default" = "keep"))]
    pub on_length: Option<String>,
    /// Rounds of tool calls that a row may take.
    #[schemars(range(min = 1, max = 100), extend("default" = 8))]
    pub max_rounds: Option<u32>,
}

/// `[tools.NAME]`: what is run when the model calls a tool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSection {
    /// The command and its arguments: a list, or one line that is split at spaces; no shell.
    #[schemars(required)]
    pub command: Option<OneOrMany>,
    /// The time one call may take.
    #[schemars(extend("pattern" = DURATION, "default" = "30s"))]
    pub timeout: Option<String>,
}

/// `[glossary]`: what qwen-mt is told of words and sentences.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlossarySection {
    /// The file of terms, with the columns `source` and `target`.
    pub terms: Option<String>,
    /// The file of sentences translated before, with the columns `source` and `target`.
    pub memory: Option<String>,
}

/// `[notify]`: who is told when a run starts, ends or stops.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySection {
    /// The address that is called, a secret.
    pub url: Option<String>,
    /// The environment variable that holds the address.
    pub url_env: Option<String>,
    /// The command that is run.
    pub command: Option<OneOrMany>,
    /// `start`, `end`, `stop`.
    pub on: Option<OneOrMany>,
    /// Whether a plain `http://` address beyond loopback is allowed.
    pub allow_http: Option<bool>,
}

impl std::fmt::Debug for NotifySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NotifySection(…)")
    }
}
