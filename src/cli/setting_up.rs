//! The commands around a job: the first job file, its schema, completions, the manual.

use std::path::PathBuf;

use clap::Args;

pub(super) const INIT_EXAMPLE: &str =
    "On a terminal it asks for what no flag says; otherwise, or with --yes, it takes defaults.
Nothing is overwritten.

Examples:
  fanfold init
  fanfold init nightly --input tickets.csv --model qwen3.6-plus --prompt 'Answer: {{ text }}'";

pub(super) const SCHEMA_EXAMPLE: &str =
    "Example, and the first line of the job file that points an editor to it:
  fanfold schema > job.schema.json
  #:schema ./job.schema.json";

pub(super) const COMPLETIONS_EXAMPLE: &str = "Examples:
  fanfold completions bash > ~/.local/share/bash-completion/completions/fanfold
  fanfold completions zsh > ~/.zfunc/_fanfold
  fanfold completions fish > ~/.config/fish/completions/fanfold.fish";

pub(super) const MAN_EXAMPLE: &str = "Examples:
  fanfold man run | man -l -
  fanfold man --dir /usr/local/share/man/man1";

/// `fanfold init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder to write to; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// File or glob of rows; without one, a small sample is written
    #[arg(long, value_name = "FILE")]
    pub input: Option<String>,
    /// Model to ask
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Template of the user's turn, over the columns of a row: 'Summarise: {{ text }}'
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    pub prompt: Option<String>,
    /// Ask nothing, and take the defaults of what no flag says
    #[arg(short, long)]
    pub yes: bool,
}

/// `fanfold completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `fanfold man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command whose page to print; without one, that of the program
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write the pages of the program and of every command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}
