//! Whatever the service does, the limits are kept, each row has one end, and the pass ends.

use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, millis};
use super::service::{Call, answer_of, broken, fault, hang, refuse, throttle, unreachable};
use crate::dispatch::stop::StopReason;
use crate::job::limits::{Concurrency, Quota};
use crate::note::Outcome;
use crate::outcome::{FaultKind, Reply};

/// The service's response to one try of one row.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Answers(u16),
    Throttles(Option<u8>),
    Breaks,
    Refuses(bool),
    Hangs,
    Cuts,
    IsNoUse,
    IsGone,
    IsStale,
}

impl Deed {
    fn reply(self) -> (Duration, Reply) {
        match self {
            Self::Answers(after) => answer_of(millis(after.into()), 40, 60),
            Self::Throttles(wait) => throttle(wait.map(|wait| Duration::from_secs(wait.into()))),
            Self::Breaks => broken(),
            Self::Refuses(one) => refuse(if one { "one" } else { "other" }),
            Self::Hangs => hang(),
            Self::Cuts => fault(FaultKind::CutByServer, 200, "cut_by_server"),
            Self::IsNoUse => fault(FaultKind::Unusable, 200, "empty_answer"),
            Self::IsGone => unreachable(),
            Self::IsStale => fault(FaultKind::StaleConnection, 0, "reset"),
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (1_u16..20_000).prop_map(Deed::Answers),
        2 => proptest::option::of(0_u8..200).prop_map(Deed::Throttles),
        3 => Just(Deed::Breaks),
        1 => any::<bool>().prop_map(Deed::Refuses),
        1 => Just(Deed::Hangs),
        1 => Just(Deed::Cuts),
        1 => Just(Deed::IsNoUse),
        1 => Just(Deed::IsGone),
        1 => Just(Deed::IsStale),
    ]
}

#[derive(Debug, Clone)]
struct Scene {
    rows: u64,
    deeds: Vec<Deed>,
    /// How far a row's later tries lie from its first among the deeds.
    stride: usize,
    qps: Option<f64>,
    qpm: Option<f64>,
    places: Option<usize>,
    commit: u64,
}

fn scene() -> impl Strategy<Value = Scene> {
    (
        1_u64..120,
        proptest::collection::vec(deed(), 1..40),
        0_usize..7,
        proptest::option::of(0.5_f64..80.0),
        proptest::option::of(20.0_f64..3_000.0),
        proptest::option::of(1_usize..30),
        0_u64..300,
    )
        .prop_map(|(rows, deeds, stride, qps, qpm, places, commit)| Scene {
            rows,
            deeds,
            stride,
            qps,
            qpm,
            places,
            commit,
        })
}

async fn play(scene: Scene) {
    let mut bench = Bench::new();
    bench.commit = millis(scene.commit);
    bench.rules.quotas.requests_per_second = scene.qps.and_then(Quota::per_second);
    bench.rules.quotas.requests_per_minute = scene.qpm.and_then(Quota::per_minute);
    bench.rules.concurrency = scene.places.map_or(Concurrency::Auto, Concurrency::Fixed);
    let (deeds, stride) = (scene.deeds.clone(), scene.stride);
    let script = move |call: Call| {
        let index = call.position as usize + stride * (call.nth as usize - 1);
        deeds[index % deeds.len()].reply()
    };
    let end = bench.run(scene.rows, script).await;
    assert_eq!(end.abandoned, 0);
    match end.reason {
        StopReason::Finished => bench.assert_every_row_ended_once(scene.rows),
        StopReason::EveryRowRefused(_) => {
            let ended = bench.ended(|ending| !matches!(ending, Outcome::Retry(_))).len() as u64;
            assert!(ended < scene.rows, "the rows that were refused alike are pending");
        }
        StopReason::Outage(_) | StopReason::BrownOut(_) | StopReason::NeverReached(_) => {
            let ended = bench.ended(|ending| !matches!(ending, Outcome::Retry(_))).len() as u64;
            assert!(ended < scene.rows, "an outage leaves rows pending");
        }
        other => panic!("no reason to stop: {other:?}"),
    }
    // Less than one in a span means one in a longer span.
    if let Some(qps) = scene.qps {
        assert!(bench.most_within(Duration::from_secs(1), |_| 1.0) <= qps.max(1.0));
    }
    if let Some(qpm) = scene.qpm {
        assert!(bench.most_within(Duration::from_secs(60), |_| 1.0) <= qpm);
    }
    if let Some(places) = scene.places {
        assert!(bench.sends().iter().all(|one| one.in_flight <= places));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_service_does_the_limits_are_kept_and_the_pass_ends(scene in scene()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(play(scene));
    }
}
