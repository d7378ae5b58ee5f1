//! `tier = "batch-chat"`: the route at half the price, its address, its limits, and a job that is switched to it.

use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, rows};
use crate::support::trusted::Impostor;

/// The host that offers the tier.
const HOST: &str = "batch.dashscope.aliyuncs.com";

/// A job without an address; `more` under `[model]`.
fn job(scene: &Scene, more: &str) {
    let text = format!(
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nprompt.user = \"{{{{ text }}}}\"\n\
         [request]\nmax_tokens = 100\n[model]\nname = \"qwen-plus\"\n{more}\n"
    );
    scene.write("job.toml", text);
}

fn scene(more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..6));
    job(&scene, more);
    scene
}

fn preview(scene: &Scene, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["preview", "job.toml", "--json"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&scene.run(&all).expect_code(0).stdout).expect("JSON")
}

fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or_else(|| panic!("no {key} in {json}"))
}

#[test]
fn one_word_asks_the_route_in_beijing_and_pays_half() {
    let scene = scene("tier = \"batch-chat\"");
    let impostor = Impostor::of(&scene, HOST);
    let output = impostor.command(&scene, &["run", "job.toml"]).output().expect("the binary runs");
    Finished::from(output).expect_code(0);
    let heard = impostor.proxy.heard();
    assert!(heard.starts_with(&format!("CONNECT {HOST}:443 ")), "{heard}");
    assert_eq!((impostor.relay.heard().len(), scene.witness().len()), (6, 6));
    for row in scene.output() {
        // Half of 0.115 and 0.287 per million, Beijing's prices of qwen-plus.
        let expected =
            (number(&row, "prompt_tokens") * 0.0575 + number(&row, "completion_tokens") * 0.1435) / 1e6;
        assert!((number(&row, "cost") - expected).abs() < 1e-11, "{row}");
    }
}

#[test]
fn the_route_costs_half_and_has_limits_of_its_own() {
    let scene = scene("region = \"beijing\"");
    let whole = preview(&scene, &[]);
    for flags in [&["--tier", "batch-chat"][..], &["--set", "model.tier=batch-chat"]] {
        let half = preview(&scene, flags);
        for key in ["expected", "most"] {
            assert!((number(&half, key) * 2.0 - number(&whole, key)).abs() < 1e-11, "{key}: {half}");
        }
    }
    // 1,000 requests a second, and no limit on tokens: those per minute are those of the other route.
    scene.write("in.jsonl", rows(0..5_000));
    assert!((4.0..6.0).contains(&number(&preview(&scene, &["--tier", "batch-chat"]), "seconds")));
    assert!(number(&preview(&scene, &["--tier", "standard"]), "seconds") > 8.0);
    // The variable of its kin works too, and the price of the user is the price.
    let own = ["--set", "price.input=1", "--set", "price.output=1"];
    let output = scene
        .command(&[&["preview", "job.toml", "--json"], &own[..]].concat())
        .env("FANFOLD_TIER", "batch-chat")
        .output();
    let own_price: Value =
        serde_json::from_str(&Finished::from(output.expect("it runs")).expect_code(0).stdout).expect("JSON");
    assert!(number(&own_price, "expected") > number(&whole, "expected"), "{own_price}");
}

#[test]
fn its_address_is_the_tier_however_it_is_written() {
    let scene = scene("");
    let address = format!("https://{HOST}/compatible-mode/v1");
    let by_word = preview(&scene, &["--tier", "batch-chat"]);
    let by_address = preview(&scene, &["--base-url", &address]);
    let by_both = preview(&scene, &["--base-url", &address, "--tier", "batch-chat"]);
    assert_eq!((by_word["expected"].clone(), &by_word), (by_address["expected"].clone(), &by_both));
    let shown = scene.run(&["preview", "job.toml", "--tier", "batch-chat"]).expect_code(0).stdout;
    assert!(shown.contains(&format!("address: {address} (batch-chat: ")), "{shown}");
}

#[test]
fn a_job_that_is_switched_to_it_resumes_and_pays_for_nothing_twice() {
    let mut scene = scene("");
    let there = scene.base_url().to_owned();
    scene.run_job(&["job.toml", "--base-url", &there, "--max-total-tokens", "200"]).expect_code(5);
    let before = scene.witness().len();
    assert!((1..6).contains(&before), "{before}");
    job(&scene, "tier = \"batch-chat\"");
    let plan = preview(&scene, &[]);
    assert_eq!(
        (plan["kept"].as_u64(), plan["to_send"].as_u64()),
        (Some(before as u64), Some(6 - before as u64))
    );
    let impostor = Impostor::of(&scene, HOST);
    let output = impostor.command(&scene, &["run", "job.toml"]).output().expect("the binary runs");
    Finished::from(output).expect_code(0);
    assert_eq!(scene.witness().len(), 6, "each row is paid for once");
    // And back, to an address of any other kind.
    scene.run_job(&["job.toml", "--tier", "standard", "--base-url", &there]).expect_code(0);
    assert_eq!(scene.witness().len(), 6);
    scene.run(&["status", "job.toml"]).expect_code(0);
}

#[test]
fn rows_with_a_model_that_the_route_lacks_are_named() {
    let scene = scene("tier = \"batch-chat\"");
    let row = |model: &str| {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "a" }] });
        format!(
            "{}\n",
            json!({ "custom_id": model, "method": "POST", "url": "/v1/chat/completions", "body": body })
        )
    };
    scene.write("in.jsonl", [row("qwen-plus"), row("qwen-max")].concat());
    scene.write(
        "job.toml",
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.tier = \"batch-chat\"\n",
    );
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(
        shown.contains("warning: qwen-max is not offered by Batch Chat; 1 request may be refused"),
        "{shown}"
    );
}
