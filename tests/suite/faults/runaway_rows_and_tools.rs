//! Rows and tools that could end more than themselves: a row that is too much for this machine fails alone, and a tool ends
//! with its time and its run.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use super::scenario;
use crate::support::harness::{CANARY, Finished, Scene};

const DEFINITION: &str = "[[request.tools]]\ntype = \"function\"\nfunction = { name = \"look\", parameters = { type = \"object\" } }\n\
                          [tools.look]\ncommand = [\"./look.sh\"]\n";

/// So many calls of the tool in the first answer to a row.
fn calls(row: usize, count: usize) -> String {
    let function = json!({ "name": "look", "arguments": "{}" });
    let call = |n: usize| json!({ "id": format!("c{n}"), "type": "function", "function": function });
    let calls: Vec<_> = (0..count).map(call).collect();
    let message = json!({ "role": "assistant", "content": "", "tool_calls": calls });
    let usage = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
    let choice = json!({ "index": 0, "finish_reason": "tool_calls", "message": message });
    let body = json!({ "id": "x", "choices": [choice], "usage": usage });
    format!("[[fault]]\ncontains = \"of row {row}.\"\ntimes = 1\nstatus = 200\nbody = '''{body}'''\n")
}

/// A scene of ten rows whose tool is that script.
fn scene(script: &str, tool: &str, more: &str) -> Scene {
    let mut scene = Scene::with_script(script);
    scene.rows_and_job(10, &format!("{DEFINITION}{more}"));
    let file = scene.write("look.sh", format!("#!/bin/sh\n{tool}\n"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    scene
}

/// Runs the job with so many kilobytes of addresses.
fn run_within(scene: &Scene, kilobytes: usize) -> Finished {
    let binary = env!("CARGO_BIN_EXE_fanfold");
    let script = format!("ulimit -v {kilobytes}; exec {binary} run job.toml");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(scene.path("")).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("DASHSCOPE_API_KEY", CANARY);
    Finished::from(command.output().expect("the shell runs"))
}

#[test]
fn tools_that_are_called_too_often_or_say_too_much_fail_their_row_alone() {
    scenario(|| {
        let script = calls(3, 180) + &calls(4, 40) + &calls(5, 2);
        let scene = scene(&script, "head -c 1000000 /dev/zero | tr '\\0' x", "");
        run_within(&scene, 2_000_000).expect_code(3);
        let rows = scene.output();
        let codes: Vec<&str> = rows.iter().map(|row| row["error_code"].as_str().unwrap_or("")).collect();
        assert_eq!(codes, ["", "", "", "too_many_calls", "too_long_results", "", "", "", "", ""]);
        assert!(
            rows[3]["error"].as_str().is_some_and(|error| error.contains("180 tool calls")),
            "{}",
            rows[3]
        );
        assert!(rows[4]["error"].as_str().is_some_and(|error| error.contains("8 MiB")), "{}", rows[4]);
    });
}

/// The processes whose command line holds this word.
fn running(word: &str) -> Vec<String> {
    let processes = glob::glob("/proc/[0-9]*/cmdline").expect("a pattern").flatten();
    let lines = processes.filter_map(|file| std::fs::read(file).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

/// A number of seconds that no other process sleeps for.
fn odd_time(salt: u32) -> String {
    format!("{}.{salt}", 100_000 + std::process::id())
}

#[test]
fn a_tool_in_a_session_of_its_own_ends_with_its_time() {
    scenario(|| {
        let time = odd_time(1);
        let tool = format!("setsid sleep {time} & (setsid sleep {time} &); sleep {time}");
        let mut scene = scene(&calls(3, 1), &tool, "timeout = \"1s\"\n");
        scene.run_job(&["job.toml"]).expect_code(3);
        assert_eq!(scene.output()[3]["error_code"], "tool_timeout");
        assert!(running(&time).is_empty(), "{:?}", running(&time));
    });
}

#[test]
fn the_tools_of_a_run_that_is_killed_end_with_it() {
    scenario(|| {
        let time = odd_time(2);
        let tool = format!("setsid sleep {time} & echo > began; sleep {time}");
        let mut scene = scene(&calls(3, 1), &tool, "");
        let mut child = scene.start(&["run", "job.toml"]);
        scene.wait_until(|| scene.path("began").exists());
        child.kill().expect("killed");
        child.wait().expect("ended");
        // The keeper ends them within a moment; a tool that it missed would sleep for a day.
        scene.wait_until(|| running(&time).is_empty());
        scene.judge_after_a_kill();
        scene.write("look.sh", "#!/bin/sh\necho fine\n");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

/// A job of ten rows, of which the third makes this template grow beyond the machine.
fn growing(template: &str, row: &serde_json::Value) {
    let scene = Scene::new();
    let rows: String = (0..10)
        .map(|n| match n {
            2 => format!("{row}\n"),
            _ => format!("{}\n", json!({ "text": format!("row {n}"), "n": 2, "parts": ["a", "b"], "tpl": format!("row {n}{{a}}"), "a": "{b}", "b": "{c}", "c": "!" })),
        })
        .collect();
    scene.write("in.jsonl", rows);
    scene.job("in.jsonl", "out.jsonl", "");
    let job = std::fs::read_to_string(scene.path("job.toml")).expect("the job");
    let job = job.replace("\"{{ text }}\"", &json!(template).to_string());
    scene.write("job.toml", format!("{job}input.on_bad_row = \"skip\"\n"));
    let finished = run_within(&scene, 2_000_000);
    assert_eq!(finished.code, Some(3), "{template}: {}", finished.stderr);
    let rows = scene.output();
    let statuses: Vec<&str> = rows.iter().filter_map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "ok").count(), 9, "{template}: {statuses:?}");
    let error = rows[2]["error"].as_str().expect("an error");
    assert!(error.contains("MiB of memory to render"), "{template}: {error}");
}

#[test]
fn a_template_that_a_row_makes_grow_beyond_the_machine_fails_that_row_alone() {
    scenario(|| {
        let long = "x".repeat(100_000);
        let doubling = "{% set ns = namespace(x = text) %}{% for i in range(n) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}";
        let captured = "{% set all %}{% for i in range(n) %}{{ text }}{% endfor %}{% endset %}{{ all }}";
        let cases = [
            ("{{ text | indent(n) }}", json!({ "text": "a\nb", "n": 4_000_000_000_u64 })),
            ("{{ text | list | batch(n, 'x') | length }}", json!({ "text": "abc", "n": 300_000_000 })),
            ("{{ text | list | slice(n) | length }}", json!({ "text": "abc", "n": 300_000_000 })),
            ("{{ ('%' ~ n ~ 'd') | format(1) }}", json!({ "text": "abc", "n": 4_000_000_000_u64 })),
            ("{{ ((1, 2) * n) | length }}", json!({ "text": "abc", "n": 49_000_000 })),
            ("{{ text | replace('', text) }}", json!({ "text": long, "n": 1 })),
            ("{{ parts | join(text) }}", json!({ "text": long, "n": 1, "parts": vec!["x"; 90_000] })),
            (captured, json!({ "text": long, "n": 99_999 })),
            (doubling, json!({ "text": "abc", "n": 60 })),
            // Small rows, whose texts multiply with each other more than once.
            (
                "{{ tpl | replace('{a}', a) | replace('{b}', b) | replace('{c}', c) }}",
                json!({ "tpl": "{a}".repeat(600), "a": "{b}".repeat(600), "b": "{c}".repeat(600), "c": "x".repeat(600) }),
            ),
            (
                "{% set x = text | replace('', text) %}{{ x | replace('', x) }}",
                json!({ "text": "x".repeat(400), "n": 1 }),
            ),
        ];
        for (template, row) in cases {
            growing(template, &row);
        }
    });
}
