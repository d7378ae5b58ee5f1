//! What `preview` expects a job to cost, against what it then costs: translations are billed with the tokens that the
//! vocabulary of Qwen3 has for real translations of real interface texts.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::billing_server::{Till, honest};
use crate::support::harness::{Scene, lines, rows};

/// Tokens that the server adds to each text. The vendor's page shows 46, with English as the target.
const INSTRUCTIONS: u64 = 40;

/// The price of qwen-mt-plus in Singapore.
const PRICE: &str = "price = { input = 2.46, output = 7.37 }\n";

/// A text of the catalogue, and the tokens of it and of its translation.
#[derive(Clone)]
struct Text {
    text: String,
    tokens: (u64, u64),
}

/// The interface texts in one language, with their tokens in it and in another.
fn texts(from: &str, into: &str) -> Vec<Text> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/interface_texts.jsonl");
    let text = |line: &Value| {
        let tokens = |language: &str| line["tokens"][language].as_u64().expect("tokens");
        Text { text: line[from].as_str().expect("a text").to_owned(), tokens: (tokens(from), tokens(into)) }
    };
    lines(path.as_ref()).iter().map(text).collect()
}

/// Paragraphs of two to nine of the texts.
fn paragraphs(texts: &[Text], count: usize) -> Vec<Text> {
    let mut seed = 17_usize;
    let mut draw = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut paragraph = || {
        let chosen: Vec<&Text> = (0..2 + draw(8)).map(|_| &texts[draw(texts.len())]).collect();
        let joined: Vec<&str> = chosen.iter().map(|text| text.text.as_str()).collect();
        let sum = |of: fn(&Text) -> u64| chosen.iter().map(|text| of(text)).sum();
        Text {
            text: joined.join(". "),
            tokens: (sum(|text| text.tokens.0 + 1), sum(|text| text.tokens.1 + 1)),
        }
    };
    (0..count).map(|_| paragraph()).collect()
}

/// A job that translates the texts, at a server that bills them as the service would.
fn scene(texts: &[Text], from: &str, into: &str) -> (Scene, Till) {
    let scene = Scene::new();
    let rows: String = texts.iter().map(|text| format!("{}\n", json!({ "text": text.text }))).collect();
    scene.write("in.jsonl", rows);
    let bills: HashMap<String, (u64, u64)> =
        texts.iter().map(|text| (text.text.clone(), text.tokens)).collect();
    let till = Till::open(move |body, _| {
        let text = body["messages"][0]["content"].as_str().expect("a text");
        let (prompt, answer) = bills[text];
        honest(INSTRUCTIONS + prompt, answer)
    });
    let more = format!(
        "{PRICE}model.name = \"qwen-mt-plus\"\nrequest.translation_options = {{ source_lang = \"{from}\", \
         target_lang = \"{into}\" }}\n"
    );
    scene.job("in.jsonl", "out.jsonl", "");
    let job = scene.read("job.toml");
    let job: String =
        job.lines().filter(|line| !line.starts_with("model.name")).map(|line| format!("{line}\n")).collect();
    scene.write("job.toml", till.asked_by(&format!("{job}{more}")));
    (scene, till)
}

fn preview(scene: &Scene) -> Value {
    let shown = scene.run(&["preview", "job.toml", "--json"]).expect_code(0).stdout;
    serde_json::from_str(&shown).expect("JSON")
}

fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or_else(|| panic!("no {key} in {json}"))
}

/// By which factor two amounts differ.
fn factor(one: f64, other: f64) -> f64 {
    (one / other).max(other / one)
}

const PAIRS: [(&str, &str, &str, &str); 5] = [
    ("en", "English", "fr", "French"),
    ("en", "auto", "bn", "Bengali"),
    ("en", "English", "th", "th"),
    ("zh", "Chinese", "en", "English"),
    ("zh", "auto", "fr", "French"),
];

#[test]
fn what_a_catalogue_is_expected_to_cost_is_near_what_it_then_costs() {
    for (from, source, into, target) in PAIRS {
        let short = texts(from, into);
        let long = paragraphs(&short, 1_200 - short.len());
        let both: Vec<Text> = short.iter().chain(&long).cloned().collect();
        let kinds = [("both", both), ("short", short), ("long", long)];
        let kinds = kinds.into_iter().take(if into == "bn" { 3 } else { 1 });
        for (what, texts) in kinds {
            let (scene, till) = scene(&texts, source, target);
            let before = preview(&scene);
            scene.run(&["run", "job.toml"]).expect_code(0);
            assert_eq!(till.requests() as f64, number(&before, "to_send"));
            let receipt = scene.receipt();
            let (expected, most) = (number(&before, "expected"), number(&before, "most"));
            let cost = number(&receipt["this_run"], "cost");
            let name =
                format!("{what}, {source} to {target}: {expected} expected, {cost} paid, {most} at most");
            eprintln!("{name}");
            assert!(factor(expected, cost) < 1.5, "{name}");
            assert!(cost < most && most < 12.0 * cost, "{name}");
            assert_eq!(receipt["expected"]["expected"], before["expected"], "{name}");
            assert_eq!(before["based_on"], "translation");
        }
    }
}

#[test]
fn fifty_answers_show_what_the_rest_will_cost() {
    for (from, source, into, target) in [PAIRS[0], PAIRS[1]] {
        let short = texts(from, into);
        let mut texts = paragraphs(&short, short.len());
        // The first rows are a mixture of both.
        for (index, text) in short.into_iter().enumerate() {
            texts.insert(index * 2, text);
        }
        let (scene, _till) = scene(&texts, source, target);
        scene.run(&["run", "job.toml", "--limit", "50"]).expect_code(0);
        let first = number(&scene.receipt()["this_run"], "cost");
        let rest = preview(&scene);
        assert_eq!((&rest["based_on"], &rest["answers"]), (&"answers".into(), &50.into()));
        scene.run(&["run", "job.toml"]).expect_code(0);
        let cost = number(&scene.receipt()["all_runs"], "cost") - first;
        let name = format!("{source} to {target}: {rest} expected, {cost} paid");
        assert!(factor(number(&rest, "expected"), cost) < 1.2, "{name}");
    }
}

/// A job of chat requests with a price, at the simulator.
fn chat(more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..20));
    scene.job("in.jsonl", "out.jsonl", &format!("price = {{ input = 1.0, output = 2.0 }}\n{more}"));
    scene
}

#[test]
fn the_usual_length_of_answers_counts_until_enough_are_known() {
    let mut scene = chat("request.max_tokens = 2000\n");
    let before = preview(&scene);
    assert_eq!((&before["based_on"], &before["answers"]), (&"usual_answers".into(), &0.into()));
    assert_eq!(
        (number(&before, "completion_tokens"), &before["most_completion_tokens"]),
        (5_000.0, &40_000.into())
    );
    assert_eq!((&before["currency"], &before["unpriced"]), (&Value::Null, &0.into()));
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("an answer usually has about 250 tokens; 10 answers show more"), "{shown}");
    assert!(shown.contains(", if every answer were as long as `max_tokens` allows\n"), "{shown}");
    scene.run_job(&["job.toml", "--limit", "9"]).expect_code(0);
    assert_eq!(preview(&scene)["based_on"], "usual_answers", "nine are not enough");
    scene.run_job(&["job.toml", "--limit", "10"]).expect_code(0);
    let rest = preview(&scene);
    assert_eq!(rest["based_on"], "answers");
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(
        shown.contains(": by the 10 answers so far\n") && shown.contains("\nprices: the job's own\n"),
        "{shown}"
    );
    let paid = number(&scene.receipt()["all_runs"], "cost");
    scene.run_job(&["job.toml"]).expect_code(0);
    let paid = number(&scene.receipt()["all_runs"], "cost") - paid;
    assert!(factor(number(&rest, "expected"), paid) < 1.05, "{rest} {paid}");
}

#[test]
fn what_request_and_model_allow_bounds_what_is_expected() {
    let tokens = |more: &str| number(&preview(&chat(more)), "completion_tokens");
    assert_eq!(tokens("request.max_tokens = 100\n"), 20.0 * 50.0);
    assert_eq!(tokens("request.max_tokens = 100\nrequest.n = 3\n"), 20.0 * 150.0);
    let thinking = "model.name = \"qwen3.6-plus\"\nrequest.max_tokens = 100\n";
    let job = |scene: &Scene| {
        let job = scene.read("job.toml");
        let kept = job.lines().filter(|line| !line.starts_with("model.name"));
        scene.write("job.toml", kept.map(|line| format!("{line}\n")).collect::<String>() + thinking);
    };
    let scene = chat("");
    job(&scene);
    let thoughts = preview(&scene);
    assert_eq!(
        (number(&thoughts, "completion_tokens"), &thoughts["based_on"]),
        (20.0 * 1_550.0, &"usual_thoughts".into())
    );
}

#[test]
fn what_a_cap_leaves_and_where_the_run_will_stop_is_shown() {
    // A translation may cost 8,192 × 7.37 millionths, which a cap sets aside, and is expected to cost a thousandth of that.
    let texts = paragraphs(&texts("en", "fr"), 100);
    let (scene, till) = scene(&texts, "English", "French");
    let all = number(&preview(&scene), "expected");
    let cap = 0.0605 + all / 2.0;
    let cap = format!("limits.max_cost={cap}");
    let shown = scene.run(&["preview", "job.toml", "--json", "--set", &cap]).expect_code(0).stdout;
    let before: Value = serde_json::from_str(&shown).expect("JSON");
    assert!((number(&before, "cap_left") - all / 2.0 - 0.0605).abs() < 1e-9, "{before}");
    let covers = number(&before, "cap_covers");
    assert!((40.0..60.0).contains(&covers), "{before}");
    let said = format!("expected to stop at `max_cost` after about {covers} of 100 requests");
    let shown = scene.run(&["preview", "job.toml", "-n", "0", "--set", &cap]).expect_code(0).stdout;
    assert!(shown.contains(&said), "{shown}");
    scene.run(&["run", "job.toml", "--set", &cap]).expect_code(5).says(&said).says("expected cost: ");
    assert!(factor(till.requests() as f64, covers) < 1.5, "{} {covers}", till.requests());
    let nothing = scene.run(&["preview", "job.toml", "-n", "0", "--set", "limits.max_cost=0.00001"]);
    let nothing = nothing.expect_code(0).stdout;
    assert!(nothing.contains("nothing would be sent"), "{nothing}");
}

#[test]
fn rows_that_are_not_sent_are_in_the_counts_and_not_in_the_cost() {
    let mut scene = chat("input.duplicates = \"share\"\n");
    let alone = preview(&scene);
    scene.write("in.jsonl", format!("{}{}", rows(0..20), rows(0..20)));
    let twice = preview(&scene);
    assert_eq!((&twice["to_send"], &twice["shared"], &twice["rows"]), (&20.into(), &20.into(), &40.into()));
    assert_eq!((&twice["expected"], &twice["most"]), (&alone["expected"], &alone["most"]));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 20);
    let nothing = preview(&scene);
    assert_eq!(
        (&nothing["to_send"], &nothing["expected"], &nothing["kept"]),
        (&0.into(), &0.0.into(), &40.into())
    );
}

#[test]
fn a_price_that_is_not_known_is_null_and_a_known_one_has_its_currency() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", "");
    let unknown = preview(&scene);
    assert_eq!(
        (&unknown["expected"], &unknown["most"], &unknown["unpriced"]),
        (&Value::Null, &Value::Null, &3.into())
    );
    let flags = [
        "preview",
        "job.toml",
        "-n",
        "0",
        "--base-url",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    ];
    let shown = scene.run(&flags).expect_code(0).stdout;
    assert!(shown.contains("expected cost: 0.") && shown.contains("\nprices: of "), "{shown}");
    assert!(shown.contains("\nat most: "), "{shown}");
}

#[test]
fn what_packing_saves_is_shown_in_time_and_money_whether_it_is_on_or_off() {
    let short = texts("en", "fr");
    let long = paragraphs(&short, 1_200 - short.len());
    let both: Vec<Text> = short.into_iter().chain(long).collect();
    let (scene, _till) = scene(&both, "English", "French");
    let limits = ["--qpm", "60", "--tpm", "100000"];
    let previewed = |more: &[&str]| {
        let arguments = [&["preview", "job.toml", "-n", "0"], limits.as_slice(), more].concat();
        scene.run(&arguments).expect_code(0).stdout
    };
    let off: Value = serde_json::from_str(&previewed(&["--json"])).expect("JSON");
    let on = previewed(&["--json", "--set", "pack.rows=auto"]);
    let on: Value = serde_json::from_str(&on).expect("JSON");
    assert_eq!((&off["packs"]["on"], &on["packs"]["on"]), (&false.into(), &true.into()));
    assert_eq!(off["packs"]["requests"], on["packs"]["requests"]);
    assert!(number(&on["packs"], "requests") < 300.0, "{on}");
    assert!((number(&off, "seconds") - 1_200.0).abs() < 5.0 && number(&on, "seconds") < 300.0, "{off} {on}");
    // Instructions are sent once for each request; the marks of a pack take some of that back.
    assert!(number(&on, "expected") < number(&off, "expected") * 0.95, "{off} {on}");
    assert_eq!(off["packs"]["expected"], on["expected"]);
    let told = previewed(&[]);
    assert!(told.contains("packing would save ") && told.contains("with `[pack] rows = \"auto\"`"), "{told}");
    let told = previewed(&["--set", "pack.rows=auto"]);
    assert!(
        told.contains("packing: 1,200 texts in about ")
            && told.contains(" instead of 20m")
            && told.contains(", for 0."),
        "{told}"
    );
    // Nothing is saved where nothing is limited.
    let told = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(!told.contains("packing"), "{told}");
}

#[test]
fn packs_are_promised_only_to_rows_that_have_all_but_their_text_in_common() {
    let limits = "pack.rows = 10\nrequest.max_tokens = 60\nlimits.qps = 200\nlimits.tpm = 100_000_000\n";
    let rows: String =
        (0..90).map(|n| format!("{}\n", json!({ "text": format!("Say {n}"), "t": n }))).collect();
    let previewed = |each: &str| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows.as_str());
        scene.job("in.jsonl", "out.jsonl", &format!("{limits}{each}"));
        let preview = preview(&scene);
        scene.run(&["run", "job.toml"]).expect_code(0);
        (preview, scene.witness_count() as f64)
    };
    let (preview, sent) = previewed("prompt.system = \"You talk about {{ t }}.\"\n");
    assert_eq!((&preview["packs"], sent), (&Value::Null, 90.0), "{preview}");
    let (preview, sent) =
        previewed("prompt.system = \"You speak {{ each.lang }}.\"\neach.lang = [\"A\", \"B\", \"C\"]\n");
    let requests = number(&preview["packs"], "requests");
    assert!(requests < 90.0 && (requests - sent).abs() <= 9.0, "{sent} sent, {preview}");
    // A third of the rows has nothing in common with any other.
    let (preview, sent) =
        previewed("prompt.system = \"{% if t % 3 == 0 %}About {{ t }}.{% else %}Be brief.{% endif %}\"\n");
    let requests = number(&preview["packs"], "requests");
    assert!(requests > 30.0 && (requests - sent).abs() <= 6.0, "{sent} sent, {preview}");
}

#[test]
fn blank_rows_are_counted_and_cost_nothing_and_repairs_are_named() {
    let mut scene = chat("");
    let alone = preview(&scene);
    scene.write("in.jsonl", format!("{{\"text\": \" \"}}\n{}{{\"text\": \"\"}}\n", rows(0..20)));
    let before = preview(&scene);
    assert_eq!((&before["blank"], &before["to_send"], &before["rows"]), (&2.into(), &20.into(), &22.into()));
    assert_eq!(before["expected"], alone["expected"]);
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("2 without text") && !shown.contains("repaired"), "{shown}");
    let checks = ["preview", "job.toml", "-n", "0", "--set", "answer.checks=[\"placeholders\"]"];
    let shown = scene.run(&checks).expect_code(0).stdout;
    assert!(shown.contains("as long as the model allows; plus repaired answers\n"), "{shown}");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 20);
}
