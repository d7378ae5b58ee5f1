//! The command line: what can be written, without any decision on it.

mod asking;
mod job_args;
mod setting_up;
mod shown;
mod tip;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use asking::ASK_EXAMPLE;
pub use asking::AskArgs;
pub use job_args::{Color, JobArgs, JobFlagArgs};
use setting_up::{COMPLETIONS_EXAMPLE, INIT_EXAMPLE, MAN_EXAMPLE, SCHEMA_EXAMPLE};
pub use setting_up::{CompletionsArgs, InitArgs, ManArgs};
use shown::with_flags_in_use;
use tip::with_a_tip;

/// Runs one prompt over every row of a file, overnight, without babysitting.
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
    /// Run a job, or resume it: sends what has no answer yet, and writes the output
    #[command(after_help = RUN_EXAMPLE)]
    Run(RunArgs),
    /// Show the first requests, the counts and the estimates of a job; sends nothing
    #[command(after_help = PREVIEW_EXAMPLE)]
    Preview(PreviewArgs),
    /// Show how a job stands, also while it runs
    Status(StatusArgs),
    /// Change a job while it runs: its limits and caps, or pause, resume, stop
    #[command(after_help = SET_EXAMPLE)]
    Set(SetArgs),
    /// Write what is answered so far, in any format, also while the job runs
    Export(ExportArgs),
    /// Write one HTML page about a job: throughput, latency, tokens, cost, errors, and what held it back
    Report(ReportArgs),
    /// Account for every row of the input in journal and output, and check the journal
    #[command(after_help = VERIFY_EXAMPLE)]
    Verify(JobArgs),
    /// Drop the answers whose rows have been gone from the input for long, and make the journal smaller
    #[command(after_help = PRUNE_EXAMPLE)]
    Prune(PruneArgs),
    /// Show the models that are known: limits, thinking, prices, and the date of those facts
    #[command(after_help = MODELS_EXAMPLE)]
    Models(ModelsArgs),
    /// Ask one question, and print the answer as it comes
    #[command(after_help = ASK_EXAMPLE)]
    Ask(AskArgs),
    /// Serve the API on this machine, with its limits and faults, for rehearsals
    #[command(after_help = SIMULATE_EXAMPLE)]
    Simulate(SimulateArgs),
    /// Write a commented job file, and a small sample to start from
    #[command(after_help = INIT_EXAMPLE)]
    Init(InitArgs),
    /// Print the JSON Schema of the job file, for editors
    #[command(after_help = SCHEMA_EXAMPLE)]
    Schema,
    /// Print what lets a shell complete the words of a command
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions(CompletionsArgs),
    /// Print a page of the manual, or write all of them
    #[command(after_help = MAN_EXAMPLE)]
    Man(ManArgs),
}

/// The whole command line as clap has it, for what is made from its declaration.
pub fn command() -> Command {
    with_flags_in_use(Cli::command())
}

/// Reads the command line.
///
/// # Errors
///
/// A command line that is wrong, with what was probably meant, and one that asks for help.
pub fn parse() -> Result<Cli, clap::Error> {
    let parsed = command().try_get_matches().and_then(|mut matches| {
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
    });
    parsed.map_err(|error| with_a_tip(&command(), error, std::env::args_os()))
}

const RUN_EXAMPLE: &str = "Examples:
  fanfold run jobs/translate.toml
  fanfold run --input a.csv --output b.csv --model qwen3.6-plus --prompt 'Summarise: {{ text }}'

The same command resumes. Every flag that sets a key of the job file can also be given as a variable: \
FANFOLD_QPS=5 is --qps 5. A flag beats the variable, and the variable beats the job file.";

const PREVIEW_EXAMPLE: &str = "Example:
  fanfold preview jobs/translate.toml -n 1";

const STATUS_EXAMPLE: &str = "Examples:
  fanfold status jobs/translate.toml --watch
  fanfold status jobs/translate.toml --row r0003

It reads the journal alone, so that it can be asked from another terminal while the job runs.";

const VERIFY_EXAMPLE: &str = "Example:
  fanfold verify jobs/translate.toml && echo 'every row is accounted for'";
const SET_EXAMPLE: &str = "qps, qpm, tpm, concurrency, max_cost, max_total_tokens and max_duration are the keys of [limits]. What \
a run is told holds until it ends, not for the next one, and beats the schedule; `resume` ends a pause of the schedule \
too. `stop` is what Ctrl-C is. Of a job made of flags alone, give the flags of the run.

Examples:
  fanfold set jobs/translate.toml qps=5 concurrency=20
  fanfold set jobs/translate.toml pause
  fanfold set jobs/translate.toml resume max_cost=10";

const EXPORT_NOTE: &str =
    "With a job file, --output names where to write, and `-` prints JSONL; the journal stays that of the \
job file. Of a job that is made of flags alone, --output names the job itself.

Example:
  fanfold export jobs/translate.toml --output answers.csv";

const REPORT_NOTE: &str = "The page is written beside the output, as OUT.report.html. With a job file, --output names another place, and \
`-` prints the page; of a job that is made of flags alone, --output names the job itself.

Example:
  fanfold report jobs/translate.toml --output report.html";

const PRUNE_EXAMPLE: &str =
    "An answer is kept when its row leaves the input, or when its prompt changes: the row, or the old prompt, may come back. \
What was spent is kept in any case, so that `status`, `report` and caps say what they said.

Examples:
  fanfold prune jobs/nightly.toml --dry-run
  fanfold prune jobs/nightly.toml --older-than 90d --yes";

const MODELS_EXAMPLE: &str =
    "A file `models.toml` in the working directory, or the one that --table names, is laid over the built-in \
table. Without --region and --base-url, FANFOLD_REGION and FANFOLD_BASE_URL are asked, then it is Singapore.

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
    /// Set the old journal aside under a dated name and start over
    #[arg(long)]
    pub fresh: bool,
    /// Go on with a journal that has lost answers, and pay for those again
    #[arg(long)]
    pub accept_loss: bool,
    /// Keep a rehearsal to the limits and hours of the job; otherwise it goes as fast as the simulator answers
    #[arg(long, requires = "simulate")]
    pub real_time: bool,
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
    /// Tell the history of one row: its id, or its number from 1 in a job without ids
    #[arg(long, value_name = "ID")]
    pub row: Option<String>,
    /// Show it again and again until the run ends; Ctrl-C leaves, and the run goes on
    #[arg(short, long, conflicts_with_all = ["json", "row"])]
    pub watch: bool,
}

/// `fanfold set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// What to change: qps=5, concurrency=20, max_cost=10, …, or pause, resume, stop
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
    /// How long they have to have been gone, such as 90d or 12h
    #[arg(long, value_name = "TIME", default_value = "90d")]
    pub older_than: String,
    /// Say what would be dropped, and drop nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
}

/// `fanfold models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// The model to tell all about; without it, every model in a table
    pub name: Option<String>,
    /// The region of the table: singapore, beijing, virginia, hong-kong, frankfurt or tokyo
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The address whose region it is; of a server in none, what holds at any address
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    pub base_url: Option<String>,
    /// A model table of your own, laid over the built-in one
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `fanfold simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// The port; 0 takes a free one, which is printed
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Requests per second; past it the answer is 429
    #[arg(long, value_name = "N")]
    pub qps: Option<u64>,
    /// Requests per minute
    #[arg(long, value_name = "N")]
    pub qpm: Option<u64>,
    /// Tokens per minute, input and output
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// How limits are counted: sliding or fixed-minute
    #[arg(long, default_value = "sliding")]
    pub window: String,
    /// Latency: none, fixed:200ms, uniform:50ms..300ms or lognormal:median=800ms,sigma=0.5
    #[arg(long, default_value = "none")]
    pub latency: String,
    /// A script of faults, in TOML
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Write one JSON line per request received
    #[arg(long, value_name = "FILE")]
    pub witness: Option<PathBuf>,
    /// Refuse every key but the one in this variable
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    /// The shape of replies: dashscope or plain
    #[arg(long, default_value = "dashscope")]
    pub profile: String,
    /// What chance begins with
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
