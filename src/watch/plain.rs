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

/// The rate of what a job counts and, if several travel in one request, that of requests.
fn ended_each_second(snapshot: &Snapshot) -> String {
    let ended = format!("{} {}s/s", rate(snapshot.rows_per_second), snapshot.words.answer());
    match snapshot.packs.sent {
        0 => ended,
        _ => format!("{ended} in {} requests/s", rate(snapshot.requests_per_second)),
    }
}

/// Rates, sums, and requests in flight.
pub(super) fn figures(snapshot: &Snapshot) -> Vec<String> {
    let mut parts: Vec<String> = snapshot.batches.words().into_iter().collect();
    parts.extend([
        ended_each_second(snapshot),
        format!("{} tokens/s", rate(snapshot.tokens_per_second)),
        format!("{} tokens", count(snapshot.usage.total_tokens)),
    ]);
    parts.extend(snapshot.cost.map(|cost| format!("cost {}", money(cost))));
    parts.push(format!("{} failed", count(snapshot.failed)));
    parts.extend(snapshot.packs.words());
    parts.push(format!("{} in flight", snapshot.state.in_flight));
    if snapshot.state.waiting > 0 {
        parts.push(format!("{} waiting", snapshot.state.waiting));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::PackFigures;
    use crate::row_words::RowWords;

    #[test]
    fn a_rate_of_requests_is_one_of_requests_that_were_sent() {
        let alone = Snapshot { rows_per_second: 33.9, requests_per_second: 1.0, ..Snapshot::default() };
        assert_eq!(ended_each_second(&alone), "33.9 rows/s");
        let packs = PackFigures { sent: 2, rows: 60, ..PackFigures::default() };
        assert_eq!(ended_each_second(&Snapshot { packs, ..alone }), "33.9 rows/s in 1.00 requests/s");
        let words = RowWords { each: true, ..RowWords::default() };
        assert_eq!(
            ended_each_second(&Snapshot { packs, words, ..alone }),
            "33.9 answers/s in 1.00 requests/s"
        );
    }
}
