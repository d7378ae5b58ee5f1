//! Eight workers in virtual time, of which half die in the middle: nearly all of a quota is used, and no window exceeds it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::dice::Dice;
use crate::share::schedule::{ScheduledTurn, TurnSchedule};
use crate::shared_quota::{Exchange, Settled, SharedLimits, TurnsAsked};

const START: f64 = 1_000.0;
const SECONDS: f64 = 240.0;
const WORKERS: usize = 8;

/// What was sent: when, and with how many tokens.
struct Sent(Vec<(f64, f64)>);

impl Sent {
    /// The most in any window of this length, in requests and tokens.
    fn most(&self, window: f64) -> (f64, f64) {
        let (mut from, mut requests, mut tokens) = (0, 0.0, 0.0);
        self.0.iter().fold((0.0, 0.0), |(most, most_tokens): (f64, f64), (at, amount)| {
            (requests, tokens) = (requests + 1.0, tokens + amount);
            while self.0[from].0 <= at - window {
                (requests, tokens) = (requests - 1.0, tokens - self.0[from].1);
                from += 1;
            }
            (most.max(requests), most_tokens.max(tokens))
        })
    }

    fn tokens(&self) -> f64 {
        self.0.iter().map(|(_, tokens)| tokens).sum()
    }
}

/// Workers that always have a row to send; `mean`: what each expects of it, and `spread`: by how much the answers differ.
fn work(limits: SharedLimits, mean: f64, spread: f64) -> Sent {
    let (mut schedule, mut dice, mut sent) = (TurnSchedule::default(), Dice::new(7), Vec::new());
    let mut turns: BinaryHeap<_> =
        (0..WORKERS).map(|worker| Reverse((worker as u64 * 100, worker))).collect();
    let mut answers: Vec<Vec<(f64, f64, f64)>> = vec![Vec::new(); WORKERS];
    while let Some(Reverse((micros, worker))) = turns.pop() {
        let now = micros as f64 / 1e6;
        let dies = |at: f64| worker % 2 == 1 && at > SECONDS / 2.0;
        if now > SECONDS || dies(now) {
            continue;
        }
        let (arrived, left) = answers[worker].iter().partition(|(at, ..)| *at <= now);
        answers[worker] = left;
        let arrived: Vec<(f64, f64, f64)> = arrived;
        let settled = arrived.iter().map(|(_, sent_at, difference)| Settled {
            ago: Duration::from_secs_f64(now - sent_at),
            difference: *difference,
        });
        let ask = Some(TurnsAsked { turns: 1, tokens: mean });
        let exchange = Exchange { limits, ask, settled: settled.collect(), ..Exchange::default() };
        let next = match schedule.exchange(START + now, &worker.to_string(), &exchange, 0.0).turn {
            Some(ScheduledTurn::Granted { wait, good, .. }) => {
                // Somewhat late, as timers are.
                let at = now + wait + dice.share() * good * 0.9;
                let tokens = mean * (1.0 - spread) + dice.length(mean * spread);
                if !dies(at) {
                    sent.push((at, tokens));
                }
                answers[worker].push((at + 0.5 + dice.length(1.0), at, tokens - mean));
                at + 0.0003
            }
            Some(ScheduledTurn::Later { wait, .. }) => now + wait + 0.001,
            None => panic!("asked"),
        };
        turns.push(Reverse(((next * 1e6) as u64, worker)));
    }
    sent.sort_by(|one, other| one.0.total_cmp(&other.0));
    Sent(sent)
}

#[test]
fn nearly_all_of_what_binds_is_used_and_no_window_holds_more() {
    let limits = |qps, qpm, tpm| SharedLimits { qps, qpm, tpm };
    for (limits, mean) in [
        (limits(50.0, 0.0, 0.0), 300.0),
        (limits(50.0, 0.0, 1_200_000.0), 300.0),
        (limits(50.0, 0.0, 300_000.0), 300.0),
        (limits(0.0, 600.0, 1e6), 300.0),
        (limits(0.0, 0.0, 300_000.0), 300.0),
        (limits(20.0, 900.0, 0.0), 300.0),
        (limits(1.0, 0.0, 0.0), 300.0),
    ] {
        let sent = work(limits, mean, 0.3);
        let used = [
            (limits.qps * SECONDS, sent.0.len() as f64),
            (limits.qpm * SECONDS / 60.0, sent.0.len() as f64),
            (limits.tpm * SECONDS / 60.0, sent.tokens()),
        ];
        let used = used.into_iter().filter(|(most, _)| *most > 0.0).map(|(most, used)| used / most);
        let used = used.fold(0.0, f64::max);
        let [second, minute] = [1.0, 60.0].map(|window| sent.most(window));
        let is_kept = |limit: f64, most: f64| limit == 0.0 || most <= limit;
        let shown = format!("{limits:?}: {used:.3} used; in a second {second:?}, in a minute {minute:?}");
        assert!(used >= 0.97, "{shown}");
        assert!(is_kept(limits.qps, second.0) && is_kept(limits.qpm, minute.0), "{shown}");
        assert!(is_kept(limits.tpm, minute.1), "{shown}");
    }
}

#[test]
fn there_is_no_burst_at_the_start() {
    let sent = work(SharedLimits { qpm: 600.0, ..SharedLimits::default() }, 300.0, 0.0);
    let first = sent.0.iter().take_while(|(at, _)| *at < 1.0).count();
    assert!((9..=11).contains(&first), "{first}");
}
