//! Which flags of a job the help of each command shows: those that it uses. The others it takes all the same, so that the
//! flags of a run can be given to any of them.

use clap::{Arg, Command};

use crate::config::flags::JOB_FLAGS;

/// What names the journal, and the output that it belongs to.
const PLACE: &[&str] = &["output", "journal"];

/// What the requests are made of.
const REQUESTS: &[&str] = &["input", "id", "limit", "model", "system", "prompt"];

/// What decides on a price.
const PRICE: &[&str] = &["model", "base-url", "region"];

/// What may be spent.
const CAPS: &[&str] = &["max-cost", "max-total-tokens", "cap-period"];

/// Flags of a job that set no key, and that not every command has a use for.
const BESIDES: [&str; 3] = ["color", "quiet", "verbose"];

/// The commands on a job that do not use all of its flags, each with those that it uses.
const USED: [(&str, &[&[&str]]); 6] = [
    ("status", &[PLACE, REQUESTS, PRICE, CAPS, &["color"]]),
    ("set", &[PLACE, PRICE, &["quiet"]]),
    ("export", &[PLACE, REQUESTS, &["quiet"]]),
    ("report", &[PLACE, PRICE, &["quiet"]]),
    ("verify", &[PLACE, REQUESTS]),
    ("prune", &[PLACE, &["quiet"]]),
];

/// The command line, each command with the flags in its help that it uses.
pub(super) fn with_flags_in_use(program: Command) -> Command {
    let program = USED.iter().fold(program, |program, (verb, used)| {
        let is_used = |flag: &str| used.iter().any(|flags| flags.contains(&flag));
        program.mut_subcommand(verb, |command| command.mut_args(|arg| shown_if(arg, is_used)))
    });
    let is_used = |flag: &str| flag != "verbose" && flag != "color";
    program.mut_subcommand("preview", |command| command.mut_args(|arg| shown_if(arg, is_used)))
}

fn shown_if(arg: Arg, is_used: impl Fn(&str) -> bool) -> Arg {
    let flag = arg.get_long().unwrap_or_default();
    let is_of_a_job = BESIDES.contains(&flag) || JOB_FLAGS.iter().any(|job_flag| job_flag.flag == flag);
    let is_hidden = is_of_a_job && !is_used(flag);
    if is_hidden { arg.hide(true) } else { arg }
}
