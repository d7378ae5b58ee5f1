//! `preview` as the price advisor: what each route is expected to cost, and why one is not available.

use serde_json::Value;

use crate::support::harness::{Scene, rows};

/// A job of a model in a region; nothing is sent.
fn scene(region: &str, model: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..6));
    let text = format!(
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nprompt.user = \"{{{{ text }}}}\"\n\
         request.max_tokens = 100\nmodel = {{ name = \"{model}\", region = \"{region}\" }}\n{more}\n"
    );
    scene.write("job.toml", text);
    scene
}

fn preview(scene: &Scene, arguments: &[&str]) -> Value {
    let all = [&["preview", "job.toml", "--json"], arguments].concat();
    serde_json::from_str(&scene.run(&all).expect_code(0).stdout).expect("JSON")
}

fn route<'a>(json: &'a Value, name: &str) -> &'a Value {
    let mut routes = json["routes"].as_array().expect("routes").iter();
    routes.find(|route| route["route"] == name).unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn cost(json: &Value, name: &str) -> f64 {
    route(json, name)["expected"].as_f64().unwrap_or_else(|| panic!("no cost of {name} in {json}"))
}

fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs() * 1e-9
}

#[test]
fn the_slower_routes_cost_half_whichever_the_job_has() {
    let scene = scene("beijing", "qwen-plus", "");
    let live = preview(&scene, &[]);
    let queued = preview(&scene, &["--tier", "batch-chat"]);
    assert!(is_near(cost(&live, "live"), live["expected"].as_f64().expect("a cost")));
    assert!(is_near(cost(&queued, "batch_chat"), queued["expected"].as_f64().expect("a cost")));
    for json in [&live, &queued] {
        assert!(is_near(cost(json, "live"), cost(&live, "live")), "{json}");
        for half in ["batch_chat", "batch"] {
            assert!(is_near(cost(json, half) * 2.0, cost(&live, "live")), "{half}: {json}");
        }
    }
    assert_eq!(
        (&route(&live, "live")["chosen"], &route(&live, "batch_chat")["chosen"]),
        (&true.into(), &false.into())
    );
    assert_eq!(route(&queued, "batch_chat")["chosen"], true);
    assert_eq!(route(&live, "batch")["within_seconds"], 86_400);
    let files = preview(&scene, &["--set", "model.transport=batch", "--set", "batch.window=48h"]);
    assert!(is_near(cost(&files, "batch"), files["expected"].as_f64().expect("a cost")));
    assert!(is_near(cost(&files, "live"), cost(&live, "live")), "{files}");
    assert_eq!(
        (&route(&files, "batch")["chosen"], &route(&files, "batch")["within_seconds"]),
        (&true.into(), &172_800.into())
    );
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    for line in [
        "\nroutes:\n  live: ",
        " (this job)\n",
        "\n  batch-chat: ",
        "each request within an hour",
        ", within 24 hours",
    ] {
        assert!(shown.contains(line), "{line:?} is not in {shown}");
    }
}

#[test]
fn a_route_that_is_not_available_says_why() {
    let reason = |scene: &Scene, name: &str| {
        let json = preview(scene, &[]);
        assert_eq!(route(&json, name)["expected"], Value::Null, "{json}");
        route(&json, name)["unavailable"].as_str().expect("a reason").to_owned()
    };
    let singapore = scene("singapore", "qwen-plus", "");
    let why = reason(&singapore, "batch_chat");
    assert!(why.contains("in beijing, and the address is in singapore"), "{why}");
    let why = reason(&singapore, "live_cached");
    assert!(why.contains("the cache takes 1,024 or more"), "{why}");
    let translation = "request.translation_options = { source_lang = \"English\", target_lang = \"French\" }";
    let why = reason(&scene("beijing", "qwen-mt-plus", translation), "batch_chat");
    assert_eq!(why, "qwen-mt-plus is not offered by Batch Chat");
}

#[test]
fn a_long_beginning_that_all_prompts_have_in_common_makes_the_cache_worth_a_line() {
    let words = "The glossary of the house has many terms. ".repeat(400);
    let scene = scene("beijing", "qwen-plus", &format!("prompt.system = \"{words}\""));
    let json = preview(&scene, &[]);
    let (live, cached) = (cost(&json, "live"), cost(&json, "live_cached"));
    assert!(cached < live * 0.6, "{cached} and {live}");
    assert!(cached > 0.0);
}

#[test]
fn at_another_address_there_is_nothing_to_choose_from_and_own_prices_are_those_of_every_route() {
    let elsewhere = Scene::new();
    elsewhere.write("in.jsonl", rows(0..6));
    elsewhere.job("in.jsonl", "out.jsonl", "price = { input = 1.0, output = 2.0 }\n");
    let shown = elsewhere.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(!shown.contains("routes:"), "{shown}");
    let own = preview(&scene("beijing", "qwen-plus", "price = { input = 1.0, output = 2.0 }"), &[]);
    assert!(is_near(cost(&own, "batch_chat"), cost(&own, "live")), "{own}");
}
