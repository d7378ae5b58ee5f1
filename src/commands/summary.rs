//! The end of a run, and what is printed about it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use super::caps::{CapAccount, may_be_more};
use super::failure::Failure;
use super::outlook::Outlook;
use super::rehearsed::simulated_line;
use super::usage::{sum_of_tokens, unknown_finish};
use crate::api::verdict::help_for;
use crate::batch::phase::BatchRecord;
use crate::conversation::follow_ups::requests;
use crate::dispatch::stop::{Cap, StopReason};
use crate::exit::Exit;
use crate::job::period::CapPeriod;
use crate::job::schedule::Until;
use crate::job::units::shown;
use crate::journal::reader::Reader;
use crate::journal::rows::FailureGroup;
use crate::outcome::{Fault, Status};
use crate::pipeline::Opened;
use crate::pipeline::digest::DigestEnd;
use crate::pipeline::execute::{RunEnd, Summary};
use crate::pipeline::requests::places_of;
use crate::row_words::RowWords;
use crate::text::{count, counted, money, short};
use crate::watch::Screen;

/// The exit code of a run that ended.
pub(super) fn exit_of(summary: &Summary) -> Exit {
    match summary.end {
        RunEnd::Finished if summary.written.is_some_and(|written| written.failed > 0) => Exit::FailedRows,
        RunEnd::Finished if digest_failed(summary) => Exit::FailedRows,
        RunEnd::Finished => Exit::Done,
        RunEnd::InputChanged => Exit::CannotRun,
        RunEnd::Interrupted => Exit::Interrupted,
        RunEnd::TimeIsUp => Exit::TimeIsUp,
        RunEnd::Cap => Exit::StoppedAtCap,
        RunEnd::Service => Exit::StoppedByApi,
        RunEnd::Submitted => Exit::Submitted,
    }
}

/// Whether the digest has failed, of a job that has one.
fn digest_failed(summary: &Summary) -> bool {
    summary.digest.as_ref().is_some_and(|digest| digest.result.status == Status::Failed)
}

/// Everything that is said of a run that ended.
pub(super) struct ClosingWords<'a> {
    pub(super) opened: &'a Opened,
    pub(super) summary: &'a Summary,
    pub(super) exit: Exit,
    pub(super) allowance: &'a CapAccount,
    /// What was expected when the run began.
    pub(super) outlook: Option<Outlook>,
    /// Why the answers of the present rows ended: a word, and how many.
    pub(super) finish_reasons: &'a [(String, u64)],
    /// The provider's batches.
    pub(super) batches: &'a [BatchRecord],
    pub(super) begun: SystemTime,
    /// The command that continues.
    pub(super) resume: &'a str,
    pub(super) simulated: bool,
}

impl ClosingWords<'_> {
    /// Says how the run went; last of all, how to go on.
    pub(super) fn say(&self, screen: &Screen, reader: &Reader) -> Result<(), Failure> {
        let snapshot = &self.summary.sent.snapshot;
        if let Some(written) = self.summary.written {
            screen.say(&format!(
                "{}: {} ok{} · {} failed · {} pending{}, in {}",
                counted(written.rows(), self.opened.words().row()),
                count(written.ok),
                with_warnings(written.warned),
                count(written.failed),
                count(written.pending),
                match written.skipped {
                    0 => String::new(),
                    skipped => format!(" · {} skipped", count(skipped)),
                },
                shown(self.begun.elapsed().unwrap_or(snapshot.elapsed)),
            ));
        }
        screen.say(&self.what_was_sent());
        // Who rehearses by `--simulate` has said so, and is told in the line above.
        if let Some(written) = self.summary.written.filter(|_| !self.simulated) {
            simulated_line(written.simulated).into_iter().for_each(|line| screen.say(&line));
        }
        self.say_what_is_missing(screen);
        let words = self.finish_reasons.iter();
        let warnings = words.filter_map(|(word, answers)| unknown_finish(word, Some(*answers)));
        warnings.for_each(|warning| screen.insist(&warning));
        if self.summary.written.is_some_and(|written| written.failed > 0) {
            self.say_failures(screen, reader)?;
        }
        if self.summary.written.is_some() {
            screen.say(&format!("output: {}", shown_path(&self.opened.job.output.path)));
        }
        self.summary.digest.iter().for_each(|digest| say_digest(digest, screen));
        if self.summary.pending > 0 {
            screen.insist(&self.why());
            let help = self.summary.sent.reason.fault().and_then(|fault| fault.help);
            help.into_iter().for_each(|help| screen.insist(&help_line(help)));
            screen.insist(&format!("to continue: {}{}", self.first(), self.resume));
        }
        Ok(())
    }

    /// What the service did not count, and what is not as it should be.
    fn say_what_is_missing(&self, screen: &Screen) {
        let snapshot = &self.summary.sent.snapshot;
        if snapshot.totals_alone > 0 {
            let answers = counted(snapshot.totals_alone, "answer");
            let their = if snapshot.totals_alone == 1 { "its" } else { "their" };
            screen
                .say(&format!("the service reported only the total of {answers}: {their} cost is not known"));
        }
        if snapshot.uncounted > snapshot.totals_alone {
            let answers = counted(snapshot.uncounted - snapshot.totals_alone, "answer");
            screen.say(&format!(
                "the service did not report the usage of {answers}: tokens and cost are higher than shown"
            ));
        }
        may_be_more(snapshot.reserved).iter().for_each(|line| screen.say(line));
        if snapshot.miscounted > 0 {
            let answers = counted(snapshot.miscounted, "answer");
            screen.insist(&format!(
                "warning: {answers} came with more or fewer choices than `n`; with `n` 1, the first text was \
                 kept and the others were dropped"
            ));
        }
        if snapshot.cut_by_length > 0 {
            let answers = counted(snapshot.cut_by_length, "answer");
            screen.say(&format!("{answers} ended at max_tokens (finish_reason \"length\")"));
        }
    }

    /// The rows that have failed: a line for those that failed alike.
    fn say_failures(&self, screen: &Screen, reader: &Reader) -> Result<(), Failure> {
        let mut said = BTreeSet::new();
        let groups = reader.failures()?;
        let places = places_of(self.opened, &groups.iter().map(|group| group.example).collect());
        for group in groups {
            // A request over answers has no place, but a name.
            let place = places.get(&group.example).or(group.id.as_ref()).map_or("", String::as_str);
            screen.insist(&failure(&group, self.opened.words(), place));
            // Groups that are mended alike say so once.
            let help = help_for(&group.code, &group.message).filter(|help| said.insert(*help));
            help.into_iter().for_each(|help| screen.insist(&help_line(help)));
        }
        Ok(())
    }

    /// The requests of the run, and what they used.
    fn what_was_sent(&self) -> String {
        let snapshot = &self.summary.sent.snapshot;
        if snapshot.requests == 0 {
            return "nothing was sent".to_owned();
        }
        // Where all of it is set aside, nothing is known of the cost.
        let cost = snapshot.cost.filter(|cost| *cost > 0.0 || snapshot.reserved.cost == 0.0);
        let cost = cost.map_or_else(String::new, |cost| format!(" · cost {} (estimate)", money(cost)));
        let packs = snapshot.packs.words().map_or_else(String::new, |packs| format!(" · {packs}"));
        format!(
            "{}{packs} · {}{cost}{}",
            requests(snapshot.requests, &snapshot.follow_ups, snapshot.throttled, snapshot.faults),
            sum_of_tokens(snapshot.usage),
            if self.simulated { " · simulated, at no cost" } else { "" },
        )
    }

    /// What is to be done before the same command: at a cap it would stop again at once.
    fn first(&self) -> String {
        match &self.summary.sent.reason {
            StopReason::Cap(Cap::Until) if !self.again_tomorrow() => "set `until` later, then ".to_owned(),
            StopReason::Cap(Cap::Until) => String::new(),
            StopReason::Cap(cap @ (Cap::Cost | Cap::TotalTokens)) => match self.allowance.next(*cap) {
                Some(next) => format!("wait until {next}, or raise `{}`, then ", cap.key()),
                None if self.a_new_run_goes_on() => String::new(),
                None => format!("raise `{}`, then ", cap.key()),
            },
            StopReason::Cap(cap) => format!("raise `{}`, then ", cap.key()),
            StopReason::Refused(_) | StopReason::EveryRowRefused(_) => "fix this, then ".to_owned(),
            _ => String::new(),
        }
    }

    /// Whether the same command goes on because each run has caps of its own; not one that could send nothing.
    fn a_new_run_goes_on(&self) -> bool {
        self.opened.job.cap_period == CapPeriod::Run && self.summary.sent.snapshot.requests > 0
    }

    /// Whether the same command goes on, until the same time of another day.
    fn again_tomorrow(&self) -> bool {
        matches!(self.opened.job.schedule.until, Some(Until::TimeOfDay(_)))
    }

    /// How many rows are to be sent yet, and how many are not sent again by themselves.
    fn what_became_of_the_rows(&self) -> String {
        let pending = self.summary.pending;
        let stay = if pending == 1 { "stays" } else { "stay" };
        let pending = format!("{} {stay} pending", counted(pending, self.opened.words().row()));
        match self.summary.written.map_or(0, |written| written.failed) {
            0 => pending,
            1 => format!("{pending}; 1 has failed (`--retry-failed` sends it again)"),
            failed => {
                format!("{pending}; {} have failed (`--retry-failed` sends those again)", count(failed))
            }
        }
    }

    /// Why rows are left, and what to do about it.
    fn why(&self) -> String {
        if self.summary.written.is_none() {
            let requests = self.summary.sent.abandoned as u64;
            let given_up = if requests > 0 {
                format!(", {} abandoned in flight", counted(requests, "request"))
            } else {
                String::new()
            };
            return format!(
                "interrupted: all answers received are stored{given_up}; the output was not written"
            );
        }
        match &self.summary.sent.reason {
            StopReason::Finished => "the input changed while it was read, and some rows are left".to_owned(),
            StopReason::Interrupted => "interrupted: all answers received are stored".to_owned(),
            StopReason::Submitted => {
                "submitted: the provider works on batches within their window; the same command collects them"
                    .to_owned()
            }
            StopReason::Cap(Cap::Until) => "stopped: reached the `until` time".to_owned(),
            StopReason::Cap(cap) => {
                let beyond = self.summary.sent.beyond.filter(|_| self.summary.sent.snapshot.requests == 0);
                let spent =
                    self.allowance.at(*cap, beyond).map(|spent| format!(": {spent}")).unwrap_or_default();
                format!("stopped at the cap `{}`, before exceeding it{spent}", cap.key())
            }
            reason => self.why_the_service(reason),
        }
    }

    /// Why rows are left, where the service is the reason.
    fn why_the_service(&self, reason: &StopReason) -> String {
        let fault = |fault: &Fault| short(&fault.summary(), 400);
        let patience = self.opened.job.retry.max_outage;
        match reason {
            StopReason::Refused(refusal) if refusal.code == "bad_certificate" => format!(
                "stopped: the certificate of {} could not be verified ({}); nothing was sent there, and rows \
                 stay pending",
                self.opened.job.model.base_url,
                fault(refusal)
            ),
            StopReason::Refused(refusal) => format!(
                "stopped: the API refuses this job ({}); its rows stay pending until this is fixed",
                fault(refusal)
            ),
            StopReason::EveryRowRefused(refusal) if self.summary.sent.snapshot.ok > 0 => format!(
                "stopped: the latest rows all failed, with no answer in between (last: {}); {}",
                fault(refusal),
                self.what_became_of_the_rows()
            ),
            StopReason::EveryRowRefused(refusal) => format!(
                "stopped: the first rows all failed the same way ({}): the job needs fixing, not the rows; {}",
                fault(refusal),
                self.what_became_of_the_rows()
            ),
            StopReason::Outage(last) if last.retry_after.is_some_and(|wait| wait > patience) => format!(
                "stopped: the service asks to wait for {}, and `max_outage` is {} (it said: {}); rows stay pending",
                shown(last.retry_after.unwrap_or_default()),
                shown(patience),
                fault(last)
            ),
            StopReason::Outage(last) => format!(
                "stopped: the service has answered no request for {} (last: {}); rows stay pending",
                shown(patience),
                fault(last)
            ),
            StopReason::BrownOut(last) => format!(
                "stopped: so many requests fail that a row may fail every try by bad luck (last: {}); rows that \
                 used up their tries stay pending",
                fault(last)
            ),
            StopReason::NeverReached(last) => format!(
                "stopped: nothing answers at {} ({}); is the address right?",
                self.opened.job.model.base_url,
                fault(last)
            ),
            // The others are no matter of the service's.
            StopReason::Finished | StopReason::Interrupted | StopReason::Cap(_) | StopReason::Submitted => {
                String::new()
            }
        }
    }
}

/// Says what became of the digest.
fn say_digest(digest: &DigestEnd, screen: &Screen) {
    let lacks = match digest.lacks {
        0 => String::new(),
        lacks => format!("; it lacks {} that failed", count(lacks)),
    };
    match (&digest.result.error, &digest.written) {
        (Some(error), _) => screen.insist(&format!("the digest failed: {}", short(error, 200))),
        (None, Some(path)) => {
            screen.say(&format!("digest of {}: {}{lacks}", count(digest.rows), shown_path(path)));
        }
        (None, None) if digest.result.status == Status::Ok => {
            screen.say(&format!("digest of {}: in the receipt{lacks}", count(digest.rows)));
        }
        (None, None) => {}
    }
}

/// Rows that failed alike: one line with a count and the place of an example.
fn failure(group: &FailureGroup, words: RowWords, place: &str) -> String {
    let (code, message) = (short(&group.code, 60), short(&group.message, 200));
    let rows = counted(group.rows, words.request());
    format!("{rows} failed with {code}, such as {place}: {message}")
}

/// Of the answered rows, those with warnings, in brackets; nothing if there are none.
pub(super) fn with_warnings(rows: u64) -> String {
    if rows == 0 { String::new() } else { format!(" ({} with warnings)", count(rows)) }
}

/// What to do, as errors say it.
fn help_line(help: &str) -> String {
    format!("  = help: {help}")
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}
