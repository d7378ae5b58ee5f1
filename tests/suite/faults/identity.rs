//! Whose answers a journal has, and to which rows they belong: those of a rehearsal never belong to a real job.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use fanfold::simulator::ServerSettings;
use serde_json::{Value, json};

use super::scenario;
use crate::support::echo_server::{House, asked, choice};
use crate::support::harness::{Finished, Scene, lines, row, rows, text};
use crate::support::relay::{Act, Relay};
use crate::support::tables::{Table, parquet, strings};

/// Runs the job of a scene against another address.
fn run_at(scene: &Scene, base_url: &str) -> Finished {
    scene.run(&["run", "job.toml", "--base-url", base_url])
}

/// Each row has the answer of the house to its own text.
fn is_of_the_house(scene: &Scene, count: usize) {
    let output = scene.output();
    assert_eq!(output.len(), count);
    for (number, row) in output.iter().enumerate() {
        assert_eq!(row["response"], format!("house: {}", text(number)), "{row}");
        assert_eq!(row["status"], "ok");
    }
}

#[test]
fn answers_of_a_rehearsal_by_address_are_requested_again_once_a_service_is_asked() {
    scenario(|| {
        for transport in ["whole", "stream"] {
            let (mut scene, house) = (Scene::new(), House::new());
            scene.rows_and_job(5, &format!("model.transport = \"{transport}\"\n"));
            let told = "5 answers come from the simulator, not from a service";
            scene.run_job(&["job.toml"]).expect_code(0).says(told);
            scene.run_job(&["job.toml"]).expect_code(0).says("kept 5").says("nothing was sent").says(told);
            assert_eq!(scene.witness_count(), 5, "to ask who answers is no request");
            assert!(scene.run(&["status", "job.toml"]).expect_code(0).stdout.contains(told));
            let verified = scene.run(&["verify", "job.toml"]).expect_code(0).stdout;
            assert!(verified.contains(told), "{verified}");
            let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
            assert!(status.contains("  run 1 (simulator), "), "{status}");
            scene.run(&["export", "job.toml", "--output", "other.jsonl"]).expect_code(0).says(told);
            let shown = scene.run(&["preview", "job.toml", "--base-url", &house.base_url()]).expect_code(0);
            let rehearsed = "rehearsed: 5 answers in the journal came from a simulator; a run against a real \
                service drops them and sends those 5 rows; the figures below exclude them";
            assert!(shown.stdout.contains(rehearsed), "{}", shown.stdout);

            let finished = run_at(&scene, &house.base_url()).expect_code(0);
            let finished =
                finished.says("5 answers in the journal came from a simulator, and http://127.0.0.1");
            assert!(finished.stderr.contains("new 5"), "{}", finished.stderr);
            assert!(!finished.stderr.contains(told), "{}", finished.stderr);
            assert_eq!(house.asked().len(), 5);
            let [look] = house.looked_at().try_into().expect("one look");
            assert!(!look.to_ascii_lowercase().contains("authorization"), "{look}");
            is_of_the_house(&scene, 5);
            run_at(&scene, &house.base_url()).expect_code(0).says("kept 5").says("nothing was sent");
            let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
            assert!(status.contains("  run 3, "), "{status}");
            let verified = scene.run(&["verify", "job.toml"]).expect_code(0).stdout;
            assert!(!verified.contains("simulator"), "{verified}");
            assert_eq!(house.looked_at().len(), 1, "nothing of the simulator's is left");
            // A later rehearsal does not change paid answers either.
            scene.run(&["run", "job.toml"]).expect_code(0).says("kept 5").says("nothing was sent");
            is_of_the_house(&scene, 5);
        }
    });
}

#[test]
fn the_mark_comes_through_a_gateway_that_keeps_headers_to_itself() {
    scenario(|| {
        fn without_headers(reply: Vec<u8>) -> Vec<u8> {
            let text = String::from_utf8(reply).expect("text");
            let kept = text.split_inclusive("\r\n").filter(|line| !line.starts_with("x-fanfold"));
            kept.collect::<String>().into_bytes()
        }
        for transport in ["whole", "stream"] {
            let (mut scene, house) = (Scene::new(), House::new());
            scene.rows_and_job(4, &format!("model.transport = \"{transport}\"\n"));
            let relay = Relay::new(scene.base_url(), |heard| match heard.row % 2 {
                0 => Act::Spoil(without_headers),
                _ => Act::Drip(7, Duration::ZERO),
            });
            run_at(&scene, &relay.base_url()).expect_code(0).says("4 answers come from the simulator");
            drop(relay);
            run_at(&scene, &house.base_url()).expect_code(0).says("new 4");
            is_of_the_house(&scene, 4);
        }
    });
}

#[test]
fn failures_in_a_rehearsal_are_not_failures_of_a_real_job() {
    scenario(|| {
        let refused = "[[fault]]\ncontains = \"row 1\"\nstatus = 400\ncode = \"DataInspectionFailed\"\n";
        let (mut scene, house) = (Scene::with_script(refused), House::new());
        scene.rows_and_job(3, "");
        scene.run_job(&["job.toml"]).expect_code(3);
        let finished = run_at(&scene, &house.base_url()).expect_code(0);
        assert!(finished.stderr.contains("new 3"), "{}", finished.stderr);
        is_of_the_house(&scene, 3);
    });
}

#[test]
fn the_usage_of_a_rehearsal_does_not_count_towards_the_caps_of_a_real_job() {
    scenario(|| {
        for period in ["job", "day"] {
            let (mut scene, house) = (Scene::new(), House::new());
            let caps = format!("limits.max_total_tokens = 220\nlimits.cap_period = \"{period}\"\n");
            scene.rows_and_job(5, &format!("{caps}request.max_tokens = 20\nlimits.concurrency = 1\n"));
            scene.run_job(&["job.toml"]).expect_code(0);
            let used = scene.receipt()["all_runs"]["total_tokens"].as_u64().expect("a number");
            assert!(used > 100, "{used}");
            run_at(&scene, &house.base_url()).expect_code(0);
            is_of_the_house(&scene, 5);
            assert_eq!(scene.receipt()["all_runs"]["total_tokens"], 75);
            assert_eq!(
                scene.receipt()["caps"]["max_total_tokens"]["spent"],
                75,
                "{}",
                scene.receipt()["caps"]
            );
        }
    });
}

#[test]
fn rows_that_share_an_answer_share_none_of_a_rehearsal() {
    scenario(|| {
        let (mut scene, house) = (Scene::new(), House::new());
        scene.rows_and_job(1, "input.duplicates = \"share\"\n");
        scene.write("in.jsonl", format!("{}\n{}\n", row(0), row(0)));
        scene.judge.texts = None;
        scene.run(&["run", "job.toml"]).expect_code(0).says("2 answers come from the simulator");
        let more = format!("{}{}\n{}\n", rows(0..2), row(0), row(0));
        scene.write("in.jsonl", more);
        run_at(&scene, &house.base_url()).expect_code(0);
        assert_eq!(house.asked().len(), 2, "each request once");
        for row in lines(&scene.path("out.jsonl")) {
            assert_eq!(row["response"], format!("house: {}", row["text"].as_str().expect("a text")));
        }
    });
}

/// Writes other bytes of the same length into a file, and restores its modification time, as `rsync --inplace -t` does.
fn rewrite_in_place(scene: &Scene, name: &str, bytes: &[u8]) {
    let path = scene.path(name);
    let before = fs::metadata(&path).expect("a file");
    assert_eq!(before.len(), bytes.len() as u64);
    let mut file = OpenOptions::new().write(true).open(&path).expect("a file");
    file.write_all(bytes).expect("written");
    file.set_modified(before.modified().expect("a time")).expect("set back");
}

/// The numbers of rows in another order.
fn turned(count: usize, by: usize) -> Vec<usize> {
    (0..count).map(|row| (row + by) % count).collect()
}

/// A file of a format with rows of these numbers.
fn input(name: &str, numbers: &[usize]) -> Vec<u8> {
    let texts: Vec<String> = numbers.iter().map(|number| text(*number + 10)).collect();
    match name.rsplit('.').next() {
        Some("jsonl") => rows(numbers.iter().map(|number| number + 10)).into_bytes(),
        Some("csv") => format!("text\n{}\n", texts.join("\n")).into_bytes(),
        _ => parquet([("text", strings(texts.iter().map(|text| Some(text.as_str()))))]),
    }
}

#[test]
fn an_input_that_is_rewritten_in_place_while_it_is_sent_leaves_no_answer_in_another_s_row() {
    scenario(|| {
        const COUNT: usize = 60;
        for (name, output) in [
            ("in.jsonl", "out.jsonl"),
            ("in.csv", "out.jsonl"),
            ("in.parquet", "out.jsonl"),
            ("in.jsonl", "out.csv"),
            ("in.parquet", "out.parquet"),
        ] {
            let latency = "fixed:10ms".parse().expect("a latency");
            let scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
            let first = input(name, &turned(COUNT, 0));
            // Another order may compress to another length.
            let other = (1..COUNT).map(|by| input(name, &turned(COUNT, by)));
            let other = other.into_iter().find(|other| other.len() == first.len()).expect("as long");
            scene.write(name, &first);
            scene.job(name, output, "limits.concurrency = 2\n");
            scene.run(&["preview", "job.toml"]).expect_code(0);
            let run = scene.start(&["run", "job.toml"]);
            scene.wait_for_requests(20);
            rewrite_in_place(&scene, name, &other);
            let finished = Finished::from(run.wait_with_output().expect("an end"));
            if finished.code != Some(0) {
                // Half of it was read before and half after the change: no valid file results.
                assert_eq!(name, "in.parquet", "{}", finished.stderr);
                scene.run(&["run", "job.toml"]).expect_code(0);
            }
            let table = Table::read(&scene.path(output));
            let (texts, responses) = (table.texts("text"), table.texts("response"));
            assert_eq!(texts.len(), COUNT);
            for (text, response) in texts.iter().zip(&responses) {
                assert!(response.contains(text.as_str()), "{name}: {text}: {response}");
            }
            assert_eq!(scene.witness_count(), COUNT, "{name}: every answer was found again");
        }
    });
}

#[test]
fn a_glossary_and_a_schema_that_are_rewritten_while_rows_are_sent_are_those_of_the_next_run() {
    scenario(|| {
        let schema = |word: &str| {
            let fields = json!({ word: { "type": "string" } });
            json!({ "type": "object", "properties": fields, "required": [word] }).to_string()
        };
        let terms = |word: &str| format!("source,target\nrow,{word}\n");
        let glossary = "glossary.terms = \"file.csv\"\nmodel.name = \"qwen-mt-flash\"\n\
                        request.translation_options = { source_lang = \"English\", target_lang = \"German\" }\n";
        let structure = "answer.schema = \"file.csv\"\nrequest.response_format.type = \"json_schema\"\n";
        for (more, old, new) in
            [(glossary, terms("Reihe"), terms("Zeile")), (structure, schema("title"), schema("label"))]
        {
            let latency = "fixed:10ms".parse().expect("a latency");
            let scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
            scene.write("in.jsonl", rows(0..40));
            scene.write("file.csv", &old);
            let job = scene.job("in.jsonl", "out.jsonl", &format!("limits.concurrency = 2\n{more}"));
            let text = fs::read_to_string(&job).expect("a job");
            if more.contains("model.name") {
                fs::write(&job, text.replacen("model.name = \"qwen-plus\"\n", "", 1)).expect("a job");
            }
            scene.run(&["preview", "job.toml"]).expect_code(0);
            let run = scene.start(&["run", "job.toml"]);
            scene.wait_for_requests(10);
            rewrite_in_place(&scene, "file.csv", new.as_bytes());
            Finished::from(run.wait_with_output().expect("an end")).expect_code(0);
            let word = |word: &str| {
                let bodies = scene.witness().into_iter();
                bodies.filter(|line| line["body"].to_string().contains(word)).count()
            };
            let [old, new] = match more.contains("glossary") {
                true => ["Reihe", "Zeile"],
                false => ["title", "label"],
            };
            assert_eq!((word(old), word(new)), (40, 0), "a run is made of what it began with");
            scene.run(&["run", "job.toml"]).expect_code(0).says("changed 40");
            assert_eq!((word(old), word(new)), (40, 40));
        }
    });
}

#[test]
fn whole_numbers_that_differ_in_a_late_digit_are_different_requests() {
    scenario(|| {
        let numbers = ["12345678901234567890123", "12345678901234567890124", "-12345678901234567890124"];
        for prompt in ["{{ n }}", "{{ n.deep[0] }}", "{{ row }}", "{{ n | tojson }}"] {
            let mut scene = Scene::new();
            scene.job("in.jsonl", "out.jsonl", "input.duplicates = \"share\"\n");
            let row = |number: &&str| match prompt.contains("deep") {
                true => format!("{{\"n\":{{\"deep\":[{number}]}}}}\n"),
                false => format!("{{\"n\":{number}}}\n"),
            };
            scene.write("in.jsonl", numbers.iter().map(row).collect::<String>());
            let prompt = format!("prompt.user={prompt}");
            scene.judge.texts = None;
            scene.run(&["run", "job.toml", "--set", &prompt]).expect_code(0);
            let bodies: Vec<String> = scene.witness().iter().map(|line| line["body"].to_string()).collect();
            for number in numbers {
                assert!(bodies.iter().any(|body| body.contains(number)), "{prompt}: {number}: {bodies:?}");
            }
        }
        // What a template made of a number is one, too.
        let mut scene = Scene::new();
        scene.job(
            "in.jsonl",
            "out.jsonl",
            "input.duplicates = \"share\"\nrequest.metadata.n = \"{{ n | int }}\"\n",
        );
        let row = |number: &&str| format!("{{\"text\":\"same\",\"n\":{number}}}\n");
        scene.write("in.jsonl", numbers[..2].iter().map(row).collect::<String>());
        scene.judge.texts = None;
        scene.run(&["run", "job.toml"]).expect_code(0);
        assert_eq!(scene.witness_count(), 2);
    });
}

/// As PostgreSQL gives the average of whole numbers.
const AVERAGES: [&str; 3] =
    ["0.33333333333333333333", "1234567890.6666666666666667", "-1.50000000000000000001e-3"];

#[test]
fn decimals_of_many_digits_are_numbers_in_a_template_and_are_sent_with_all_of_them() {
    scenario(|| {
        for output in ["out.jsonl", "out.csv"] {
            let mut scene = Scene::new();
            scene.job("in.jsonl", output, "");
            let row = |number: &&str| format!("{{\"score\":{number},\"deep\":[{number}]}}\n");
            scene.write("in.jsonl", AVERAGES.iter().map(row).collect::<String>());
            let prompt = "prompt.user={{ score > 0.5 }} {{ (score * 100) | round }} {{ deep[0] }}";
            scene.judge.texts = None;
            scene.run(&["run", "job.toml", "--set", prompt]).expect_code(0);
            let mut asked: Vec<_> = scene.witness().iter().map(|line| asked(&line["body"])).collect();
            asked.sort_unstable();
            let expected = [
                "false -0.0 -0.0015",
                "false 33.0 0.3333333333333333",
                "true 123456789067.0 1234567890.6666667",
            ];
            assert_eq!(asked, expected);
            let written = fs::read_to_string(scene.path(output)).expect("an output");
            for (line, number) in written.lines().skip(usize::from(output == "out.csv")).zip(AVERAGES) {
                assert_eq!(line.matches(number).count(), 2, "{line}");
            }
        }
    });
}

#[test]
fn rows_with_decimals_of_many_digits_match_those_of_earlier_journals() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.job("in.jsonl", "out.jsonl", "");
        scene.write("in.jsonl", format!("{{\"score\":{},\"text\":\"a\"}}\n", AVERAGES[0]));
        scene.judge.texts = None;
        let prompt =
            "prompt.user={{ score > 0.5 }} {{ (score * 100) | round }} {{ score }} {{ text }} {{ row }}";
        scene.run(&["run", "job.toml", "--set", prompt]).expect_code(0);
        let journal = rusqlite::Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
        let known: String =
            journal.query_row("SELECT hex(fingerprint) FROM entries", [], |row| row.get(0)).expect("one row");
        // A golden value: with another one, earlier answers would be paid for again.
        assert_eq!(known, "2C4FD462D8504B13F1ED7DDC12CF791D");
    });
}

#[test]
fn the_request_decides_whether_a_response_is_a_text_or_an_array_of_texts() {
    scenario(|| {
        let told = "2 answers came with more or fewer choices than `n`; with `n` 1, the first text was kept and \
            the others were dropped";
        for (asks, comes, expected) in [
            (3, 1, json!(["c0"])),
            (3, 2, json!(["c0", "c1"])),
            (1, 3, json!("c0")),
            (3, 3, json!(["c0", "c1", "c2"])),
        ] {
            let house =
                House::with(move |_| (0..comes).map(|index| choice(index, &format!("c{index}"))).collect());
            let mut scene = Scene::new();
            scene.rows_and_job(2, &format!("request.n = {asks}\n"));
            let finished = run_at(&scene, &house.base_url()).expect_code(0);
            assert_eq!(finished.stderr.contains(told), asks != comes, "{}", finished.stderr);
            for row in scene.output() {
                let response = row["response"].as_str().expect("a text");
                match expected.is_array() {
                    true => assert_eq!(serde_json::from_str::<Value>(response).expect("JSON"), expected),
                    false => assert_eq!(response, expected),
                }
            }
        }
    });
}
