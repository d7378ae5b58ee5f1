//! Tests of what is an outage, and of what a try counts.

use super::*;

fn health() -> (Health, Instant, Dice) {
    let retry = Retry::default();
    let now = Instant::now();
    (Health::new(retry, now, false), now, Box::new(|| 0.5))
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_row_its_tries() {
    let (mut health, start, mut dice) = health();
    health.answered(start);
    let mut rows = [Allowance::default(); 4];
    for round in 0..5 {
        for row in &mut rows {
            health.faulted(start + Duration::from_secs(2 + round), FaultKind::Passing, None, row, &mut dice);
        }
    }
    assert!(health.next_probe().is_some());
    assert!(health.answered(start + Duration::from_secs(60)));
    for row in &mut rows {
        health.settle(row);
        assert_eq!(row.tries(), 0, "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_charged_while_others_are_answered() {
    let (mut health, start, mut dice) = health();
    let mut row = Allowance::default();
    for round in 1..=6 {
        let now = start + Duration::from_secs(2 * round);
        health.faulted(now, FaultKind::Passing, None, &mut row, &mut dice);
        health.answered(now);
        health.settle(&mut row);
        assert_eq!(u64::from(row.tries()), round);
    }
    assert!(health.next_probe().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_row_that_is_left_alone_is_no_outage() {
    let (mut health, start, mut dice) = health();
    let mut row = Allowance::default();
    health.faulted(start, FaultKind::Passing, None, &mut row, &mut dice);
    health.answered(start);
    for round in 0..20 {
        let now = start + Duration::from_secs(10 + 17 * round);
        health.faulted(now, FaultKind::Passing, None, &mut row, &mut dice);
    }
    assert!(health.next_probe().is_none());
    // With nobody else to be answered, it may be the service for six minutes.
    assert_eq!((row.tries(), row.failures()), (2, 21));
    health.faulted(start + Duration::from_secs(370), FaultKind::Passing, None, &mut row, &mut dice);
    assert!(health.is_used_up(&row));
}

#[tokio::test(start_paused = true)]
async fn probes_go_out_one_per_backoff_and_never_slower_than_eight_seconds() {
    let (mut health, start, mut dice) = health();
    let mut now = start + Duration::from_secs(5);
    for _ in 0..30 {
        let mut row = Allowance::default();
        health.faulted(now, FaultKind::Unreachable, None, &mut row, &mut dice);
        if let Some(probe) = health.next_probe() {
            assert!(probe > now && probe <= now + SLOWEST_PROBE);
            now = probe;
        }
    }
    assert!(health.next_probe().is_some());
    assert!(health.was_never_reached());
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_side_by_side_look_like_an_outage_only_once() {
    let (mut health, start, mut dice) = health();
    let mut rows = [Allowance::default(); 9];
    let mut now = start;
    let mut outages = 0;
    for _ in 0..8 {
        for row in &mut rows {
            now += Duration::from_secs(1);
            health.faulted(now, FaultKind::Passing, None, row, &mut dice);
        }
        outages += u32::from(health.answered(now + Duration::from_millis(500)));
        rows.iter_mut().for_each(|row| health.settle(row));
    }
    assert_eq!(outages, 1);
    assert!(rows.iter().all(|row| row.tries() >= 6), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_among_rows_that_failed_before_is_told_from_their_number() {
    let (mut health, start, mut dice) = health();
    let mut rows = [Allowance::used(1); 40];
    for row in &mut rows {
        health.faulted(start + Duration::from_secs(5), FaultKind::Passing, None, row, &mut dice);
    }
    assert!(health.next_probe().is_some());
    assert!(rows.iter().all(|row| row.tries() <= 2), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_try_counts_less_while_many_others_fail_as_well() {
    let (mut health, start, mut dice) = health();
    let mut row = Allowance::used(1);
    let mut tries = 0;
    while !health.is_used_up(&row) {
        for _ in 0..64 {
            health.faulted(start, FaultKind::Passing, None, &mut Allowance::default(), &mut dice);
            health.answered(start);
            health.served(&Allowance::default());
        }
        health.faulted(start, FaultKind::Passing, None, &mut row, &mut dice);
        health.answered(start);
        tries += 1;
    }
    assert!((14..24).contains(&tries), "{tries}");
}

#[tokio::test(start_paused = true)]
async fn half_of_all_calls_failing_is_no_outage() {
    let (mut health, start, mut dice) = health();
    for call in 0..2_000_u64 {
        let now = start + Duration::from_millis(10 * call);
        match call % 2 {
            0 => health.faulted(now, FaultKind::Passing, None, &mut Allowance::default(), &mut dice),
            _ => drop(health.answered(now)),
        }
        assert!(health.next_probe().is_none());
    }
}
