//! Pieces whose answers are not whole: their halves are requests like others.

use super::bench::{Bench, millis, secs};
use super::service::{Call, answer, fault};
use crate::conversation::Asks;
use crate::dispatch::Ready;
use crate::dispatch::stop::StopReason;
use crate::job::split::OnMismatch;
use crate::note::Outcome;
use crate::outcome::FaultKind;

/// A piece of four paragraphs in each of so many rows.
fn pieces(bench: &Bench, count: u64) -> Vec<Ready> {
    let ready = |ready: Ready| {
        let piece = format!("{0} a\n\n{0} b\n\n{0} c\n\n{0} d", ready.row.position);
        let body = serde_json::json!({ "messages": [{ "role": "user", "content": &piece }] });
        let mut ready = ready;
        ready.request.body = body.to_string().into_bytes();
        ready.request.piece = Some(piece.into());
        ready
    };
    bench.rows(count).into_iter().map(ready).collect()
}

fn bench() -> Bench {
    let mut bench = Bench::new().qps(50.0);
    bench.rules.conversation.on_mismatch = Some(OnMismatch::Split);
    bench
}

fn steps(bench: &Bench) -> Vec<Asks> {
    let ended = bench.ended(|ending| matches!(ending, Outcome::Continue(_)));
    let asks = ended.into_iter().filter_map(|ended| match ended.ending {
        Outcome::Continue(step) => Some(step.asks),
        _ => None,
    });
    asks.collect()
}

#[tokio::test(start_paused = true)]
async fn a_piece_is_asked_in_halves_until_each_answer_is_whole() {
    let bench = bench();
    // Each answer is one paragraph: too few for all but single paragraphs.
    let end = bench.try_run(pieces(&bench, 20), |_: Call| answer(millis(200))).await.expect("a ledger");
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(20);
    assert_eq!((bench.answered(), steps(&bench).len()), (20, 20 * 6));
    for ended in bench.ended(|ending| matches!(ending, Outcome::Answered(_))) {
        let Outcome::Answered(answer) = ended.ending else { continue };
        assert_eq!(answer.response.as_deref(), Some("yes\n\nyes\n\nyes\n\nyes"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_piece_without_an_answer_is_asked_again_and_then_in_halves() {
    let bench = bench();
    let script = |call: Call| match call.nth {
        1 | 2 => fault(FaultKind::Unusable, 200, "empty_answer"),
        _ => answer(millis(200)),
    };
    let end = bench.try_run(pieces(&bench, 1), script).await.expect("a ledger");
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!(bench.answered(), 1);
    assert_eq!(steps(&bench).first(), Some(&Asks::Halve));
    // Twice the whole, the halves, and each of their paragraphs.
    assert_eq!(bench.log.borrow().sends.len(), 2 + 2 + 4);
    assert!(bench.elapsed() < secs(60), "{:?}", bench.elapsed());
}
