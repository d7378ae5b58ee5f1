//! Secrets that must not leak by other ways than the server: through tools, the commands and files around a run, and the
//! user's own mistakes.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use rustix::process::geteuid;

use super::scenario;
use crate::support::harness::{CANARY, Finished, Scene, rows};
use crate::support::key;
use crate::support::side_by_side::each;

/// The key searched for everywhere, in the form of another service's.
const ELSEWHERE: &str = "gsk_4f1d9c7e2bQ";

/// A user without privileges, for protections that do not hold against root.
const NOBODY: u32 = 65534;

/// A tool that the model is made to call.
const CALLED: &str = "request.tools = [{ type = \"function\", function = { name = \"look\", parameters = { type = \"object\" } } }]\n\
     request.tool_choice = { type = \"function\", function = { name = \"look\" } }\n";

fn with_tool(more: &str, script: &str) -> String {
    format!("{more}{CALLED}[tools.look]\ncommand = [\"sh\", \"-c\", '''{script}''']\n")
}

/// Runs everything that reads a job, after which no file and no output contains the key.
fn look_at_all(scene: &Scene) {
    for more in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--row", "1"],
        &["status", "--row", "1", "--json"],
    ] {
        scene.run(&[more, &["job.toml"]].concat());
    }
    for command in ["export", "verify", "preview", "report"] {
        scene.run(&[command, "job.toml"]);
    }
    scene.run(&["export", "job.toml", "--output", "-"]);
    scene.run(&["report", "job.toml", "--output", "-"]);
}

/// A run that has no job file.
const BY_FLAGS: [&str; 9] =
    ["run", "--input", "in.jsonl", "--output", "o.jsonl", "--model", "qwen-plus", "--prompt", "{{ text }}"];

#[test]
fn the_output_of_a_tool_is_stored_and_shown_without_the_key() {
    scenario(|| {
        each(
            vec![
                "echo no: $(cat my.key) >&2; exit 3",
                "cat my.key",
                "base64 -w0 my.key >&2; exit 1",
                "echo \"as Bearer $(printf \"Bearer $(cat my.key)\" | base64 -w0)\"",
                "sed s/sk-/\\\\\\\\u0073k-/ my.key",
                "printf \"{\\\"debug\\\":\\\"%s\\\"}\" $(cat my.key)",
                "cat my.key; kill -9 $$",
            ],
            |script| {
                let scene = Scene::new();
                scene.write("my.key", format!("{CANARY}\n"));
                scene.write("in.jsonl", rows(0..3));
                let more = "model.api_key_file = \"my.key\"\noutput.metrics = \"run.prom\"\n";
                scene.job("in.jsonl", "out.jsonl", &with_tool(more, script));
                scene.run(&["run", "job.toml", "-v"]);
                scene.run(&["run", "job.toml", "-v", "--retry-failed", "--progress", "json"]);
                let told = "SELECT (SELECT count(*) FROM entries WHERE error LIKE '%[key]%')
                             + (SELECT count(*) FROM steps WHERE results LIKE '%[key]%')";
                let told: i64 = scene.journal().query_row(told, [], |row| row.get(0)).expect("a count");
                assert!(told > 0 || script.contains("kill"), "the tool was heard: {script}");
                look_at_all(&scene);
            },
        );
    });
}

#[test]
fn a_command_that_gives_the_key_gives_it_to_nobody_else() {
    scenario(|| {
        for (script, code) in [
            ("echo found $(cat my.key) >&2; cat my.key", 0),
            ("echo found $(cat my.key) >&2; exit 1", 1),
            ("cat my.key; echo found $(cat my.key) >&2; exit 1", 1),
            ("cat my.key; echo $(base64 -w0 my.key) >&2; exit 1", 1),
            ("echo gsk_4f1d9c7e2bQ >&2; exit 1", 1),
        ] {
            let scene = Scene::new();
            scene.write("my.key", format!("{CANARY}\n"));
            scene.write("in.jsonl", rows(0..3));
            let more = format!("model.api_key_command = [\"sh\", \"-c\", '''{script}''']\n");
            // The output of a failing command is shown only where it contains no key.
            scene.job("in.jsonl", "out.jsonl", &more);
            let told = scene.command(&["run", "job.toml", "-v"]).env_remove("DASHSCOPE_API_KEY").output();
            let told = Finished::from(told.expect("the binary runs")).expect_code(code);
            assert!(code == 0 || told.stderr.contains("exit status 1"), "{}", told.stderr);
        }
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..3));
        for line in [
            format!("[\"echo-{ELSEWHERE}\", \"x\"]"),
            format!("\"false {ELSEWHERE}\""),
            format!("\"{ELSEWHERE}\""),
        ] {
            scene.job("in.jsonl", "out.jsonl", &format!("model.api_key_command = {line}\n"));
            scene.run(&["run", "job.toml"]).expect_code(1);
            scene.run(&["preview", "job.toml"]);
        }
    });
}

#[test]
fn a_tool_reads_the_key_neither_from_the_memory_of_the_run_nor_from_its_files() {
    scenario(|| {
        let scene = Scene::new();
        let look = "cat /proc/$PPID/environ > seen 2>&1; ls -l /proc/$PPID/fd >> seen 2>&1; \
                    head -c 100 /proc/$PPID/mem >> seen 2>&1; env >> seen; \
                    cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac fanfold-keeper > kept; ls -l /proc/self/fd > own; echo done";
        scene.write("in.jsonl", rows(0..2));
        let job = scene.job("in.jsonl", "out.jsonl", &with_tool("", look));
        let mut command = scene.command(&["run", "job.toml"]);
        let beside = tempfile::tempdir().expect("a folder");
        if geteuid().is_root() {
            // Beside the scene, whose files are looked through.
            std::os::unix::fs::chown(beside.path(), Some(NOBODY), Some(NOBODY)).expect("an owner");
            let program = beside.path().join("program");
            fs::copy(env!("CARGO_BIN_EXE_fanfold"), &program).expect("a copy");
            for path in [scene.path(""), job, scene.path("in.jsonl")] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("an owner");
            }
            let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            let mut as_nobody = std::process::Command::new(program);
            as_nobody.args(arguments).current_dir(scene.path("")).env_clear();
            as_nobody
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("DASHSCOPE_API_KEY", CANARY);
            as_nobody.uid(NOBODY).gid(NOBODY);
            command = as_nobody;
        }
        let told = Finished::from(command.output().expect("the binary runs"));
        assert!(scene.path("seen").exists(), "the tool ran: {}", told.stderr);
        let seen = scene.read("seen");
        assert!(seen.contains("Permission denied") && seen.contains("PATH="), "the tool looked: {seen}");
        assert!(!key::is_in(seen.as_bytes()));
        assert_ne!(scene.read("kept").trim(), "0", "who ends the tools after a kill is there");
        let own = scene.read("own");
        assert!(!own.contains("journal") && !own.contains("socket:"), "{own}");
    });
}

#[test]
fn a_key_on_the_command_line_is_refused_whichever_flag_it_is_given_to() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..2));
        scene.job("in.jsonl", "out.jsonl", "");
        let unlike_a_key = "plain/canary/4f1d9c7e2b";
        for words in [
            vec!["run", "job.toml", "--system", CANARY],
            vec!["run", "job.toml", "--prompt", "with sk-canary-4f1d9c7e2b"],
            vec!["run", "job.toml", "--prompt", "in base64: c2stY2FuYXJ5LTRmMWQ5YzdlMmI="],
            vec!["run", "job.toml", "--prompt", ELSEWHERE],
            vec!["run", "job.toml", "--output", "out-sk-canary-4f1d9c7e2b.jsonl"],
            vec!["run", "job.toml", "--model", ELSEWHERE],
            vec!["run", "job.toml", "--base-url", "http://gsk_4f1d9c7e2bQ@127.0.0.1/v1"],
            vec!["run", "job.toml", "--base-url", "http://127.0.0.1/v1?api_key=4f1d9c7e2b"],
            vec!["run", "job.toml", "--set", "api_key=4f1d9c7e2b"],
            vec!["run", "job.toml", "--set", "model.apikey=4f1d9c7e2b"],
            vec!["run", "job.toml", "--set", "model.token=4f1d9c7e2b"],
            vec!["preview", "job.toml", "--prompt", CANARY],
            vec!["export", "job.toml", "--prompt", CANARY],
            vec!["ask", "--model", "qwen-plus", "my key is sk-canary-4f1d9c7e2b"],
            vec!["ask", "--model", "qwen-plus", "--system", CANARY, "hello"],
            vec!["init", "--prompt", CANARY, "--yes"],
            vec!["init", "--prompt", ELSEWHERE, "--yes"],
        ] {
            scene.run(&words).expect_code(1).says("does not belong on the command line");
        }
        for (key, said) in [(unlike_a_key, unlike_a_key), (unlike_a_key, "plain%2Fcanary%2F4f1d9c7e2b")] {
            for flag in ["--prompt", "--system", "--model"] {
                let output = scene
                    .command(&["run", "job.toml", flag, &format!("It is {said}!")])
                    .env("DASHSCOPE_API_KEY", key)
                    .output();
                Finished::from(output.expect("the binary runs")).expect_code(1).says("does not belong");
            }
        }
        scene.write("my.key", unlike_a_key);
        for place in ["api_key_file=my.key", "api_key_command=cat my.key"] {
            let words = ["run", "job.toml", "--set", &format!("model.{place}"), "--prompt", unlike_a_key];
            scene.run(&words).expect_code(1).says("does not belong");
        }
        // Arguments that clap itself would repeat.
        for words in [
            vec!["run", "job.toml", "--api-key", CANARY],
            vec!["run", "job.toml", "--api-kye=sk-canary-4f1d9c7e2b"],
            vec!["run", "job.toml", "--api-key=4f1d9c7e2b"],
            vec!["run", "job.toml", ELSEWHERE],
            vec!["run", "job.toml", "--qps", ELSEWHERE],
            vec!["run", "job.toml", "--color", ELSEWHERE],
            vec!["run", "job.toml", "-k", ELSEWHERE],
            vec![ELSEWHERE],
            vec!["simulate", "--port", ELSEWHERE],
        ] {
            scene.run(&words).expect_code(2);
        }
        assert!(!scene.path("out.jsonl.summary.json").exists() && !scene.path("out.jsonl.journal").exists());
        assert!(scene.witness().is_empty());
    });
}

#[test]
fn a_key_given_instead_of_its_name_is_not_shown_and_nothing_is_sent() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.write("in.jsonl", rows(0..2));
        for line in [
            format!("model.api_key_env = \"{ELSEWHERE}\""),
            "model.api_key_env = \"a4f1d9c7e2b4f1d9c7e2b\"".to_owned(),
            format!("model.api_key_file = \"{ELSEWHERE}\""),
            "model.api_key_file = \"a4f1d9c7e2b4f1d9c7e2b\"".to_owned(),
            "notify.url_env = \"https://hooks.example/services/4f1d9c7e2b\"".to_owned(),
            "notify.url_env = \"a4f1d9c7e2b4f1d9c7e2b\"".to_owned(),
        ] {
            scene.job("in.jsonl", "out.jsonl", &format!("{line}\n"));
            scene.run(&["run", "job.toml"]).expect_code(1);
            scene.run(&["preview", "job.toml"]);
        }
        assert!(scene.witness().is_empty());
        // The notified address does not concern the run, and is not shown either.
        scene.job(
            "in.jsonl",
            "out.jsonl",
            "notify.command = \"https://hooks.example/services/4f1d9c7e2b\"\n",
        );
        scene.run(&["run", "job.toml"]).expect_code(0);
        scene.run(&["preview", "job.toml"]);
        fs::remove_file(scene.path("job.toml")).expect("a file");
        scene.stop_server();
        for (name, value) in [
            ("FANFOLD_BASE_URL", "http://u:4f1d9c7e2b@127.0.0.1/v1"),
            ("FANFOLD_BASE_URL", "http://127.0.0.1/v1?api_key=4f1d9c7e2b"),
            ("FANFOLD_QPS", ELSEWHERE),
            ("FANFOLD_API_KEY", ELSEWHERE),
            ("FANFOLD_UNTIL", ELSEWHERE),
        ] {
            let output = scene.command(&BY_FLAGS).env(name, value).env_remove("DASHSCOPE_API_KEY").output();
            Finished::from(output.expect("the binary runs")).expect_code(1);
        }
    });
}

#[test]
fn a_line_that_may_hold_a_secret_is_shown_as_its_key_alone() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..2));
        for line in [
            "api_key = \"4f1d9c7e2b\"",
            "api_key: 4f1d9c7e2b",
            "api_key = 4f1d9c7e2b",
            "model.api_key = \"4f1d9c7e2b\"",
            "model.api_kye = '4f1d9c7e2b'",
            "model.apikey = \"4f1d9c7e2b",
            "model = { api_key = \"4f1d9c7e2b\" }",
            "model.key = [\"4f1d9c7e2b\"]",
            "model.api_key_env = 5 # 4f1d9c7e2b",
            "model.api_key_file = [\"4f1d9c7e2b\"]",
            "model.api_key_command = { run = \"4f1d9c7e2b\" }",
            "model.api_key = \"\"\"\n4f1d9c7e2b\"\"\"",
            "model.api_key = \"\"\"\n4f1d9c7e2b",
            "model.token = \"4f1d9c7e2b\"",
            "[model.headers]\nX-Api-Key = \"4f1d9c7e2b\"\nX-Api-Key = \"4f1d9c7e2b\"",
            "[model.headers]\nX-Any = \"4f1d9c7e2b\" x",
            "[model.headers]\nX-Any = [\"4f1d9c7e2b\"]",
            "[model.headers]\n\"X Any\" = \"4f1d9c7e2b\"",
            "[model.header]\nX-Any = \"4f1d9c7e2b\"",
            "model.headers = { X-Any = \"4f1d9c7e2b\", Host = \"x\" }",
            "[notify]\nuri = \"https://h.example/4f1d9c7e2b\"",
            "[notify]\nurl = \"https://h.example/4f1d9c7e2b",
            "[notify]\nurl = [\"https://h.example/4f1d9c7e2b\"]",
            "[notify]\nwebhook = \"https://h.example/4f1d9c7e2b\"",
            "[notify]\ncommand = \"curl https://h.example/4f1d9c7e2b\"\nurl_env = \"X\"",
            "notify = { uri = \"https://h.example/4f1d9c7e2b\" }",
            "notfy.url = \"https://h.example/4f1d9c7e2b\"",
        ] {
            scene.job("in.jsonl", "out.jsonl", &format!("{line}\n"));
            // A name that is there once more is no matter of the scenario.
            let text = scene.read("job.toml");
            let text = if line.starts_with("model = ") {
                text.replace("model.name", "x").replace("model.base_url", "y")
            } else {
                text
            };
            scene.write("job.toml", text);
            for command in ["run", "preview", "status", "export"] {
                let told = scene.run(&[command, "job.toml"]).expect_code(1);
                assert!(told.stderr.contains("job.toml:") || command != "run", "{line}: {}", told.stderr);
            }
        }
        assert!(scene.witness().is_empty());
    });
}

#[test]
fn a_short_key_is_taken_out_of_errors_and_a_word_of_an_answer_stays() {
    scenario(|| {
        for key in ["x", "none", "EMPTY", "sk-1", "abc1234", "ollama", "lm-studio"] {
            let script = format!(
                "[[fault]]\ncontains = \"of row 0.\"\nstatus = 400\nmessage = \"bad key {key}!\"\n\
                 [[fault]]\ncontains = \"of row 1.\"\ncontent = \"{key} is a word, and nonetheless x\"\n"
            );
            let scene = Scene::with_script(&script);
            scene.write("in.jsonl", rows(0..3));
            scene.job("in.jsonl", "out.jsonl", "");
            let output = scene.command(&["run", "job.toml", "-v"]).env("DASHSCOPE_API_KEY", key).output();
            let told = Finished::from(output.expect("the binary runs")).expect_code(3);
            assert!(told.stderr.contains("bad key [key]!"), "{key}: {}", told.stderr);
            let rows = scene.output();
            assert_eq!(rows[0]["error"], "bad key [key]!", "{key}");
            assert_eq!(
                rows[1]["response"].as_str(),
                Some(format!("{key} is a word, and nonetheless x").as_str())
            );
        }
    });
}

#[test]
fn a_rows_own_data_is_unchanged_and_messages_about_it_have_no_key() {
    scenario(|| {
        let scene = Scene::new();
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let rows = format!(
            "{{\"text\":\"the text of row 0.\",\"mine\":\"{CANARY}\"}}\n{{\"text\":7,\"mine\":\"{CANARY}\"\n"
        );
        fs::write(at("in.jsonl"), rows).expect("a file");
        scene.job(&at("in.jsonl"), &at("out.jsonl"), "input.on_bad_row = \"skip\"\n");
        scene.run(&["run", "job.toml", "-v"]).expect_code(3);
        scene.run(&["preview", "job.toml"]);
        scene.run(&["status", "job.toml"]);
        let has_it = |name: &str| key::is_in(&fs::read(Path::new(&at(name))).expect("a file"));
        assert!(has_it("in.jsonl") && has_it("out.jsonl"), "a row's own columns");
        assert!(!has_it("out.jsonl.summary.json") && !has_it("out.jsonl.journal"));
    });
}

#[test]
fn leaks_reported_for_other_programs_do_not_happen_here() {
    scenario(|| {
        let bare = &CANARY["sk-".len()..];
        let script = format!(
            "[[fault]]\ncontains = \"of row 0.\"\nstatus = 400\nmessage = \"expected a key, got {bare}\"\n\
             [[fault]]\ncontains = \"of row 1.\"\nstatus = 400\nmessage = \"no such key: {}...\"\n\
             [[fault]]\ncontains = \"of row 2.\"\nstatus = 302\nbody = \"moved to /v1?key={CANARY}\"\n\
             headers = {{ Location = \"/v1?key={CANARY}\" }}\n\
             [[fault]]\ncontains = \"of row 3.\"\nstatus = 400\nbody = \"<html><!-- {CANARY} --><b>No</b></html>\"\n",
            &CANARY[..17]
        );
        let scene = Scene::with_script(&script);
        scene.write("in.jsonl", rows(0..6));
        scene.job("in.jsonl", "out.jsonl", "retry.max_attempts = 2\n");
        let told = scene.run(&["run", "job.toml", "-v"]).expect_code(3);
        assert!(!told.stderr.contains(&CANARY[..14]), "{}", told.stderr);
        for row in ["1", "2", "3", "4"] {
            let told = scene.run(&["status", "job.toml", "--row", row]);
            assert!(!told.stdout.contains(&CANARY[..14]), "{}", told.stdout);
        }
        look_at_all(&scene);
        assert!(!scene.read("out.jsonl").contains(&CANARY[..14]));
        // Changes to a run, and files of variables.
        scene.run(&["set", "job.toml", &format!("qps={ELSEWHERE}")]);
        scene.run(&["set", "job.toml", ELSEWHERE]);
        let folder = tempfile::tempdir().expect("a folder");
        let variables = folder.path().join("variables").to_string_lossy().into_owned();
        for text in [
            format!("DASHSCOPE_API_KEY {ELSEWHERE}"),
            format!("FANFOLD_QPS={ELSEWHERE}"),
            format!("FANFOLD_KEY={ELSEWHERE}"),
        ] {
            fs::write(&variables, text).expect("a file");
            scene.run(&["run", "job.toml", "--env-file", &variables]);
        }
        // A proxy that requires a password, at an address where nobody listens.
        for (name, url) in [("HTTPS_PROXY", "https://h.invalid/v1"), ("HTTP_PROXY", "http://h.invalid/v1")] {
            let words = [
                "ask",
                "--model",
                "qwen-plus",
                "--base-url",
                url,
                "--set",
                "model.allow_http=true",
                "--set",
                "retry.max_attempts=1",
                "-v",
                "hello",
            ];
            let mut command = scene.command(&words);
            command.env(name, "http://me:4f1d9c7e2b@127.0.0.1:1");
            Finished::from(command.output().expect("the binary runs")).expect_code(3);
        }
    });
}

#[test]
fn an_address_with_the_key_in_its_path_is_used_and_not_shown() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..3));
        let job =
            scene.job("in.jsonl", "out.jsonl", "output.metrics = \"run.prom\"\nretry.max_attempts = 1\n");
        let text = fs::read_to_string(job).expect("a file");
        scene.write("job.toml", text.replace("/compatible-mode/v1", &format!("/{CANARY}/v1")));
        scene.run(&["run", "job.toml", "-v"]);
        look_at_all(&scene);
        let url = format!("{}/{CANARY}/v1", scene.base_url().trim_end_matches("/compatible-mode/v1"));
        let output = scene.command(&BY_FLAGS).env("FANFOLD_BASE_URL", url).output();
        Finished::from(output.expect("the binary runs")).expect_code(0);
        // The server knows where it was asked.
        fs::remove_file(scene.path("witness.jsonl")).expect("a log");
    });
}

#[test]
fn a_tool_that_says_more_than_is_kept_does_not_leave_half_a_key() {
    scenario(|| {
        for before in [2030, 2035, 2040, 2047] {
            let scene = Scene::new();
            scene.write("my.key", format!("{CANARY}\n"));
            scene.write("in.jsonl", rows(0..1));
            let script = format!("printf \"%0{before}d\" 1 >&2; cat my.key >&2; exit 3");
            scene.job("in.jsonl", "out.jsonl", &with_tool("model.api_key_file = \"my.key\"\n", &script));
            scene.run(&["run", "job.toml", "-v"]).expect_code(3);
            let told: String = scene
                .journal()
                .query_row("SELECT error FROM entries", [], |row| row.get(0))
                .expect("an error");
            assert!(!told.contains("sk-"), "{before}: {}", &told[told.len() - 40..]);
        }
    });
}

#[test]
fn a_key_in_a_prompt_or_a_glossary_is_sent_and_not_shown() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..2));
        scene.write("terms.csv", format!("source,target\ntext,{CANARY}\n"));
        let more = format!(
            "prompt.system = \"{CANARY}\"\nglossary.terms = \"terms.csv\"\n\
             model.headers.X-Team = \"{CANARY}\"\n[[prompt.messages]]\nrole = \"user\"\ncontent = \"{CANARY}\"\n"
        );
        for model in ["qwen-plus", "qwen-mt-plus"] {
            scene.job("in.jsonl", "out.jsonl", &more);
            let text = scene.read("job.toml").replace("qwen-plus", model);
            scene.write("job.toml", text);
            scene.run(&["run", "job.toml", "-v"]);
            scene.run(&["preview", "job.toml", "-n", "2"]);
            look_at_all(&scene);
        }
        // The server was told.
        fs::remove_file(scene.path("witness.jsonl")).expect("a log");
    });
}

#[test]
fn the_key_of_another_service_is_hidden_too_and_a_value_that_only_has_its_name_is_not() {
    scenario(|| {
        let script =
            format!("[[fault]]\ncontains = \"of row 1.\"\ncontent = \"{ELSEWHERE} in /my/keys/7\"\n");
        let scene = Scene::with_script(&script);
        scene.write("in.jsonl", rows(0..2));
        let look = "env > seen; echo $OTHER_API_KEY";
        scene.job("in.jsonl", "out.jsonl", &with_tool("", look));
        let mut command = scene.command(&["run", "job.toml", "-v"]);
        command.env("OTHER_API_KEY", ELSEWHERE).env("A_API_KEY", "/my/keys/7");
        assert!(Finished::from(command.output().expect("the binary runs")).code.is_some());
        let seen = scene.read("seen");
        assert!(seen.contains("OTHER_API_KEY="), "what is not the job's own is there for its tools: {seen}");
        fs::remove_file(scene.path("seen")).expect("a file");
        scene.job("in.jsonl", "plain.jsonl", "");
        let mut command = scene.command(&["run", "job.toml", "-v"]);
        command.env("OTHER_API_KEY", ELSEWHERE).env("A_API_KEY", "/my/keys/7");
        Finished::from(command.output().expect("the binary runs")).expect_code(0);
        assert!(scene.read("plain.jsonl").contains("[key] in /my/keys/7"));
    });
}
