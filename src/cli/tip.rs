//! Suggestions for an invalid command line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

use crate::diagnostic::nearest;

/// An error of clap with a suggestion: the nearest flag or command, or the command that has the flag. Clap's own measure of
/// similarity looks for letters within half the length of a word, and so sees no similarity between `--qsp` and `--qps`, or
/// `rnu` and `run`.
pub(super) fn with_a_tip(
    program: &Command,
    mut error: Error,
    arguments: impl IntoIterator<Item = OsString>,
) -> Error {
    match (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(unknown)), _) if unknown.starts_with("--") => {
            let unknown = unknown.trim_start_matches('-').to_owned();
            let mut words = arguments.into_iter().skip(1);
            let verb = words.find_map(|word| program.find_subcommand(word)).unwrap_or(program);
            let flags =
                |verb: &Command| verb.get_arguments().filter_map(Arg::get_long).map(str::to_owned).collect();
            let known: Vec<String> = flags(verb);
            let elsewhere = program.get_subcommands().find(|other| flags(other).contains(&unknown));
            // The advice to pass the misspelt flag as a value helps nobody.
            error.remove(ContextKind::Suggested);
            if let Some(other) = elsewhere {
                let tip = format!("`fanfold {}` has this flag", other.get_name());
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
            } else if error.get(ContextKind::SuggestedArg).is_none()
                && let Some(flag) = nearest(&unknown, known.iter().map(String::as_str))
            {
                error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{flag}")));
            }
        }
        (ErrorKind::InvalidSubcommand, _, Some(ContextValue::String(unknown)))
            if error.get(ContextKind::SuggestedSubcommand).is_none() =>
        {
            let names = program.get_subcommands().map(Command::get_name);
            if let Some(name) = nearest(unknown, names) {
                let tip = ContextValue::Strings(vec![name.to_owned()]);
                error.insert(ContextKind::SuggestedSubcommand, tip);
            }
        }
        _ => {}
    }
    error
}
