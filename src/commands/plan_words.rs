//! What a plan found, in words.

use super::failure::Failure;
use super::outlook::Outlook;
use super::warnings;
use crate::job::Job;
use crate::journal::reader::Reader;
use crate::pipeline::Opened;
use crate::pipeline::plan::Plan;
use crate::row_words::RowWords;
use crate::text::{count, counted};
use crate::watch::Screen;

/// What a plan found, in a line.
pub(super) fn plan_line(plan: &Plan, words: RowWords) -> String {
    let matched = &plan.matched;
    let gone = match matched.gone {
        0 => String::new(),
        gone => format!(" · {} gone", count(gone)),
    };
    let mut rows = counted(plan.rows, words.row());
    let unreadable: u64 = plan.unreadable.values().sum();
    let codes: Vec<String> =
        plan.unreadable.iter().map(|(code, documents)| format!("{} {code}", count(*documents))).collect();
    let unread =
        (unreadable > 0).then(|| format!("{} cannot be read: {}", count(unreadable), codes.join(", ")));
    let skipped = (plan.skipped > 0).then(|| format!("{} without text", count(plan.skipped)));
    let notes: Vec<String> = unread.into_iter().chain(skipped).collect();
    if !notes.is_empty() {
        rows.push_str(&format!(" ({})", notes.join("; ")));
    }
    if words.several() {
        rows.push_str(&format!(" · {}", counted(plan.requests - unreadable, words.request())));
        if plan.blank_parts > 0 {
            rows.push_str(&format!(" ({} more without text)", count(plan.blank_parts)));
        }
    }
    if plan.merges > 0 {
        rows.push_str(&format!(" · {}", counted(plan.merges, "merge")));
    }
    // Of a first run there is nothing else to say.
    if matched.kept + matched.moved + matched.changed + matched.gone == 0 {
        return format!("{rows}: new {}", count(matched.new));
    }
    format!(
        "{rows}: kept {} · moved {} · changed {} · new {}{gone}",
        count(matched.kept),
        count(matched.moved),
        count(matched.changed),
        count(matched.new),
    )
}

/// Says what a plan found, as a run does.
pub(super) fn say_plan(plan: &Plan, words: RowWords, retry_failed: bool, screen: &Screen) {
    screen.say(&plan_line(plan, words));
    let bad = plan.matched.unsendable;
    if bad > 0 {
        let verb = if bad == 1 { "is" } else { "are" };
        let rows = counted(bad, words.request());
        screen.say(&format!("{rows} cannot be sent and {verb} recorded as failed"));
    }
    if plan.rows == 0 && plan.matched.gone > 0 {
        // A run of no rows is a run of no rows; but an export that failed in the night looks just like it.
        let rows = counted(plan.matched.gone, words.request());
        screen.insist(&format!(
            "warning: the input has no rows, and had {rows} with answers before; the output will be empty, \
             and the journal keeps the answers"
        ));
    }
    // Those that cannot be read are not sent again either.
    let failed = plan.matched.failed.saturating_sub(plan.unreadable.values().sum());
    if failed > 0 && !retry_failed {
        let (rows, such) = (counted(failed, words.request()), words.request());
        screen.say(&format!("{rows} failed earlier; --retry-failed sends such {such}s again"));
    }
}

/// Says what a plan is expected to cost, as a run does.
pub(super) fn say_outlook(outlook: &Outlook, job: &Job, screen: &Screen) {
    let lines = outlook.line(job).into_iter().chain(outlook.cap_line().filter(|_| !outlook.sends_nothing()));
    lines.for_each(|line| screen.say(&line));
}

/// Says what a user should know before a plan is sent. `may_buy_again`: whether answers that lie elsewhere are worth a word.
pub(super) fn forewarn(
    opened: &Opened,
    plan: &Plan,
    journal: &Reader,
    may_buy_again: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let cost_estimate = plan.cost_estimate.scaled(plan.share_to_send());
    for warning in warnings::warnings(&opened.job, &cost_estimate, Some(journal))? {
        screen.say(&warning);
    }
    if let Some(warning) = warnings::unused_glossary(&opened.job, plan) {
        screen.say(&warning);
    }
    if may_buy_again && let Some(warning) = warnings::answered_elsewhere(opened, plan) {
        screen.say(&warning);
    }
    Ok(())
}
