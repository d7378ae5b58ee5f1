//! The flags of a job in the help of each command: those that it uses. A command also accepts the others, so the flags of a
//! run can be given to any command.

use clap::{Arg, Command};

use crate::config::flags::JOB_FLAGS;

/// Flags that name the journal, and the output that it belongs to.
const PLACE: &[&str] = &["output", "journal"];

/// Flags that decide the requests.
const REQUESTS: &[&str] = &["input", "id", "limit", "model", "system", "prompt"];

/// Flags that decide the price.
const PRICE: &[&str] = &["model", "base-url", "region"];

/// Caps.
const CAPS: &[&str] = &["max-cost", "max-total-tokens", "cap-period"];

/// Flags of a job that set no key, and that some commands do not use.
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
