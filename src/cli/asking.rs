//! What can be written behind `fanfold ask`: flags of a job's names, but with the defaults and the words of one question.

use clap::Args;

use super::common_args::CommonArgs;

pub(super) const ASK_EXAMPLE: &str = "Examples:
  fanfold ask 'What is fan-fold paper?'
  fanfold ask --system 'Translate into French.' < letter.txt > lettre.txt
  fanfold ask --request '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' --json

The answer goes to standard output, usage and everything else to standard error. FANFOLD_MODEL and \
FANFOLD_BASE_URL work like --model and --base-url. Exit codes: 0 answered, 1 could not be sent, 3 no answer, \
4 refused by the API, 130 interrupted.";

/// `fanfold ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// Question; `-` or nothing reads it from standard input. A file or pipe there is appended to the question
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    /// Model; by default qwen3.6-plus
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// System turn
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub system: Option<String>,
    /// Whole request body instead of a question, as JSON or @FILE
    #[arg(long, value_name = "JSON", conflicts_with_all = ["prompt", "system"])]
    pub request: Option<String>,
    /// Let the model think before it answers
    #[arg(long, conflicts_with = "no_thinking")]
    pub enable_thinking: bool,
    /// Let the model answer without thinking
    #[arg(long)]
    pub no_thinking: bool,
    /// Print the answer once it is complete
    #[arg(long)]
    pub no_stream: bool,
    /// Show the reasoning before the answer even in a pipe; a terminal always shows it, dimmed
    #[arg(long)]
    pub show_reasoning: bool,
    /// Print the answer, its usage and its cost as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Address of the API, without /chat/completions
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    pub base_url: Option<String>,
    /// Region of DashScope, instead of an address: singapore, beijing, virginia, …
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Set any key of [model], [request], [retry] or [price]: --set request.temperature=0.2
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Use the built-in simulator; costs nothing
    #[arg(long)]
    pub simulate: bool,
    #[command(flatten)]
    pub common: CommonArgs,
    /// Print the address and the time the request took
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}
