//! Rows that are cut into pieces: each piece is a request of its own, and the answers become one row again.

use std::collections::BTreeMap;

use fanfold::simulator::{Script, ServerSettings, TranslationStyle};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene};

/// A job's lines that cut the rows, for a translation model.
const CUT: &str = "input.id = \"name\"\nmodel.name = \"qwen-mt-plus\"\n\
                   request.translation_options = { source_lang = \"auto\", target_lang = \"German\" }\n\
                   split.max_tokens = 100\n";

/// A scene whose simulator gives each text back, with some faults.
fn scene(script: &str) -> Scene {
    let script = Script::parse(script).expect("a good script");
    Scene::with(ServerSettings { script, translations: TranslationStyle::Echo, ..ServerSettings::default() })
}

fn job(scene: &Scene, more: &str) {
    let file = std::fs::read_to_string(scene.job("in.jsonl", "out.jsonl", CUT)).expect("a job");
    // The job of a scene names another model.
    let file = file.replace("model.name = \"qwen-plus\"\n", "");
    scene.write("job.toml", format!("{file}{more}"));
}

fn input(scene: &Scene, documents: &[(&str, String)]) {
    let lines = documents.iter().map(|(name, text)| format!("{}\n", json!({"name": name, "text": text})));
    scene.write("in.jsonl", lines.collect::<String>());
}

/// A text of so many paragraphs, no two alike.
fn book(paragraphs: usize) -> Vec<String> {
    let words = ["river", "market", "lantern", "harvest", "window", "letter", "garden", "winter"];
    let paragraph = |number: usize| {
        let sentence = |at: usize| {
            format!(
                "The {} of day {number} met a {}.",
                words[(number + at) % 8],
                words[(number * 3 + at) % 8]
            )
        };
        (0..1 + number % 4).map(sentence).collect::<Vec<_>>().join(" ")
    };
    (0..paragraphs).map(paragraph).collect()
}

fn run(scene: &Scene, arguments: &[&str]) -> Finished {
    scene.run(&[&["run", "job.toml"], arguments].concat())
}

/// The texts that were sent, each with how often.
fn sent(scene: &Scene) -> BTreeMap<String, usize> {
    let mut texts = BTreeMap::new();
    for request in scene.witness() {
        let text = request["body"]["messages"][0]["content"].as_str().expect("a text").to_owned();
        *texts.entry(text).or_default() += 1;
    }
    texts
}

fn row<'r>(rows: &'r [Value], name: &str) -> &'r Value {
    rows.iter().find(|row| row["name"] == name).expect("a row of this name")
}

#[test]
fn echoed_texts_are_byte_for_byte_themselves_and_a_text_without_a_letter_is_skipped() {
    let scene = scene("");
    let markdown = "\u{feff}# Title\r\n\r\nFirst *paragraph*, with `code`.\r\n\r\n```rust\r\nlet a = 1;\r\n```\r\n\r\n* one\r\n* two";
    let documents = [
        ("book", book(40).join("\n\n") + "\n"),
        ("odd", "  Indented.\r\n\r\n\r\n\tTabs and a ruler\n* * *\n\nLast line without an end".to_owned()),
        ("rulers", "* * *\n\n1 2 3\n".to_owned()),
        ("empty", String::new()),
        ("markdown", markdown.to_owned()),
    ];
    input(&scene, &documents);
    job(&scene, "split.by = \"markdown\"\n");
    let pieces = sent(&scene).len();
    let said = run(&scene, &[]).expect_code(0);
    said.says("5 rows (2 without text) · ").says("5 rows: 3 ok · 0 failed · 0 pending · 2 skipped");
    assert_eq!(pieces, 0);
    let rows = scene.output();
    for (name, text) in &documents {
        let row = row(&rows, name);
        assert_eq!(row["response"], *text, "{name}");
        let is_blank = matches!(*name, "rulers" | "empty");
        assert_eq!(row["status"], if is_blank { "skipped" } else { "ok" });
        assert_eq!(row["pieces"] == 0, is_blank, "{name}");
    }
    let of_book = row(&rows, "book");
    let requests = scene.witness().len() as u64;
    assert!(of_book["pieces"].as_u64() > Some(4), "{of_book}");
    let receipt = scene.receipt();
    let expected = json!({"in": 5, "ok": 3, "failed": 0, "pending": 0, "skipped": 2, "pieces": requests});
    assert_eq!(receipt["rows"], expected);
    let tokens = |row: &Value| row["total_tokens"].as_u64().unwrap_or_default();
    assert_eq!(
        rows.iter().map(tokens).sum::<u64>(),
        receipt["all_runs"]["total_tokens"],
        "sums are the rows'"
    );
    let verified = scene.run(&["verify", "job.toml"]).expect_code(0);
    assert!(verified.stdout.contains("3 ok · 0 failed · 0 pending · 2 skipped"), "{}", verified.stdout);
}

#[test]
fn an_edited_paragraph_sends_at_most_two_pieces_and_an_inserted_one_a_few() {
    let scene = scene("");
    let mut texts = book(300);
    let write = |texts: &[String]| {
        input(&scene, &[("a", "One.".to_owned()), ("book", texts.join("\n\n")), ("z", "Two.".to_owned())])
    };
    job(&scene, "");
    write(&texts);
    run(&scene, &[]).expect_code(0);
    let all = scene.witness().len();
    assert!(all > 30, "{all} pieces");
    let mut before = all;
    let mut sends = |texts: &[String], most: usize, what: &str| {
        write(texts);
        run(&scene, &[]).expect_code(0);
        let now = scene.witness().len();
        assert!((1..=most).contains(&(now - before)), "{what}: {} pieces", now - before);
        before = now;
        assert_eq!(scene.output()[1]["response"], texts.join("\n\n"), "{what}");
    };
    texts[150] = "Another paragraph altogether.".to_owned();
    sends(&texts, 2, "an edit");
    texts.insert(3, "A paragraph that was not here before, with some more words in it.".to_owned());
    sends(&texts, 4, "an insertion");
    texts.remove(200);
    sends(&texts, 4, "a deletion");
    let before = scene.witness().len();
    run(&scene, &[]).expect_code(0).says("nothing to send");
    assert_eq!(scene.witness().len(), before);
}

#[test]
fn a_kill_at_any_point_pays_for_no_stored_piece_again() {
    let whole = scene("");
    let documents = [("a", book(12).join("\n\n")), ("b", "Short.".to_owned()), ("c", book(30).join("\n\n"))];
    input(&whole, &documents);
    job(&whole, "");
    run(&whole, &[]).expect_code(0);
    let pieces = whole.witness().len();
    for (point, times) in [
        ("journal.commit.before", 2),
        ("journal.commit.inside", 3),
        ("journal.commit.after", 1),
        ("journal.commit.after", 4),
        ("dispatch.answered", 5),
        ("journal.end.before", 1),
        ("journal.end.entered", 1),
        ("write.sync.before", 1),
        ("write.renamed", 1),
    ] {
        let scene = scene("");
        input(&scene, &documents);
        job(&scene, "limits.concurrency = 3\n");
        let died = scene.dying_at(point, times).output().expect("the binary runs");
        assert!(!died.status.success(), "{point} was met");
        scene.let_arrive();
        let stored: u64 = scene
            .journal()
            .query_row("SELECT count(*) FROM entries WHERE status = 'ok'", [], |row| row.get(0))
            .expect("a journal");
        let before = scene.witness().len();
        run(&scene, &[]).expect_code(0);
        assert_eq!(scene.witness().len() - before, pieces - stored as usize, "{point}");
        let text =
            |scene: &Scene| scene.output().iter().map(|row| row["response"].clone()).collect::<Vec<_>>();
        assert_eq!(text(&scene), text(&whole), "{point}");
    }
}

#[test]
fn a_failed_piece_fails_its_row_by_name_and_is_sent_again_alone() {
    let mut scene = scene(
        "[[fault]]\ncontains = \"day 7 \"\nstatus = 400\ncode = \"DataInspectionFailed\"\nmessage = \"no\"\n",
    );
    let text = format!("# One\n\n{}\n\n# Two\n\n{}\n", book(6).join("\n\n"), book(10)[6..].join("\n\n"));
    input(&scene, &[("good", "Fine.".to_owned()), ("bad", text.clone())]);
    job(&scene, "split.by = \"markdown\"\n");
    let said = run(&scene, &[]).expect_code(3);
    said.says("1 ok · 1 failed").says("1 piece failed with DataInspectionFailed");
    let rows = scene.output();
    let bad = row(&rows, "bad");
    assert_eq!(
        (&bad["status"], &bad["response"], &bad["pieces_failed"]),
        (&json!("failed"), &Value::Null, &json!(1))
    );
    assert_eq!(bad["error_code"], "DataInspectionFailed");
    let error = bad["error"].as_str().expect("an error");
    assert!(error.starts_with("piece ") && error.contains("(Two): "), "{error}");
    scene.serve(ServerSettings { translations: TranslationStyle::Echo, ..ServerSettings::default() });
    job(&scene, "split.by = \"markdown\"\n");
    let before = scene.witness().len();
    run(&scene, &["--retry-failed"]).expect_code(0);
    assert_eq!(scene.witness().len() - before, 1);
    assert_eq!(row(&scene.output(), "bad")["response"], text);
}

#[test]
fn pieces_can_be_rows_and_a_limit_counts_the_rows_of_the_input() {
    let scene = scene("");
    input(
        &scene,
        &[
            ("a", book(12).join("\n\n")),
            ("none", " ".to_owned()),
            ("b", book(3).join("\n\n")),
            ("c", "Last.".to_owned()),
        ],
    );
    job(&scene, "split.combine = \"rows\"\n");
    run(&scene, &["--limit", "3"]).expect_code(0);
    let rows = scene.output();
    let count = rows[0]["pieces"].as_u64().expect("a number");
    let numbers: Vec<u64> = rows
        .iter()
        .filter(|row| row["name"] == "a")
        .map(|row| row["piece"].as_u64().expect("a number"))
        .collect();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["name"] != "c"));
    assert_eq!(row(&rows, "none")["status"], "skipped");
    let digest = "digest.prompt = \"Digest:{% for part in parts %} [{{ part }}]{% endfor %}\"\ndigest.model = \"qwen-plus\"\n";
    job(&scene, &format!("split.combine = \"rows\"\n{digest}"));
    run(&scene, &["--limit", "3"]).expect_code(0);
    let sent = sent_with(&scene, "Digest:");
    assert!(sent.len() == 1 && sent[0].contains(&book(12).join("\n\n")), "{sent:?}");
    job(&scene, "split.combine = \"rows\"\n");
    let text: Vec<&str> =
        rows.iter().filter(|row| row["name"] == "a").filter_map(|row| row["response"].as_str()).collect();
    assert_eq!(text.join("\n\n"), book(12).join("\n\n"));
    scene.run(&["verify", "job.toml", "--limit", "3"]).expect_code(0);
    let before = scene.witness().len();
    run(&scene, &[]).expect_code(0);
    assert_eq!(scene.witness().len() - before, 1, "the row past the limit");
}

#[test]
fn a_template_sees_the_piece_as_its_column_and_the_whole_row_beside_it() {
    let scene = scene("");
    let text = format!("# Head\n\n{}\n", book(12).join("\n\n"));
    input(&scene, &[("a", text.clone())]);
    job(&scene, "split.by = \"markdown\"\nsplit.context = 1\nsplit.combine = \"rows\"\n");
    let file = scene.read("job.toml").replace(
        "prompt.user = \"{{ text }}\"",
        "prompt.user = \"{{ piece.number }}/{{ piece.count }} [{{ piece.heading }}] <{{ piece.before }}> {{ row['text'] | length }} {{ text == piece.text }} {{ name }}\"",
    );
    scene.write("job.toml", file.replace("model.name = \"qwen-mt-plus\"", "model.name = \"qwen-plus\""));
    // What is not a translation takes no options of one.
    let file: String = scene
        .read("job.toml")
        .lines()
        .filter(|line| !line.contains("translation_options"))
        .fold(String::new(), |all, line| all + line + "\n");
    scene.write("job.toml", file);
    run(&scene, &[]).expect_code(0);
    let sent = sent(&scene);
    let count = sent.len();
    let length = text.chars().count();
    assert!(
        sent.keys().any(|sent| sent.starts_with(&format!("1/{count} [Head] <> {length} true a"))),
        "{sent:?}"
    );
    let second = sent.keys().find(|sent| sent.starts_with("2/")).expect("a second piece");
    assert!(second.contains("[Head] <The "), "{second}");
}

#[test]
fn a_row_tells_its_pieces_and_each_piece_its_story() {
    let scene = scene("");
    input(&scene, &[("a", format!("# Head\n\n{}\n", book(12).join("\n\n"))), ("b", "Short.".to_owned())]);
    job(&scene, "split.by = \"markdown\"\n");
    run(&scene, &[]).expect_code(0);
    let count = scene.output()[0]["pieces"].as_u64().expect("a number");
    let story = scene.run(&["status", "job.toml", "--row", "a"]).expect_code(0);
    assert!(story.stdout.starts_with(&format!("row a: ok · {count} pieces")), "{}", story.stdout);
    assert!(story.stdout.contains("piece 1 (a#1): ok"), "{}", story.stdout);
    let piece = scene.run(&["status", "job.toml", "--row", "a#2"]).expect_code(0);
    assert!(piece.stdout.starts_with("row a#2: ok after 1 request"), "{}", piece.stdout);
    let json: Value = serde_json::from_str(
        &scene.run(&["status", "job.toml", "--row", "a", "--json"]).expect_code(0).stdout,
    )
    .expect("JSON");
    assert_eq!(json["pieces"].as_array().map(Vec::len), usize::try_from(count).ok());
    assert_eq!((&json["status"], &json["pieces"][0]["row"]), (&json!("ok"), &json!("a#1")));
}

#[test]
fn a_column_that_is_not_there_or_holds_no_text_is_named() {
    let scene = scene("");
    input(&scene, &[("a", "One.".to_owned())]);
    scene.write("in.jsonl", "{\"name\":\"a\",\"text\":[1]}\n");
    job(&scene, "");
    run(&scene, &[]).expect_code(1).says("in.jsonl:1").says("column `text` is to be cut into pieces");
    scene.write("in.jsonl", "{\"name\":\"a\",\"body\":\"One.\"}\n");
    run(&scene, &[]).expect_code(1).says("column `text` is to be cut into pieces, and is missing here");
    scene.write("in.csv", "name,body\na,One\n");
    let file = scene.read("job.toml").replace("in.jsonl", "in.csv").replace("{{ text }}", "{{ body }}");
    scene.write("job.toml", &file);
    run(&scene, &[]).expect_code(1).says("[split] cuts the column `text`").says("name, body");
    scene.write("job.toml", format!("{file}split.column = \"body\"\n"));
    run(&scene, &[]).expect_code(0);
    assert_eq!(scene.witness().len(), 1);
}

/// A job that summarises, merges and digests.
const MERGED: &str = "input.id = \"name\"\nsplit.max_tokens = 100\nsplit.combine = \"merge\"\n\
                      merge.prompt = \"Merge {{ name }}:{% for part in parts %} <{{ part }}>{% endfor %}\"\n\
                      merge.request.max_tokens = 300\n\
                      digest.each = \"{{ name }}: {{ response }}\"\n\
                      digest.prompt = \"Digest:{% for part in parts %} [{{ part }}]{% endfor %}\"\n\
                      digest.output = \"digest.md\"\n";

fn merged_job(scene: &Scene, more: &str) {
    scene.job("in.jsonl", "out.jsonl", &format!("{MERGED}{more}"));
}

/// The texts that were sent and begin with a word, in the order of sending.
fn sent_with(scene: &Scene, word: &str) -> Vec<String> {
    let texts = scene.witness();
    let texts = texts.iter().filter_map(|request| request["body"]["messages"][0]["content"].as_str());
    texts.filter(|text| text.starts_with(word)).map(str::to_owned).collect()
}

#[test]
fn the_answers_to_pieces_are_merged_in_order_and_the_rows_digested() {
    let scene = scene("");
    let documents = [
        ("a", book(12).join("\n\n")),
        ("one", "Short.".to_owned()),
        ("none", " ".to_owned()),
        ("c", book(20).join("\n\n")),
    ];
    input(&scene, &documents);
    merged_job(&scene, "");
    let price = ["--set", "price.input=1", "--set", "price.output=2"];
    let preview = scene.run(&[&["preview", "job.toml"], price.as_slice()].concat()).expect_code(0).stdout;
    for words in [
        "4 rows (1 without text) · ",
        " pieces · 2 merges: new ",
        "; then 2 merges and the digest",
        "\nprompts: ",
    ] {
        assert!(preview.contains(words), "{words} in {preview}");
    }
    assert!(preview.contains(" in one request a row"), "{preview}");
    let said = run(&scene, &[]).expect_code(0);
    said.says("4 rows: 3 ok · 0 failed · 0 pending · 1 skipped").says("digest of 3: digest.md");
    let rows = scene.output();
    let (merges, digests) = (sent_with(&scene, "Merge "), sent_with(&scene, "Digest:"));
    assert_eq!((merges.len(), digests.len()), (2, 1), "a row of one piece is not merged");
    for name in ["a", "c"] {
        let pieces = row(&rows, name)["pieces"].as_u64().expect("a number") as usize;
        let merge =
            merges.iter().find(|merge| merge.starts_with(&format!("Merge {name}:"))).expect("a merge");
        assert_eq!(merge.matches(" <").count(), pieces, "{merge}");
        assert_eq!(row(&rows, name)["attempts"], pieces + 1);
    }
    let digest = digests[0].as_str();
    let order: Vec<_> =
        ["[a: ", "[one: ", "[c: "].iter().map(|part| digest.find(part).expect("a part")).collect();
    assert!(order.is_sorted() && !digest.contains("[none"), "{digest}");
    let receipt = scene.receipt();
    assert_eq!(receipt["digest"]["response"], scene.read("digest.md"));
    assert_eq!((&receipt["digest"]["rows"], &receipt["digest"]["lacks"]), (&json!(3), &json!(0)));
    let tokens = |row: &Value| row["total_tokens"].as_u64().unwrap_or_default();
    let of_rows: u64 = rows.iter().map(tokens).sum();
    let of_digest = tokens(&receipt["digest"]);
    assert_eq!(of_rows + of_digest, receipt["all_runs"]["total_tokens"], "nothing is counted twice");
    let before = scene.witness().len();
    run(&scene, &[]).expect_code(0).says("nothing was sent");
    assert_eq!(scene.witness().len(), before);
    scene.run(&["verify", "job.toml"]).expect_code(0);
    let story = scene.run(&["status", "job.toml", "--row", "a"]).expect_code(0).stdout;
    assert!(story.contains("\n  merge (a#merge): ok after 1 request"), "{story}");
}

#[test]
fn parts_in_other_groups_are_another_request_and_every_part_is_in_it_once() {
    let fault = "[[fault]]\ncontains = \"Digest\"\nrequests = [10, 10]\nstatus = 400\ncode = \"Some\"\nmessage = \"no\"\n";
    let mut scene = scene(fault);
    let names: Vec<String> = (0..8).map(|number| format!("n{number}")).collect();
    let documents: Vec<(&str, String)> =
        names.iter().map(|name| (name.as_str(), format!("Text of {name}."))).collect();
    input(&scene, &documents);
    let job = |scene: &Scene, most: usize| {
        let digest = "digest.each = \"<{{ name }}>\"\ndigest.prompt = \"Digest:{% for part in parts %} {{ part }}{% endfor %}\"\n";
        scene.job(
            "in.jsonl",
            "out.jsonl",
            &format!("input.id = \"name\"\nlimits.concurrency = 1\n{digest}digest.max_tokens = {most}\n"),
        );
    };
    job(&scene, 5);
    run(&scene, &[]).expect_code(3).says("the digest failed: no");
    scene.serve(ServerSettings::default());
    job(&scene, 8);
    let before = sent_with(&scene, "Digest:").len();
    run(&scene, &["--retry-failed"]).expect_code(0);
    // The other ones are over the answers to these.
    let sent = sent_with(&scene, "Digest:").split_off(before);
    let sent: String = sent.into_iter().filter(|text| text.starts_with("Digest: <")).collect();
    for name in &names {
        assert_eq!(sent.matches(&format!("<{name}>")).count(), 1, "{name} in {sent}");
    }
}

#[test]
fn a_digest_replaces_no_file_of_the_job_and_is_no_document() {
    let scene = scene("");
    scene.write("docs/a.txt", "One.");
    let digest = |place: &str| {
        let more = format!("digest.prompt = \"{{{{ parts }}}}\"\ndigest.output = \"{place}\"\n");
        scene.job("docs", "out.jsonl", &more);
        scene.run(&["run", "job.toml"])
    };
    for place in ["docs/a.txt", "docs/digest.md", "out.jsonl", "out.jsonl.journal", "job.toml"] {
        digest(place).expect_code(1).says("the digest");
        assert_eq!(scene.read("docs/a.txt"), "One.", "{place}");
    }
    assert!(scene.witness().is_empty());
    digest("digest.md").expect_code(0);
}

#[test]
fn an_edited_piece_sends_itself_its_own_merge_and_the_digest_and_nothing_else() {
    let scene = scene("");
    let mut texts = book(12);
    let other = book(20).join("\n\n");
    let write = |texts: &[String]| input(&scene, &[("a", texts.join("\n\n")), ("c", other.clone())]);
    write(&texts);
    merged_job(&scene, "");
    run(&scene, &[]).expect_code(0);
    let before = scene.witness().len();
    texts[5] = "Something else altogether.".to_owned();
    write(&texts);
    run(&scene, &[]).expect_code(0);
    let new: Vec<Value> = scene.witness().split_off(before);
    let text =
        |request: &Value| request["body"]["messages"][0]["content"].as_str().expect("a text").to_owned();
    let new: Vec<String> = new.iter().map(text).collect();
    let merges: Vec<_> = new.iter().filter(|text| text.starts_with("Merge ")).collect();
    assert!(merges.len() == 1 && merges[0].starts_with("Merge a:"), "{new:?}");
    assert_eq!(new.iter().filter(|text| text.starts_with("Digest:")).count(), 1);
    assert!(new.len() <= 4, "{new:?}");
    // A row before the others moves them all, and sends nothing of theirs but the digest.
    input(&scene, &[("new", "Fresh.".to_owned()), ("a", texts.join("\n\n")), ("c", other.clone())]);
    let before = scene.witness().len();
    run(&scene, &[]).expect_code(0);
    assert_eq!(scene.witness().len() - before, 2);
}

#[test]
fn more_parts_than_fit_are_merged_in_groups_first_and_a_kill_pays_for_no_group_again() {
    let documents = [("a", book(40).join("\n\n")), ("c", book(25).join("\n\n"))];
    let whole = scene("");
    input(&whole, &documents);
    merged_job(&whole, "merge.max_tokens = 60\n");
    run(&whole, &[]).expect_code(0).says("for groups of parts");
    let requests = whole.witness().len();
    let merges = sent_with(&whole, "Merge a:");
    assert!(merges.len() > 2, "{merges:?}");
    let responses =
        |scene: &Scene| scene.output().iter().map(|row| row["response"].clone()).collect::<Vec<_>>();
    for times in [1, 3, requests - 6, requests - 4, requests - 2] {
        let scene = scene("");
        input(&scene, &documents);
        merged_job(&scene, "merge.max_tokens = 60\nlimits.concurrency = 1\n");
        let died = scene.dying_at("dispatch.answered", times).output().expect("the binary runs");
        assert!(!died.status.success(), "the point was met");
        scene.let_arrive();
        let stored: u64 =
            scene.journal().query_row("SELECT count(*) FROM steps", [], |row| row.get(0)).expect("a journal");
        let before = scene.witness().len();
        run(&scene, &[]).expect_code(0);
        assert_eq!(
            scene.witness().len() - before,
            requests - stored as usize,
            "{times}: what is stored is not sent again"
        );
        assert_eq!(responses(&scene), responses(&whole), "{times}");
    }
}

#[test]
fn a_failed_merge_fails_its_row_and_is_sent_again_alone() {
    let mut scene = scene(
        "[[fault]]\ncontains = \"Merge a\"\nstatus = 400\ncode = \"DataInspectionFailed\"\nmessage = \"no\"\n",
    );
    input(&scene, &[("a", book(12).join("\n\n")), ("b", "Short.".to_owned())]);
    merged_job(&scene, "");
    run(&scene, &[]).expect_code(3).says("1 ok · 1 failed").says("it lacks 1 that failed");
    let rows = scene.output();
    let error = row(&rows, "a")["error"].as_str().expect("an error").to_owned();
    assert!(error.starts_with("merge: "), "{error}");
    assert!(row(&rows, "a")["total_tokens"].as_u64() > Some(0), "its pieces were paid for");
    for look in ["status", "verify"] {
        let shown = scene.run(&[look, "job.toml"]).stdout;
        assert!(shown.contains("requests over answers: 1 ok · 1 failed · 0 pending"), "{shown}");
    }
    scene.run(&["verify", "job.toml"]).expect_code(3);
    scene.serve(ServerSettings { translations: TranslationStyle::Echo, ..ServerSettings::default() });
    merged_job(&scene, "");
    let before = scene.witness().len();
    run(&scene, &["--retry-failed"]).expect_code(0).says("digest of 2");
    assert_eq!(scene.witness().len() - before, 2, "the merge, and the digest over both rows");
}

#[test]
fn a_merge_without_a_prompt_and_a_prompt_without_a_merge_are_refused_with_the_job_file() {
    let scene = scene("");
    input(&scene, &[("a", "One.".to_owned())]);
    scene.job("in.jsonl", "out.jsonl", "split.combine = \"merge\"\n");
    run(&scene, &[]).expect_code(1).says("needs a prompt for the merge").says("job.toml");
    scene.job("in.jsonl", "out.jsonl", "split.max_tokens = 100\nrequest.n = 2\n");
    run(&scene, &[]).expect_code(1).says("needs one text for each piece, and `request.n` asks for several");
    scene.job("in.jsonl", "out.jsonl", "merge.prompt = \"{{ parts }}\"\n");
    run(&scene, &[]).expect_code(1).says("[merge] has nothing to merge");
    scene.job("in.jsonl", "out.jsonl", "digest.output = \"d.md\"\n");
    run(&scene, &[]).expect_code(1).says("[digest] has no `prompt`");
    scene.job("in.jsonl", "out.jsonl", "digest.prompt = \"x\"\n");
    run(&scene, &[]).expect_code(1).says("does not use `parts`");
    scene.job("in.jsonl", "out.jsonl", "digest = { prompt = \"{{ parts }}\", model = \"qwen-mt-plus\" }\n");
    run(&scene, &[]).expect_code(1).says("qwen-mt-plus translates");
    scene.job("in.jsonl", "out.jsonl", "digest.prompt = \"{{ parts }} {{ nothing }}\"\n");
    run(&scene, &[]).expect_code(1).says("nothing");
    assert!(scene.witness().is_empty());
}
