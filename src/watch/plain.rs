//! One line of progress, for logs.

use crate::clock;
use crate::job::units::shown;
use crate::tally::Snapshot;
use crate::text::{count, money, rate};

/// The time on this machine's clock in RFC 3339 form, which begins the lines of a log.
pub(super) fn stamp() -> String {
    clock::zoned().strftime("%FT%T%:z").to_string()
}

/// The line.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let done = snapshot.ok + snapshot.failed;
    let percent = if snapshot.rows == 0 { 100.0 } else { done as f64 * 100.0 / snapshot.rows as f64 };
    let mut parts = vec![format!("{} ({percent:.1}%)", snapshot.progress())];
    parts.extend(deadline_check(snapshot));
    parts.extend(figures(snapshot));
    format!("{} {}", stamp(), parts.join(" · "))
}

/// The time left, and what holds the run back.
pub(super) fn deadline_check(snapshot: &Snapshot) -> Vec<String> {
    let left = snapshot.time_left().map(|left| format!("{} left", shown(left)));
    let held_by = snapshot.state.held_by.map(|held_by| format!("held by {}", held_by.as_str()));
    left.into_iter().chain(held_by).collect()
}

/// Rates, sums, and requests in flight.
pub(super) fn figures(snapshot: &Snapshot) -> Vec<String> {
    let mut parts = vec![
        format!("{} {}s/s", rate(snapshot.rows_per_second), snapshot.words.request()),
        format!("{} tokens/s", rate(snapshot.tokens_per_second)),
        format!("{} tokens", count(snapshot.usage.total_tokens)),
    ];
    parts.extend(snapshot.cost.map(|cost| format!("cost {}", money(cost))));
    parts.push(format!("{} failed", count(snapshot.failed)));
    parts.extend(snapshot.packs.words());
    parts.push(format!("{} in flight", snapshot.state.in_flight));
    if snapshot.state.waiting > 0 {
        parts.push(format!("{} waiting", snapshot.state.waiting));
    }
    parts
}
