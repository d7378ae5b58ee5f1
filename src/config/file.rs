//! The job file as it is written: every key optional, every unknown key an error. The schema for editors
//! ([`super::json_schema`]) is generated from these types: editors show the comments here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

use crate::config::batch_section::BatchSection;
use crate::config::input_section::InputSection;
use crate::config::one_or_many::OneOrMany;
use crate::config::pack_section::PackSection;
use crate::config::patterns::{DURATION, concurrency};
use crate::config::text_sections::{DigestSection, MergeSection, SplitSection};
use crate::config::words::{optional_word, word};
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::answer::{OnCheck, OnLength};
use crate::job::period::CapPeriod;
use crate::job::tier::ServiceTier;
use crate::job::{Role, RowLayout, Transport};

/// A job of fanfold: one prompt over every row of a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// The rows.
    #[serde(default)]
    pub input: InputSection,
    /// The model, and how to reach it.
    #[serde(default)]
    pub model: ModelSection,
    /// Templates with the columns of a row. Without this section, rows bring their own requests.
    pub prompt: Option<PromptSection>,
    /// Every other field of the request body, sent unchanged; strings are templates too.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub request: toml::Table,
    /// Rate limits, and caps at which to stop. Default: the model table's limits.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Retries and time-outs.
    #[serde(default)]
    pub retry: RetrySection,
    /// The results.
    #[serde(default)]
    pub output: OutputSection,
    /// Price per million tokens, in any currency. Default: the model table.
    pub price: Option<PriceSection>,
    /// Requirements for answers.
    #[serde(default)]
    pub answer: AnswerSection,
    /// Commands to run when the model calls a tool, by the tool's name.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSection>,
    /// Terms and sample translations for qwen-mt; only those that occur in the row are sent.
    #[serde(default)]
    pub glossary: GlossarySection,
    /// Notifications when a run starts, ends or stops.
    pub notify: Option<NotifySection>,
    /// Lets short rows travel together, where requests are what is limited.
    #[serde(default)]
    pub pack: PackSection,
    /// Batches of the provider, with `transport = "batch"` under [model].
    #[serde(default)]
    pub batch: BatchSection,
    /// Asks each row once for each combination of these values, which templates see as `each.NAME`: `lang = ["English", "French"]`.
    #[serde(default)]
    pub each: BTreeMap<String, OneOrMany>,
    /// Cuts long texts into pieces, each of which is a request of its own.
    pub split: Option<SplitSection>,
    /// With `combine = "merge"`: one more request for each row, over the answers to its pieces.
    pub merge: Option<MergeSection>,
    /// One answer over all rows of the job.
    pub digest: Option<DigestSection>,
}

/// `[model]`: the model, and how to reach it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// Model name.
    pub name: Option<String>,
    /// Address of the API, without `/chat/completions`.
    #[schemars(extend("default" = DEFAULT_BASE_URL))]
    pub base_url: Option<String>,
    /// Region of DashScope, instead of an address: singapore, beijing, virginia, hong-kong, frankfurt or tokyo.
    pub region: Option<String>,
    /// Model Studio workspace; its own host in the region is used.
    pub workspace: Option<String>,
    /// Your own model table, which extends and overrides the built-in one. Default: `models.toml` next to the job file.
    pub table: Option<String>,
    /// Environment variable that holds the key.
    #[schemars(extend("default" = "DASHSCOPE_API_KEY"))]
    pub api_key_env: Option<String>,
    /// File that holds the key.
    pub api_key_file: Option<String>,
    /// Command that prints the key.
    pub api_key_command: Option<OneOrMany>,
    /// `batch-chat`: DashScope's queue in Beijing, at half the price; an answer takes up to an hour. It has an address of its own.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "standard"))]
    pub tier: Option<ServiceTier>,
    /// How answers are received: `whole`, as a `stream`, `auto`: whole unless the model only streams; or through the provider's
    /// Batch API (`batch`), at half price, within [batch] `window`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "auto"))]
    pub transport: Option<Transport>,
    /// Headers sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Allow plain `http://` to other machines.
    #[schemars(extend("default" = false))]
    pub allow_http: Option<bool>,
}

/// `[prompt]`: the templates.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptSection {
    /// Template of the system turn.
    pub system: Option<String>,
    /// Template of the last turn, the user's: `Summarise: {{ text }}`.
    pub user: Option<String>,
    /// Few-shot turns between the two.
    #[serde(default)]
    pub messages: Vec<TurnSection>,
}

/// One few-shot turn.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnSection {
    /// Role of this turn.
    #[serde(deserialize_with = "word")]
    pub role: Role,
    /// Template of its text.
    pub content: String,
}

/// `[limits]`: rate limits and caps.
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
    /// Maximum requests in flight, or `auto`.
    #[serde(default)]
    #[schemars(schema_with = "concurrency", extend("default" = "auto"))]
    pub concurrency: Option<Value>,
    /// Stop before spending more than this, in the currency of the prices.
    #[schemars(range(min = 0))]
    pub max_cost: Option<f64>,
    /// Stop before using more tokens than this, input and output.
    pub max_total_tokens: Option<u64>,
    /// Period of `max_cost` and `max_total_tokens`: all runs of the job, each run, or a day or month in `time_zone`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "job"))]
    pub cap_period: Option<CapPeriod>,
    /// Stop after this time, summed over the runs of one journal: `7h`.
    #[schemars(extend("pattern" = DURATION))]
    pub max_duration: Option<String>,
    /// Time of day, or date and time, at which a run ends.
    pub until: Option<String>,
    /// Other limits at other times of day.
    #[serde(default)]
    pub schedule: Vec<SpanSection>,
    /// Time zone of `until`, `schedule` and `cap_period`, by its IANA name.
    pub time_zone: Option<String>,
}

/// An entry of `schedule`: the limits in a span of the day.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanSection {
    /// Time of day at which it begins: `22:00`.
    pub from: String,
    /// Time of day at which it ends.
    pub to: String,
    /// Days on which it begins.
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
    /// Maximum requests in flight, or `auto`.
    #[serde(default)]
    #[schemars(schema_with = "concurrency")]
    pub concurrency: Option<Value>,
    /// Send nothing.
    pub pause: Option<bool>,
}

/// `[retry]`: retries and time-outs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySection {
    /// Tries per row while the service answers others.
    #[schemars(range(min = 1), extend("default" = 6))]
    pub max_attempts: Option<u32>,
    /// First backoff.
    #[schemars(extend("pattern" = DURATION, "default" = "1s"))]
    pub initial_backoff: Option<String>,
    /// Longest backoff.
    #[schemars(extend("pattern" = DURATION, "default" = "60s"))]
    pub max_backoff: Option<String>,
    /// Time limit of one request.
    #[schemars(extend("pattern" = DURATION, "default" = "330s"))]
    pub timeout: Option<String>,
    /// Time limit of one request whose answer is streamed.
    #[schemars(extend("pattern" = DURATION, "default" = "1h"))]
    pub stream_timeout: Option<String>,
    /// Longest pause in a stream. Default: `timeout`, if that is set.
    #[schemars(extend("pattern" = DURATION, "default" = "120s"))]
    pub idle_timeout: Option<String>,
    /// How long to wait for a service that answers no request.
    #[schemars(extend("pattern" = DURATION, "default" = "30m"))]
    pub max_outage: Option<String>,
}

/// `[output]`: the results.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    /// Output file; its ending sets the format, as for an input.
    pub path: Option<String>,
    /// Columns and their order. Default: all input columns, then all answer columns.
    #[schemars(length(min = 1))]
    pub select: Option<Vec<String>>,
    /// Only the columns of the answers, without those of the input.
    #[schemars(extend("default" = false))]
    pub answers_only: Option<bool>,
    /// New column names: `{ response = "translation" }`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Prefix of every answer column.
    #[schemars(extend("default" = ""))]
    pub prefix: Option<String>,
    /// Escape CSV cells that a spreadsheet would run as formulas.
    #[schemars(extend("default" = false))]
    pub spreadsheet_safe: Option<bool>,
    /// Character between the cells of CSV. Default: the one of a CSV input, else a comma; in TSV, a tab.
    #[schemars(length(equal = 1))]
    pub delimiter: Option<String>,
    /// Whether CSV and TSV begin with a byte order mark, by which Excel knows UTF-8. Default: as the input.
    pub bom: Option<bool>,
    /// Answers to the combinations of [each]: `wide`, a response column for each, or `long`, a row for each.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "wide"))]
    pub layout: Option<RowLayout>,
    /// Name of the response column of each combination, a template over its values: `{{ column }}_{{ lang }}`. Default: `response_` and the values.
    pub wide: Option<String>,
    /// File of its own for the response of each document: `out/{{ stem }}.zh.md`. A template over a row's columns.
    pub documents: Option<String>,
    /// File to keep the answers in. Default: `PATH.journal` next to the output.
    pub journal: Option<String>,
    /// File for figures of the run, in the Prometheus text format.
    pub metrics: Option<String>,
}

/// `[price]`: money per million tokens, or a region whose prices apply.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["region"] },
    { "required": ["input", "output"] },
    { "properties": { "input": false, "output": false, "cached_input": false, "thinking_output": false, "cache_write": false } },
]))]
pub struct PriceSection {
    /// Prompt tokens.
    #[schemars(range(min = 0))]
    pub input: Option<f64>,
    /// Completion tokens.
    #[schemars(range(min = 0))]
    pub output: Option<f64>,
    /// Prompt tokens from the service's cache.
    #[schemars(range(min = 0))]
    pub cached_input: Option<f64>,
    /// Completion tokens of an answer with reasoning.
    #[schemars(range(min = 0))]
    pub thinking_output: Option<f64>,
    /// Prompt tokens written to a cache marked by the request.
    #[schemars(range(min = 0))]
    pub cache_write: Option<f64>,
    /// Region whose prices in the model table apply, at an address that is not the vendor's. Figures given here override them.
    pub region: Option<String>,
    /// Currency of the prices, to be shown: `USD`, `CNY`.
    #[schemars(length(min = 1, max = 8))]
    pub currency: Option<String>,
}

/// `[answer]`: requirements for answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerSection {
    /// File of the JSON Schema that each answer must satisfy.
    pub schema: Option<String>,
    /// Checks of each answer against its source: `placeholders` (placeholders, tags, URLs and e-mail addresses are in it as often),
    /// `translated` (it is not the source), `length`.
    #[schemars(with = "Option<Vec<CheckName>>")]
    pub checks: Option<Vec<String>>,
    /// Regular expressions: every match in the source is in the answer as often.
    pub keep: Option<OneOrMany>,
    /// Shortest and longest answer, as multiples of the characters of its source; sets the check `length`, which without it is
    /// [0.2, 6.0].
    pub length: Option<[f64; 2]>,
    /// Template of the text that answers are checked against. Default: the user's message.
    pub source: Option<String>,
    /// For an answer that does not pass a check after `repair` more tries: `fail` the row, or accept the answer with `warnings`
    /// (`flag`).
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "fail"))]
    pub on_check: Option<OnCheck>,
    /// How often to ask again for an answer that violates the schema, or does not pass a check.
    #[schemars(range(max = 10), extend("default" = 1))]
    pub repair: Option<u32>,
    /// Turn the schema's fields into columns.
    #[schemars(extend("default" = false))]
    pub expand: Option<bool>,
    /// For an answer truncated by `max_tokens`: `keep` it, `fail` the row, or let it `grow`: ask once more with more tokens.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "keep"))]
    pub on_length: Option<OnLength>,
    /// Maximum rounds of tool calls per row.
    #[schemars(range(min = 1, max = 100), extend("default" = 8))]
    pub max_rounds: Option<u32>,
}

/// A check.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema is made of it")]
enum CheckName {
    Placeholders,
    Translated,
    Length,
}

/// `[tools.NAME]`: the command to run when the model calls a tool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSection {
    /// Command and its arguments: a list, or one line split at spaces; no shell.
    #[schemars(required)]
    pub command: Option<OneOrMany>,
    /// Time limit of one call.
    #[schemars(extend("pattern" = DURATION, "default" = "30s"))]
    pub timeout: Option<String>,
}

/// `[glossary]`: terms and sample translations for qwen-mt.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlossarySection {
    /// File of terms, with the columns `source` and `target`.
    pub terms: Option<String>,
    /// File of sentences translated before, with the columns `source` and `target`.
    pub memory: Option<String>,
}

/// `[notify]`: notifications when a run starts, ends or stops.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySection {
    /// Address to call; treated as a secret.
    pub url: Option<String>,
    /// Environment variable that holds the address.
    pub url_env: Option<String>,
    /// Command to run.
    pub command: Option<OneOrMany>,
    /// Events to notify about: `start`, `end`, `stop`.
    pub on: Option<OneOrMany>,
    /// Allow plain `http://` to other machines.
    pub allow_http: Option<bool>,
}

impl std::fmt::Debug for NotifySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NotifySection(…)")
    }
}
