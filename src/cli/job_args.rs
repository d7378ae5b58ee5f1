//! Which job a command is about, and what its flags set over it.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::common_args::CommonArgs;
use crate::config::flags::{JOB_FLAGS, ValueShape};
use crate::config::overlay::Overlay;

/// Which job, and what is set over it.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Job file; without one, flags define the job
    pub job: Option<PathBuf>,
    /// What flags set.
    #[command(flatten)]
    pub job_flags: JobFlagArgs,
    /// Set any key of the job file, dotted: --set retry.max_backoff=30s
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Use the built-in simulator, with its own journal and output; costs nothing
    #[arg(long)]
    pub simulate: bool,
    #[command(flatten)]
    pub common: CommonArgs,
    /// Log every request that failed
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The flags that set keys of the job file, made from the one list of them.
#[derive(Debug, Default)]
pub struct JobFlagArgs {
    /// What they set.
    pub overlays: Vec<Overlay>,
}

impl FromArgMatches for JobFlagArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut job_flags = Self::default();
        job_flags.update_from_arg_matches(matches)?;
        Ok(job_flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for job_flag in JOB_FLAGS {
            if let Some(values) = matches.get_many::<String>(job_flag.flag) {
                let values: Vec<String> = values.cloned().collect();
                self.overlays.push(job_flag.of_flag(&values));
            }
        }
        Ok(())
    }
}

impl Args for JobFlagArgs {
    fn augment_args(command: Command) -> Command {
        command
            .next_help_heading("Job options, each a key of the job file")
            .args(JOB_FLAGS.map(|job_flag| {
                let action =
                    if job_flag.shape == ValueShape::List { ArgAction::Append } else { ArgAction::Set };
                let arg = Arg::new(job_flag.flag)
                    .long(job_flag.flag)
                    .value_name(job_flag.value)
                    .help(job_flag.help)
                    .action(action);
                // A template may begin with a dash, and a number may be negative: the job says what is wrong with it.
                arg.allow_hyphen_values(job_flag.shape != ValueShape::List)
            }))
            .next_help_heading("Options")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
