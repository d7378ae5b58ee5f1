//! `fanfold read` as it may be written.

use std::path::PathBuf;

use clap::Args;

use super::common_args::CommonArgs;

pub(super) const READ_EXAMPLE: &str = "Nothing is kept, and nothing is sent. With a job file, the job's own documents are read, as its [input] says.

Examples:
  fanfold read contracts/ | jq -r '.path, .error_code'
  fanfold read scan.pdf --set 'input.readers = { pdf = [\"ocr.sh\"] }'
  fanfold read jobs/translate.toml --output texts.jsonl";

/// `fanfold read`.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Documents, folders and globs, or one job file
    #[arg(required = true, value_name = "PATH|JOB.toml")]
    pub paths: Vec<String>,
    /// Set a key of the job file, dotted: --set input.encoding=gbk
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Write the lines to a file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub common: CommonArgs,
}
