//! The flags that every command about requests has.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where variables come from, and how a command prints.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Read variables from a file of NAME=VALUE lines; the environment overrides it
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Colours: auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
