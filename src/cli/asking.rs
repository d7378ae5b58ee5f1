//! What can be written behind `fanfold ask`: flags of a job's names, but with the defaults and the words of one question.

use std::path::PathBuf;

use clap::Args;

use super::job_args::Color;

pub(super) const ASK_EXAMPLE: &str = "Examples:
  fanfold ask 'What is fan-fold paper?'
  fanfold ask --system 'Translate into French.' < letter.txt > lettre.txt
  fanfold ask --request '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' --json

The answer goes to standard output; usage and everything else to standard error. FANFOLD_MODEL and \
FANFOLD_BASE_URL stand for --model and --base-url. Exit codes: 0 answered, 1 could not be asked, 3 no answer, \
4 refused by the API, 130 interrupted.";

/// `fanfold ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question; `-` or nothing reads it from standard input. A file or a pipe there follows the question
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    /// Model to ask; without one, qwen3.6-plus
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// The system turn
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub system: Option<String>,
    /// A whole request body in place of a question, as JSON, or @FILE
    #[arg(long, value_name = "JSON", conflicts_with_all = ["prompt", "system"])]
    pub request: Option<String>,
    /// Let the model think before it answers
    #[arg(long, conflicts_with = "no_thinking")]
    pub enable_thinking: bool,
    /// Let the model answer without thinking
    #[arg(long)]
    pub no_thinking: bool,
    /// Print the answer in one piece when it is whole
    #[arg(long)]
    pub no_stream: bool,
    /// Show the reasoning before the answer, also in a pipe; on a terminal it is shown anyway, dimmed
    #[arg(long)]
    pub show_reasoning: bool,
    /// Print the answer, its usage and its cost as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Address of the API, without /chat/completions
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    pub base_url: Option<String>,
    /// Region of DashScope, in place of an address: singapore, beijing, virginia, …
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Set any key of [model], [request], [retry] or [price]: --set request.temperature=0.2
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Use the built-in simulator; no tokens are bought
    #[arg(long)]
    pub simulate: bool,
    /// Read variables from a file of NAME=VALUE lines; the environment beats it
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Colours: auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say who was asked, and how long it took
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}
