//! `[each]`: a row is asked for every combination of some values, and has all their answers.

use std::collections::BTreeMap;

use fanfold::simulator::{Script, ServerSettings, TranslationStyle};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene};
use crate::support::tables::Table;

/// A scene whose job translates two columns into some languages.
fn scene(faults: &str) -> Scene {
    Scene::with(ServerSettings {
        script: Script::parse(faults).expect("a good script"),
        ..ServerSettings::default()
    })
}

const LANGUAGES: &str = "each.lang = [\"English\", \"French\"]\neach.column = [\"title\", \"body\"]\n";
const WIDE: &str = "output.wide = \"{{ column }}_{{ lang }}\"\n";

/// Writes a job over a file, that asks for each column in each language.
fn job(scene: &Scene, input: &str, output: &str, more: &str) {
    let url = scene.base_url();
    scene.write(
        "job.toml",
        format!(
            "input.path = {input:?}\noutput.path = {output:?}\nmodel.name = \"qwen-plus\"\nmodel.base_url = {url:?}\n\
             prompt.user = \"Into {{{{ each.lang }}}}: {{{{ row[each.column] }}}}\"\n\
             retry.initial_backoff = \"20ms\"\nretry.max_backoff = \"100ms\"\n{more}"
        ),
    );
}

fn rows(scene: &Scene, count: usize) {
    let row = |n: usize| json!({ "id": format!("r{n}"), "title": format!("Title {n}."), "body": format!("Body {n}.") });
    scene.write("in.jsonl", (0..count).map(|n| format!("{}\n", row(n))).collect::<String>());
}

fn run(scene: &Scene, arguments: &[&str]) -> Finished {
    scene.run(&[&["run", "job.toml"], arguments].concat())
}

/// The texts that were sent, each with how often.
fn sent(scene: &Scene) -> BTreeMap<String, usize> {
    let mut texts = BTreeMap::new();
    for request in scene.witness() {
        let turns = request["body"]["messages"].as_array().expect("turns");
        let text = turns.last().expect("a turn")["content"].as_str().expect("a text").to_owned();
        *texts.entry(text).or_default() += 1;
    }
    texts
}

/// Whether a response is one to this text.
fn is_to(response: &Value, text: &str) -> bool {
    response.as_str().is_some_and(|response| response.contains(text))
}

#[test]
fn a_wide_output_has_a_response_column_for_every_combination_and_the_sums_of_their_use() {
    let scene = scene("");
    rows(&scene, 3);
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}{WIDE}"));
    let said = run(&scene, &[]).expect_code(0);
    said.says("3 rows · 12 requests: new 12").says("3 rows: 3 ok · 0 failed · 0 pending");
    let all = sent(&scene);
    assert_eq!((all.len(), all.values().sum::<usize>()), (12, 12), "{all:?}");
    assert_eq!(all.get("Into French: Body 2."), Some(&1));
    let output = scene.output();
    assert_eq!(output.len(), 3);
    for (n, row) in output.iter().enumerate() {
        for column in ["title", "body"] {
            for lang in ["English", "French"] {
                let text = format!(
                    "Into {lang}: {}.",
                    if column == "title" { format!("Title {n}") } else { format!("Body {n}") }
                );
                assert!(is_to(&row[format!("{column}_{lang}")], &text), "{text}: {row}");
            }
        }
        assert!(row.get("response").is_none() && row["status"] == "ok" && row["attempts"] == 4, "{row}");
    }
    let names: Vec<&String> = output[0].as_object().expect("an object").keys().collect();
    let first =
        ["id", "title", "body", "title_English", "body_English", "title_French", "body_French", "reasoning"];
    assert_eq!(names[..8], first, "the first name is the slowest");
    let receipt = scene.receipt();
    let expected = json!({"in": 3, "ok": 3, "failed": 0, "pending": 0, "skipped": 0, "requests": 12});
    assert_eq!(receipt["rows"], expected);
    let tokens: u64 = output.iter().filter_map(|row| row["total_tokens"].as_u64()).sum();
    assert_eq!(tokens, receipt["all_runs"]["total_tokens"], "sums are the rows'");
    run(&scene, &[]).expect_code(0).says("nothing was sent");
    let verified = scene.run(&["verify", "job.toml"]).expect_code(0);
    assert!(verified.stdout.contains("3 ok · 0 failed · 0 pending"), "{}", verified.stdout);
}

#[test]
fn columns_are_named_by_their_values_where_the_job_does_not_say_how() {
    let scene = scene("");
    rows(&scene, 1);
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}output.prefix = \"ai_\"\n"));
    run(&scene, &[]).expect_code(0);
    assert!(is_to(&scene.output()[0]["ai_response_French_title"], "Into French: Title 0."));
}

#[test]
fn a_long_output_has_a_row_for_every_combination_and_its_values_before_the_answer() {
    let scene = scene("");
    rows(&scene, 2);
    job(&scene, "in.jsonl", "out.csv", &format!("{LANGUAGES}output.layout = \"long\"\n"));
    run(&scene, &[]).expect_code(0).says("2 rows: 2 ok");
    let table = Table::read(&scene.path("out.csv"));
    assert_eq!(table.columns[..6], ["id", "title", "body", "lang", "column", "response"]);
    let order: Vec<[&str; 3]> = table
        .rows
        .iter()
        .map(|row| ["id", "lang", "column"].map(|name| row[name].as_str().expect("text")))
        .collect();
    assert_eq!(
        order[..4],
        [
            ["r0", "English", "title"],
            ["r0", "English", "body"],
            ["r0", "French", "title"],
            ["r0", "French", "body"]
        ]
    );
    assert_eq!(order.len(), 8);
    assert!(is_to(&table.rows[7]["response"], "Into French: Body 1."));
    assert!(table.rows.iter().all(|row| row["status"] == "ok" && row["attempts"] == "1"));
}

#[test]
fn a_value_added_moved_or_put_back_sends_only_what_is_new() {
    for with_ids in [false, true] {
        let scene = scene("");
        rows(&scene, 40);
        let id = if with_ids { "input.id = \"id\"\n" } else { "" };
        let write = |languages: &str| {
            let more = format!("{id}each.lang = {languages}\neach.column = [\"title\", \"body\"]\n");
            job(&scene, "in.jsonl", "out.jsonl", &more);
        };
        let mut total = 0;
        for (languages, new) in [
            ("[\"English\", \"French\"]", 160),
            ("[\"English\", \"German\", \"French\"]", 80),
            ("[\"French\"]", 0),
            ("[\"German\", \"French\", \"English\"]", 0),
            ("[\"Dutch\", \"English\"]", 80),
            ("[\"English\", \"French\", \"German\", \"Dutch\"]", 0),
        ] {
            write(languages);
            run(&scene, &[]).expect_code(0).says("40 rows: 40 ok");
            total += new;
            assert_eq!(scene.witness_count(), total, "with ids {with_ids}: {languages}");
            assert!(sent(&scene).values().all(|times| *times == 1));
            for (n, row) in scene.output().iter().enumerate() {
                for lang in
                    ["English", "French", "German", "Dutch"].iter().filter(|lang| languages.contains(**lang))
                {
                    let response = &row[format!("response_{lang}_body")];
                    assert!(is_to(response, &format!("Into {lang}: Body {n}.")), "{row}");
                }
            }
        }
    }
}

#[test]
fn one_combination_that_fails_leaves_the_others_and_is_the_only_one_sent_again() {
    let mut scene = scene("[[fault]]\nstatus = 400\ncontains = \"French: Title 1.\"\n");
    rows(&scene, 3);
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}{WIDE}input.id = \"id\"\n"));
    run(&scene, &[]).expect_code(3).says("3 rows: 2 ok · 1 failed · 0 pending").says("1 request failed");
    let row = scene.output()[1].clone();
    assert_eq!(row["status"], "failed");
    assert!(row["error"].as_str().expect("an error").starts_with("French, title: "), "{row}");
    assert!(is_to(&row["body_French"], "Into French: Body 1.") && row["title_French"].is_null(), "{row}");
    let told = scene.run(&["status", "job.toml", "--row", "r1"]).expect_code(0).stdout;
    assert!(
        told.contains("row r1: failed") && told.contains("English, title (r1#English/title): ok"),
        "{told}"
    );
    assert!(told.contains("French, title (r1#French/title): failed after 1 request"), "{told}");
    let told = scene.run(&["status", "job.toml", "--row", "r1", "--json"]).expect_code(0).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["each"][2]["each"], json!({"lang": "French", "column": "title"}));
    assert_eq!(told["each"][2]["status"], "failed");
    let one = scene.run(&["status", "job.toml", "--row", "r1#French/body"]).expect_code(0).stdout;
    assert!(one.contains("row r1#French/body: ok after 1 request"), "{one}");
    let before = scene.witness_count();
    scene.serve(ServerSettings::default());
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}{WIDE}input.id = \"id\"\n"));
    run(&scene, &["--retry-failed"]).expect_code(0).says("3 rows: 3 ok");
    let again: Vec<String> = scene.witness()[before..]
        .iter()
        .map(|request| request["body"]["messages"][0]["content"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(again, ["Into French: Title 1."]);
}

#[test]
fn parquet_keeps_its_types_in_both_layouts() {
    let scene = scene("");
    scene.write("in.jsonl", "{\"title\":\"One.\",\"body\":\"Two.\",\"n\":7,\"x\":1.5,\"yes\":true}\n");
    for (layout, rows) in [("wide", 1), ("long", 4)] {
        job(&scene, "in.jsonl", "typed.parquet", &format!("{LANGUAGES}output.layout = \"{layout}\"\n"));
        run(&scene, &[]).expect_code(0);
        let first = Table::read(&scene.path("typed.parquet"));
        assert_eq!(first.rows.len(), rows);
        job(
            &scene,
            "typed.parquet",
            "again.parquet",
            "each.lang = [\"Dutch\", \"Greek\"]\neach.column = [\"title\"]\noutput.prefix = \"b_\"\noutput.wide = \"{{ lang }}\"\n",
        );
        run(&scene, &[]).expect_code(0);
        let table = Table::read(&scene.path("again.parquet"));
        assert_eq!(table.rows.len(), rows);
        for row in &table.rows {
            assert_eq!((&row["n"], &row["x"], &row["yes"]), (&json!(7), &json!(1.5), &json!(true)));
            assert!(is_to(&row["b_Greek"], "Into Greek: One.") && row["b_total_tokens"].is_u64(), "{row:?}");
        }
    }
}

#[test]
fn a_blank_cell_adds_nothing_to_the_sums_of_its_row() {
    let scene = scene("");
    let rows = [("Whole.", "Whole."), ("Half.", "  "), (" ", "\u{200b}")];
    let row = |(title, body): &(&str, &str)| format!("{}\n", json!({ "title": title, "body": body }));
    scene.write("in.jsonl", rows.iter().map(row).collect::<String>());
    let more = format!("{LANGUAGES}price = {{ input = 2.0, output = 6.0 }}\n");
    job(&scene, "in.jsonl", "out.jsonl", &more);
    run(&scene, &[]).expect_code(0);
    let wide = scene.output();
    job(&scene, "in.jsonl", "out.jsonl", &format!("{more}output.layout = \"long\"\n"));
    run(&scene, &[]).expect_code(0);
    let long = scene.output();
    for (row, attempts) in [(0, 4), (1, 2)] {
        assert_eq!(wide[row]["attempts"], attempts, "{}", wide[row]);
        for column in ["cost", "prompt_tokens", "completion_tokens", "total_tokens"] {
            let amount = |row: &Value| row[column].as_f64();
            let sum: f64 = long[row * 4..][..4].iter().filter_map(amount).sum();
            let of_row = amount(&wide[row]).unwrap_or_else(|| panic!("{column} of row {row}: {}", wide[row]));
            assert!(sum > 0.0 && (of_row - sum).abs() < 1e-9, "{column} of row {row}: {of_row} and {sum}");
        }
    }
    assert_eq!((&wide[2]["status"], &wide[2]["attempts"]), (&"skipped".into(), &Value::Null));
}

#[test]
fn a_limit_counts_rows_of_the_input() {
    let scene = scene("");
    rows(&scene, 10);
    job(&scene, "in.jsonl", "out.jsonl", LANGUAGES);
    run(&scene, &["--limit", "3"]).expect_code(0).says("3 rows: 3 ok");
    assert_eq!((scene.witness_count(), scene.output().len()), (12, 3));
    run(&scene, &[]).expect_code(0).says("10 rows: 10 ok");
    assert_eq!(scene.witness_count(), 40);
}

#[test]
fn values_are_set_by_a_flag_too() {
    let scene = scene("");
    rows(&scene, 1);
    job(&scene, "in.jsonl", "out.jsonl", LANGUAGES);
    run(&scene, &["--set", "each.lang=[\"Dutch\"]", "--set", "each.column=title"]).expect_code(0);
    assert_eq!(sent(&scene).into_keys().collect::<Vec<_>>(), ["Into Dutch: Title 0."]);
    run(&scene, &["--set", "each.lang=[Dutch,Greek]"]).expect_code(1).says("looks like a list");
}

#[test]
fn mistakes_are_named_before_anything_is_sent() {
    let scene = scene("");
    rows(&scene, 2);
    for (more, said) in [
        ("each.lang = []\neach.column = [\"title\"]\n", "`lang` under [each] has no values"),
        ("each.lang = [\"a\", \"b\", \"a\"]\neach.column = [\"title\"]\n", "has the value `a` twice"),
        ("each.lang = [1]\neach.column = [\"title\"]\n", "a text or a list of texts"),
        ("each.\"two words\" = [\"a\"]\n", "cannot be used in templates"),
        ("each.lang = [\"a\"]\neach.column = [\"titel\"]\n", "did you mean `title`?"),
        ("each.langs = [\"a\"]\neach.column = [\"title\"]\n", "did you mean `each.langs`?"),
        (
            "each.lang = [\"a\"]\neach.column = [\"title\"]\neach.tone = [\"dry\", \"wet\"]\n",
            "no request uses `each.tone`",
        ),
        ("output.wide = \"{{ lang }}\"\n", "the job has none"),
        ("output.layout = \"long\"\n", "the job has none"),
        (
            "each.lang = [\"a\", \"b\"]\neach.column = [\"title\", \"body\"]\noutput.wide = \"{{ lang }}\"\n",
            "it does not use `column` of [each]; add {{ column }}",
        ),
        ("each.lang = [\"a\"]\neach.column = [\"title\"]\noutput.wide = \"{{ column }}\"\n", "`title`"),
        (
            "each.lang = [\"a\"]\neach.column = [\"title\"]\noutput.wide = \"status\"\n",
            "two columns named `status`",
        ),
    ] {
        job(&scene, "in.jsonl", "out.jsonl", more);
        run(&scene, &[]).expect_code(1).says(said);
    }
    scene.write("in.csv", "id,lang,title,body\n1,x,T,B\n");
    job(&scene, "in.csv", "out.csv", &format!("{LANGUAGES}output.layout = \"long\"\n"));
    run(&scene, &[]).says("two columns named `lang`").says("[each]");
    assert_eq!(scene.witness_count(), 0);
}

#[test]
fn wide_says_which_name_it_leaves_out_and_knows_each_as_other_templates_do() {
    let scene = scene("");
    rows(&scene, 1);
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}output.wide = \"{{{{ column }}}}\"\n"));
    let refused = run(&scene, &[]).expect_code(1);
    refused.says("job.toml:10:").says("it does not use `lang` of [each]; add {{ lang }}");
    let wide = "output.wide = \"{{ each.column }} ({{ each.lang }})\"\n";
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}{wide}"));
    run(&scene, &[]).expect_code(0);
    assert!(is_to(&scene.output()[0]["body (French)"], "Into French: Body 0."));
}

#[test]
fn a_misspelt_column_lists_the_columns_and_no_name_of_the_program() {
    let scene = scene("");
    rows(&scene, 1);
    job(&scene, "in.jsonl", "out.jsonl", LANGUAGES);
    let file = scene.read("job.toml").replace("Into {{ each.lang }}:", "{{ headline }} {{ each.lang }}:");
    scene.write("job.toml", file);
    let refused = run(&scene, &[]).expect_code(1);
    assert!(refused.says("the columns are id, title, body\n").stderr.contains("headline"));
}

#[test]
fn two_rows_of_one_id_are_named_by_that_id_and_a_bad_row_counts_once() {
    let scene = scene("");
    scene.write("in.csv", "id,title,body\n1,T,B\n2,U,C\n1,V,D\n");
    job(&scene, "in.csv", "out.csv", &format!("{LANGUAGES}input.id = \"id\"\n"));
    run(&scene, &[]).expect_code(1).says("the id `1` names two rows: in.csv:2 and in.csv:4\n");
    scene.write(
        "in.jsonl",
        "{\"id\":1,\"title\":\"T\",\"body\":\"B\"}\nnonsense\n{\"id\":3,\"title\":\"T\"}\n",
    );
    job(&scene, "in.jsonl", "out.jsonl", LANGUAGES);
    run(&scene, &[]).expect_code(1).says("one more row is bad");
    assert_eq!(scene.witness_count(), 0);
}

#[test]
fn a_row_without_text_has_a_status_of_its_own() {
    let scene = scene("");
    scene.write("in.csv", "id,title,body\n1,T,B\n2,, \n");
    let with_ids = format!("{LANGUAGES}input.id = \"id\"\n");
    job(&scene, "in.csv", "out.csv", &with_ids);
    run(&scene, &[]).expect_code(0).says("1 skipped");
    let status = |row: &str| scene.run(&["status", "job.toml", "--row", row]);
    assert_eq!(status("2").expect_code(0).stdout, "row 2: skipped: it has no text, so nothing is asked\n");
    status("3").expect_code(1).says("the journal has no row `3`");
    assert!(status("1").expect_code(0).stdout.contains("row 1: ok"));
    // The same without [each].
    let alone = with_ids.replace(LANGUAGES, "");
    job(&scene, "in.csv", "alone.csv", &alone);
    let file = scene.read("job.toml").replace("Into {{ each.lang }}: {{ row[each.column] }}", "{{ title }}");
    scene.write("job.toml", file);
    run(&scene, &[]).expect_code(0).says("1 skipped");
    assert!(status("2").expect_code(0).stdout.contains("row 2: skipped"));
}

/// A job of the translation model for two languages, over the columns of `in.jsonl`.
fn translation(scene: &Scene, languages: &str, more: &str) {
    let options =
        "request.translation_options = { source_lang = \"auto\", target_lang = \"{{ each.lang }}\" }\n";
    job(scene, "in.jsonl", "out.jsonl", &format!("each.lang = {languages}\n{options}{more}"));
    let file = scene
        .read("job.toml")
        .replace("qwen-plus", "qwen-mt-plus")
        .replace("Into {{ each.lang }}: {{ row[each.column] }}", "{{ title }}");
    scene.write("job.toml", file);
}

#[test]
fn a_language_given_twice_is_refused_under_both_of_its_names() {
    let scene = scene("");
    rows(&scene, 1);
    for (languages, place) in
        [("[\"French\", \"de\", \"fr\"]", "job.toml:8:31"), ("[\"fr\", \"french\"]", "job.toml:8:21")]
    {
        translation(&scene, languages, "");
        run(&scene, &[]).expect_code(1).says("are the same language for qwen-mt-plus").says(place);
    }
    translation(&scene, "[\"French\", \"fr\"]", "");
    run(&scene, &[]).expect_code(1).says("`French` and `fr` are the same language");
    assert_eq!(scene.witness_count(), 0);
}

#[test]
fn answers_that_are_flagged_show_their_warnings_in_status_and_report() {
    let scene = scene("[[fault]]\naction = \"eat_placeholders\"\n");
    scene.write(
        "in.jsonl",
        "{\"title\":\"Hello {name}\"}\n{\"title\":\"Hi {you}\"}\n{\"title\":\"Plain words\"}\n",
    );
    let checks = "answer.checks = [\"placeholders\"]\nanswer.repair = 0\n";
    translation(&scene, "[\"French\", \"German\"]", checks);
    run(&scene, &[]).expect_code(3);
    translation(&scene, "[\"French\", \"German\"]", &format!("{checks}answer.on_check = \"flag\"\n"));
    run(&scene, &[]).expect_code(0).says("4 requests that had failed are now kept with a warning");
    let told = scene.run(&["status", "job.toml", "--row", "1"]).expect_code(0).stdout;
    assert_eq!(told.matches("    warning: placeholders: `{name}` is missing\n").count(), 2, "{told}");
    let told = scene.run(&["status", "job.toml", "--row", "1", "--json"]).expect_code(0).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["each"][1]["warnings"], json!(["placeholders: `{name}` is missing"]));
    scene.run(&["report", "job.toml"]).expect_code(0);
    let page = scene.read("out.jsonl.report.html");
    assert!(
        page.contains("<h2>Warnings</h2>") && page.contains("<td class=\"n\">4</td><td><code>placeholders"),
        "{page}"
    );
}

#[test]
fn a_glossary_that_no_row_uses_is_reported_whatever_each_row_is_asked() {
    let scene = scene("");
    rows(&scene, 3);
    scene.write("terms.csv", "source,target\nZebra,Zèbre\n");
    translation(&scene, "[\"French\", \"German\"]", "glossary.terms = \"terms.csv\"\npack.rows = 10\n");
    let words = "no entry of the glossary terms.csv occurs in any row";
    let previewed = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(previewed.contains(words), "{previewed}");
    run(&scene, &[]).expect_code(0).says(words);
}

#[test]
fn a_language_that_the_model_does_not_know_is_named_at_its_place() {
    let scene = scene("");
    rows(&scene, 1);
    let more = "each.lang = [\"French\", \"Frensh\"]\n\
                request.translation_options = { source_lang = \"auto\", target_lang = \"{{ each.lang }}\" }\n";
    job(&scene, "in.jsonl", "out.jsonl", more);
    let file = scene
        .read("job.toml")
        .replace("qwen-plus", "qwen-mt-plus")
        .replace("Into {{ each.lang }}: {{ row[each.column] }}", "{{ title }}");
    scene.write("job.toml", &file);
    run(&scene, &[]).expect_code(1).says("`Frensh`").says("did you mean French (fr)?").says("job.toml:8:25");
    scene.write("job.toml", file.replace("Frensh", "German"));
    scene.write("terms.csv", "source,target,target_lang\nTitle,Titre,fr\nTitle,Überschrift,de\n");
    let file = scene.read("job.toml");
    scene.write("job.toml", format!("{file}glossary.terms = \"terms.csv\"\n"));
    run(&scene, &[]).expect_code(0);
    let terms: BTreeMap<String, Value> = scene
        .witness()
        .iter()
        .map(|request| &request["body"]["translation_options"])
        .map(|options| {
            (
                options["target_lang"].as_str().expect("a language").to_owned(),
                options["terms"][0]["target"].clone(),
            )
        })
        .collect();
    assert_eq!((&terms["French"], &terms["German"]), (&json!("Titre"), &json!("Überschrift")));
}

#[test]
fn a_document_in_two_languages_is_two_files_and_their_pieces_are_joined_by_themselves() {
    let settings = ServerSettings { translations: TranslationStyle::Marked, ..ServerSettings::default() };
    let scene = Scene::with(settings);
    let paragraphs = |name: &str| {
        (0..30).map(|n| format!("{name} paragraph {n} has some words of its own.\n\n")).collect::<String>()
    };
    scene.write("texts/one.md", paragraphs("One"));
    scene.write("texts/two.md", "A short one.\n");
    let url = scene.base_url();
    let write = |documents: &str| {
        scene.write("job.toml", format!(
            "input.path = \"texts\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-mt-plus\"\nmodel.base_url = {url:?}\n\
             request.translation_options = {{ source_lang = \"auto\", target_lang = \"{{{{ each.lang }}}}\" }}\n\
             each.lang = [\"French\", \"German\"]\nsplit.max_tokens = 120\noutput.documents = \"{documents}\"\n"
        ));
    };
    write("done/{{ stem }}.md");
    run(&scene, &[]).expect_code(1).says("`each.lang`").says("one file");
    write("done/{{ stem }}.{{ each.lang }}.md");
    run(&scene, &[]).expect_code(0).says("2 documents: 2 ok");
    let output = scene.output();
    let requests = scene.witness_count() as u64;
    assert_eq!(output.iter().filter_map(|row| row["pieces"].as_u64()).sum::<u64>(), requests);
    assert_eq!(scene.receipt()["rows"]["requests"], requests);
    for (row, stem) in output.iter().zip(["one", "two"]) {
        for lang in ["French", "German"] {
            let written = scene.read(&format!("done/{stem}.{lang}.md"));
            assert_eq!(row[format!("response_{lang}")], written, "{stem} {lang}");
            let of_source = scene.read(&format!("texts/{stem}.md"));
            assert_eq!(written.matches("\n\n").count(), of_source.matches("\n\n").count());
            assert!(written.contains(lang) || written.contains(&lang.to_lowercase()[..2]), "{written}");
        }
    }
    let told = scene.run(&["status", "job.toml", "--row", "one.md"]).expect_code(0).stdout;
    assert!(told.contains("German, piece 2 (one.md#German#2): ok"), "{told}");
    write("done/{{ stem }}.{{ each.lang }}.md");
    let job =
        scene.read("job.toml").replace("[\"French\", \"German\"]", "[\"German\", \"Dutch\", \"French\"]");
    scene.write("job.toml", job);
    run(&scene, &[]).expect_code(0);
    assert_eq!(scene.witness_count() as u64, requests / 2 * 3, "only the new language is sent");
}

#[test]
fn pieces_are_merged_for_each_combination_and_a_digest_has_them_all() {
    let scene = scene("");
    let text = (0..40).map(|n| format!("Sentence {n} of the row is here.\n\n")).collect::<String>();
    let rows = [json!({"id": "a", "text": text}), json!({"id": "b", "text": "Short."})];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    job(
        &scene,
        "in.jsonl",
        "out.jsonl",
        "input.id = \"id\"\neach.tone = [\"dry\", \"warm\"]\nsplit = { max_tokens = 100, combine = \"merge\" }\n\
         merge.prompt = \"Merge for {{ each.tone }} of {{ id }}: {{ parts | join(' ') }}\"\n\
         digest.each = \"<{{ id }} {{ each.tone }}>\"\ndigest.prompt = \"Digest {{ parts | join(' ') }}\"\n",
    );
    let file = scene
        .read("job.toml")
        .replace("Into {{ each.lang }}: {{ row[each.column] }}", "In a {{ each.tone }} tone: {{ text }}");
    scene.write("job.toml", file);
    run(&scene, &[]).expect_code(0).says("2 rows: 2 ok");
    let output = scene.output();
    for tone in ["dry", "warm"] {
        assert!(
            is_to(&output[0][format!("response_{tone}")], &format!("Merge for {tone} of a: ")),
            "{}",
            output[0]
        );
        assert!(
            is_to(&output[1][format!("response_{tone}")], &format!("In a {tone} tone: Short.")),
            "{}",
            output[1]
        );
    }
    let all = sent(&scene);
    assert!(all.contains_key("Digest <a dry> <a warm> <b dry> <b warm>"), "{all:?}");
    let digest = &scene.receipt()["digest"];
    assert_eq!((&digest["status"], &digest["rows"]), (&json!("ok"), &json!(2)));
    let before = scene.witness_count();
    run(&scene, &[]).expect_code(0);
    assert_eq!(scene.witness_count(), before);
}

#[test]
fn pieces_as_rows_are_beside_one_another_or_below() {
    let scene = scene("");
    let text = (0..40).map(|n| format!("Sentence {n} of the row is here.\n\n")).collect::<String>();
    scene.write("in.jsonl", format!("{}\n", json!({"text": text})));
    let write = |layout: &str| {
        job(
            &scene,
            "in.jsonl",
            "out.jsonl",
            &format!(
                "each.tone = [\"dry\", \"warm\"]\nsplit = {{ max_tokens = 100, combine = \"rows\" }}\noutput.layout = \"{layout}\"\n"
            ),
        );
        let file = scene
            .read("job.toml")
            .replace("Into {{ each.lang }}: {{ row[each.column] }}", "{{ each.tone }}: {{ text }}");
        scene.write("job.toml", file);
    };
    write("wide");
    run(&scene, &[]).expect_code(0).says("1 row: 1 ok");
    let wide = scene.output();
    write("long");
    run(&scene, &[]).expect_code(0).says("nothing was sent");
    let long = scene.output();
    assert_eq!((scene.witness_count(), long.len()), (wide.len() * 2, wide.len() * 2));
    assert!(wide.len() > 2, "{wide:?}");
    for (n, row) in wide.iter().enumerate() {
        assert_eq!(
            (&row["piece"], &row["response_warm"]),
            (&json!(n + 1), &long[wide.len() + n]["response"])
        );
        assert_eq!((&long[n]["tone"], &long[n]["piece"]), (&json!("dry"), &json!(n + 1)));
    }
}

#[test]
fn equal_requests_of_combinations_share_an_answer() {
    let scene = scene("");
    let rows = [json!({"title": "A.", "body": "A."}), json!({"title": "A.", "body": "B."})];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}input.duplicates = \"share\"\n"));
    let said = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(said.contains("2 rows · 8 requests") && said.contains("to send: 4 requests"), "{said}");
    run(&scene, &[]).expect_code(0).says("2 rows: 2 ok");
    assert_eq!(scene.witness_count(), 4);
    assert!(is_to(&scene.output()[1]["response_French_title"], "Into French: A."));
}

#[test]
fn a_row_that_cannot_be_read_fails_for_all_and_a_combination_that_cannot_be_rendered_alone() {
    let scene = scene("");
    scene.write("in.jsonl", "{\"title\":\"A.\",\"body\":\"B.\"}\nno JSON\n{\"title\":\"C.\"}\n");
    for (layout, lines) in [("wide", 3), ("long", 12)] {
        job(
            &scene,
            "in.jsonl",
            "out.jsonl",
            &format!("{LANGUAGES}input.on_bad_row = \"skip\"\noutput.layout = \"{layout}\"\n"),
        );
        run(&scene, &[]).expect_code(3).says("3 rows: 1 ok · 2 failed · 0 pending");
        assert_eq!((scene.witness_count(), scene.output().len()), (6, lines), "{layout}");
    }
    job(&scene, "in.jsonl", "out.jsonl", &format!("{LANGUAGES}input.on_bad_row = \"skip\"\n"));
    run(&scene, &[]).expect_code(3);
    let output = scene.output();
    assert!(is_to(&output[2]["response_French_title"], "Into French: C."), "{}", output[2]);
    let error = output[2]["error"].as_str().expect("an error");
    assert!(
        error.contains("English, body: ")
            && error.contains("no column `body`")
            && error.contains("also failed: French, body"),
        "{error}"
    );
    assert!(output[1]["error"].as_str().expect("an error").contains("in.jsonl:2"), "{}", output[1]);
}

#[test]
fn fields_of_a_schema_are_columns_of_each_combination() {
    let scene = scene("");
    rows(&scene, 1);
    scene.write(
        "answer.json",
        json!({
            "type": "object", "additionalProperties": false, "required": ["score", "word"],
            "properties": {"score": {"type": "integer"}, "word": {"type": "string"}}
        })
        .to_string(),
    );
    let more = "answer = { schema = \"answer.json\", expand = true }\nrequest.response_format = { type = \"json_schema\" }\n";
    job(&scene, "in.jsonl", "out.csv", &format!("{LANGUAGES}{more}"));
    run(&scene, &[]).expect_code(0);
    let table = Table::read(&scene.path("out.csv"));
    assert!(table.columns.iter().any(|name| name == "French_body_score"), "{:?}", table.columns);
    assert!(table.rows[0]["English_title_score"].as_str().is_some_and(|score| score.parse::<i64>().is_ok()));
    job(&scene, "in.jsonl", "out.csv", &format!("{LANGUAGES}{more}output.layout = \"long\"\n"));
    run(&scene, &[]).expect_code(0);
    assert!(Table::read(&scene.path("out.csv")).rows.iter().all(|row| row["word"].as_str().is_some()));
}

#[test]
fn progress_report_and_exports_speak_of_requests_and_rows() {
    let scene = scene("");
    rows(&scene, 3);
    job(&scene, "in.jsonl", "out.jsonl", LANGUAGES);
    run(&scene, &[]).expect_code(0).says("12 requests to send");
    let told = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(told.contains("12 requests of 3 rows: 12 ok"), "{told}");
    scene.run(&["export", "job.toml", "--output", "out.parquet"]).expect_code(0);
    let table = Table::read(&scene.path("out.parquet"));
    assert!(table.rows.len() == 3 && is_to(&table.rows[2]["response_French_body"], "Into French: Body 2."));
    scene.run(&["report", "job.toml"]).expect_code(0);
}
