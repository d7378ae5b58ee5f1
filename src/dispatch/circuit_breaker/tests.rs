//! Tests of what counts as an outage, what counts against a row, and what happens to it.

use super::*;

/// A service, and the rows in trouble with it.
struct Scene {
    breaker: CircuitBreaker,
    start: Instant,
    dice: Dice,
    place: Situation,
}

const WAY: PassingFault = PassingFault { kind: FaultKind::Transient, own: false, asked: None };
const OWN: PassingFault = PassingFault { kind: FaultKind::Transient, own: true, asked: None };
const GONE: PassingFault = PassingFault { kind: FaultKind::Unreachable, own: false, asked: None };

impl Scene {
    fn new() -> Self {
        let start = Instant::now();
        let breaker = CircuitBreaker::new(Retry::default(), start, false);
        Self { breaker, start, dice: Box::new(|| 0.5), place: Situation { alone: false, last: false } }
    }

    fn faulted(&mut self, millis: u64, trouble: PassingFault, row: &mut Allowance) -> Fate {
        let now = self.start + Duration::from_millis(millis);
        self.breaker.faulted(now, trouble, self.place, row, &mut self.dice)
    }

    fn answered(&mut self, millis: u64) -> bool {
        self.breaker.answered(self.start + Duration::from_millis(millis))
    }

    /// Half of the calls for this many rows fail, as in a brown-out.
    fn browns_out(&mut self, rows: u64) {
        for row in 0..rows {
            let mut allowance = Allowance::default();
            self.faulted(10 * row, WAY, &mut allowance);
            self.breaker.served(&allowance);
            self.answered(10 * row);
        }
    }
}

const AGAIN: Fate = Fate::Again(Duration::ZERO);

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_row_its_tries() {
    let mut scene = Scene::new();
    scene.answered(0);
    let mut rows = [Allowance::default(); 4];
    for round in 0..5 {
        for row in &mut rows {
            scene.faulted(2_000 + 1_000 * round, WAY, row);
        }
    }
    assert!(scene.breaker.next_probe().is_some());
    assert!(scene.answered(60_000));
    for row in &mut rows {
        scene.breaker.settle(row);
        assert_eq!(row.tries(), 0, "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_try_counts_while_others_are_answered() {
    for trouble in [WAY, OWN] {
        let mut scene = Scene::new();
        let mut row = Allowance::default();
        for round in 1..=6 {
            let verdict = scene.faulted(2_000 * round, trouble, &mut row);
            scene.answered(2_000 * round);
            assert_eq!(scene.breaker.waited(&mut row, false) == Fate::UsedUp, round == 6, "{round}");
            assert_eq!(verdict == Fate::UsedUp, round == 6, "known after the first");
        }
        assert!(scene.breaker.next_probe().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn tries_between_two_answers_all_count_once_the_second_one_comes() {
    let mut scene = Scene::new();
    let mut row = Allowance::default();
    for round in 0..6 {
        assert_eq!(scene.faulted(100 * round, WAY, &mut row), AGAIN);
    }
    assert_eq!(row.tries(), 0);
    scene.answered(700);
    assert_eq!(scene.breaker.waited(&mut row, false), Fate::UsedUp);
}

#[tokio::test(start_paused = true)]
async fn a_row_alone_that_the_api_itself_fails_is_sent_once_more_after_the_longest_wait_and_has_failed() {
    let mut scene = Scene::new();
    scene.place.alone = true;
    let mut row = Allowance::default();
    for round in 1..6 {
        assert_eq!(scene.faulted(1_000 * round, OWN, &mut row), AGAIN);
    }
    assert_eq!(scene.faulted(6_000, OWN, &mut row), Fate::Again(Duration::from_secs(60)));
    assert_eq!(scene.breaker.waited(&mut row, false), AGAIN, "it waits for that one");
    assert_eq!(scene.faulted(66_000, OWN, &mut row), Fate::Failed);
    assert!(scene.breaker.patience_ends().is_none(), "somebody is there");
}

#[tokio::test(start_paused = true)]
async fn a_row_alone_that_nobody_answers_is_an_outage() {
    for trouble in [WAY, GONE] {
        let mut scene = Scene::new();
        scene.place.alone = true;
        let mut row = Allowance::default();
        for round in 0..40 {
            assert!(matches!(scene.faulted(2_000 * round, trouble, &mut row), Fate::Again(_)));
        }
        assert!(scene.breaker.next_probe().is_some());
        assert_eq!(scene.breaker.patience_ends(), Some(scene.start + Duration::from_secs(1_800)));
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_last_pass_a_row_alone_is_given_six_minutes_of_silence() {
    let mut scene = Scene::new();
    scene.place = Situation { alone: true, last: true };
    let mut row = Allowance::of_earlier(6, 6);
    let mut now = 0;
    for _ in 1..6 {
        let Fate::Again(wait) = scene.faulted(now, WAY, &mut row) else { panic!("it has tries left") };
        now += wait.as_millis() as u64;
    }
    assert_eq!(now, 360_000);
    assert_eq!(scene.faulted(now, WAY, &mut row), Fate::Failed);
}

#[tokio::test(start_paused = true)]
async fn in_the_last_pass_a_row_that_the_api_itself_fails_is_sent_twice_a_long_wait_apart() {
    let mut scene = Scene::new();
    scene.place.last = true;
    let mut row = Allowance::of_earlier(6, 6);
    assert_eq!(scene.faulted(0, OWN, &mut row), Fate::Again(Duration::from_secs(60)));
    assert_eq!(scene.faulted(60_000, OWN, &mut row), Fate::Failed);
}

#[tokio::test(start_paused = true)]
async fn probes_go_out_one_per_backoff_and_never_slower_than_eight_seconds() {
    let mut scene = Scene::new();
    let mut millis = 5_000;
    for _ in 0..30 {
        let mut row = Allowance::default();
        scene.faulted(millis, GONE, &mut row);
        if let Some(probe) = scene.breaker.next_probe() {
            let at = scene.start + Duration::from_millis(millis);
            assert!(probe > at && probe <= at + SLOWEST_PROBE);
            millis = (probe - scene.start).as_millis() as u64 + 1;
        }
    }
    assert!(scene.breaker.next_probe().is_some());
    assert!(scene.breaker.was_never_reached());
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_side_by_side_look_like_an_outage_only_once() {
    let mut scene = Scene::new();
    let mut rows = [Allowance::default(); 9];
    let (mut millis, mut outages) = (0, 0);
    for _ in 0..8 {
        for row in &mut rows {
            millis += 1_000;
            scene.faulted(millis, WAY, row);
        }
        outages += u32::from(scene.answered(millis + 500));
        rows.iter_mut().for_each(|row| scene.breaker.settle(row));
    }
    assert_eq!(outages, 1);
    assert!(rows.iter().all(|row| row.tries() >= 6), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_among_rows_that_failed_before_is_recognised_by_their_number() {
    let mut scene = Scene::new();
    let mut rows = [Allowance::of_earlier(1, 6); 40];
    for row in &mut rows {
        scene.faulted(5_000, WAY, row);
    }
    assert!(scene.breaker.next_probe().is_some());
    assert!(rows.iter().all(|row| row.tries() <= 2), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_fails_while_half_of_all_calls_do_is_set_aside_and_then_stays_pending() {
    let mut scene = Scene::new();
    scene.browns_out(200);
    let mut row = Allowance::default();
    let mut verdicts = Vec::new();
    for round in 0..6 {
        verdicts.push(scene.faulted(10_000 + round, WAY, &mut row));
        scene.answered(10_000 + round);
    }
    assert_eq!(verdicts.pop(), Some(Fate::UsedUp), "in as many tries as ever");
    scene.place.last = true;
    let mut row = Allowance::of_earlier(6, 6);
    let mut waited = Duration::ZERO;
    for round in 1..6 {
        let Fate::Again(wait) = scene.faulted(60_000 * round, OWN, &mut row) else { panic!("{round}") };
        waited += wait;
        scene.answered(60_000 * round);
    }
    assert!((45 * 60..61 * 60).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(scene.faulted(600_000, OWN, &mut row), Fate::BadLuck);
}

#[tokio::test(start_paused = true)]
async fn half_of_all_calls_failing_is_not_an_outage() {
    let mut scene = Scene::new();
    for call in 0..2_000_u64 {
        match call % 2 {
            0 => drop(scene.faulted(10 * call, WAY, &mut Allowance::default())),
            _ => drop(scene.answered(10 * call)),
        }
        assert!(scene.breaker.next_probe().is_none());
    }
}
