//! The job file as it is written: every key optional, every unknown key an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

/// The whole job file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// `[input]`
    #[serde(default)]
    pub input: InputSection,
    /// `[model]`
    #[serde(default)]
    pub model: ModelSection,
    /// `[prompt]`
    pub prompt: Option<PromptSection>,
    /// `[request]`
    #[serde(default)]
    pub request: toml::Table,
    /// `[limits]`
    #[serde(default)]
    pub limits: LimitsSection,
    /// `[retry]`
    #[serde(default)]
    pub retry: RetrySection,
    /// `[output]`
    #[serde(default)]
    pub output: OutputSection,
    /// `[price]`
    pub price: Option<PriceSection>,
    /// `[answer]`
    #[serde(default)]
    pub answer: AnswerSection,
    /// `[tools.NAME]`
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSection>,
    /// `[glossary]`
    #[serde(default)]
    pub glossary: GlossarySection,
    /// `[notify]`
    pub notify: Option<NotifySection>,
}

/// `[input]`: the rows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    /// One path, a list, or globs; `-` is standard input.
    pub path: Option<OneOrMany>,
    /// `jsonl`, `csv`, `tsv` or `parquet`.
    pub format: Option<String>,
    /// The column that names a row.
    pub id: Option<String>,
    /// `send` or `share`.
    pub duplicates: Option<String>,
    /// `stop` or `skip`.
    pub on_bad_row: Option<String>,
    /// One character between the cells of a CSV file.
    pub delimiter: Option<String>,
    /// The largest record, in bytes or as `16MB`.
    pub max_record: Option<Value>,
    /// The largest size one file may expand to, in bytes or as `64GiB`.
    pub max_expanded: Option<Value>,
    /// Only so many rows from the top.
    pub limit: Option<u64>,
}

/// One path or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// `[model]`: who is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// The model's name.
    pub name: Option<String>,
    /// The address of the API, up to and without `/chat/completions`.
    pub base_url: Option<String>,
    /// A region of DashScope, in place of an address: `singapore`, `beijing`, `virginia`, …
    pub region: Option<String>,
    /// The workspace of Model Studio whose own host in the region is asked.
    pub workspace: Option<String>,
    /// A file of facts on models, laid over the built-in table.
    pub table: Option<String>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    pub api_key_file: Option<String>,
    /// The command that prints the key.
    pub api_key_command: Option<OneOrMany>,
    /// `auto`, `whole` or `stream`.
    pub transport: Option<String>,
    /// Headers that every request carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether a plain `http://` address beyond loopback is allowed.
    pub allow_http: Option<bool>,
}

/// `[prompt]`: the templates.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSection {
    /// The system turn.
    pub system: Option<String>,
    /// The last turn, the user's.
    pub user: Option<String>,
    /// Turns between the two.
    #[serde(default)]
    pub messages: Vec<TurnSection>,
}

/// One few-shot turn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnSection {
    /// `user` or `assistant`.
    pub role: String,
    /// The template of its text.
    pub content: String,
}

/// `[limits]`: the quota and the caps.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Requests per second.
    pub qps: Option<f64>,
    /// Requests per minute.
    pub qpm: Option<f64>,
    /// Tokens per minute.
    pub tpm: Option<f64>,
    /// Requests in flight, or `auto`.
    pub concurrency: Option<Value>,
    /// Money, in the currency of the prices.
    pub max_cost: Option<f64>,
    /// Tokens, input and output.
    pub max_total_tokens: Option<u64>,
    /// Time, over the runs of one journal.
    pub max_duration: Option<String>,
    /// The time of day, or the date and time, at which a run ends.
    pub until: Option<String>,
    /// Other limits at other times of day.
    #[serde(default)]
    pub schedule: Vec<SpanSection>,
    /// The time zone of `until` and `schedule`, by its IANA name.
    pub time_zone: Option<String>,
}

/// An entry of `schedule`: what holds in a span of the day.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanSection {
    /// The time of day at which it begins.
    pub from: String,
    /// The time of day at which it ends.
    pub to: String,
    /// The days on which it begins.
    pub days: Option<OneOrMany>,
    /// Requests per second.
    pub qps: Option<f64>,
    /// Requests per minute.
    pub qpm: Option<f64>,
    /// Tokens per minute.
    pub tpm: Option<f64>,
    /// Requests in flight, or `auto`.
    pub concurrency: Option<Value>,
    /// Whether nothing is sent.
    pub pause: Option<bool>,
}

/// `[retry]`: patience.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySection {
    /// Tries of one row while the service answers others.
    pub max_attempts: Option<u32>,
    /// The first backoff.
    pub initial_backoff: Option<String>,
    /// The longest backoff.
    pub max_backoff: Option<String>,
    /// The time one request may take.
    pub timeout: Option<String>,
    /// The time one request may take whose answer comes as a stream.
    pub stream_timeout: Option<String>,
    /// The time that may pass between two pieces of a stream.
    pub idle_timeout: Option<String>,
    /// How long to wait for a service that answers nobody.
    pub max_outage: Option<String>,
}

/// `[output]`: the results.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    /// The file to write.
    pub path: Option<String>,
    /// Columns and their order.
    pub select: Option<Vec<String>>,
    /// New names of columns.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Put before every answer column.
    pub prefix: Option<String>,
    /// Whether CSV cells that a spreadsheet would run are escaped.
    pub spreadsheet_safe: Option<bool>,
    /// Where figures of the run are kept while it goes on, for Prometheus.
    pub metrics: Option<String>,
}

/// `[price]`: money per million tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    /// Prompt tokens.
    pub input: Option<f64>,
    /// Completion tokens.
    pub output: Option<f64>,
    /// Prompt tokens from the service's cache.
    pub cached_input: Option<f64>,
    /// Completion tokens of an answer that thought.
    pub thinking_output: Option<f64>,
    /// Prompt tokens written to a cache that the request marked.
    pub cache_write: Option<f64>,
}

/// `[answer]`: what an answer has to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSection {
    /// The file of the JSON Schema that each answer must satisfy.
    pub schema: Option<String>,
    /// How often it is asked for again, naming the fault.
    pub repair: Option<u32>,
    /// Whether the schema's fields become columns.
    pub expand: Option<bool>,
    /// `keep`, `fail` or `grow`.
    pub on_length: Option<String>,
    /// Rounds of tool calls.
    pub max_rounds: Option<u32>,
}

/// `[tools.NAME]`: what is run when the model calls a tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSection {
    /// The command and its arguments.
    pub command: Option<OneOrMany>,
    /// The time one call may take.
    pub timeout: Option<String>,
}

/// `[glossary]`: what qwen-mt is told of words and sentences.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlossarySection {
    /// The file of terms.
    pub terms: Option<String>,
    /// The file of sentences translated before.
    pub memory: Option<String>,
}

/// `[notify]`: who is told when a run starts, ends or stops.
#[derive(Default, Deserialize)]
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
