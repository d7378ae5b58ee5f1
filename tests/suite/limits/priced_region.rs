//! `[price] region` and `currency`: the table's prices of a region, at an address that is not the vendor's.

use serde_json::Value;

use crate::support::harness::{Scene, rows};

/// A job of three rows that asks the simulator, whose address is that of no region.
fn scene(more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", more);
    scene
}

fn preview(scene: &Scene, settings: &[&str]) -> Value {
    let set = settings.iter().flat_map(|setting| ["--set", setting]);
    let all: Vec<&str> = ["preview", "job.toml", "--json"].into_iter().chain(set).collect();
    serde_json::from_str(&scene.run(&all).expect_code(0).stdout).expect("JSON")
}

fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or_else(|| panic!("no {key} in {json}"))
}

/// Whether every row costs these prices per million tokens.
fn assert_cost(scene: &Scene, input: f64, output: f64) {
    for row in scene.output() {
        let expected =
            (number(&row, "prompt_tokens") * input + number(&row, "completion_tokens") * output) / 1e6;
        assert!((number(&row, "cost") - expected).abs() < 1e-11, "{row}: not {expected}");
    }
}

#[test]
fn a_gateway_has_the_prices_of_the_region_behind_it() {
    let mut scene = scene("price.region = \"singapore\"\nlimits.max_cost = 1.0\n");
    let before = preview(&scene, &[]);
    assert_eq!((&before["currency"], &before["unpriced"]), (&"USD".into(), &0.into()), "{before}");
    assert!(number(&before, "expected") > 0.0);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.output().len(), 3);
    assert_cost(&scene, 0.4, 1.2);
}

#[test]
fn another_name_of_a_region_is_the_same_and_another_region_has_other_prices() {
    let scene = scene("request.max_tokens = 100\n");
    let by = |region: &str| number(&preview(&scene, &[&format!("price.region={region}")]), "expected");
    assert!((by("singapore") - by("intl")).abs() < 1e-15);
    assert!(by("beijing") < by("singapore"));
}

#[test]
fn figures_beside_a_region_win_one_by_one() {
    let mut scene = scene("price = { region = \"singapore\", output = 9.0 }\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_cost(&scene, 0.4, 9.0);
}

#[test]
fn the_currency_of_ones_own_prices_is_shown_and_that_of_the_table_is_its_own() {
    let scene = scene("");
    let own = ["price.input=3", "price.output=6"];
    assert_eq!(preview(&scene, &own)["currency"], Value::Null);
    assert_eq!(preview(&scene, &[&own[..], &["price.currency=CNY"]].concat())["currency"], "CNY");
    let set = ["price.input=3", "price.output=6", "price.currency=CNY"].map(|setting| ["--set", setting]);
    let shown = scene.run(&[&["preview", "job.toml"], &set.concat()[..]].concat()).expect_code(0).stdout;
    assert!(
        shown.lines().any(|line| line.starts_with("expected cost: ") && line.contains(" CNY")),
        "{shown}"
    );
    let wrong = ["run", "job.toml", "--set", "price.region=singapore", "--set", "price.currency=CNY"];
    let refused = scene.run(&wrong).expect_code(1).stderr;
    assert!(refused.contains("the prices of the model table are in USD, not in CNY"), "{refused}");
    assert!(scene.witness().is_empty());
}

#[test]
fn at_the_vendors_own_address_the_prices_of_another_region_are_an_error() {
    let scene = scene("");
    let at = |region: &str| {
        let address = ["--base-url", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"];
        let setting = format!("price.region={region}");
        scene.run(&[&["preview", "job.toml", "--set", &setting], &address[..]].concat())
    };
    at("intl").expect_code(0);
    let refused = at("beijing").expect_code(1).stderr;
    assert!(
        refused.contains("the address is in singapore, where the prices of beijing do not apply"),
        "{refused}"
    );
}
