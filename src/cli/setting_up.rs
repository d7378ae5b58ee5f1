//! The commands around a job: the first job file, its schema, completions, the manual.

use std::path::PathBuf;

use clap::Args;

pub(super) const INIT_EXAMPLE: &str =
    "On a terminal it asks for anything not given by a flag; otherwise, or with --yes, it uses defaults.
It overwrites nothing.

Examples:
  fanfold init
  fanfold init catalogue.xlsx --model qwen-mt-plus --languages German,French
  fanfold init nightly --input tickets.csv --model qwen3.6-plus --prompt 'Answer: {{ text }}'";

pub(super) const SCHEMA_EXAMPLE: &str =
    "Example, with the line that goes first in the job file to point an editor to it:
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
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Folder to write to, created if missing; or the input, for a job in this folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// File, folder or glob of rows or documents; by default, write a small sample
    #[arg(long, value_name = "FILE")]
    pub input: Option<String>,
    /// Model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Template of the user turn, with the columns of a row: 'Summarise: {{ text }}'
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    pub prompt: Option<String>,
    /// Sheet of a spreadsheet, by name or by number from 1; by default, the one with the most rows
    #[arg(long, value_name = "SHEET")]
    pub sheet: Option<String>,
    /// Languages to translate into, with commas between them; for a translation model
    #[arg(long, value_name = "LANGUAGES")]
    pub languages: Option<String>,
    /// Columns to translate, with commas between them; for a translation model. By default, those with texts
    #[arg(long, value_name = "COLUMNS", conflicts_with = "prompt")]
    pub columns: Option<String>,
    /// Ask no questions, and use defaults for anything not given by a flag
    #[arg(short, long)]
    pub yes: bool,
}

/// `fanfold completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `fanfold man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Command whose page to print; by default, the program's own page
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write the pages of the program and of every command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}
