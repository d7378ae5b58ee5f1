//! The cost of rows, runs and days, worked out by hand.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, lines, rows};
use crate::support::tables::Table;

/// A model table for any address: one price with tiers, thinking and a cache, one flat price, and none.
const OWN: &str = r#"
[models.qwen-plus]
prices.any.tiers = [
    { up_to = 30, input = 1.0, output = 2.0, cached_input = 0.2, cache_read = 0.1, cache_write = 1.25 },
    { input = 3.0, output = 5.0 },
]
[models."qwen3.6-plus"]
prices.any = { input = 1.0, output = 2.0, thinking_output = 7.0 }
[models.qwen-flash]
prices.any = { input = 10.0, output = 20.0 }
"#;

fn scene(more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("models.toml", OWN);
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", more);
    scene
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or_else(|| panic!("{column} is no number in {row}"))
}

/// Whether two amounts are equal except for rounding.
fn assert_money(told: &Value, expected: f64) {
    let told = told.as_f64().unwrap_or_else(|| panic!("{told} is no cost"));
    assert!((told - expected).abs() < 1e-11, "{told} is told, {expected} worked out");
}

fn status(scene: &Scene) -> Value {
    serde_json::from_str(&scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout).expect("JSON")
}

#[test]
fn a_row_costs_by_the_tier_of_its_own_length_and_run_and_status_add_up() {
    let mut scene = scene("");
    let long = "many words ".repeat(30);
    let input: String =
        ["short", &long, "short again"].iter().map(|text| format!("{}\n", json!({ "text": text }))).collect();
    scene.write("in.jsonl", input);
    scene.run_job(&["job.toml"]).expect_code(0);
    let mut sum = 0.0;
    for (row, (input, output)) in scene.output().iter().zip([(1.0, 2.0), (3.0, 5.0), (1.0, 2.0)]) {
        assert_eq!(number(row, "prompt_tokens") > 30.0, input > 1.0, "{row}");
        let cost = (number(row, "prompt_tokens") * input + number(row, "completion_tokens") * output) / 1e6;
        assert_money(&row["cost"], cost);
        sum += cost;
    }
    let receipt = scene.receipt();
    assert_money(&receipt["this_run"]["cost"], sum);
    assert_money(&receipt["all_runs"]["cost"], sum);
    let status = status(&scene);
    assert_money(&status["cost"], sum);
    assert_money(&status["runs"][0]["cost"], sum);
    assert_money(&status["days"][0]["cost"], sum);
    // No rounding noise: 0.1 + 0.2 would have seventeen digits.
    let shown = [
        &receipt["all_runs"]["cost"],
        &receipt["this_run"]["cost"],
        &status["cost"],
        &status["days"][0]["cost"],
    ];
    assert!(shown.iter().all(|cost| cost.to_string().len() <= 14), "{shown:?}");
}

#[test]
fn an_answer_that_thought_has_the_price_of_thinking() {
    let mut scene = scene("model.transport = \"whole\"\n");
    let off = ["job.toml", "--model", "qwen3.6-plus", "--set", "request.enable_thinking=false"];
    for (arguments, output) in [(&["job.toml", "--model", "qwen3.6-plus"][..], 7.0), (&off[..], 2.0)] {
        scene.run_job(arguments).expect_code(0);
        for row in scene.output() {
            assert_eq!(row["reasoning"].is_string(), output > 2.0, "{row}");
            // Reasoning is among the completion tokens: 1 per million in, `output` out.
            let cost = (number(&row, "prompt_tokens") + number(&row, "completion_tokens") * output) / 1e6;
            assert_money(&row["cost"], cost);
        }
    }
}

#[test]
fn rows_that_bring_their_own_model_cost_as_that_model_does() {
    let mut scene = scene("");
    let line = |id: &str, model: &str| {
        let body =
            json!({ "model": model, "messages": [{ "role": "user", "content": format!("row {id}") }] });
        format!(
            "{}\n",
            json!({ "custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body })
        )
    };
    let input =
        [line("a", "qwen-plus"), line("b", "qwen-flash"), line("c", "qwen-mt-plus"), line("d", "qwen-max")];
    scene.write("in.jsonl", input.concat());
    let job = format!(
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.base_url = {:?}\n",
        scene.base_url()
    );
    scene.write("job.toml", &job);
    let preview = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(preview.contains("; 2 requests more with unknown price"), "{preview}");
    scene.run_job(&["job.toml"]).expect_code(0).says("· cost 0.00");
    let rows = scene.output();
    let cost = |row: &Value, input: f64, output: f64| {
        (number(row, "prompt_tokens") * input + number(row, "completion_tokens") * output) / 1e6
    };
    let (plus, flash) = (cost(&rows[0], 1.0, 2.0), cost(&rows[1], 10.0, 20.0));
    assert_money(&rows[0]["cost"], plus);
    assert_money(&rows[1]["cost"], flash);
    assert_eq!((&rows[2]["cost"], &rows[3]["cost"]), (&Value::Null, &Value::Null), "not known, and not 0");
    assert_money(&scene.receipt()["all_runs"]["cost"], plus + flash);
    assert_money(&status(&scene)["cost"], plus + flash);

    // A price set by the job applies to every model.
    scene.write("job.toml", job + "price = { input = 2.0, output = 4.0, thinking_output = 40.0 }\n");
    scene.judge.forget();
    scene.run_job(&["job.toml", "--fresh"]).expect_code(0);
    for row in scene.output() {
        assert_money(&row["cost"], cost(&row, 2.0, 4.0));
    }
}

#[test]
fn a_price_that_is_not_known_is_null_everywhere_and_never_nothing() {
    let mut scene = Scene::new();
    scene.rows_and_job(2, "");
    let finished = scene.run_job(&["job.toml"]).expect_code(0);
    assert!(!finished.stderr.contains("cost"), "{}", finished.stderr);
    assert!(scene.output().iter().all(|row| row["cost"].is_null()));
    let (receipt, status) = (scene.receipt(), status(&scene));
    for cost in [
        &receipt["this_run"]["cost"],
        &receipt["all_runs"]["cost"],
        &status["cost"],
        &status["runs"][0]["cost"],
        &status["days"][0]["cost"],
    ] {
        assert_eq!(cost, &Value::Null);
    }
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(!text.contains("cost"), "{text}");
    let preview = scene.run(&["preview", "job.toml", "-n", "0", "--limit", "0"]).expect_code(0).stdout;
    assert!(preview.contains("cost: "), "{preview}");
    // A model that costs nothing is different: its price is known.
    scene.judge.forget();
    let free = ["job.toml", "--fresh", "--set", "price.input=0", "--set", "price.output=0"];
    scene.run_job(&free).expect_code(0);
    assert_eq!(scene.output()[0]["cost"], 0.0);
    assert_eq!((&scene.receipt()["all_runs"]["cost"], &status_of_free(&scene)), (&0.0.into(), &0.0.into()));
}

fn status_of_free(scene: &Scene) -> Value {
    status(scene)["cost"].clone()
}

/// A reply with these details on its prompt of 30 tokens, and 10 tokens of answer.
fn reply(details: &str) -> String {
    let body = format!(
        "{{\"id\":\"chatcmpl-1\",\"model\":\"qwen-plus\",\"choices\":[{{\"index\":0,\"finish_reason\":\"stop\",\
         \"message\":{{\"role\":\"assistant\",\"content\":\"yes\"}}}}],\"usage\":{{\"prompt_tokens\":30,\
         \"completion_tokens\":10,\"total_tokens\":40,\"prompt_tokens_details\":{details}}}}}"
    );
    format!("[[fault]]\nstatus = 200\nbody = '{body}'\n")
}

/// What a row costs whose reply has these details.
fn cost_with(details: &str, marked: bool) -> Value {
    let scene = Scene::with_script(&reply(details));
    scene.write("models.toml", OWN);
    let mut part = json!({ "type": "text", "text": "the same long document" });
    if marked {
        part["cache_control"] = json!({ "type": "ephemeral" });
    }
    scene.write("in.jsonl", format!("{}\n", json!({ "messages": [{ "role": "user", "content": [part] }] })));
    let job = format!(
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-plus\"\nmodel.base_url = {:?}\n",
        scene.base_url()
    );
    scene.write("job.toml", job);
    // The simulator did not count these tokens, so the judge cannot check them.
    scene.run(&["run", "job.toml"]).expect_code(0);
    lines(&scene.path("out.jsonl"))[0]["cost"].clone()
}

#[test]
fn cached_tokens_cost_their_share_and_a_marked_cache_has_prices_of_its_own() {
    // 30 × 1 + 10 × 2 = 50 millionths.
    assert_money(&cost_with("null", false), 50e-6);
    assert_money(&cost_with("{\"cached_tokens\":0}", false), 50e-6);
    // 10 × 1 + 20 × 0.2 + 20 = 34 by the automatic cache; 10 + 20 × 0.1 + 20 = 32 from a marked one.
    assert_money(&cost_with("{\"cached_tokens\":20}", false), 34e-6);
    assert_money(&cost_with("{\"cached_tokens\":20}", true), 32e-6);
    // Written: 10 × 1 + 20 × 1.25 + 20 = 55, whichever way the service says so.
    assert_money(&cost_with("{\"cached_tokens\":0,\"cache_creation_input_tokens\":20}", true), 55e-6);
    let by_life = "{\"cache_creation\":{\"ephemeral_5m_input_tokens\":15,\"ephemeral_1h_input_tokens\":5}}";
    assert_money(&cost_with(by_life, true), 55e-6);
}

#[test]
fn a_cap_on_cost_refuses_rows_whose_price_is_not_known() {
    let mut scene = scene("");
    let turn = |text: &str, model: Option<&str>| {
        let messages = json!([{ "role": "user", "content": text }]);
        match model {
            Some(model) => json!({ "custom_id": text, "body": { "model": model, "messages": messages } }),
            None => json!({ "custom_id": text, "messages": messages }),
        }
    };
    scene.write("in.jsonl", format!("{}\n{}\n", turn("a", Some("qwen-flash")), turn("b", Some("qwen-max"))));
    let job = format!(
        "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.base_url = {:?}\nlimits.max_cost = 5.0\n",
        scene.base_url()
    );
    scene.write("job.toml", job);
    scene
        .run_job(&["job.toml"])
        .expect_code(1)
        .says("in.jsonl:2")
        .says("that of qwen-max is not known")
        .says("remove `max_cost`");
    assert!(scene.witness().is_empty());
    scene.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3);
    let statuses: Vec<Value> = scene.output().iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["ok", "failed"]);
    assert_eq!(scene.witness().len(), 1);
}

#[test]
fn status_shows_the_cost_of_each_day_and_each_run() {
    let mut scene = scene("price = { input = 1.0, output = 2.0 }\n");
    scene.run_job(&["job.toml", "--limit", "2"]).expect_code(0);
    scene.run_job(&["job.toml"]).expect_code(0);
    let costs: Vec<f64> = scene.output().iter().map(|row| number(row, "cost")).collect();
    let tokens: Vec<f64> = scene.output().iter().map(|row| number(row, "total_tokens")).collect();
    // 2026-03-01 23:30 UTC, and two hours later.
    let journal = Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
    journal.execute("UPDATE steps SET sent_at = 1772407800", []).expect("an hour");
    journal.execute("UPDATE steps SET sent_at = sent_at + 7200 WHERE step > 1", []).expect("an hour");
    drop(journal);
    let told = |zone: &str, arguments: &[&str]| {
        let output = scene.command(arguments).env("TZ", zone).output().expect("the binary runs");
        Finished::from(output).expect_code(0).stdout
    };
    let json = |zone: &str| -> Value {
        serde_json::from_str(&told(zone, &["status", "job.toml", "--json"])).expect("JSON")
    };
    let days = &json("UTC0")["days"];
    assert_eq!((&days[0]["date"], &days[0]["requests"]), (&"2026-03-01".into(), &1.into()));
    assert_eq!((&days[1]["date"], &days[1]["requests"]), (&"2026-03-02".into(), &2.into()));
    assert_money(&days[0]["cost"], costs[0]);
    assert_money(&days[1]["cost"], costs[1] + costs[2]);
    assert_eq!(days[1]["tokens"].as_f64(), Some(tokens[1] + tokens[2]));
    // Two hours east of Greenwich all of it was on the second day.
    let east = json("EAST-2");
    assert_eq!(east["days"].as_array().map(Vec::len), Some(1));
    assert_eq!((&east["days"][0]["date"], &east["days"][0]["requests"]), (&"2026-03-02".into(), &3.into()));
    assert_money(&east["runs"][0]["cost"], costs[0] + costs[1]);
    assert_money(&east["runs"][1]["cost"], costs[2]);
    let text = told("UTC0", &["status", "job.toml"]);
    assert!(text.contains("by day:\n  2026-03-01: 1 request · "), "{text}");
    assert!(
        text.contains("by run:\n  run 1 (simulator), ") && text.contains("\n  run 2 (simulator), "),
        "{text}"
    );
}

#[test]
fn preview_estimates_at_the_price_of_each_request() {
    let scene = scene("request.max_tokens = 50\n");
    let long = json!({ "id": "long", "text": "many words ".repeat(40) });
    scene.write("in.jsonl", format!("{}{long}\n", rows(0..1)));
    let shown = scene.run(&["preview", "job.toml", "-n", "3"]).expect_code(0).stdout;
    let prompt: Vec<f64> = shown
        .lines()
        .filter_map(|line| line.split("about ").nth(1)?.strip_suffix(" prompt tokens")?.parse().ok())
        .collect();
    // The one is short (1 in, 2 out), the other long (3 in, 5 out).
    assert!(prompt[0] <= 30.0 && prompt[1] > 30.0, "{shown}");
    let most = (prompt[0] + prompt[1] * 3.0 + 50.0 * (2.0 + 5.0)) / 1e6;
    let line = format!("at most: {most:.4} USD, if every answer were as long as `max_tokens` allows");
    assert!(shown.contains(&line), "{line} is not in: {shown}");
    // Of an English prompt about three quarters are expected, but of its frame of 5 tokens; of the answers, half.
    let likely = |tokens: f64| 5.0 + (tokens - 5.0) * 0.74;
    let expected = (likely(prompt[0]) + likely(prompt[1]) * 3.0 + 25.0 * (2.0 + 5.0)) / 1e6;
    let json = scene.run(&["preview", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let told = json["expected"].as_f64().expect("a cost");
    assert!((told / expected - 1.0).abs() < 0.02, "{told} {expected}");
}

#[test]
fn the_cost_of_a_row_is_in_every_format() {
    let mut scene = scene("price = { input = 1.0, output = 2.0 }\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let costs: Vec<String> = scene.output().iter().map(|row| row["cost"].to_string()).collect();
    for name in ["again.csv", "again.parquet"] {
        scene.run(&["export", "job.toml", "--output", name]).expect_code(0);
        assert_eq!(Table::read(&scene.path(name)).texts("cost"), costs, "{name}");
    }
}
