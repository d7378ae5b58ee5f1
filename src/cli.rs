//! The command line as it may be written, without any decisions.

mod asking;
mod common_args;
mod job_args;
mod reading;
mod setting_up;
mod shown;
mod tip;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use asking::ASK_EXAMPLE;
pub use asking::AskArgs;
pub use common_args::Color;
pub use job_args::JobArgs;
use reading::READ_EXAMPLE;
pub use reading::ReadArgs;
use setting_up::{COMPLETIONS_EXAMPLE, INIT_EXAMPLE, MAN_EXAMPLE, SCHEMA_EXAMPLE};
pub use setting_up::{CompletionsArgs, InitArgs, ManArgs};
use shown::with_flags_in_use;
use tip::with_a_tip;

/// Runs one prompt over every row of a file, or every document of a folder, overnight, without babysitting.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run or resume a job: send the rows without an answer, and write the output
    #[command(after_help = RUN_EXAMPLE)]
    Run(RunArgs),
    /// Show a job's first requests, counts and estimates, without sending anything
    #[command(after_help = PREVIEW_EXAMPLE)]
    Preview(PreviewArgs),
    /// Show the progress of a job, even during a run
    Status(StatusArgs),
    /// Change limits and caps of a running job, or pause, resume or stop it, or cancel its batches
    #[command(after_help = SET_EXAMPLE)]
    Set(SetArgs),
    /// Write the answers so far in any format, even during a run
    Export(ExportArgs),
    /// Write one HTML page about a job: throughput, latency, tokens, cost, errors, bottlenecks
    Report(ReportArgs),
    /// Account for every input row in journal and output, and check the journal
    #[command(after_help = VERIFY_EXAMPLE)]
    Verify(JobArgs),
    /// Drop answers whose rows left the input long ago, and shrink the journal
    #[command(after_help = PRUNE_EXAMPLE)]
    Prune(PruneArgs),
    /// List the known models: limits, thinking, prices, and the date of those facts
    #[command(after_help = MODELS_EXAMPLE)]
    Models(ModelsArgs),
    /// Show what is read of documents, one JSON line each, without keeping or sending anything
    #[command(after_help = READ_EXAMPLE)]
    Read(ReadArgs),
    /// Ask one question, and print the answer as it arrives
    #[command(after_help = ASK_EXAMPLE)]
    Ask(AskArgs),
    /// Simulate the API on this machine, with limits and faults, for rehearsals
    #[command(after_help = SIMULATE_EXAMPLE)]
    Simulate(SimulateArgs),
    /// Write a commented job file, and a small sample to start from
    #[command(after_help = INIT_EXAMPLE)]
    Init(InitArgs),
    /// Print the JSON Schema of the job file, for editors
    #[command(after_help = SCHEMA_EXAMPLE)]
    Schema,
    /// Print shell completions
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them
    #[command(after_help = MAN_EXAMPLE)]
    Man(ManArgs),
}

/// The whole command line as a clap command, from which help, completions and manual pages are made.
pub fn command() -> Command {
    with_flags_in_use(Cli::command())
}

/// Reads the command line.
///
/// # Errors
///
/// An invalid command line, with a suggestion, or one that asks for help.
pub fn parse() -> Result<Cli, clap::Error> {
    let parsed = command().try_get_matches().and_then(|mut matches| {
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
    });
    parsed.map_err(|error| with_a_tip(&command(), error, std::env::args_os()))
}

const RUN_EXAMPLE: &str = "Examples:
  fanfold run jobs/translate.toml
  fanfold run --input a.csv --output b.csv --model qwen3.6-plus --prompt 'Summarise: {{ text }}'
  fanfold run --input letters/ --output a.jsonl --model qwen3.6-plus --prompt 'Summarise: {{ text }}'

The same command resumes. Every flag that sets a key of the job file also has a variable: FANFOLD_QPS=5 is \
--qps 5. A flag beats the variable, and the variable beats the job file.";

const PREVIEW_EXAMPLE: &str = "Example:
  fanfold preview jobs/translate.toml -n 1";

const STATUS_EXAMPLE: &str = "Examples:
  fanfold status jobs/translate.toml --watch
  fanfold status jobs/translate.toml --row r0003

It only reads the journal, so you can use it from another terminal during a run.";

const VERIFY_EXAMPLE: &str = "Example:
  fanfold verify jobs/translate.toml && echo 'every row is accounted for'";
const SET_EXAMPLE: &str = "The keys are qps, qpm, tpm, concurrency, max_cost, max_total_tokens and max_duration of [limits]. A change \
stays in effect until the run ends, and overrides the schedule; `resume` also ends a pause of the schedule. `stop` \
works like Ctrl-C. For a job given entirely by flags, repeat the flags of the run.

Examples:
  fanfold set jobs/translate.toml qps=5 concurrency=20
  fanfold set jobs/translate.toml pause
  fanfold set jobs/translate.toml resume max_cost=10";

const EXPORT_NOTE: &str =
    "With a job file, --output sets where to write, and `-` prints JSONL; the journal remains the job's own. \
For a job given entirely by flags, --output names the job's output.

Example:
  fanfold export jobs/translate.toml --output answers.csv";

const REPORT_NOTE: &str = "The page is written next to the output, as OUT.report.html. With a job file, --output sets another place, and \
`-` prints the page; for a job given entirely by flags, --output names the job's output.

Example:
  fanfold report jobs/translate.toml --output report.html";

const PRUNE_EXAMPLE: &str =
    "An answer is kept even when its row leaves the input or its prompt changes, since either may return. The record of \
spending always stays, so `status`, `report` and caps show the same figures as before.

Examples:
  fanfold prune jobs/nightly.toml --dry-run
  fanfold prune jobs/nightly.toml --older-than 90d --yes";

const MODELS_EXAMPLE: &str =
    "A file `models.toml` in the working directory, or the one given by --table, extends and overrides the built-in \
table. Without --region and --base-url, FANFOLD_REGION and FANFOLD_BASE_URL apply, then Singapore.

Examples:
  fanfold models
  fanfold models qwen3.6-plus
  fanfold models --region beijing --json";
const SIMULATE_EXAMPLE: &str = "Example:
  fanfold simulate --port 8080 --qps 5 --witness witness.jsonl
  fanfold run job.toml --base-url http://127.0.0.1:8080/compatible-mode/v1";

/// `fanfold run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Send failed rows again
    #[arg(long)]
    pub retry_failed: bool,
    /// Rename the old journal, adding the date, and start over
    #[arg(long)]
    pub fresh: bool,
    /// Continue with a journal that has lost answers, and pay for them again
    #[arg(long)]
    pub accept_loss: bool,
    /// Read all documents anew, whatever texts are kept
    #[arg(long)]
    pub reread: bool,
    /// Submit batches and end with exit code 8, without waiting for them; the same command collects them
    #[arg(long)]
    pub no_wait: bool,
    /// Keep to the job's limits and hours in a rehearsal, instead of running as fast as the simulator answers
    #[arg(long, requires = "simulate")]
    pub real_time: bool,
    /// Answers of the translation models in a rehearsal: [French] before the text, or the text itself
    #[arg(long, value_name = "STYLE", value_parser = ["marked", "echo"], requires = "simulate")]
    pub translate: Option<String>,
    /// Stop, as at Ctrl-C, when standard input ends: for a program that holds it open while it wants the run
    #[arg(long)]
    pub stop_on_eof: bool,
    /// How to show progress
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: Progress,
}

/// `fanfold preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// How many requests to show
    #[arg(short = 'n', long = "requests", value_name = "N", default_value_t = 3)]
    pub requests: u64,
    /// Print JSON: what would be sent, what it is expected to cost, and the most
    #[arg(long)]
    pub json: bool,
    /// Read all documents anew, whatever texts are kept
    #[arg(long)]
    pub reread: bool,
}

/// `fanfold status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLE)]
pub struct StatusArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show the history of one row: its id, or its number from 1 in a job without ids
    #[arg(long, value_name = "ID")]
    pub row: Option<String>,
    /// Update the display until the run ends; Ctrl-C leaves it, and the run continues
    #[arg(short, long, conflicts_with_all = ["json", "row"])]
    pub watch: bool,
}

/// `fanfold set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// What to change: qps=5, concurrency=20, max_cost=10, …, or pause, resume, stop, cancel
    #[arg(value_name = "KEY=VALUE|WORD", help_heading = None)]
    pub words: Vec<String>,
}

/// `fanfold export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_NOTE)]
pub struct ExportArgs {
    /// The job. Its `--output` names where to write; the journal stays that of the job file. `-` prints JSONL.
    #[command(flatten)]
    pub job: JobArgs,
}

/// `fanfold report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_NOTE)]
pub struct ReportArgs {
    /// The job. Its `--output` names the page; the journal stays that of the job file. `-` prints it.
    #[command(flatten)]
    pub job: JobArgs,
}

/// `fanfold prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Drop answers whose rows have been gone for longer than this, such as 90d or 12h
    #[arg(long, value_name = "TIME", default_value = "90d")]
    pub older_than: String,
    /// Show what would be dropped, and drop nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
}

/// `fanfold models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Model to show in full; by default, a table of all models
    pub name: Option<String>,
    /// Region to show: singapore, beijing, virginia, hong-kong, frankfurt or tokyo
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Show the region of this address, or the figures for any address if it has none
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    pub base_url: Option<String>,
    /// Your own model table, which extends and overrides the built-in one
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `fanfold simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// Port; 0 picks a free one and prints it
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Requests per second; beyond that it answers 429
    #[arg(long, value_name = "N")]
    pub qps: Option<u64>,
    /// Requests per minute
    #[arg(long, value_name = "N")]
    pub qpm: Option<u64>,
    /// Tokens per minute, input and output
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// How to count limits: sliding or fixed-minute
    #[arg(long, default_value = "sliding")]
    pub window: String,
    /// Latency: none, fixed:200ms, uniform:50ms..300ms or lognormal:median=800ms,sigma=0.5
    #[arg(long, default_value = "none")]
    pub latency: String,
    /// Script of faults, in TOML
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Write one JSON line per request received
    #[arg(long, value_name = "FILE")]
    pub witness: Option<PathBuf>,
    /// Reject every key except the one in this variable
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    /// Style of replies: dashscope or plain
    #[arg(long, default_value = "dashscope")]
    pub profile: String,
    /// Answers of the translation models: [French] before the text, or the text itself
    #[arg(long, value_name = "STYLE", value_parser = ["marked", "echo"], default_value = "marked")]
    pub translate: String,
    /// Random seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, plain lines otherwise.
    Auto,
    /// A bar.
    Bar,
    /// Plain lines.
    Plain,
    /// JSON lines.
    Json,
    /// Nothing.
    None,
}
