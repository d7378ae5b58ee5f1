//! Harmful rows: each is named by the plan before anything is sent, and fails alone if such rows are skipped.

use std::fmt::Write as _;

use fanfold::{ChatRequest, ClientSettings as Client, Endpoint, FaultKind, Fingerprint, HttpEndpoint};
use serde_json::json;

use super::scenario;
use crate::support::harness::{CANARY, Scene, lines};

/// A nesting depth that overflows the stack of any parser that recurses.
const DEEP: usize = 10_000;

fn deep(open: &str, close: &str) -> Vec<u8> {
    format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP)).into_bytes()
}

/// Good rows with a bad one between each two. Every bad one is named in turn and removed; then all are restored and
/// skipped.
fn poisoned(file: &str, header: &str, bad: &[(Vec<u8>, &str)], good: impl Fn(usize) -> String, more: &str) {
    let mut scene = Scene::new();
    scene.job(file, "out.jsonl", more);
    let input = |without: usize| {
        let mut bytes = header.as_bytes().to_vec();
        for (number, (row, _)) in bad.iter().enumerate() {
            bytes.extend(good(number).into_bytes());
            if number >= without {
                bytes.extend(row);
                bytes.push(b'\n');
            }
        }
        bytes.extend(good(bad.len()).into_bytes());
        bytes
    };
    for (number, (_, says)) in bad.iter().enumerate() {
        scene.write(file, input(number));
        let place = format!("{file}:{}: ", header.lines().count() + number + 2);
        let finished = scene.run_job(&["job.toml"]).expect_code(1).says(&place).says(says);
        assert!(finished.stderr.len() < 2_000, "a row is named, not shown: {}", finished.stderr);
    }
    assert!(scene.witness().is_empty(), "nothing was sent");
    scene.write(file, input(0));
    scene.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3);
    let output = lines(&scene.path("out.jsonl"));
    assert_eq!(output.len(), 2 * bad.len() + 1);
    for (position, row) in output.iter().enumerate() {
        match position % 2 {
            0 => {
                let answer = row["response"].as_str().expect("an answer");
                assert!(answer.contains(&format!("good {}.", position / 2)), "{row}");
            }
            _ => {
                assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("bad_row")));
                let error = row["error"].as_str().expect("a reason");
                assert!(error.contains(bad[position / 2].1), "{error}");
            }
        }
    }
    assert_eq!(scene.witness().len(), bad.len() + 1);
}

#[test]
fn harmful_lines_of_json_are_named_one_by_one_and_fail_alone() {
    scenario(|| {
        let line = |value: &[u8]| [br#"{"id":"x","text":"#, value, b"}"].concat();
        let long = format!("\"{}\"", "x".repeat(100_000));
        let bad: Vec<(Vec<u8>, &str)> = vec![
            (line(&deep("[", "]")), "recursion limit exceeded"),
            (line(&deep("{\"a\":", "}")), "recursion limit exceeded"),
            (line("[".repeat(DEEP).as_bytes()), "recursion limit exceeded"),
            (line(br#""a lone \ud800 surrogate""#), "hex escape"),
            (br#"{"id":"x","text":"a","\udc00":1}"#.to_vec(), "surrogate"),
            (line(b"\"a \0 byte\""), "control character"),
            (line(b"NaN"), "not valid JSON"),
            (line(b"-Infinity"), "not valid JSON"),
            (line(b"1e999"), "number out of range"),
            (line(b"\"\xff\xfe\""), "not UTF-8"),
            (b"\xef\xbb\xbf{\"id\":\"x\",\"text\":\"behind a mark\"}".to_vec(), "not valid JSON at column 1"),
            (line(long.as_bytes()), "longer than 90000 bytes"),
            (br#"{"id":"","text":"nameless"}"#.to_vec(), "`id` identifies the row, and is empty"),
            (br#"{"id":["x"],"text":"nameless"}"#.to_vec(), "`id` identifies the row, and is an array"),
            (br#"{"id":"y","text":"stops","n":0}"#.to_vec(), "unable to calculate 6 // 0"),
            (br#"{"id":"z","texts":"no text"}"#.to_vec(), "no column `text`"),
            (b"[1]".to_vec(), "must be a JSON object"),
        ];
        let good = |number: usize| {
            format!("{}\n", json!({ "id": number, "text": format!("good {number}."), "n": 1 }))
        };
        let more =
            "input.id = \"id\"\ninput.max_record = 90_000\nprompt.system = \"{{ 6 // (n | default(1)) }}\"\n";
        poisoned("in.jsonl", "", &bad, good, more);
    });
}

#[test]
fn harmful_records_of_csv_are_named_one_by_one_and_fail_alone() {
    scenario(|| {
        let bad: Vec<(Vec<u8>, &str)> = vec![
            (b"a\xff,1".to_vec(), "column `text` is not UTF-8"),
            (b"a,1,2".to_vec(), "3 cells where the header has 2"),
            (b"a".to_vec(), "1 cell where the header has 2"),
            (b"a,0".to_vec(), "unable to calculate 6 // 0"),
            (b"a,many".to_vec(), "the template does not work"),
        ];
        let good = |number: usize| format!("good {number}.,1\n");
        poisoned("in.csv", "text,n\n", &bad, good, "prompt.system = \"{{ 6 // (n | int) }}\"\n");
    });
}

#[test]
fn rows_that_are_only_strange_are_sent_as_they_are() {
    scenario(|| {
        let strange =
            ["a\u{0}b", "\u{feff}a", "\u{202e}a\u{2028}", "\u{1b}[2J", "\u{fffd}", "", " ", "\u{10ffff}"];
        let mut scene = Scene::new();
        let input: String = strange.iter().fold(String::new(), |mut input, text| {
            let _ = writeln!(input, "{}", json!({ "text": text }));
            input
        });
        scene.write("in.jsonl", input);
        scene.job("in.jsonl", "out.jsonl", "prompt.system = \"Look at it.\"\n");
        scene.judge.texts = Some(strange.map(str::to_owned).to_vec());
        let finished = scene.run_job(&["job.toml"]);
        assert!(matches!(finished.code, Some(0 | 3)), "{finished:?}");
        let sent: Vec<_> =
            scene.witness().iter().map(|line| line["body"]["messages"][1]["content"].clone()).collect();
        assert!(sent.iter().all(|text| strange.contains(&text.as_str().expect("text"))), "{sent:?}");
    });
}

#[test]
fn a_hundred_thousand_columns_in_a_line_and_new_ones_in_each_row_cost_no_more_than_they_are_long() {
    scenario(|| {
        const COLUMNS: usize = 100_000;
        let keys: serde_json::Map<_, _> = (0..COLUMNS).map(|n| (format!("key{n}"), json!(n))).collect();
        let mut wide = keys.clone();
        wide.insert("text".to_owned(), json!("a wide row"));
        let names = (0..COLUMNS).map(|n| format!("key{n}")).collect::<Vec<_>>().join(",");
        let cells = vec!["1"; COLUMNS].join(",");
        let new_in_each: String =
            (0..20_000).map(|n| format!("{{\"text\":\"hello\",\"key{n}\":1}}\n")).collect();
        let inputs = [
            ("in.jsonl", format!("{}\n{{\"text\":\"x\"}}\n", json!(wide)), 2),
            ("in.csv", format!("text,{names}\nhello,{cells}\nx,{cells}\n"), 2),
            ("new.jsonl", new_in_each, 20_000),
        ];
        for (file, content, rows) in inputs {
            let scene = Scene::new();
            scene.write(file, content);
            scene.job(file, "out.jsonl", "");
            // Where columns are looked for one by one, this takes minutes.
            let planned = scene.run(&["preview", "job.toml", "-n", "1"]).expect_code(0);
            assert!(planned.stdout.contains("hello") || planned.stdout.contains("a wide row"), "{file}");
            if rows < 10 {
                scene.run(&["run", "job.toml"]).expect_code(0);
                assert_eq!(scene.output().len(), rows, "{file}");
            }
        }
    });
}

#[test]
fn ten_thousand_columns_are_read_and_written() {
    scenario(|| {
        let names: Vec<String> = (0..DEEP).map(|number| format!("c{number}")).collect();
        let table = format!("text,{}\ngood 1.,{}\n", names.join(","), vec!["1"; DEEP].join(","));
        for output in ["out.jsonl", "out.csv"] {
            let mut scene = Scene::new();
            scene.write("in.csv", &table);
            scene.job("in.csv", output, "");
            scene.judge.output = output.to_owned();
            scene.run_job(&["job.toml"]).expect_code(0);
            assert!(scene.read(output).contains("c9999"));
        }
    });
}

#[test]
fn a_cell_of_fifty_megabytes_is_named_by_its_line_and_fails_alone() {
    scenario(|| {
        let cell = "word ".repeat(10_000_000);
        for (file, input) in [
            (
                "in.jsonl",
                format!("{{\"text\":\"good 0.\"}}\n{{\"text\":\"{cell}\"}}\n{{\"text\":\"good 1.\"}}\n"),
            ),
            ("in.csv", format!("text\ngood 0.\n\"{cell}\"\ngood 1.\n")),
        ] {
            let mut scene = Scene::new();
            scene.write(file, input);
            scene.job(file, "out.jsonl", "");
            let place = if file == "in.csv" { "in.csv:3: " } else { "in.jsonl:2: " };
            scene.run_job(&["job.toml"]).expect_code(1).says(place).says("longer than 16777216 bytes");
            let wide = ["job.toml", "--set", "input.max_record=64 MiB"];
            let finished = scene.run_job(&wide).expect_code(1).says(place).says("the text has at least");
            assert!(finished.stderr.len() < 2_000);
            assert!(scene.witness().is_empty());
            let skip = [&wide[..], &["--set", "input.on_bad_row=skip"]].concat();
            scene.run_job(&skip).expect_code(3);
            let statuses: Vec<_> = scene.output().iter().map(|row| row["status"].clone()).collect();
            assert_eq!(statuses, ["ok", "failed", "ok"]);
        }
    });
}

#[test]
fn endless_nesting_in_the_request_of_a_row_is_reported() {
    scenario(|| {
        let deep = String::from_utf8(deep("[", "]")).expect("text");
        let body = format!(
            "{{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{{\"model\":\"qwen-plus\",\
             \"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"x\":{deep}}}}}\n"
        );
        for input in
            [body, format!("{}\n", json!({ "messages": deep })), format!("{{\"messages\":{deep}}}\n")]
        {
            let mut scene = Scene::new();
            scene.write("in.jsonl", input);
            scene.job("in.jsonl", "out.jsonl", "");
            let job = scene.read("job.toml");
            let without: Vec<&str> = job.lines().filter(|line| !line.starts_with("prompt.")).collect();
            scene.write("job.toml", without.join("\n"));
            scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:1: ").says("recursion limit");
            assert!(scene.witness().is_empty());
        }
    });
}

#[test]
fn endless_nesting_in_an_answer_fails_only_its_row() {
    scenario(|| {
        let deep = String::from_utf8(deep("[", "]")).expect("text");
        let script = format!(
            "[[fault]]\ncontains = \"of row 3.\"\ncontent = '{deep}'\n\
             [[fault]]\ncontains = \"of row 5.\"\nstatus = 200\nbody = '{deep}'\n\
             [[fault]]\ncontains = \"of row 7.\"\nstatus = 200\nbody = '{{\"choices\":[{{\"message\":{{\"content\":{deep}}}}}]}}'\n\
             [[fault]]\ncontains = \"of row 9.\"\nstatus = 400\nbody = '{{\"error\":{{\"message\":{deep}}}}}'\n"
        );
        let mut scene = Scene::with_script(&script);
        scene.judge.usage_goes_unsaid = true;
        let schema =
            json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] });
        scene.write("schema.json", schema.to_string());
        scene.rows_and_job(
            20,
            "request.response_format = { type = \"json_schema\" }\nanswer.schema = \"schema.json\"\n",
        );
        scene.run_job(&["job.toml"]).expect_code(3);
        for (number, row) in scene.output().iter().enumerate() {
            let poisoned = [3, 5, 7, 9].contains(&number);
            assert_eq!(row["status"] == "failed", poisoned, "{row}");
        }
    });
}

#[test]
fn a_panic_while_an_answer_is_read_is_that_row_s_failure() {
    scenario(|| {
        let scene = Scene::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = Client {
            base_url: scene.base_url(),
            read_key: None,
            unset: None,
            key: fanfold::Key::new(CANARY).ok(),
            headers: &[],
            idle_timeout: std::time::Duration::from_secs(30),
            timeout: std::time::Duration::from_secs(20),
        };
        let endpoint = HttpEndpoint::new(settings).expect("a client");
        let body = json!({ "model": "qwen-plus", "messages": [{ "role": "user", "content": "hi" }] });
        let request = ChatRequest::of_body(body.to_string().into_bytes(), Fingerprint([0; 16]));
        let streamed = ChatRequest { stream: true, ..request.clone() };
        runtime.block_on(async {
            let mut breaks = |_: fanfold::inside::Piece<'_>| panic!("on purpose");
            let fault = endpoint.stream(&streamed, &mut breaks).await.expect_err("no answer");
            assert_eq!(fault.kind, FaultKind::Unusable);
            assert!(fault.message.contains("please report it"), "{}", fault.message);
            endpoint.send(&request).await.expect("the next one is answered");
        });
    });
}
