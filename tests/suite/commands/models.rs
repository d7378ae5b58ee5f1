//! `fanfold models`, the user's own model table, regions, and warnings before rows are sent.

use std::collections::BTreeMap;

use fanfold::simulator::{Profile, ServerSettings};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, rows};

/// The published list, as the vendor's pages and models.dev have it by November 2026: context, longest answer, thinking,
/// transport and function calling. `-`: not said, or not sure enough to be in the table.
const PUBLISHED: &str = "
    qwen4-max              1000000  384000 on     whole                           yes
    qwen3.8-max            1000000  131072 on     whole                           yes
    qwen3.8-flash          1000000  131072 on     whole                           yes
    qwen3.7-flash          1000000  65536  on     whole                           yes
    qwen3.7-max            1000000  65536  on     whole                           yes
    qwen3.7-plus           1000000  65536  on     whole                           yes
    qwen3.6-plus           1000000  65536  on     whole                           yes
    qwen3.6-flash          1000000  65536  on     whole                           yes
    qwen3.6-max-preview    262144   65536  on     -                               yes
    qwen3.5-plus           1000000  65536  on     whole                           yes
    qwen3.5-flash          1000000  65536  on     whole                           yes
    qwen3-max              262144   65536  off    whole                           yes
    qwen-max               32768    8192   no     whole                           yes
    qwen-plus              1000000  32768  off    whole                           yes
    qwen-flash             1000000  32768  off    whole                           yes
    qwen-turbo             131072   16384  off    stream_only_unless_thinking_off no
    qwq-plus               131072   8192   always stream_only                     yes
    qvq-max                131072   8192   always stream_only                     no
    qwen-long              10000000 8192   no     whole                           no
    qwen3-coder-next       256000   -      no     whole                           yes
    qwen3-coder-plus       1048576  65536  no     whole                           yes
    qwen3-coder-flash      1000000  65536  no     whole                           yes
    qwen3-vl-plus          262144   32768  off    whole                           yes
    qwen-mt-plus           16384    8192   no     whole                           no
    qwen-mt-flash          16384    8192   no     whole                           no
    qwen-mt-turbo          16384    8192   no     whole                           no
    qwen-mt-lite           16384    8192   no     whole                           no
    qwen-plus-character-ja 8192     512    no     whole                           no
    qwen3-32b              131072   16384  on     stream_only_unless_thinking_off yes
    qwen3-235b-a22b        131072   16384  on     stream_only_unless_thinking_off yes
    qwen-math-plus         4096     3072   no     whole                           no
    qwen-deep-research     1000000  32768  always stream_only                     no
";

/// Requests and tokens per minute, by the vendor's page on rate limits of mid-2026.
const LIMITS: &str = "
    qwen3.7-max         singapore 600   1000000   beijing 30000 5000000
    qwen3.7-plus        singapore 15000 5000000   beijing 30000 5000000   virginia 30000 5000000
    qwen3.6-plus        singapore 15000 5000000   beijing 30000 5000000   virginia 30000 5000000
    qwen3.5-plus        singapore 15000 5000000   beijing 30000 5000000   virginia 30000 5000000
    qwen3.6-flash       singapore 15000 5000000   beijing 30000 10000000
    qwen3.5-flash       singapore 15000 5000000   beijing 30000 10000000
    qwen3-max           singapore 600   1000000   beijing 30000 5000000
    qwen-max            singapore 600   1000000   beijing 1200  1000000
    qwen-plus           singapore 600   1000000   beijing 30000 5000000   virginia 15000 5000000
    qwen-flash          singapore 600   5000000   beijing 30000 10000000  virginia 15000 10000000
    qwen-turbo          singapore 600   5000000   beijing 1200  5000000
    qwen-long           beijing   1200  3000000
    qwq-plus            singapore 60    100000    beijing 600   1000000
    qvq-max             singapore 60    100000
    qwen3-coder-plus    singapore 2400  2000000   beijing 5000  5000000
    qwen3-coder-flash   singapore 600   5000000   beijing 5000  5000000
    qwen3-coder-next    singapore 600   1000000
    qwen3-vl-plus       singapore 1200  1000000
    qwen3-vl-flash      singapore 1200  1000000
    qwen-mt-plus        singapore 60    100000    beijing 60    25000     virginia 60    25000
    qwen-mt-flash       singapore 60    100000    beijing 60    35000
    qwen-mt-turbo       singapore 60    100000    beijing 60    35000
    qwen-mt-lite        singapore 60    100000    beijing 60    100000
    qwen-plus-character singapore 120   500000    beijing 120   500000
    qwen3-32b           singapore 600   1000000
    qwen-deep-research  beijing   120   1200000
    qwen-doc-turbo      beijing   600   3000000
";

/// Input and output prices per million tokens, in dollars, for short inputs without thinking.
const PRICES: &str = "
    qwen3.7-max singapore 2.5 7.5      qwen3.7-plus singapore 0.4 1.6        qwen3.6-plus singapore 0.5 3
    qwen3.6-flash singapore 0.1875 1.125  qwen3.6-max-preview singapore 1.3 7.8  qwen3.5-plus singapore 0.4 2.4
    qwen3.5-flash beijing 0.029 0.287   qwen3-max singapore 1.2 6           qwen3-max beijing 0.861 3.441
    qwen-max singapore 1.6 6.4         qwen-plus singapore 0.4 1.2         qwen-plus beijing 0.115 0.287
    qwen-flash singapore 0.05 0.4      qwen-flash beijing 0.022 0.216      qwen-turbo singapore 0.05 0.2
    qwen-turbo beijing 0.044 0.087     qwq-plus singapore 0.8 2.4          qvq-max singapore 1.2 4.8
    qwen-long beijing 0.072 0.287      qwen3-coder-plus singapore 1 5      qwen3-coder-flash singapore 0.3 1.5
    qwen3-vl-plus singapore 0.2 1.6    qwen-mt-plus singapore 2.46 7.37    qwen-mt-plus beijing 0.259 0.775
    qwen-mt-turbo singapore 0.16 0.49  qwen3-32b singapore 0.7 2.8         qwen3-235b-a22b singapore 0.7 2.8
    qwen-plus-character-ja singapore 0.5 1.4  qwen4-max singapore 1.5 4.5   qwen3.8-max singapore 2 6
    qwen3.8-flash singapore 0.15 0.47  qwen3.7-flash singapore 0.03 0.13   qwen-mt-flash singapore 0.16 0.49
    qwen-mt-flash beijing 0.101 0.28   qwen3.5-flash singapore 0.1 0.4     qwen-plus virginia 0.115 0.287
";

fn json(finished: Finished) -> Value {
    serde_json::from_str(&finished.expect_code(0).stdout).expect("JSON")
}

fn by_name(scene: &Scene, arguments: &[&str]) -> BTreeMap<String, Value> {
    let all = json(scene.run(&[&["models", "--json"], arguments].concat()));
    assert_eq!((&all["version"], &all["cache"]["automatic"]), (&1.into(), &0.2.into()));
    let models = all["models"].as_array().expect("models").iter();
    models.map(|model| (model["name"].as_str().expect("a name").to_owned(), model.clone())).collect()
}

#[test]
fn the_table_has_every_model_with_its_facts_as_published() {
    let models = by_name(&Scene::new(), &[]);
    let number = |text: &str| text.parse::<u64>().map_or(Value::Null, Value::from);
    let word = |text: &str| if text == "-" { Value::Null } else { text.into() };
    for line in PUBLISHED.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [name, context, output, thinking, transport, tools] =
            line.split_whitespace().collect::<Vec<_>>().try_into().expect("six words");
        let model = models.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((&model["context"], &model["max_output"]), (&number(context), &number(output)), "{name}");
        assert_eq!((&model["thinking"], &model["transport"]), (&word(thinking), &word(transport)), "{name}");
        assert_eq!(model["function_calling"], (tools == "yes"), "{name}");
        assert!(model["facts_as_of"].is_string(), "{name} has no date");
    }
}

#[test]
fn the_table_has_limits_and_prices_by_region_as_published() {
    let models = by_name(&Scene::new(), &[]);
    for line in LIMITS.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for figures in words[1..].chunks(3) {
            let limits = &models[words[0]]["regions"][figures[0]]["limits"];
            assert_eq!(limits["rpm"].to_string(), figures[1], "{line}: {limits}");
            assert_eq!(limits["tpm"].to_string(), figures[2], "{line}: {limits}");
            assert_eq!(limits["as_of"], "2026-06", "{line}");
        }
    }
    let words: Vec<&str> = PRICES.split_whitespace().collect();
    for figures in words.chunks(4) {
        let price = &models[figures[0]]["regions"][figures[1]]["price"];
        let tier = &price["tiers"][0];
        let figure = |text: &str| text.parse::<f64>().ok();
        assert_eq!(tier["input"].as_f64(), figure(figures[2]), "{figures:?}: {price}");
        assert_eq!(tier["output"].as_f64(), figure(figures[3]), "{figures:?}: {price}");
        assert!(price["as_of"].as_str().is_some_and(|date| date.starts_with("2026-")), "{figures:?}");
    }
    // Unpublished facts are null, neither guesses nor 0.
    for name in ["qwen-mt-lite", "qwen3-coder-next", "qwen-doc-turbo"] {
        assert_eq!(models[name]["regions"]["singapore"]["price"], Value::Null, "{name}");
    }
    assert_eq!(models["qwen-plus"]["regions"]["tokyo"]["limits"], Value::Null);
    let tiers = &models["qwen3.6-plus"]["regions"]["singapore"]["price"]["tiers"];
    assert_eq!(
        (&tiers[0]["up_to"], &tiers[1]["input"], &tiers[1]["output"]),
        (&256_000.into(), &2.0.into(), &6.0.into())
    );
    assert_eq!((&tiers[0]["cache_read"], &tiers[0]["cache_write"]), (&0.05.into(), &0.625.into()));
    assert_eq!(tiers[0]["cached_input"], 0.1);
}

#[test]
fn the_list_fits_a_hundred_columns_and_names_region_and_dates() {
    let scene = Scene::new();
    for (region, some) in [("singapore", "15k"), ("beijing", "30k"), ("hong-kong", "?")] {
        let text = scene.run(&["models", "--region", region]).expect_code(0).stdout;
        assert!(text.starts_with(&format!("region {region}\nMODEL ")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let line = text.lines().find(|line| line.starts_with("qwen3.6-plus ")).expect("a line");
        assert!(line.contains(some), "{line}");
        assert!(text.contains("Facts of 2026-"), "{text}");
    }
    let text = scene.run(&["models"]).expect_code(0).stdout;
    assert!(text.contains("limits of 2026-06, prices of 2026-"), "{text}");
    let long = text.lines().find(|line| line.starts_with("qwen-long ")).expect("a line");
    assert!(long.ends_with("not offered"), "{long}");
    let command = |name: &str, value: &str| {
        let output = scene.command(&["models"]).env(name, value).output().expect("the binary runs");
        Finished::from(output).expect_code(0).stdout
    };
    assert!(command("FANFOLD_REGION", "cn").starts_with("region beijing\n"));
    assert!(
        command("FANFOLD_BASE_URL", "https://dashscope-us.aliyuncs.com/compatible-mode/v1")
            .starts_with("region virginia\n")
    );
    assert!(command("FANFOLD_BASE_URL", "http://127.0.0.1:8000/v1").starts_with("an address in no region"));
    scene.run(&["models", "--region", "mars"]).expect_code(2).says("not a known region");
    scene.run(&["models", "--region", "us", "--base-url", "https://example.com"]).expect_code(2);
}

#[test]
fn all_facts_of_one_model_are_shown_for_every_region_and_unknown_ones_are_marked() {
    let scene = Scene::new();
    let card = |name: &str| scene.run(&["models", name]).expect_code(0).stdout;
    let plus = card("qwen3.6-plus");
    for part in [
        "context           1,000,000 tokens",
        "longest answer    65,536 tokens",
        "thinking          on by default",
        "batch file        beijing",
        "15,000 requests and 5,000,000 tokens per minute (of 2026-06)",
        "inputs up to 256,000: 0.5 input, 3 output",
        "input 0.1 cached, 0.05 read from a marked cache, 0.625 written to it",
        "inputs above 256,000: 2 input, 6 output",
        "prices of 2026-07-02",
        "hong-kong, frankfurt, tokyo: limits and prices not known",
    ] {
        assert!(plus.contains(part), "{part:?} is not in {plus}");
    }
    assert!(card("qwen-plus").contains("0.4 input, 1.2 output, 4 of requests that think"));
    assert!(card("qwen3-max").contains("inputs above 32,000: not known"), "in Beijing");
    assert!(card("qwen4-max").contains("384,000 tokens, thoughts included"));
    assert!(
        card("qwen4-max").contains("reasoning effort  none, off, minimal, low, medium, high, xhigh, max")
    );
    assert!(card("qwen-long").contains("singapore: not offered"));
    assert!(card("qwen3-vl-flash").contains("context           not known"));
    assert!(card("qwen-plus-2025-07-28").contains("a dated snapshot of qwen-plus"));
    assert!(card("qwen-plus-2025-07-28").contains("60 requests and 1,000,000 tokens"));
    assert!(card("qwen-flash-latest").contains("the newest snapshot of qwen-flash"));
    assert!(card("qwen-max-latest").contains("retired on 2026-05-13 in Beijing"));
    assert!(card("qwen-mt-turbo").contains(
        "retired on 2026-10-10 in Beijing, and perhaps elsewhere; the vendor recommends qwen-mt-flash"
    ));
    assert!(card("qwen3-8b").contains("known only by the pattern qwen3-*b"));
    let unknown = scene.run(&["models", "qwen-pluss"]).expect_code(1).says("did you mean `qwen-plus`?");
    assert_eq!(unknown.stdout, "");
    let snapshot = json(scene.run(&["models", "qwen-max-0125", "--json"]));
    assert_eq!((&snapshot["version"], &snapshot["model"]["found_by"]), (&1.into(), &"snapshot".into()));
    assert_eq!(
        (&snapshot["model"]["model"], &snapshot["model"]["retired"]),
        (&"qwen-max".into(), &Value::Null)
    );
}

#[test]
fn a_table_of_the_user_s_own_adds_and_overrides() {
    let scene = Scene::new();
    let own = "[models.house]\ncontext = 4_096\nthinking = \"no\"\nlimits.any = { rpm = 30 }\n\
               prices.any = { as_of = \"2026-09-01\", input = 0.1, output = 0.2 }\n\
               [models.qwen-plus]\nlimits.singapore = { rpm = 1_200 }\n";
    scene.write("own.toml", own);
    let models = by_name(&scene, &["--table", "own.toml"]);
    let places = &models["house"]["regions"];
    assert_eq!(
        (&places["any"]["limits"]["rpm"], &places["tokyo"]["limits"]["rpm"]),
        (&30.into(), &30.into())
    );
    assert_eq!(
        places["any"]["price"]["tiers"],
        json!([{
            "up_to": null, "input": 0.1, "output": 0.2, "thinking_output": null, "cached_input": null,
            "cache_read": null, "cache_write": null,
        }])
    );
    let limits = &models["qwen-plus"]["regions"]["singapore"]["limits"];
    assert_eq!(limits, &json!({ "rpm": 1_200, "tpm": 1_000_000, "as_of": null }), "no date vouches for it");
    assert_eq!(models["qwen-plus"]["context"], 1_000_000);
    assert!(!by_name(&scene, &[]).contains_key("house"));
    scene.write("models.toml", "[models.lying-here]\ncontext = 1\n");
    assert!(by_name(&scene, &[]).contains_key("lying-here"));
    assert!(!by_name(&scene, &["--table", "own.toml"]).contains_key("lying-here"), "the named one alone");
    let card = scene.run(&["models", "house", "--table", "own.toml"]).expect_code(0).stdout;
    assert!(
        card.contains("\nany\n  limits   30 requests") && card.contains("prices of 2026-09-01"),
        "{card}"
    );
    assert!(card.contains("own.toml over the built-in one"), "{card}");
}

#[test]
fn a_mistake_in_an_own_table_is_shown_where_it_stands() {
    let scene = Scene::new();
    for (text, place, what) in [
        ("[models.a]\ncontxt = 1\n", "own.toml:2:1", "did you mean `context`?"),
        ("[models.a]\ncontext = 0\n", "own.toml:2:11", "above 0"),
        ("[models.a]\ncontext = \"big\"\n", "own.toml:2:11", "a whole number"),
        ("[models.a]\nlimits.mars = { rpm = 1 }\n", "own.toml:2:8", "nor `any`"),
        ("[models.a]\nlimits.any = { rpm = 0 }\n", "own.toml:2:", "nonzero"),
        ("[models.a]\nprices.any = { input = 1.0 }\n", "own.toml:2:14", "both `input` and `output`"),
        ("[models.a]\nprices.any.tiers = []\n", "own.toml:2:", "at least one tier"),
        ("[models.a]\nfacts_as_of = \"July\"\n", "own.toml:2:15", "not a date"),
        ("[models.a\n", "own.toml:1:", ""),
    ] {
        scene.write("own.toml", text);
        let said = scene.run(&["models", "--table", "own.toml"]).expect_code(1).says(place).says(what);
        assert!(said.stderr.contains(text.lines().last().expect("a line")), "{}", said.stderr);
    }
    scene.run(&["models", "--table", "none.toml"]).expect_code(1).says("none.toml");
    scene.write("models.toml", "[[somebody.elses]]\n");
    scene.run(&["models"]).expect_code(1).says("models.toml:1:").says("known here");
}

#[test]
fn a_job_uses_the_table_next_to_its_file_or_the_one_it_names() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..2));
    scene.job("in.jsonl", "out.jsonl", "");
    std::fs::create_dir_all(scene.path("jobs")).expect("a folder");
    std::fs::copy(scene.path("job.toml"), scene.path("jobs/night.toml")).expect("a copy");
    let table = |rpm: u32| format!("[models.qwen-plus]\nlimits.any = {{ rpm = {rpm} }}\n");
    let preview =
        |arguments: &[&str]| scene.run(&[&["preview", "-n", "0"], arguments].concat()).expect_code(0).stdout;
    assert!(preview(&["jobs/night.toml"]).contains("model table: built-in\n"));
    scene.write("jobs/models.toml", table(120));
    let shown = preview(&["jobs/night.toml"]);
    assert!(shown.contains("model table: jobs/models.toml over the built-in one\n"), "{shown}");
    assert!(shown.contains("at 2.00 requests/s"), "{shown}");
    assert!(preview(&["job.toml"]).contains("model table: built-in\n"), "that one lies beside another job");
    scene.write("other.toml", table(300));
    let named = preview(&["jobs/night.toml", "--set", "model.table=other.toml"]);
    assert!(
        named.contains("model table: other.toml over") && named.contains("at 5.00 requests/s"),
        "{named}"
    );
    scene
        .run(&["preview", "jobs/night.toml", "--set", "model.table=no.toml"])
        .expect_code(1)
        .says("in: --set ")
        .says("there is no model table no.toml");
    scene.write("jobs/models.toml", "[models.qwen-plus]\nlimits.any = { rmp = 1 }\n");
    scene.run(&["run", "jobs/night.toml"]).expect_code(1).says("jobs/models.toml:2:16").says("`rpm`");
    assert!(scene.witness().is_empty());
}

#[test]
fn a_server_of_one_s_own_gets_limits_and_prices_from_an_own_table() {
    let mut scene = Scene::with(ServerSettings { profile: Profile::Plain, ..ServerSettings::default() });
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", "");
    let table = "[models.\"house/llama\"]\ncontext = 8_192\nmax_output = 512\nthinking = \"no\"\ntransport = \"whole\"\n\
                 limits.any = { rpm = 600, tpm = 100_000 }\nprices.any = { input = 10.0, output = 20.0 }\n";
    scene.write("models.toml", table);
    let preview =
        scene.run(&["preview", "job.toml", "-n", "0", "--model", "house/llama"]).expect_code(0).stdout;
    assert!(preview.contains("(at most 1,536)"), "3 × 512: {preview}");
    assert!(preview.contains("at 10.0 requests/s") && preview.contains("\nat most: "), "{preview}");
    scene
        .run_job(&["job.toml", "--model", "house/llama", "--max-cost", "1"])
        .expect_code(0)
        .says("model table: models.toml over the built-in one");
    for row in scene.output() {
        let count = |column: &str| row[column].as_f64().expect("a count");
        // 10 and 20 per million.
        let cost = (count("prompt_tokens") * 10.0 + count("completion_tokens") * 20.0) / 1e6;
        assert!((row["cost"].as_f64().expect("a cost") - cost).abs() < 1e-12, "{row}");
    }
}

/// The address in the preview of a job.
fn address(scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let all = [&["preview", "plain.toml", "-n", "0"], arguments].concat();
    let output = scene.command(&all).envs(variables.iter().copied()).output().expect("the binary runs");
    let shown = Finished::from(output).expect_code(0).stdout;
    let line = shown.lines().find_map(|line| line.strip_prefix("address: "));
    line.expect("an address").to_owned()
}

/// A scene with a job file that names no address, with more TOML appended.
fn without_address(more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..2));
    scene.write(
        "plain.toml",
        format!(
            "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-plus\"\n\
         prompt.user = \"{{{{ text }}}}\"\n{more}"
        ),
    );
    scene
}

#[test]
fn a_region_is_an_address_by_name() {
    let scene = without_address("");
    for (name, host) in [
        ("singapore", "dashscope-intl.aliyuncs.com"),
        ("Beijing", "dashscope.aliyuncs.com"),
        ("virginia", "dashscope-us.aliyuncs.com"),
        ("us", "dashscope-us.aliyuncs.com"),
        ("hong-kong", "cn-hongkong.dashscope.aliyuncs.com"),
    ] {
        let expected = format!("https://{host}/compatible-mode/v1");
        assert_eq!(address(&scene, &["--region", name], &[]), expected);
        assert_eq!(address(&scene, &[], &[("FANFOLD_REGION", name)]), expected);
    }
    for (name, id) in [
        ("singapore", "ap-southeast-1"),
        ("beijing", "cn-beijing"),
        ("virginia", "us-east-1"),
        ("hong-kong", "cn-hongkong"),
        ("frankfurt", "eu-central-1"),
        ("tokyo", "ap-northeast-1"),
    ] {
        let arguments = ["--region", name, "--set", "model.workspace=ws-1a"];
        let expected = format!("https://ws-1a.{id}.maas.aliyuncs.com/compatible-mode/v1");
        assert_eq!(address(&scene, &arguments, &[]), expected);
    }
    let preview = |arguments: &[&str]| scene.run(&[&["preview", "plain.toml"], arguments].concat());
    for name in ["frankfurt", "tokyo"] {
        preview(&["--region", name]).expect_code(1).says("in: --region ").says("`workspace` under [model]");
    }
    preview(&["--region", "mars"]).expect_code(2).says("not a known region");
    preview(&["--set", "model.workspace=a/b"]).expect_code(1).says("letters, digits and dashes");
    // The region decides limits and prices: 30,000 requests a minute in Beijing, 600 in Singapore.
    assert!(preview(&["--region", "beijing"]).expect_code(0).stdout.contains("at 500 requests/s"));
    assert!(preview(&[]).expect_code(0).stdout.contains("at 10.0 requests/s"));
}

#[test]
fn an_address_from_a_flag_or_a_variable_beats_the_region_of_the_file() {
    let scene = without_address("model.region = \"beijing\"\nmodel.workspace = \"ws-1\"\n");
    let own = "https://own.example.com/v1";
    assert_eq!(address(&scene, &[], &[]), "https://ws-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1");
    assert_eq!(address(&scene, &["--base-url", own], &[]), own);
    assert_eq!(address(&scene, &[], &[("FANFOLD_BASE_URL", own)]), own);
    let flag_over_variable = address(&scene, &["--region", "tokyo"], &[("FANFOLD_BASE_URL", own)]);
    assert_eq!(flag_over_variable, "https://ws-1.ap-northeast-1.maas.aliyuncs.com/compatible-mode/v1");
    let both = ["preview", "plain.toml", "--region", "us", "--base-url", own];
    scene.run(&both).expect_code(1).says("given twice").says("in: --region ");
    scene.write("plain.toml", scene.read("plain.toml") + &format!("model.base_url = {own:?}\n"));
    scene.run(&["preview", "plain.toml"]).expect_code(1).says("given twice").says("plain.toml:5:");
}

#[test]
fn thinking_that_nobody_asked_for_is_reported_with_its_price_and_its_fix() {
    let scene = without_address("");
    let preview = |arguments: &[&str]| {
        let all = [&["preview", "plain.toml", "-n", "0"], arguments].concat();
        scene.run(&all).expect_code(0).stdout
    };
    let told = preview(&["--model", "qwen3.6-plus"]);
    let warning = told.lines().find(|line| line.starts_with("warning: 2 requests think")).expect("a warning");
    // 2 × 1,000 × 3 millionths; the longest chain is 81,920 tokens: 2 × 81,920 × 3 = 491,520 millionths.
    assert!(warning.contains("1,000 tokens of thought each cost 0.0060 in all"), "{warning}");
    assert!(warning.contains("of 81,920 tokens, 0.4915 (estimates)"), "{warning}");
    assert!(
        warning.contains("`enable_thinking = false` or a `thinking_budget` under [request]"),
        "{warning}"
    );
    // 2 × 14 × 0.5 + 2 × (65,536 + 81,920) × 3 = 14 + 884,736 millionths.
    assert!(told.contains("\nat most: 0.8848 USD, ") && told.contains("\nprices: of 2026-07-02\n"), "{told}");
    for decided in
        ["request.enable_thinking=true", "request.enable_thinking=false", "request.thinking_budget=500"]
    {
        let told = preview(&["--model", "qwen3.6-plus", "--set", decided]);
        assert!(!told.contains("warning"), "{decided}: {told}");
    }
    for model in ["qwen-plus", "qwen-mt-plus", "qwq-plus"] {
        assert!(!preview(&["--model", model]).contains("think before answering"), "{model}");
    }
    // How long qwen3.8 may think is known; its price in Beijing is not.
    let flash = preview(&["--model", "qwen3.8-flash", "--region", "beijing"]);
    assert!(flash.contains("the cost of the thoughts is not known"), "{flash}");
}

#[test]
fn a_run_says_once_that_it_will_think_and_goes_by_the_answers_so_far() {
    let mut scene = Scene::new();
    scene.write("in.jsonl", rows(0..2));
    scene.job("in.jsonl", "out.jsonl", "model.table = \"own.toml\"\n");
    scene.write("own.toml", "[models.\"qwen3.6-plus\"]\nprices.any = { input = 1.0, output = 100.0 }\n");
    let arguments = ["job.toml", "--model", "qwen3.6-plus"];
    let said = scene.run_job(&arguments).expect_code(0).says("warning: 2 requests think before answering");
    assert_eq!(said.stderr.matches("think before answering").count(), 1, "{}", said.stderr);
    let reasoning: Vec<f64> =
        scene.output().iter().map(|row| row["reasoning_tokens"].as_f64().expect("a count")).collect();
    let mean = reasoning.iter().sum::<f64>() / 2.0;
    scene.write("in.jsonl", rows(0..3));
    let told =
        scene.run(&["preview", "job.toml", "-n", "0", "--model", "qwen3.6-plus"]).expect_code(0).stdout;
    let words = format!("based on the answers so far, with about {} reasoning tokens each", mean.round());
    assert!(told.contains("warning: 1 request thinks") && told.contains(&words), "{told}");
    let again = scene.run_job(&["job.toml", "--model", "qwen3.6-plus", "--limit", "2"]).expect_code(0);
    assert!(!again.stderr.contains("warning"), "nothing is sent: {}", again.stderr);
}

#[test]
fn an_unavailable_model_is_reported_before_it_is_asked() {
    let scene = without_address("");
    let preview = |model: &str, region: &str| {
        let all = ["preview", "plain.toml", "-n", "0", "--model", model, "--region", region];
        scene.run(&all).expect_code(0).stdout
    };
    let missing = "warning: qwen-long is not offered in singapore; 2 requests may be refused";
    assert!(preview("qwen-long", "singapore").contains(missing));
    assert!(!preview("qwen-long", "beijing").contains("warning"));
    let retired = "warning: qwen3-max was retired on 2026-10-10 in Beijing and may no longer answer in \
        singapore; the vendor recommends qwen3.7-max instead; 2 requests may be refused";
    assert!(preview("qwen3-max", "singapore").contains(retired));
    let unknown =
        "warning: deepseek-v3.2 was retired on 2026-10-10; the vendor recommends qwen3.7-plus instead";
    assert!(preview("deepseek-v3.2", "beijing").contains(unknown), "also one of which nothing else is known");
    assert!(!preview("qwen4-max", "beijing").contains("retired"));
    assert!(preview("qwen3-coder-plus", "singapore").contains("rises with the length of the input"));
    let run = ["run", "plain.toml", "--simulate", "--model", "qwen-long"];
    scene.run(&run).expect_code(0).says("warning: qwen-long is not offered in singapore");
}

#[test]
fn a_misspelt_model_name_is_reported_with_the_intended_one_at_any_address() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..1));
    scene.job("in.jsonl", "out.jsonl", "");
    let preview = |arguments: &[&str]| {
        let all = [&["preview", "job.toml", "-n", "0"], arguments].concat();
        scene.run(&all).expect_code(0).stdout
    };
    let told = "warning: `qwen-plsu` is not in the model table (did you mean `qwen-plus`?); 1 request may be refused";
    assert!(preview(&["--model", "qwen-plsu"]).contains(told), "a server of one's own");
    let elsewhere =
        ["--model", "qwen-plsu", "--base-url", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"];
    assert!(preview(&elsewhere).contains(told));
    for own in ["qwen3-9b", "my-model", "qwen-plus-of-mine"] {
        assert!(!preview(&["--model", own]).contains("did you mean"), "{own}");
    }
}
