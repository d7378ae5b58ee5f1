//! What holds in every plan: the promises, as far as the sending loop can keep them.

use std::time::Duration;

use super::book::State;
use super::endpoint::{End, Sending};
use super::world::World;
use crate::job::limits::{Caps, Concurrency, Quota};

/// How long a row that failed before is waited for when it is alone with a silent service, or half of the job's patience if
/// that is shorter, with a little margin.
const ROW_IS_GIVEN: Duration = Duration::from_secs(330);

/// Promises 1 and 6: each row has one end, and only rows that can never be answered have failed.
pub(super) fn every_row_has_its_end(world: &World) {
    let book = world.book.borrow();
    for position in 0..world.plan.rows {
        let entry = book.entries.get(&position).copied().unwrap_or_default();
        let ill = world.plan.ill(position);
        let due = if ill.is_some() { State::Failed } else { State::Ok };
        let hits = world.books.borrow().hits(position);
        if entry.state == State::Failed && was_long_silent(world) {
            continue;
        }
        assert_eq!(entry.state, due, "row {position}, {ill:?}, hit {hits} times; {}", world.summary());
        assert_eq!(entry.ends, 1, "row {position} has one end");
    }
}

/// Whether the service answered nobody for as long as a row that is alone with it is waited for.
fn was_long_silent(world: &World) -> bool {
    let books = world.books.borrow();
    let heard = books.sends.iter().filter(|one| matches!(one.end, End::Told | End::Untold)).map(|one| one.at);
    let times: Vec<Duration> = [Duration::ZERO].into_iter().chain(heard).chain([world.now()]).collect();
    let given = ROW_IS_GIVEN.min(world.plan.max_outage / 2);
    times.windows(2).any(|pair| pair[1] - pair[0] >= given)
}

/// Promise 2: requests in flight when the previous run ended are counted as in doubt.
pub(super) fn doubts_cover_what_was_out(world: &World) {
    let (book, books) = (world.book.borrow(), world.books.borrow());
    let Some(before) = world.run.get().checked_sub(1) else { return };
    let in_doubt = book.runs.last().map_or(0, |run| run.in_doubt);
    let sent = books.sends.iter().filter(|one| one.run == before).count() as u64;
    let stored = book.stored.iter().filter(|number| books.sends[**number].run == before).count() as u64;
    assert!(
        sent <= stored + in_doubt,
        "of {sent} requests {stored} were stored and {in_doubt} called in doubt"
    );
}

/// Promise 4: every limit is kept in every window, across runs.
pub(super) fn limits_are_kept(world: &World) {
    let (books, quotas) = (world.books.borrow(), world.plan.quotas);
    let one = |_: &Sending| 1.0;
    let tokens = |one: &Sending| if one.end.paid() { world.plan.tokens_of(one.position) as f64 } else { 0.0 };
    for (what, quota) in [("second", quotas.requests_per_second), ("minute", quotas.requests_per_minute)] {
        if let Some(quota) = quota {
            assert_within(&books.sends, quota, one, &format!("requests in a {what}"));
        }
    }
    // Requests in flight at a kill count at the mean, which means little if rows differ much.
    let mean_says_it = world.plan.large.is_none() || world.plan.mishaps.is_empty();
    if let Some(quota) = quotas.tokens_per_minute.filter(|_| mean_says_it) {
        assert_within(&books.sends, quota, tokens, "tokens in a minute");
    }
    if let Concurrency::Fixed(places) = world.plan.concurrency {
        let most = books.sends.iter().map(|one| one.in_flight).max().unwrap_or(0);
        assert!(most <= places, "{most} in flight at once, of {places}");
    }
}

fn assert_within(sends: &[Sending], quota: Quota, what: impl Fn(&Sending) -> f64, unit: &str) {
    let (mut sum, mut end) = (0.0, 0);
    for first in sends {
        while let Some(next) = sends.get(end).filter(|next| next.at < first.at + quota.window()) {
            sum += what(next);
            end += 1;
        }
        let (at, run) = (first.at, first.run);
        assert!(sum <= quota.amount(), "{sum} {unit} of {} from {at:?} on, run {run}", quota.amount());
        sum -= what(first);
    }
}

/// A run that gives up on a service has probed it until then: it is silent for at most a part of its patience.
pub(super) fn a_silent_service_is_asked(world: &World) {
    let books = world.books.borrow();
    let of_run = books.sends.iter().filter(|one| one.run == world.run.get());
    let silent = world.now() - of_run.map(|one| one.until).max().unwrap_or_default();
    assert!(
        silent <= world.plan.max_outage * 3 / 4,
        "nothing was sent for {silent:?}, and then the service was given up"
    );
}

/// Promise 5: what was paid for is within the caps.
pub(super) fn caps_are_kept(world: &World, caps: &Caps) {
    let books = world.books.borrow();
    // According to the service's own books, whatever it reported, and whatever the runs lived to store.
    let paid =
        || books.sends.iter().filter(|one| one.end.paid()).map(|one| world.plan.usage_of(one.position));
    let (prompt, completion) = paid().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if let Some(cap) = caps.total_tokens {
        assert!(prompt + completion <= cap, "{} tokens of {cap} are paid", prompt + completion);
    }
    if let Some(cap) = caps.cost {
        let cost = world.price.worst_case(prompt, completion, false);
        assert!(cost <= cap + 1e-9, "{cost} of {cap} is paid");
    }
}
