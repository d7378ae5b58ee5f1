//! The script in Redis and the schedule here answer alike, whatever workers do.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Script};

use super::dice::Dice;
use super::server::Server;
use crate::share::schedule::{ScheduleReply, ScheduledTurn, TurnSchedule};
use crate::share::script::{SCRIPT, ScriptExchange, ScriptReply};
use crate::shared_quota::{Exchange, Settled, SharedLimits, Throttled, TurnsAsked};

const fn limits(qps: f64, qpm: f64, tpm: f64) -> SharedLimits {
    SharedLimits { qps, qpm, tpm }
}

/// What the workers of a quota have as their limits.
const QUOTAS: [&[SharedLimits]; 6] = [
    &[limits(50.0, 0.0, 0.0)],
    &[limits(0.0, 600.0, 60_000.0)],
    &[limits(0.0, 0.0, 30_000.0)],
    &[limits(0.0, 0.0, 0.0)],
    &[limits(20.0, 600.0, 300_000.0), limits(10.0, 600.0, 100_000.0)],
    &[limits(0.2, 0.0, 0.0)],
];

fn any_exchange(dice: &mut Dice, limits: &[SharedLimits], throttling: f64) -> Exchange {
    let ago = |dice: &mut Dice| Duration::from_secs_f64(dice.share() * 5.0);
    let turns = 1 + dice.below(4) as u32;
    let tokens = f64::from(turns) * dice.share() * 900.0;
    let settled = (0..dice.below(4))
        .map(|_| Settled { ago: ago(dice), difference: dice.share() * 800.0 - 400.0 })
        .collect();
    let throttled = (0..dice.below(3)).filter_map(|_| {
        let retry_after = (dice.share() < 0.3).then(|| Duration::from_secs_f64(dice.share() * 3.0));
        let throttled = Throttled { ago: ago(dice), retry_after, tokens: dice.share() < 0.5 };
        (dice.share() < throttling).then_some(throttled)
    });
    let throttled = throttled.collect();
    Exchange {
        limits: limits[dice.below(limits.len())],
        ask: (dice.share() < 0.9).then_some(TurnsAsked { turns, tokens }),
        settled,
        throttled,
        divided_by: if dice.share() < 0.01 { 4 } else { 0 },
    }
}

/// As equal as two ways of calculating an exponential function.
fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
}

fn alike(one: &ScheduleReply, other: &ScheduleReply) -> bool {
    use ScheduledTurn::{Granted, Later};
    let turns = match (one.turn, other.turn) {
        (None, None) => true,
        (Some(Granted { wait, every, good }), Some(Granted { wait: first, every: space, good: span })) => {
            near(wait, first) && near(every, space) && near(good, span)
        }
        (Some(Later { wait, held_by }), Some(Later { wait: first, held_by: by })) => {
            near(wait, first) && held_by == by
        }
        _ => false,
    };
    turns && one.workers == other.workers && one.limits == other.limits && near(one.opens, other.opens)
}

#[tokio::test]
async fn the_script_answers_as_the_schedule_does() {
    let Some(server) = Server::start() else { return };
    let client = Client::open(server.address()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let script = Script::new(SCRIPT);
    let (mut granted, mut later) = (0, 0);
    for seed in 1..=30_u64 {
        let mut dice = Dice::new(seed);
        let limits = QUOTAS[seed as usize % QUOTAS.len()];
        let throttling = [0.1, 0.004, 0.0][seed as usize / QUOTAS.len() % 3];
        let keys = ["a", "b", "c"].map(|key| format!("{{quota {seed}}}:{key}"));
        let mut schedule = TurnSchedule::default();
        let mut now = 1_790_000_000.0 + dice.share();
        for step in 0..300 {
            now += match dice.below(40) {
                0 => dice.share() * 20.0,
                1 => dice.share() * 80.0,
                _ => dice.share() * 0.3,
            };
            let worker = format!("worker {}", dice.below(3));
            let exchange = any_exchange(&mut dice, limits, throttling);
            let here = schedule.exchange(now, &worker, &exchange, 2.0);
            let there = at_the_server(&mut connection, &script, &keys, (now, &worker, &exchange)).await;
            assert!(
                alike(&here, &there),
                "seed {seed}, step {step}: {exchange:?}\n{here:?}\n{there:?}\n{schedule:?}"
            );
            granted += usize::from(matches!(here.turn, Some(ScheduledTurn::Granted { .. })));
            later += usize::from(matches!(here.turn, Some(ScheduledTurn::Later { .. })));
        }
    }
    assert!(granted > 500 && later > 500, "{granted} granted, {later} not yet");
}

async fn at_the_server(
    connection: &mut MultiplexedConnection,
    script: &Script,
    keys: &[String; 3],
    (now, worker, exchange): (f64, &str, &Exchange),
) -> ScheduleReply {
    let mut argument = ScriptExchange::new(worker, exchange, 2.0);
    argument.now = Some(now);
    let argument = serde_json::to_string(&argument).expect("JSON");
    let mut call = script.prepare_invoke();
    keys.iter().for_each(|key| {
        call.key(key);
    });
    let reply: String = call.arg(argument).invoke_async(connection).await.expect("a reply");
    serde_json::from_str::<ScriptReply>(&reply).expect("a reply").into()
}
