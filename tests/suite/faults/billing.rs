//! Usage that a server bills and does not report: caps hold by the server's own books, over all runs of a journal.

use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scenario;
use crate::support::billing_server::{Answered, PRICE, Served, Till, honest};
use crate::support::harness::{Scene, rows};

/// Rows of a scene: far more than a cap lets through.
const ROWS: usize = 60;

/// The longest answer that requests ask for, and that this server always gives.
const LONGEST: u64 = 100;

fn scene(till: &Till, more: &str) -> Scene {
    scene_of(till, "any-model", &format!("request.max_tokens = {LONGEST}\n{more}"))
}

/// A job that asks the till for a model nobody knows.
fn scene_of(till: &Till, model: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..ROWS));
    scene.job("in.jsonl", "out.jsonl", &format!("limits.concurrency = 8\n{PRICE}{more}"));
    let job = till.asked_by(&scene.read("job.toml")).replace("\"qwen-plus\"", &format!("{model:?}"));
    scene.write("job.toml", job);
    scene
}

/// The longest answer to a prompt of some tokens, fewer than its bytes.
fn dear(usage: impl Fn(u64, u64) -> Option<Value> + Send + Sync + 'static) -> Till {
    Till::open(move |body, number| {
        let prompt = 20 + number as u64 % 7;
        let completion = body["max_tokens"].as_f64().map_or(LONGEST, |most| most as u64);
        Served { usage: usage(prompt, completion), ..honest(prompt, completion) }
    })
}

/// How servers report usage.
type Shape = (&'static str, fn(u64, u64) -> Option<Value>);

const SHAPES: [Shape; 13] = [
    ("whole", |p, c| Some(json!({ "prompt_tokens": p, "completion_tokens": c, "total_tokens": p + c }))),
    ("missing", |_, _| None),
    ("null", |_, _| Some(Value::Null)),
    ("empty", |_, _| Some(json!({}))),
    ("a total alone", |p, c| Some(json!({ "total_tokens": p + c }))),
    ("the prompt alone", |p, _| Some(json!({ "prompt_tokens": p }))),
    ("the answer alone", |_, c| Some(json!({ "completion_tokens": c }))),
    ("zeros", |_, _| Some(json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }))),
    ("texts", |p, c| {
        Some(
            json!({ "prompt_tokens": p.to_string(), "completion_tokens": c.to_string(), "total_tokens": "?" }),
        )
    }),
    ("floats", |p, c| Some(json!({ "prompt_tokens": p as f64, "completion_tokens": c as f64 }))),
    ("negative", |p, c| {
        let (p, c) = (p as i64, c as i64);
        Some(json!({ "prompt_tokens": -p, "completion_tokens": -c, "total_tokens": -p - c }))
    }),
    ("huge", |_, _| {
        Some(json!({ "prompt_tokens": u64::MAX, "completion_tokens": 1e300, "total_tokens": u64::MAX }))
    }),
    ("a prompt and a total below it", |p, _| Some(json!({ "prompt_tokens": p, "total_tokens": 1 }))),
];

#[test]
fn caps_hold_by_the_servers_own_account_whatever_it_says_of_usage_and_however_often_the_job_runs() {
    scenario(|| {
        for (name, usage) in SHAPES {
            for (cap, is_money) in [("max_total_tokens = 1600", false), ("max_cost = 3.0", true)] {
                let till = dear(usage);
                let scene = scene(&till, &format!("limits.{cap}\n"));
                for _ in 0..3 {
                    scene.run(&["run", "job.toml"]).expect_code(5);
                }
                let what = format!("{name}, {cap}: {} requests, {} tokens", till.requests(), till.tokens());
                assert!(till.requests() >= 5, "{what}");
                assert!(if is_money { till.cost() <= 3.0 } else { till.tokens() <= 1600 }, "{what}");
                // The reserved amount is shown next to the spent one.
                let caps = scene.receipt()["caps"].clone();
                let cap = &caps[if is_money { "max_cost" } else { "max_total_tokens" }];
                let number = |key: &str| cap[key].as_f64().expect("a number");
                let left = number("cap") - number("spent") - number("reserved");
                assert!((number("left") - left.max(0.0)).abs() < 1e-6, "{what}: {cap}");
                let billed = if is_money { till.cost() } else { till.tokens() as f64 };
                assert!(number("spent") + number("reserved") >= billed - 1e-6, "{what}: {cap}");
            }
        }
    });
}

#[test]
fn uncounted_usage_is_set_aside_over_all_runs_and_shown_wherever_caps_are_shown() {
    scenario(|| {
        let till = dear(|p, c| Some(json!({ "total_tokens": p + c })));
        let by_total = scene(&till, "limits.max_total_tokens = 1600\n");
        let said = by_total.run(&["run", "job.toml"]).expect_code(5);
        let said = said.says("the service reported only the total of ").says(": their cost is not known");
        let said = said.says("set aside: up to cost ");
        assert!(!said.stderr.contains("did not report the usage"), "{}", said.stderr);
        let till = dear(|_, _| None);
        let scene = scene(&till, "limits.max_total_tokens = 1600\n");
        let said = scene.run(&["run", "job.toml"]).expect_code(5);
        let sent = till.requests();
        let said = said.says(" set aside for requests with unknown usage, ");
        let said = said.says("set aside: up to ");
        assert_eq!(scene.receipt()["this_run"]["total_tokens"], 0);
        assert!(!said.stderr.contains("cost 0.00"), "{}", said.stderr);
        let aside = scene.receipt()["all_runs"]["reserved_tokens"].as_u64().expect("tokens");
        assert!(aside >= till.tokens() && aside <= 1600, "{aside}");
        scene.run(&["run", "job.toml"]).expect_code(5);
        assert_eq!(till.requests(), sent, "the same command sends no more");
        for command in [&["status", "job.toml"][..], &["preview", "job.toml", "-n", "0"]] {
            let line = format!("{} set aside for requests with unknown usage", separated(aside));
            let text = scene.run(command).expect_code(0).stdout;
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        let json: Value =
            serde_json::from_str(&scene.run(&["status", "job.toml", "--json"]).stdout).expect("JSON");
        assert_eq!((&json["reserved_tokens"], &json["total_tokens"]), (&json!(aside), &json!(0)));
        assert_eq!(json["caps"]["max_total_tokens"]["reserved"], aside);
        let page = scene.run(&["report", "job.toml", "--output", "-"]).expect_code(0).stdout;
        assert!(page.contains("Set aside"), "{page}");
        // Usage of pruned rows remains counted.
        scene.write("in.jsonl", rows(ROWS..ROWS + 5));
        scene.run(&["run", "job.toml"]).expect_code(5);
        scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]).expect_code(0);
        scene.run(&["run", "job.toml"]).expect_code(5);
        assert_eq!(scene.receipt()["all_runs"]["reserved_tokens"], aside);
        assert_eq!(till.requests(), sent);
        // Each run has caps of its own where the job says so.
        scene.write("in.jsonl", rows(0..ROWS));
        scene.run(&["run", "job.toml", "--cap-period", "run"]).expect_code(5);
        assert!(till.requests() > sent);
    });
}

/// A number with thousands separators.
fn separated(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

#[test]
fn requests_in_flight_at_kills_count_at_their_worst_case() {
    scenario(|| {
        for cap in ["max_total_tokens = 4000", "max_cost = 7.0"] {
            let till = Till::open(|_, number| Served {
                delay: Duration::from_millis(if number % 3 == 0 { 20 } else { 400 }),
                ..honest(25, LONGEST)
            });
            let scene = scene(&till, &format!("limits.{cap}\n"));
            for kill in 1..=4 {
                let before = till.requests();
                let mut command = scene.command(&["run", "job.toml"]);
                let mut child = command.stderr(Stdio::null()).spawn().expect("the binary runs");
                scene.wait_until(|| {
                    till.requests() >= before + 5 || child.try_wait().expect("a child").is_some()
                });
                let _ = child.kill();
                child.wait().expect("an end");
                let what = format!("after {kill} kills: {} requests", till.requests());
                assert!(
                    till.tokens() <= 4_000 && till.cost() <= 7.0 + 1e-9 || !cap.contains("cost"),
                    "{what}"
                );
            }
            scene.run(&["run", "job.toml"]);
            let what = format!("{cap}: {} tokens, {}", till.tokens(), till.cost());
            assert!(till.requests() > 8, "{what}");
            assert!(if cap.contains("cost") { till.cost() <= 7.0 } else { till.tokens() <= 4_000 }, "{what}");
            let receipt = scene.receipt();
            let known = |key: &str| receipt["all_runs"][key].as_u64().expect("tokens");
            assert!(known("total_tokens") + known("reserved_tokens") >= till.tokens(), "{what}");
        }
    });
}

#[test]
fn replies_that_are_lost_late_or_cut_count_at_their_worst_and_throttling_costs_nothing() {
    scenario(|| {
        for (reply, more) in [
            (Answered::Not, ""),
            (Answered::Cut, ""),
            (Answered::Cut, "model.transport = \"stream\"\n"),
            (Answered::Status(504), ""),
            (Answered::Status(502), "retry.timeout = \"2s\"\n"),
            (Answered::Whole, "retry.timeout = \"1s\"\n"),
        ] {
            let till = Till::open(move |_, number| {
                let is_lost = number % 2 == 0;
                // A gateway without a server behind it responds at once, and has lost nothing.
                let late = is_lost && matches!(reply, Answered::Whole | Answered::Status(502));
                let delay = Duration::from_millis(match reply {
                    _ if !late => 5,
                    Answered::Whole => 2_000,
                    _ => 1_200,
                });
                let reply = if is_lost { reply } else { Answered::Whole };
                Served { reply, delay, ..honest(25, LONGEST) }
            });
            let scene = scene(
                &till,
                &format!("limits.max_total_tokens = 3000\nlimits.max_duration = \"15s\"\n{more}"),
            );
            scene.run(&["run", "job.toml"]);
            scene.run(&["run", "job.toml"]);
            assert!(till.tokens() <= 3_000, "{} tokens, {more}", till.tokens());
            assert!(till.requests() > 8, "{} requests, {more}", till.requests());
        }
        let till = Till::open(|_, number| match number {
            5 | 17 => Served { bill: (0, 0), reply: Answered::Status(429), ..honest(0, 0) },
            9 => Served { bill: (0, 0), reply: Answered::Status(500), ..honest(0, 0) },
            _ => honest(25, LONGEST),
        });
        let scene = scene(&till, "limits.max_total_tokens = 100_000\n");
        scene.run(&["run", "job.toml"]).expect_code(0);
        assert_eq!(scene.receipt()["caps"]["max_total_tokens"]["reserved"], 0);
        assert_eq!(scene.receipt()["all_runs"]["reserved_cost"], 0.0);
    });
}

#[test]
fn an_outage_behind_a_gateway_uses_up_no_cap() {
    scenario(|| {
        let began = OnceLock::<Instant>::new();
        let till = Till::open(move |_, number| {
            let outage = || *began.get_or_init(Instant::now);
            match number >= 16 && outage().elapsed() < Duration::from_secs(3) {
                true => {
                    let delay = Duration::from_millis(2);
                    Served { bill: (0, 0), reply: Answered::Status(502), delay, ..honest(0, 0) }
                }
                false => Served { delay: Duration::from_millis(200), ..honest(25, LONGEST) },
            }
        });
        // Enough for all rows at their worst case, and a few lost ones.
        let scene = scene(&till, "limits.max_total_tokens = 20_000\n");
        scene.run(&["run", "job.toml"]).expect_code(0);
        assert!(till.requests() > ROWS, "{} requests", till.requests());
        assert_eq!(scene.receipt()["caps"]["max_total_tokens"]["reserved"], 0);
    });
}

#[test]
fn an_answer_of_unknown_length_is_learnt_upwards_and_reported_as_unknown() {
    scenario(|| {
        let till = Till::open(|_, _| honest(25, 20_000));
        let scene = scene_of(&till, "nobody-knows", "limits.max_total_tokens = 600_000\n");
        let said = scene.run(&["run", "job.toml"]).expect_code(5);
        said.says("the maximum length of the answers to 60 requests is not known");
        scene.run(&["run", "job.toml"]).expect_code(5);
        assert!((400_000..=600_000).contains(&till.tokens()), "{} tokens", till.tokens());
        // The possible usage of one request is shown if the cap is below it.
        let scene = scene_of(&till, "nobody-knows", "limits.max_total_tokens = 5_000\n");
        let said = scene.run(&["run", "job.toml"]).expect_code(5);
        said.says("5,000 left of 5,000; the next request may use up to 8,")
            .says("`max_tokens` in the request limits that");
        // No job with such a model is rejected, and if its answers are bounded nothing is reported.
        let till = Till::open(|_, _| honest(25, 100));
        let scene = scene_of(&till, "nobody-knows", "limits.max_total_tokens = 600_000\n");
        scene.run(&["run", "job.toml"]).expect_code(0);
    });
}

#[test]
fn a_number_bounds_answers_however_it_is_written() {
    scenario(|| {
        for bound in [
            "max_completion_tokens = 5000",
            "max_tokens = 5000.0",
            "max_tokens = 1250\nrequest.n = 4.0",
            "max_tokens = 1250\nrequest.n = 4",
        ] {
            let till = Till::open(|_, _| honest(25, 5_000));
            let more = format!("limits.max_total_tokens = 60_000\nrequest.{bound}\n");
            let scene = scene_of(&till, "nobody-knows", &more);
            scene.run(&["run", "job.toml"]).expect_code(5);
            assert!(till.tokens() <= 60_000, "{bound}: {} tokens", till.tokens());
            assert!(till.tokens() > 40_000, "{bound}: {} tokens", till.tokens());
        }
    });
}

#[test]
fn a_journal_whose_sums_were_changed_is_refused() {
    scenario(|| {
        for change in [
            "UPDATE runs SET cost = -1000.0",
            "UPDATE runs SET requests = 0",
            "UPDATE runs SET total_tokens = 1",
            "UPDATE runs SET in_doubt = 20000000000",
            "UPDATE runs SET out_tokens = -5000",
            "UPDATE runs SET reserved_tokens = 0",
            "UPDATE steps SET reserved_tokens = NULL",
            "UPDATE faults SET total_tokens = -100000",
            "UPDATE faults SET reserved_tokens = 1",
        ] {
            let till = Till::open(|_, number| match number {
                0 => Served { reply: Answered::Not, ..honest(25, LONGEST) },
                _ => Served { usage: None, ..honest(25, LONGEST) },
            });
            let scene = scene(&till, "limits.max_total_tokens = 1600\n");
            scene.run(&["run", "job.toml"]).expect_code(5);
            let sent = till.requests();
            let journal = rusqlite::Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
            journal.execute(change, []).expect("a change");
            drop(journal);
            let said = scene.run(&["run", "job.toml"]).expect_code(1);
            said.says("is not what was stored");
            assert_eq!(till.requests(), sent, "{change}");
            scene.run(&["verify", "job.toml"]).says("is not what was stored");
        }
    });
}

#[test]
fn images_count_at_the_most_that_the_model_makes_of_one_and_are_refused_where_nobody_knows() {
    scenario(|| {
        // Twenty small images, then sixty large ones, of nearly the same bytes.
        let till = Till::open(|body, _| {
            let is_large = body.to_string().contains("large");
            honest(if is_large { 16_000 } else { 80 }, 10)
        });
        let image = |number: usize| {
            let url =
                format!("https://example.com/{}-{number}.png", if number < 20 { "small" } else { "large" });
            let parts = json!([{ "type": "image_url", "image_url": { "url": url } }, { "type": "text", "text": "?" }]);
            format!("{}\n", json!({ "messages": [{ "role": "user", "content": parts }] }))
        };
        let with_images = |model: &str| {
            let scene = scene_of(&till, model, "request.max_tokens = 100\nlimits.max_cost = 200.0\n");
            scene.write("in.jsonl", (0..80).map(image).collect::<String>());
            let job = scene.read("job.toml");
            let job: Vec<&str> = job.lines().filter(|line| !line.starts_with("prompt.user")).collect();
            scene.write("job.toml", job.join("\n") + "\n");
            scene
        };
        let scene = with_images("qwen3-vl-plus");
        scene.run(&["run", "job.toml"]).expect_code(5);
        scene.run(&["run", "job.toml"]).expect_code(5);
        assert!(
            till.requests() > 25 && till.cost() <= 200.0,
            "{} requests, {}",
            till.requests(),
            till.cost()
        );

        let sent = till.requests();
        let scene = with_images("nobody-knows");
        let said = scene.run(&["run", "job.toml"]).expect_code(1);
        said.says("the maximum number of tokens that nobody-knows makes of an image").says("`max_image`");
        assert_eq!(till.requests(), sent, "nothing was sent");
        // The user's own table gives it.
        scene.write("models.toml", "[models.nobody-knows]\nmax_image = 16_386\n");
        scene.run(&["run", "job.toml"]).expect_code(5);
        assert!(till.requests() > sent);
    });
}
