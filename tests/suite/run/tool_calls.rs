//! Function calling: the model calls, a command answers, and the model continues; with kills in between.

use std::os::unix::fs::PermissionsExt;
use std::process::Child;

use serde_json::{Value, json};

use crate::support::harness::{CANARY, Scene, lines};

const DEFINITION: &str = r#"
[[request.tools]]
type = "function"
function = { name = "get_weather", description = "The weather of a city", parameters = { type = "object", properties = { location = { type = "string" } }, required = ["location"] } }
"#;

const CITIES: [&str; 4] = ["Paris", "Oslo", "Lima", "Cairo"];

fn question(city: &str) -> String {
    format!("What is the weather in {city}?")
}

/// A scene with a question on the weather in each city, and a command that answers.
fn scene(command: &str, more: &str) -> Scene {
    scene_with(Scene::new(), command, more)
}

fn scene_with(mut scene: Scene, command: &str, more: &str) -> Scene {
    let rows = CITIES.map(|city| format!("{}\n", json!({ "id": city, "text": question(city) })));
    scene.write("in.jsonl", rows.concat());
    let script = scene.write("weather.sh", format!("#!/bin/sh\n{command}\n"));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let tool = "[tools.get_weather]\ncommand = [\"./weather.sh\"]\n";
    scene.job("in.jsonl", "out.jsonl", &format!("{DEFINITION}{tool}{more}"));
    scene.judge.texts = Some(CITIES.map(question).to_vec());
    scene
}

/// A fault for the simulator's script: requests that contain a text are answered by a call with these arguments.
fn calls(contains: &str, name: &str, arguments: &str) -> String {
    let call =
        json!({ "id": "c1", "type": "function", "function": { "name": name, "arguments": arguments } });
    let message = json!({ "role": "assistant", "content": "", "tool_calls": [call] });
    let usage = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
    let choice = json!({ "index": 0, "finish_reason": "tool_calls", "message": message });
    let body = json!({ "id": "chatcmpl-1", "choices": [choice], "usage": usage });
    format!("[[fault]]\ncontains = \"{contains}\"\nstatus = 200\nbody = '''{body}'''\n")
}

#[test]
fn a_command_answers_the_call_and_the_model_continues_to_its_answer() {
    let mut scene = scene("printf 'sunny, asked: '; cat", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let witness = scene.witness();
    assert_eq!(witness.len(), 2 * CITIES.len());
    let second = witness.iter().find(|line| line["body"]["messages"][2]["role"] == "tool").expect("a result");
    let turns = &second["body"]["messages"];
    let arguments = turns[1]["tool_calls"][0]["function"]["arguments"].as_str().expect("text");
    assert_eq!(turns[2]["content"], format!("sunny, asked: {arguments}"));
    assert_eq!(turns[2]["tool_call_id"], turns[1]["tool_calls"][0]["id"]);
    for row in scene.output() {
        let of_row = |line: &&Value| line["body"]["messages"][0]["content"] == row["text"];
        let tokens: u64 =
            witness.iter().filter(of_row).filter_map(|line| line["total_tokens"].as_u64()).sum();
        assert_eq!(row["total_tokens"], tokens, "all rounds count");
        assert_eq!((&row["attempts"], &row["finish_reason"]), (&json!(2), &json!("stop")));
        assert!(row["tool_calls"].is_null() && row["response"].is_string(), "{row}");
    }
    let told = scene.run(&["status", "job.toml", "--row", "1"]).expect_code(0).stdout;
    assert!(told.contains("called tools: ") && told.contains("sunny, asked: "), "{told}");
    let told = scene.run(&["status", "job.toml", "--row", "1", "--json"]).expect_code(0).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["steps"][0]["tool_calls"][0]["function"]["name"], "get_weather");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 2 * CITIES.len(), "nothing is asked twice");
}

#[test]
fn without_a_command_the_calls_are_the_answer() {
    let mut scene = scene("true", "");
    scene.job("in.jsonl", "out.jsonl", DEFINITION);
    scene.run_job(&["job.toml"]).expect_code(0);
    for (row, city) in scene.output().iter().zip(CITIES) {
        assert_eq!(row["finish_reason"], "tool_calls");
        let function = &row["tool_calls"][0]["function"];
        let arguments = function["arguments"].as_str().expect("text");
        let arguments: Value = serde_json::from_str(arguments).expect("JSON");
        assert_eq!((&function["name"], &arguments["location"]), (&json!("get_weather"), &json!(city)));
    }
}

#[test]
fn commands_see_no_key() {
    let mut scene = scene("env > seen.$$; echo fine", "");
    let mut command = scene.command(&["run", "job.toml"]);
    command.env("ALSO_THE_SAME", format!("Bearer {CANARY}")).env("HARMLESS", "yes");
    let finished = crate::support::harness::Finished::from(command.output().expect("runs")).expect_code(0);
    // The judge searches every file for the key, including what the commands saw.
    scene.judge.judge(&finished);
    let files = std::fs::read_dir(scene.path("")).expect("a folder").filter_map(Result::ok);
    let seen: Vec<String> = files
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("seen."))
        .map(|entry| std::fs::read_to_string(entry.path()).expect("text"))
        .collect();
    assert_eq!(seen.len(), CITIES.len());
    let no_key = |seen: &String| !seen.contains("_KEY") && !seen.contains("ALSO_THE_SAME");
    assert!(seen.iter().all(|seen| seen.contains("HARMLESS=yes") && no_key(seen)), "{seen:?}");
}

#[test]
fn whatever_goes_wrong_with_a_tool_fails_its_row_alone_with_the_reason() {
    let script = calls("Oslo", "fly_to", "{}") + &calls("Lima", "get_weather", "location: Lima");
    let command = "if grep -q Cairo; then echo no such city >&2; exit 7; fi; echo fine";
    let mut scene = scene_with(Scene::with_script(&script), command, "");
    scene.run_job(&["job.toml"]).expect_code(3);
    let rows = scene.output();
    let ends: Vec<_> = rows.iter().map(|row| row["error_code"].as_str().unwrap_or("none")).collect();
    assert_eq!(ends, ["none", "unknown_tool", "bad_tool_arguments", "tool_failed"]);
    let says = |row: usize, words: &str| {
        let error = rows[row]["error"].as_str().expect("text");
        assert!(error.contains(words), "{error}");
    };
    says(1, "`fly_to`, which has no command; the tools with commands are get_weather");
    says(2, "arguments that are not JSON");
    says(3, "ended with exit status 7: no such city");
    assert!(rows.iter().all(|row| row["status"] == "ok" || row["response"].is_null()));
}

#[test]
fn a_command_that_was_fixed_continues_from_the_stored_round() {
    let mut scene = scene("echo out of order >&2; exit 1", "");
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(scene.witness_count(), CITIES.len());
    scene.write("weather.sh", "#!/bin/sh\necho fine\n");
    scene.retry_failed().expect_code(0);
    let witness = scene.witness();
    assert_eq!(witness.len(), 2 * CITIES.len(), "the calls are not bought again");
    assert!(witness[CITIES.len()..].iter().all(|line| line["body"]["messages"][2]["content"] == "fine"));
}

#[test]
fn a_command_that_hangs_is_ended_and_its_row_fails() {
    let mut scene = scene("sleep 600", "timeout = \"300ms\"\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    for row in scene.output() {
        assert_eq!(row["error_code"], "tool_timeout");
        assert!(row["error"].as_str().is_some_and(|error| error.contains("300ms")), "{row}");
    }
}

#[test]
fn a_model_that_calls_without_end_is_stopped_after_the_rounds_it_may_take() {
    let script = calls("weather", "get_weather", "{}");
    let mut scene = scene_with(Scene::with_script(&script), "echo fine", "[answer]\nmax_rounds = 3\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    assert!(scene.output().iter().all(|row| row["error_code"] == "max_rounds"));
    assert_eq!(scene.witness_count(), 4 * CITIES.len(), "the question and three rounds");
}

#[test]
fn calls_of_one_answer_run_side_by_side() {
    // Each of the two commands waits for the other: run in sequence, neither would return.
    let meet = "touch met.$1; while [ ! -e met.1 ] || [ ! -e met.2 ]; do sleep 0.01; done; echo $1";
    let mut scene = scene("true", "");
    scene.write("in.jsonl", "{\"text\": \"get_weather and get_time, please\"}\n");
    scene.write("meet.sh", format!("#!/bin/sh\n{meet}\n"));
    let tool = |name: &str| {
        let function = format!("{{ name = \"{name}\", parameters = {{ type = \"object\" }} }}");
        format!("[[request.tools]]\ntype = \"function\"\nfunction = {function}\n")
    };
    let command = |name: &str, n: u8| format!("[tools.{name}]\ncommand = \"sh meet.sh {n}\"\n");
    let more = [
        "request.parallel_tool_calls = true\n".to_owned(),
        tool("get_weather"),
        tool("get_time"),
        command("get_weather", 1),
        command("get_time", 2),
    ];
    scene.job("in.jsonl", "out.jsonl", &more.concat());
    scene.judge.texts = None;
    scene.run_job(&["job.toml"]).expect_code(0);
    let second = scene.witness().remove(1);
    let results: Vec<&Value> = (2..4).map(|turn| &second["body"]["messages"][turn]["content"]).collect();
    assert_eq!(results, ["1", "2"], "in the order of the calls");
}

/// Waits until every row's first round is stored and its command runs, then kills the run.
fn kill_between_rounds(scene: &Scene, mut child: Child) {
    scene.wait_until(|| CITIES.iter().all(|city| scene.path(&format!("begun.{city}")).exists()));
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn a_run_killed_between_two_rounds_resumes_in_the_middle_of_its_rows() {
    let slow = "city=$(tr -dc A-Za-z | sed s/location//); touch begun.$city\n\
                while [ ! -e go ]; do sleep 0.01; done; echo late";
    let mut scene = scene(slow, "");
    let child = scene.start(&["run", "job.toml"]);
    kill_between_rounds(&scene, child);
    scene.judge_after_a_kill();
    assert_eq!(scene.witness_count(), CITIES.len());
    let count = |scene: &Scene, sql: &str| {
        scene.journal().query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    assert_eq!(count(&scene, "SELECT count(*) FROM steps WHERE next = 'tools'"), 4, "each round is stored");
    scene.write("go", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let witness = scene.witness();
    assert_eq!(witness.len(), 2 * CITIES.len(), "no first round is paid for again");
    assert!(witness[CITIES.len()..].iter().all(|line| line["body"]["messages"][2]["content"] == "late"));
    assert_eq!(count(&scene, "SELECT count(*) FROM steps WHERE results = '[\"late\"]'"), 4);
}

#[test]
fn a_run_killed_after_its_commands_does_not_run_them_again() {
    // The second round hangs: the results of the commands are stored before it is sent.
    let script = "[[fault]]\ncontains = \"tool_call_id\"\nfirst_tries = 1\naction = \"hang\"\n";
    let mut scene = scene_with(Scene::with_script(script), "echo run >> runs; echo fine", "");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(2 * CITIES.len());
    child.kill().expect("killed");
    child.wait().expect("ended");
    scene.judge_after_a_kill();
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 3 * CITIES.len(), "the second rounds were in doubt, and go again");
    assert_eq!(scene.read("runs").lines().count(), CITIES.len(), "each command ran once");
}

#[test]
fn a_command_that_is_missing_or_answers_no_tool_is_reported_before_anything_is_sent() {
    let scene = scene("true", "");
    let with = |tool: &str| {
        scene.job("in.jsonl", "out.jsonl", &format!("{DEFINITION}{tool}"));
        scene.run(&["run", "job.toml"]).expect_code(1)
    };
    with("[tools.get_weather]\ncommand = [\"./wether.sh\"]\n").says("`./wether.sh`");
    with("[tools.get_wether]\ncommand = [\"./weather.sh\"]\n").says("did you mean `get_weather`?");
    with("[tools.get_weather]\ncommand = []\n").says("the command is empty");
    with("[tools.get_weather]\ncommand = [\"./weather.sh\"]\ntimeout = \"soon\"\n").says("not a duration");
    assert!(lines(&scene.path("witness.jsonl")).is_empty());
}

#[test]
fn a_command_that_fails_for_each_of_the_first_rows_stops_the_job_and_the_rounds_are_kept() {
    let mut scene = scene("echo no network >&2; exit 1", "");
    scene.write(
        "in.jsonl",
        (0..40).map(|n| format!("{}\n", json!({ "text": format!("Weather {n}?") }))).collect::<String>(),
    );
    scene.judge.texts = None;
    scene.run_job(&["job.toml"]).expect_code(4).says("tool_failed").says("no network");
    assert_eq!(scene.witness_count(), 10);
    scene.write("weather.sh", "#!/bin/sh\necho fine\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 80, "no first round is paid for twice");
}
