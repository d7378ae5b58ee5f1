//! The key is sent, and found nowhere else. Every scene of the suite searches all output and files for it; these are the
//! ways by which it could return.

use std::fs;

use super::scenario;
use crate::support::harness::{CANARY, Scene, rows};
use crate::support::key;

/// The key in base64, after the words of a header.
const HEADER_IN_BASE64: &str = "QmVhcmVyIHNrLWNhbmFyeS00ZjFkOWM3ZTJi";

/// The key in every form that a server may echo.
fn echoes() -> Vec<String> {
    let escaped: String = CANARY.chars().map(|letter| format!("\\u{:04x}", letter as u32)).collect();
    vec![
        format!("the key {CANARY} is odd"),
        format!("Authorization: Bearer {CANARY}"),
        format!("https://proxy.example/?key={CANARY}&x=1"),
        format!("Basic {HEADER_IN_BASE64}="),
        escaped,
        CANARY.bytes().map(|byte| format!("{byte:02x}")).collect(),
        CANARY.bytes().map(|byte| format!("%{byte:02X}")).collect(),
    ]
}

#[test]
fn a_key_under_request_is_refused_and_not_shown() {
    scenario(|| {
        let mut scene = Scene::new();
        let keys = [
            "`api_key_env`, `api_key_file` or `api_key_command` under [model]",
            "headers belong under [model]",
        ];
        for (line, help) in [
            (format!("api_key = \"{CANARY}\""), keys[0]),
            ("API-Key = \"ollama\"".to_owned(), keys[0]),
            (format!("Authorization = \"Bearer {CANARY}\""), keys[0]),
            (format!("headers = {{ Authorization = \"Bearer {CANARY}\" }}"), keys[1]),
            (format!("extra_headers = {{ X-Any = \"{CANARY}\" }}"), keys[1]),
            (format!("user = \"{CANARY}\""), keys[0]),
            (format!("metadata = {{ of = [1, \"the key {CANARY}\"] }}"), keys[0]),
            ("user = \"gsk_4f1d9c7e2b4f1d\"".to_owned(), keys[0]),
        ] {
            scene.rows_and_job(2, &format!("[request]\n{line}\n"));
            for command in ["preview", "run"] {
                let finished = scene.run(&[command, "job.toml"]).expect_code(1).says(help).says("job.toml:");
                let said = finished.stdout + &finished.stderr;
                for secret in [CANARY, "gsk_4f", "ollama"] {
                    assert!(!said.contains(secret), "{line}: {said}");
                }
            }
        }
        assert_eq!(scene.witness_count(), 0);
        // A key of the same name further down belongs to the request.
        let tool = "[request]\ntools = [{ type = \"function\", function = { name = \"f\", parameters = { type = \"object\", \
                    properties = { api_key = { type = \"string\" }, headers = { type = \"object\" } } } } }]\n";
        scene.rows_and_job(2, tool);
        scene.run(&["preview", "job.toml"]).expect_code(0);
    });
}

#[test]
fn a_server_that_echoes_the_key_in_any_form_is_corrected_everywhere() {
    scenario(|| {
        let mut script = String::new();
        for (nth, echo) in echoes().into_iter().enumerate() {
            let body = format!(
                "{{\"request_id\":\"r-{nth}\",\"error\":{{\"code\":\"x\",\"message\":\"no: {echo}\",\"debug\":[\"{echo}\"]}}}}"
            );
            for (row, (tries, status, body)) in [
                (1, 500, body.clone()),
                (9, 400, body.clone()),
                (2, 200, body),
                (1, 429, format!("slow down, {echo}")),
            ]
            .into_iter()
            .enumerate()
            {
                let row = 4 * nth + row;
                script += &format!(
                    "[[fault]]\ncontains = \"of row {row}.\"\nfirst_tries = {tries}\nstatus = {status}\nbody = '{body}'\n\
                     headers = {{ X-Request-Id = \"{CANARY}\" }}\n"
                );
            }
        }
        let mut scene = Scene::with_script(&script);
        scene.rows_and_job(30, "retry.max_attempts = 4\n");
        let finished = scene.run_job(&["job.toml", "-v"]).expect_code(3);
        assert!(finished.stderr.contains("[key]"), "what was taken out is marked: {}", finished.stderr);
        for row in ["2", "3", "6", "11", "15", "19"] {
            scene.run(&["status", "job.toml", "--row", row]);
            scene.run(&["status", "job.toml", "--row", row, "--json"]);
        }
        scene.run(&["export", "job.toml", "--output", "-"]).expect_code(0);
    });
}

#[test]
fn a_model_that_has_learnt_the_key_cannot_reveal_it() {
    scenario(|| {
        for more in ["", "model.transport = \"stream\"\n"] {
            let script =
                format!("[[fault]]\ncontains = \"of row 1.\"\ncontent = \"the key is {CANARY}, is it?\"\n");
            let mut scene = Scene::with_script(&script);
            scene.rows_and_job(4, more);
            scene.run_job(&["job.toml", "-v"]).expect_code(0);
            assert!(scene.output()[1]["response"].as_str().is_some_and(|text| text.contains("[key]")));
        }
    });
}

#[test]
fn a_question_on_the_command_line_reveals_the_key_neither_whole_nor_in_pieces() {
    scenario(|| {
        let script = format!(
            "[[fault]]\ncontains = \"first\"\ncontent = \"it is {CANARY}.\"\n\
             [[fault]]\ncontains = \"second\"\nstatus = 401\nmessage = \"Incorrect API key provided: {CANARY}\"\n"
        );
        let scene = Scene::with_script(&script);
        let url = scene.base_url().to_owned();
        let common = ["--model", "qwen-plus", "--base-url", &url];
        for more in [&[][..], &["--no-stream"], &["--json"], &["-v"], &["--show-reasoning"]] {
            let first = scene.run(&[&["ask", "first"], &common[..], more].concat()).expect_code(0);
            assert!(first.stdout.contains("[key]"), "{}", first.stdout);
            scene.run(&[&["ask", "second"], &common[..], more].concat()).expect_code(4);
        }
    });
}

#[test]
fn neither_the_tools_nor_the_glossary_nor_the_headers_nor_any_command_shows_the_key() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.write("terms.csv", "source,target\ntext,Text\n");
        scene.rows_and_job(
            4,
            "request.tools = [{ type = \"function\", function = { name = \"look\", parameters = { type = \"object\" } } }]\n\
             request.tool_choice = { type = \"function\", function = { name = \"look\" } }\n\
             [model.headers]\nX-Proxy-Authorization = \"Bearer proxy-77aa88bb99cc\"\n\
             [tools.look]\ncommand = [\"sh\", \"-c\", \"env; cat\"]\n",
        );
        scene.run_job(&["job.toml", "-v"]);
        let results = "SELECT count(*) FROM steps WHERE results LIKE '%PATH=%'";
        let told: i64 = scene.journal().query_row(results, [], |row| row.get(0)).expect("a count");
        assert!(told > 0, "the tool has told its environment");
        for command in ["status", "verify", "preview", "export"] {
            scene.run(&[command, "job.toml"]);
        }
        scene.run(&["run", "job.toml", "--progress", "json", "--fresh", "-v"]);
        let files = fs::read_dir(scene.path("")).expect("a folder").flatten();
        for file in files.filter(|file| file.file_name() != "job.toml") {
            let bytes = fs::read(file.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("proxy-77aa88bb99cc"), "{:?}", file.path());
            assert!(!key::is_in(&bytes), "{:?}", file.path());
        }
    });
}

#[test]
fn a_key_from_a_file_or_a_command_is_as_well_kept() {
    scenario(|| {
        for place in ["api_key_file = \"my.key\"", "api_key_command = [\"cat\", \"my.key\"]"] {
            let script =
                format!("[[fault]]\ncontains = \"of row 1.\"\nstatus = 400\nmessage = \"bad {CANARY}\"\n");
            let scene = Scene::with_script(&script);
            scene.write("my.key", format!("{CANARY}\n"));
            scene.write("in.jsonl", rows(0..4));
            scene.job("in.jsonl", "out.jsonl", &format!("model.{place}\n"));
            let finished = scene.run(&["run", "job.toml", "-v"]).expect_code(3);
            assert!(finished.stderr.contains("[key]"), "{}", finished.stderr);
            scene.run(&["preview", "job.toml"]).expect_code(0);
        }
    });
}

#[test]
fn an_argument_that_looks_like_a_key_is_rejected_and_not_repeated() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(2, "");
        for value in [
            format!("model.api_key={CANARY}"),
            format!("model.name={CANARY}"),
            format!("prompt.user=my key is {CANARY}, use it"),
            format!("model.headers.Authorization=Bearer {CANARY}"),
            format!("model.headers={{ X-Key = \"{CANARY}\" }}"),
            format!("request.extra_body=[\"{CANARY}\"]"),
            format!("model.base_url=http://{CANARY}@127.0.0.1/v1"),
        ] {
            scene.run_job(&["job.toml", "--set", &value]).expect_code(1).says("does not belong");
        }
        assert!(scene.witness().is_empty());
    });
}

#[test]
fn a_key_in_the_job_file_is_not_shown_with_its_line() {
    scenario(|| {
        let mut scene = Scene::new();
        for line in [
            format!("model.api_key = \"{CANARY}\""),
            format!("model.api_key_env = [\"{CANARY}\"]"),
            format!("model.base_uri = \"https://{CANARY}@example.com/v1\""),
            format!("model.headers.Authorization = \"Bearer {CANARY}\""),
            format!("request.temperature = \"{CANARY}\" # {CANARY}\nlimits.qpss = 1"),
        ] {
            scene.write("in.jsonl", rows(0..2));
            scene.job("in.jsonl", "out.jsonl", &format!("{line}\n"));
            for command in ["run", "preview"] {
                scene.run(&[command, "job.toml"]).expect_code(1).says("job.toml:");
            }
        }
        assert!(scene.witness().is_empty());
        scene.job("in.jsonl", "out.jsonl", "");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}
