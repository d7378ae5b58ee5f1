//! Jobs of the translation models: languages, glossaries, and texts that are too long.

use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, lines};

/// A job of qwen-mt-plus over `in.csv`, whose columns are `text` and `lang`, with more TOML from line 9 on.
fn scene(rows: &[[&str; 2]], more: &str) -> Scene {
    let scene = Scene::new();
    let records: Vec<Vec<&str>> = [["text", "lang"]].iter().chain(rows).map(|row| row.to_vec()).collect();
    scene.write("in.csv", crate::support::tables::csv(b',', &records));
    let options = "request.translation_options = { source_lang = \"auto\", target_lang = \"{{ lang }}\" }\n";
    scene.job("in.csv", "out.jsonl", &format!("{options}{more}"));
    let job = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-plus\"");
    scene.write("job.toml", job);
    scene
}

/// The run cannot begin: all these words are in the message, and nothing is sent.
fn refused(scene: &mut Scene, arguments: &[&str], words: &[&str]) {
    let finished: Finished = scene.run_job(arguments).expect_code(1);
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} is not in: {}", finished.stderr);
    }
    assert!(scene.witness().is_empty());
}

/// A list of the translation options that each text was sent with, by the texts.
fn told(scene: &Scene, text: &str, list: &str) -> Value {
    let witness = scene.witness();
    let body = |line: &&Value| line["body"]["messages"][0]["content"] == text;
    witness.iter().rfind(body).expect("a request")["body"]["translation_options"][list].clone()
}

fn pair(source: &str, target: &str) -> Value {
    json!({ "source": source, "target": target })
}

#[test]
fn all_92_languages_are_taken_by_name_and_by_code() {
    let list = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/models/languages.toml"));
    let list: toml::Table = list.expect("a file").parse().expect("TOML");
    let pairs = list.values().flat_map(|part| part.as_table().expect("a part").iter());
    let names: Vec<String> = pairs
        .flat_map(|(name, code)| [name.clone(), code.as_str().expect("a code").to_uppercase()])
        .collect();
    assert_eq!(names.len(), 2 * 92);
    let rows: Vec<[&str; 2]> = names.iter().map(|name| [name.as_str(), name.as_str()]).collect();
    let mut scene = scene(&rows, "");
    scene.run_job(&["job.toml"]).expect_code(0).says("184 ok");
}

#[test]
fn a_language_in_the_job_file_is_checked_before_the_input_is_read() {
    let mut scene = scene(&[], "");
    std::fs::remove_file(scene.path("in.csv")).expect("a file");
    let set = |value: &'static str| ["job.toml", "--set", value];
    let target = set("request.translation_options.target_lang=Frensh");
    refused(
        &mut scene,
        &target,
        &["in: --set ", "92 languages that qwen-mt-plus supports", "did you mean French (fr)?"],
    );
    refused(
        &mut scene,
        &set("request.translation_options.source_lang=Klingon"),
        &["source_lang", "`Klingon`"],
    );
    refused(&mut scene, &set("request.translation_options.target_lang=auto"), &["only `source_lang`"]);
    let job = scene.read("job.toml");
    scene.write("none.toml", job.replace(", target_lang = \"{{ lang }}\"", ""));
    refused(&mut scene, &["none.toml"], &["none.toml:8:", "target_lang` is missing"]);
    let job = job.replace("{{ lang }}", "cy");
    scene.write("job.toml", job);
    let lite = "qwen-mt-lite does not support Welsh (cy); qwen-mt-plus does";
    refused(&mut scene, &["job.toml", "--model", "qwen-mt-lite"], &["job.toml:8:69", "\"cy\"", lite]);
}

#[test]
fn a_language_that_a_row_names_is_checked_before_anything_is_sent() {
    let mut scene = scene(&[["one", "French"], ["two", "Germann"], ["three", ""]], "");
    refused(&mut scene, &["job.toml"], &["in.csv:3: ", "`Germann`", "did you mean German (de)?"]);
    scene.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3).says("1 ok");
    let errors: Vec<Value> =
        lines(&scene.path("out.jsonl")).iter().map(|row| row["error_code"].clone()).collect();
    assert_eq!(errors, [json!(null), json!("bad_row"), json!("bad_row")]);
}

#[test]
fn a_job_with_more_than_the_text_is_refused_where_it_says_so() {
    let mut scene = scene(&[], "");
    std::fs::remove_file(scene.path("in.csv")).expect("a file");
    let system = ["job.toml", "--system", "Be brief."];
    refused(&mut scene, &system, &["in: --system ", "exactly one message", "no system turn", "domains"]);
    let job = scene.read("job.toml");
    scene.write("shots.toml", format!("{job}[[prompt.messages]]\nrole = \"user\"\ncontent = \"a\"\n"));
    refused(&mut scene, &["shots.toml"], &["shots.toml:9:", "no turns before the text"]);
    for (line, word) in [
        (
            "request.response_format={type=\"json_object\"}",
            "`response_format` is not accepted by qwen-mt-plus",
        ),
        ("request.enable_thinking=false", "`enable_thinking`"),
        ("request.enable_search=true", "`enable_search`"),
        ("request.n=1", "`n`"),
        ("request.max_tokens=8193", "from 1 to 8192"),
        ("request.translation_options.terms=[{source=\"a\"}]", "not a pair of texts"),
    ] {
        refused(&mut scene, &["job.toml", "--set", line], &["in: --set ", word]);
    }
}

#[test]
fn a_row_that_brings_more_than_the_text_is_a_bad_row() {
    let scene = Scene::new();
    let turns = json!([{ "role": "system", "content": "s" }, { "role": "user", "content": "u" }]);
    scene.write("in.jsonl", format!("{}\n", json!({ "messages": turns })));
    scene.job("in.jsonl", "out.jsonl", "");
    let job = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-flash\"");
    let job: Vec<&str> = job.lines().filter(|line| !line.starts_with("prompt.")).collect();
    scene.write("job.toml", job.join("\n"));
    let mut scene = scene;
    refused(
        &mut scene,
        &["job.toml"],
        &["in.jsonl:1: ", "qwen-mt-flash accepts exactly one message", "system, user"],
    );
}

const TERMS: &str = "source,target,target_lang,note\n\
                     machine learning,apprentissage automatique,fr,\n\
                     machine,machine,fr,\n\
                     machine,Maschine,German,not French\n\
                     art,art,,\n\
                     机器,Maschine,de,\n";

#[test]
fn a_row_is_sent_with_the_terms_that_occur_in_it_for_its_language() {
    let rows = [
        ["Machine\nlearning is fun.", "French"],
        ["A party of machines.", "de"],
        ["我的机器", "German"],
        ["Nothing here.", "French"],
    ];
    let mut scene = scene(&rows, "glossary = { terms = \"terms.csv\", memory = \"memory.jsonl\" }\n");
    scene.write("terms.csv", TERMS);
    let memory = [pair("is fun", "est amusant"), pair("is dull", "est ennuyeux")];
    scene.write("memory.jsonl", memory.clone().map(|pair| format!("{pair}\n")).concat());
    scene.run_job(&["job.toml"]).expect_code(0);
    let french = json!([pair("machine learning", "apprentissage automatique"), pair("machine", "machine")]);
    assert_eq!(told(&scene, rows[0][0], "terms"), french);
    assert_eq!(told(&scene, rows[0][0], "tm_list"), json!([memory[0]]));
    assert_eq!(told(&scene, rows[1][0], "terms"), json!([pair("machine", "Maschine")]));
    assert_eq!(told(&scene, rows[2][0], "terms"), json!([pair("机器", "Maschine")]));
    let plain = json!({ "source_lang": "auto", "target_lang": "French" });
    assert_eq!(scene.witness().iter().filter(|line| line["body"]["translation_options"] == plain).count(), 1);
    // A changed term sends again the rows in which it occurs, and no others.
    scene.write("terms.csv", TERMS.replace("机器,Maschine", "机器,Gerät"));
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 · moved 0 · changed 1 · new 0");
    assert_eq!(told(&scene, rows[2][0], "terms"), json!([pair("机器", "Gerät")]));
    assert_eq!(scene.witness().len(), 5);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn terms_of_the_request_come_before_those_of_the_glossary_and_win() {
    let own =
        "request.translation_options.terms=[{source=\"art\",target=\"métier\"},{source=\"x\",target=\"y\"}]";
    let mut scene = scene(&[["The art of the machine.", "fr"]], "glossary.terms = \"terms.tsv.gz\"\n");
    scene.write("terms.tsv.gz", crate::support::tables::gzip(TERMS.replace(',', "\t").as_bytes()));
    scene.run_job(&["job.toml", "--set", own]).expect_code(0);
    let expected = json!([pair("art", "métier"), pair("x", "y"), pair("machine", "machine")]);
    assert_eq!(told(&scene, "The art of the machine.", "terms"), expected);
}

#[test]
fn a_mistake_in_a_glossary_is_reported_with_its_file_and_line() {
    let mut scene = scene(&[["text", "fr"]], "glossary.terms = \"terms.csv\"\n");
    refused(&mut scene, &["job.toml"], &["terms.csv", "no such file"]);
    for (text, words) in [
        ("src,target\na,b\n", &["terms.csv: ", "no `source`", "the columns are src, target"][..]),
        ("source,targt\na,b\n", &["terms.csv: ", "no `target`", "did you mean `targt`?"]),
        ("source,target\na,b\n,c\n", &["terms.csv:3: ", "`source` is empty"]),
        ("source,target\na,b\nc, \n", &["terms.csv:3: ", "`target` is empty"]),
        (
            "source,target\na,b\nc,d\na,e\n",
            &["terms.csv:4: ", "`a` has another target here than at terms.csv:2"],
        ),
        ("source,target,target_lang\na,b,Frensh\n", &["terms.csv:2: ", "`target_lang`", "French (fr)"]),
        ("source,target\na\n", &["terms.csv:2: ", "1 cell"]),
    ] {
        scene.write("terms.csv", text);
        refused(&mut scene, &["job.toml"], words);
    }
    // The same entry twice is not a mistake.
    scene.write("terms.csv", "source,target\na,b\na,b\n");
    scene.run(&["preview", "job.toml"]).expect_code(0);
    scene.write("terms.jsonl", "{\"source\":\"a\",\"target\":\"b\"}\n{\"source\":\"a\",\"traget\":\"b\"}\n");
    let jsonl = ["job.toml", "--set", "glossary.terms=terms.jsonl"];
    refused(&mut scene, &jsonl, &["terms.jsonl:2", "did you mean `traget`?"]);
    refused(
        &mut scene,
        &["job.toml", "--output", "terms.csv"],
        &["overwrite terms.csv, which belongs to the job"],
    );
}

#[test]
fn a_glossary_that_is_not_utf8_is_refused_with_its_line_and_what_to_do() {
    let mut scene = scene(&[["text", "fr"]], "glossary.terms = \"terms.csv\"\n");
    for (bytes, place) in [
        (&b"source,target\nbread,pain\ncoffee,caf\xe9\n"[..], "terms.csv:3"),
        (b"source,target,not\xe9\nbread,pain,x\n", "terms.csv:1"),
    ] {
        std::fs::write(scene.path("terms.csv"), bytes).expect("a file");
        refused(&mut scene, &["job.toml"], &[place, "the glossary is not UTF-8", "save the file as UTF-8"]);
    }
}

#[test]
fn a_glossary_needs_a_model_that_translates_and_a_language() {
    let mut scene = scene(&[["text", "fr"]], "glossary.memory = \"memory.csv\"\n");
    scene.write("memory.csv", "source,target\na,b\n");
    let other = ["job.toml", "--model", "qwen-plus"];
    refused(
        &mut scene,
        &other,
        &["job.toml:9:", "a glossary needs a translation model, and qwen-plus is not one"],
    );
    refused(
        &mut scene,
        &["job.toml", "--model", "qwen-mt-pluss"],
        &["job.toml:9:", "did you mean `qwen-mt-plus`?"],
    );
    let job = scene.read("job.toml");
    let job: Vec<&str> = job.lines().filter(|line| !line.starts_with("request.")).collect();
    scene.write("job.toml", job.join("\n"));
    refused(&mut scene, &["job.toml"], &["job.toml:8:", "goes into `translation_options`", "target_lang"]);
}

#[test]
fn a_text_that_is_surely_too_long_is_a_bad_row_and_one_that_may_be_is_the_service_s_to_refuse() {
    let (words, signs) = ("word ".repeat(8_200), "很高兴认识你。".repeat(1_500));
    let mut long = scene(&[["short", "fr"], [&words, "fr"]], "");
    let said = ["in.csv:3: ", "at least 8200 tokens", "qwen-mt-plus accepts at most 8192", "add [split]"];
    refused(&mut long, &["job.toml"], &said);
    long.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3);
    let row = &lines(&long.path("out.jsonl"))[1];
    assert!(
        row["error"].as_str().is_some_and(|error| error.contains("qwen-mt-plus accepts at most 8192")),
        "{row}"
    );
    // Only the service can say how many tokens a Chinese text has.
    let mut long = scene(&[["short", "fr"], [&signs, "fr"]], "");
    long.run_job(&["job.toml"]).expect_code(3).says("1 failed");
    let row = &lines(&long.path("out.jsonl"))[1];
    assert!(row["error"].as_str().is_some_and(|error| error.contains("[1, 8192]")), "{row}");
}

#[test]
fn a_rehearsal_can_echo_the_texts_of_a_translation_and_asks_for_nothing_else() {
    let scene = scene(&[["Good day\n\n<b>{name}</b>", "French"], [" two ", "Greek"]], "");
    scene.run(&["run", "job.toml", "--simulate", "--translate", "echo"]).expect_code(0);
    let texts: Vec<Value> =
        lines(&scene.path("out.simulated.jsonl")).iter().map(|row| row["response"].clone()).collect();
    assert_eq!(texts, ["Good day\n\n<b>{name}</b>", " two "]);
    scene.run(&["run", "job.toml", "--simulate", "--fresh"]).expect_code(0);
    let marked = lines(&scene.path("out.simulated.jsonl"));
    assert_eq!(marked[1]["response"], "[Greek]  two ");
    scene.run(&["run", "job.toml", "--translate", "echo"]).expect_code(2).says("--simulate");
    scene.run(&["run", "job.toml", "--simulate", "--translate", "loud"]).expect_code(2).says("marked, echo");
}
