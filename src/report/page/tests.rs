//! Pages of journals with few figures, and of journals with hostile text.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::tz::TimeZone;

use super::*;
use crate::history::{FailedRow, PastAnswer, PastFault, PastHeld};
use crate::outcome::{TokenSum, Usage};
use crate::report::subject::SubjectRows;

const HOSTILE: &str =
    "\"><script>alert('x')</script>\u{202e}\0\u{1b}[31m</style><img src=x onerror=alert(1)>&{}";

fn run(number: i64, started_at: f64, last_at: f64) -> Run {
    let usage = TokenSum { prompt_tokens: 6, completion_tokens: 4, total_tokens: 10 };
    let duration = Duration::try_from_secs_f64(last_at - started_at).unwrap_or_default();
    Run {
        number,
        started_at: epoch::time(started_at),
        last_at: epoch::time(last_at),
        ended_at: Some(epoch::time(last_at)),
        reason: Some("finished".to_owned()),
        program: "fanfold 0.1.0".to_owned(),
        in_doubt: 0,
        spent: Spent { requests: 1, usage, duration, ..Spent::default() },
        simulated: false,
    }
}

fn answer(sent_at: f64) -> PastAnswer {
    let usage = Usage::of(6, 4);
    PastAnswer {
        entry: 1,
        sent_at: epoch::time(sent_at),
        latency: Duration::from_millis(40),
        usage: Some(usage),
        finish_reason: Some("stop".to_owned()),
        model: Some("qwen-plus".to_owned()),
        request_id: None,
        cost: None,
        is_last: true,
    }
}

fn fault(message: &str) -> PastFault {
    PastFault {
        sent_at: epoch::time(1000.0),
        latency: Duration::from_millis(5),
        throttled: false,
        status: Some(400),
        code: message.to_owned(),
        message: message.to_owned(),
        total_tokens: None,
        cost: None,
    }
}

fn about() -> ReportSubject {
    ReportSubject {
        output: "out.jsonl".to_owned(),
        rows: SubjectRows { all: Some(1), ok: 1, failed: 0 },
        noun: "row",
        counted: "row",
        whole: None,
        job: serde_json::json!({"model": "qwen-plus", "rows": 1}),
        limits: vec![("requests a second".to_owned(), "5".to_owned())],
        running: false,
        names: BTreeMap::from([(1, (0, Some("r1".to_owned())))]),
        orders: Vec::new(),
        made_at: epoch::time(1_800_000_000.0),
        zone: TimeZone::UTC,
        program: "fanfold".to_owned(),
    }
}

/// The page, after a check that every figure in it is valid.
fn sound(figures: &Figures, about: &ReportSubject) -> String {
    let page = page(figures, about).expect("a page");
    for wrong in ["NaN", "inf%", ">inf", "-0.", "width=\"-", "height=\"-"] {
        assert!(!page.contains(wrong), "{wrong} in {page}");
    }
    page
}

#[test]
fn the_policy_knows_the_style_by_its_hash_and_allows_nothing_else() {
    let hash = BASE64_STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes()));
    let page = sound(&Figures::default(), &about());
    assert!(
        page.contains(&format!("content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none';")),
        "the style has changed: its hash is {hash}"
    );
    assert!(page.contains(&format!("<style>{STYLE}</style>")) && !page.contains("style=\""));
}

#[test]
fn nothing_foreign_becomes_markup() {
    let mut job_run = run(1, 1000.0, 1010.0);
    job_run.program = HOSTILE.to_owned();
    job_run.reason = Some(HOSTILE.to_owned());
    let job = serde_json::json!({
        "model": HOSTILE, "base_url": HOSTILE, "input": [HOSTILE], "id": HOSTILE, "rows": 1,
    });
    let mut figures = Figures::new(vec![job_run, run(2, 2000.0, 2001.0)], None, "row");
    let hostile = Some(HOSTILE.to_owned());
    figures.answer(&PastAnswer { finish_reason: hostile.clone(), model: hostile, ..answer(1000.0) });
    figures.fault(&fault(HOSTILE));
    figures.failed_row(&FailedRow { position: 4, id: Some(HOSTILE), code: HOSTILE, message: HOSTILE });
    figures.held(&PastHeld { run: 1, minute: 16, cause: HOSTILE.to_owned(), seconds: 4.0 });
    let names = BTreeMap::from([(1, (0, Some(HOSTILE.to_owned())))]);
    let order = PastOrder {
        key: HOSTILE.to_owned(),
        value: HOSTILE.to_owned(),
        given_at: epoch::time(5.0),
        run: Some(1),
    };
    let orders = vec![order];
    let page = sound(&figures, &ReportSubject { output: HOSTILE.to_owned(), job, names, orders, ..about() });
    for wrong in ["<script", "<img", "\u{202e}", "\0", "\u{1b}", "</style><"] {
        assert!(!page.contains(wrong), "{wrong:?} in {page}");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    // Every tag on the page is the program's own, with its own attributes.
    let known = ["title", "svg", "rect", "line", "text", "table", "tr", "td", "th", "p", "div", "h1", "code"];
    let tags = page.split('<').skip(1).map(|tag| tag.split_once('>').expect("an end").0);
    for inside in tags.filter(|tag| tag.contains("alert")) {
        let name = inside.split(' ').next().unwrap_or_default();
        assert!(known.contains(&name), "{inside}");
        assert!(!inside.contains('\'') && inside.matches('"').count() % 2 == 0, "{inside}");
    }
    assert!(page.matches("&lt;script&gt;").count() >= 8, "what was said is shown all the same");
}

#[test]
fn a_nearly_empty_journal_makes_a_page_without_misleading_charts() {
    let empty = sound(&Figures::default(), &about());
    assert!(empty.contains("This job has not run yet.") && !empty.contains("class=\"chart\""));

    let mut killed = run(1, 1000.0, 1000.0);
    killed.ended_at = None;
    let page_of_killed = sound(&Figures::new(vec![killed.clone()], None, "row"), &about());
    assert!(page_of_killed.contains("Nothing has been answered yet.") && page_of_killed.contains("killed"));

    let mut one = Figures::new(vec![killed], None, "row");
    one.answer(&answer(1000.0));
    let page_of_one = sound(&one, &about());
    assert!(page_of_one.contains("always 40ms") && page_of_one.contains("no price is known"));

    let mut failures = Figures::new(vec![run(1, 1000.0, 1001.0)], None, "row");
    failures.fault(&fault("refused"));
    failures.failed_row(&FailedRow { position: 0, id: None, code: "refused", message: "no" });
    let page_of_failures =
        sound(&failures, &ReportSubject { rows: SubjectRows { all: Some(1), ok: 0, failed: 1 }, ..about() });
    assert!(page_of_failures.contains("Failed rows") && page_of_failures.contains("row 1"));
}

#[test]
fn contradictory_figures_still_make_a_page() {
    // A clock that went backwards, and a server with impossible counts.
    let mut figures = Figures::new(vec![run(1, 2000.0, 1000.0), run(2, 1e12, -5.0)], None, "row");
    let usage = Usage { cached_tokens: Some(u64::MAX), reasoning_tokens: Some(9), ..Usage::default() };
    figures.answer(&PastAnswer {
        usage: Some(usage),
        latency: Duration::from_millis(u64::MAX),
        ..answer(-7.0)
    });
    figures.answer(&PastAnswer { usage: None, ..answer(1e12) });
    figures.held(&PastHeld { run: 1, minute: i64::MAX, cause: "rate".to_owned(), seconds: -1.0 });
    sound(&figures, &about());
}

#[test]
fn costs_are_shared_out_by_kind_and_their_sum_is_what_was_paid() {
    let price = crate::job::price::Price::flat(1.0, 3.0, Some(0.5));
    let mut figures = Figures::new(vec![run(1, 1000.0, 1001.0)], Some(std::sync::Arc::new(price)), "row");
    let usage = Usage {
        prompt_tokens: Some(1_000),
        completion_tokens: Some(500),
        total_tokens: Some(1_500),
        cached_tokens: Some(400),
        reasoning_tokens: Some(100),
        ..Usage::default()
    };
    // At today's price: 600 × 1 + 400 × 0.5 + 400 × 3 + 100 × 3 = 2,300 millionths. Twice as much was paid.
    figures.answer(&PastAnswer { usage: Some(usage), cost: Some(0.0046), ..answer(1000.0) });
    let costs = figures.costs.expect("costs");
    let close = |one: f64, other: f64| (one - other).abs() < 1e-12;
    assert!(close(costs.prompt, 0.0012) && close(costs.cached, 0.0004), "{costs:?}");
    assert!(close(costs.answer, 0.0024) && close(costs.reasoning, 0.0006), "{costs:?}");
    assert!(sound(&figures, &about()).contains("0.0046"));
}
