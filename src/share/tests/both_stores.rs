//! What both stores keep: one schedule for all, the lowest limits of the living, one brake.

use std::time::Duration;

use super::server::Server;
use crate::share::name::QuotaName;
use crate::share::{open_at_server, open_on_host};
use crate::shared_quota::{Exchange, HeldBy, SharedLimits, SharedQuota, Throttled, TurnsAsked, TurnsReply};

/// Three workers of a quota in each store that there is, with a word for it.
async fn workers() -> Vec<(&'static str, Vec<Box<dyn SharedQuota>>, Kept)> {
    let name = QuotaName::new("http://a", "m", Some(&[1; 32]));
    let folder = tempfile::tempdir().expect("a folder");
    let on_host = (0..3).map(|_| open_on_host(folder.path(), &name).expect("a folder")).collect();
    let mut stores = vec![("host", on_host, Kept { _folder: Some(folder), _server: None })];
    if let Some(server) = Server::start() {
        let mut at_server = Vec::new();
        for _ in 0..3 {
            at_server.push(open_at_server(&server.address(), &name).await.expect("a server"));
        }
        // A new schedule stays closed for a moment.
        tokio::time::sleep(Duration::from_millis(2_050)).await;
        stores.push(("redis", at_server, Kept { _folder: None, _server: Some(server) }));
    }
    stores
}

/// What a store needs.
struct Kept {
    _folder: Option<tempfile::TempDir>,
    _server: Option<Server>,
}

fn ask(qps: f64) -> Exchange {
    let limits = SharedLimits { qps, ..SharedLimits::default() };
    Exchange { limits, ask: Some(TurnsAsked { turns: 1, tokens: 10.0 }), ..Exchange::default() }
}

#[tokio::test]
async fn the_lowest_limit_of_the_living_holds_and_turns_follow_one_another() {
    for (store, workers, _kept) in workers().await {
        let [first, second, third] = &workers[..] else { panic!("three workers") };
        first.exchange(Exchange { ask: None, ..ask(100.0) }).await.expect("a reply");
        let low = second.exchange(Exchange { ask: None, ..ask(5.0) }).await.expect("a reply");
        assert_eq!((low.workers >= 2, low.limits.qps), (true, 5.0), "{store}");
        let granted = first.exchange(ask(100.0)).await.expect("a reply");
        assert!(matches!(granted.turn, Some(TurnsReply::Granted { .. })), "{store}: {granted:?}");
        let mut waits = Vec::new();
        for worker in [first, third] {
            match worker.exchange(ask(100.0)).await.expect("a reply").turn {
                Some(TurnsReply::Granted { wait, .. }) => waits.push(wait),
                Some(TurnsReply::Later { wait, held_by: HeldBy::Requests }) => {
                    waits.push(wait + Duration::from_millis(300))
                }
                other => panic!("{store}: {other:?}"),
            }
        }
        assert!(waits[0] > Duration::from_millis(50) && waits[1] > waits[0], "{store}: {waits:?}");
        second.leave().await;
        let reply = first.exchange(Exchange { ask: None, ..ask(100.0) }).await.expect("a reply");
        assert_eq!((reply.workers, reply.limits.qps), (2, 100.0), "{store}");
    }
}

#[tokio::test]
async fn a_throttled_worker_slows_all() {
    for (store, workers, _kept) in workers().await {
        let [first, second, _] = &workers[..] else { panic!("three workers") };
        first.exchange(ask(1_000.0)).await.expect("a reply");
        let throttled =
            Throttled { ago: Duration::ZERO, retry_after: Some(Duration::from_secs(20)), tokens: false };
        first
            .exchange(Exchange { throttled: vec![throttled], ask: None, ..ask(1_000.0) })
            .await
            .expect("a reply");
        let reply = second.exchange(ask(1_000.0)).await.expect("a reply");
        let is_held = |wait: Duration| (15..=20).contains(&wait.as_secs());
        let slows =
            matches!(reply.turn, Some(TurnsReply::Later { wait, held_by: HeldBy::Brake }) if is_held(wait));
        assert!(slows, "{store}: {reply:?}");
    }
}
