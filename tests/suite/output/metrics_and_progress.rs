//! Machine-readable figures of an active run: the file for Prometheus, and the JSON lines of progress.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;

use fanfold::inside::Bottleneck;
use fanfold::simulator::ServerSettings;
use serde_json::Value;

use crate::support::harness::Scene;

/// The samples of a text in the format of Prometheus, by name and labels. Panics where it breaks a rule of the format.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let (mut found, mut types, mut family) = (BTreeMap::new(), BTreeMap::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(!words.contains('\\') && !words.is_empty(), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            let kind = kind.expect("the type follows the help");
            assert!(["counter", "gauge"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} stands twice");
            family = name.to_owned();
            continue;
        }
        let (name, rest) = line.split_once('{').expect("labels");
        assert_eq!(name, family, "samples stand under their own help: {line}");
        assert!(
            name.starts_with("fanfold_")
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        );
        let (labels, value) = labels(rest);
        assert!(labels.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() == labels.len(), "{line}");
        let key = labels.iter().filter(|(label, _)| label != "job_file");
        let key = key.map(|(label, value)| format!(",{label}={value}")).collect::<String>();
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(found.insert(format!("{name}{key}"), value).is_none(), "{line} stands twice");
    }
    found
}

/// The labels of a sample, unescaped, and its value.
fn labels(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let (mut value, mut end) = (String::new(), None);
        let mut letters = after.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = Some(at + 1);
                    break;
                }
                '\\' => match letters.next().expect("an escape").1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => panic!("\\{other} is no escape"),
                },
                letter => value.push(letter),
            }
        }
        found.push((name.to_owned(), value));
        rest = &after[end.expect("the end of a value")..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (found, rest.strip_prefix("} ").expect("the end of the labels")),
        }
    }
}

#[test]
fn the_file_for_prometheus_is_whole_at_any_time_and_says_how_it_ended() {
    let latency = "fixed:30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(60, "limits.qps = 20\nprice = { input = 1.0, output = 2.0 }\n");
    let odd = "a \"b\" \\ c.toml";
    fs::copy(scene.path("job.toml"), scene.path(odd)).expect("a copy");
    let child = scene.start(&["run", odd, "--metrics-file", "figures/night.prom"]);
    let file = scene.path("figures/night.prom");
    scene.wait_until(|| file.exists());
    let first = samples(&fs::read_to_string(&file).expect("a file"));
    assert_eq!((first["fanfold_running"], first.contains_key("fanfold_exit_code")), (1.0, false));
    scene.end(child).expect_code(0);
    let text = fs::read_to_string(&file).expect("a file");
    let last = samples(&text);
    for (name, value) in [
        ("fanfold_running", 0.0),
        ("fanfold_exit_code", 0.0),
        ("fanfold_rows,state=ok", 60.0),
        ("fanfold_rows,state=pending", 0.0),
        ("fanfold_requests_total,result=answered", 60.0),
        ("fanfold_requests_in_flight", 0.0),
    ] {
        assert_eq!(last[name], value, "{name}");
    }
    assert!(last["fanfold_cost_total"] > 0.0 && last["fanfold_tokens_total,kind=prompt"] >= 60.0);
    assert!(last["fanfold_update_time_seconds"] >= last["fanfold_start_time_seconds"]);
    assert!(text.contains(r#"job_file="a \"b\" \\ c.toml""#), "{text}");
    let beside: Vec<_> = fs::read_dir(scene.path("figures")).expect("a folder").collect();
    assert_eq!(beside.len(), 1, "no temporary file stays: {beside:?}");
}

#[test]
fn a_rehearsal_has_a_file_of_its_own_and_a_run_that_stops_says_its_code() {
    let mut scene = Scene::new();
    scene.rows_and_job(10, "output.metrics = \"night.prom\"\n");
    scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
    assert!(scene.path("night.simulated.prom").exists() && !scene.path("night.prom").exists());
    scene.run_job(&["job.toml", "--max-total-tokens", "1"]).expect_code(5);
    let last = samples(&scene.read("night.prom"));
    assert_eq!((last["fanfold_exit_code"], last["fanfold_rows,state=pending"]), (5.0, 10.0));
}

#[test]
fn the_work_of_earlier_runs_is_in_the_first_figures_of_the_next() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [6, 1000]\ndelay = \"1s\"\n");
    scene.rows_and_job(10, "output.metrics = \"night.prom\"\n");
    scene.run(&["run", "job.toml", "--limit", "5"]).expect_code(0);
    let file = scene.path("night.prom");
    fs::remove_file(&file).expect("removed");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_until(|| file.exists());
    let first = samples(&scene.read("night.prom"));
    assert_eq!((first["fanfold_rows,state=ok"], first["fanfold_rows,state=pending"]), (5.0, 5.0));
    scene.end(child).expect_code(0);
}

#[test]
fn a_file_that_holds_no_figures_is_not_replaced_by_them() {
    let mut scene = Scene::new();
    scene.rows_and_job(3, "");
    scene.write(".bashrc", "alias ll='ls -l'\n");
    symlink(".bashrc", scene.path("night.prom")).expect("a link");
    for place in [".bashrc", "night.prom", "/dev/null"] {
        for command in ["preview", "run"] {
            let finished = scene.run(&[command, "job.toml", "--metrics-file", place]).expect_code(1);
            finished.says(&format!("cannot write the metrics file to {place}: "));
        }
    }
    assert_eq!(scene.read(".bashrc"), "alias ll='ls -l'\n");
    assert!(scene.path("night.prom").is_symlink() && scene.witness_count() == 0);
    scene.write("empty.prom", "");
    for _ in 0..2 {
        scene.run_job(&["job.toml", "--metrics-file", "empty.prom"]).expect_code(0);
        assert!(scene.read("empty.prom").starts_with("# HELP fanfold_run_info "));
    }
}

#[test]
fn nothing_is_written_where_every_command_would_read_it_as_the_model_table() {
    let mut scene = Scene::new();
    scene.rows_and_job(3, "");
    let told = "a file of that name next to a job file is read as its model table";
    for arguments in [["--metrics-file", "models.toml"], ["--journal", "./models.toml"]] {
        let words = [&["run", "job.toml"][..], &arguments].concat();
        scene.run(&words).expect_code(1).says(told);
    }
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run(&["report", "job.toml", "--output", "models.toml"]).expect_code(1).says(told);
    assert!(!scene.path("models.toml").exists());
}

#[test]
fn nothing_that_belongs_to_the_job_is_written_over() {
    let mut scene = Scene::new();
    scene.rows_and_job(5, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    for own in
        ["job.toml", "./job.toml", "in.jsonl", "out.jsonl", "out.jsonl.journal", "out.jsonl.summary.json"]
    {
        let before = fs::read(scene.path(own)).expect("a file");
        for command in ["run", "preview"] {
            let finished = scene.run(&[command, "job.toml", "--metrics-file", own]).expect_code(1);
            finished.says("which belongs to the job").says("choose another name with --metrics-file");
        }
        assert_eq!(fs::read(scene.path(own)).expect("a file"), before, "{own}");
    }
    for input in ["*.jsonl", "in*"] {
        let set = format!("input.path={input}");
        let arguments =
            ["run", "job.toml", "--set", &set, "--output", "new.csv", "--metrics-file", "in2.jsonl"];
        scene.run(&arguments).expect_code(1).says("in2.jsonl, which belongs to the job");
    }
    // A file that does not exist yet is identified by its path.
    let new = ["run", "job.toml", "--output", "new.csv", "--metrics-file", "./new.csv.journal"];
    scene.run(&new).expect_code(1).says("which belongs to the job");
    scene.write("form.jsonl", "{\"type\": \"object\"}\n");
    for command in ["run", "preview", "export"] {
        let words = [command, "job.toml", "--set", "answer.schema=form.jsonl", "--output", "form.jsonl"];
        scene.run(&words).expect_code(1).says("the output would overwrite form.jsonl");
    }
    assert!(scene.read("form.jsonl").contains("object"));
}

#[test]
fn a_run_that_breaks_off_is_over_in_its_figures_too() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [11, 1000]\ndelay = \"1s\"\n");
    scene.rows_and_job(40, "limits.concurrency = 2\noutput.metrics = \"night.prom\"\n");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(11);
    fs::rename(scene.path("in.jsonl"), scene.path("elsewhere.jsonl")).expect("moved");
    scene.end(child).expect_code(1).says("in.jsonl");
    let last = samples(&scene.read("night.prom"));
    assert_eq!((last["fanfold_running"], last["fanfold_exit_code"]), (0.0, 1.0));
    assert!(last["fanfold_requests_total,result=answered"] >= 10.0, "{last:?}");
}

#[test]
fn every_line_of_progress_is_as_its_schema_says_and_has_no_field_that_it_does_not() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/progress.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let check = |text: &str| -> BTreeSet<String> {
        let mut types = BTreeSet::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let faults: Vec<String> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{line}: {faults:?}");
            assert_eq!(line["version"], 1);
            let at = line["at"].as_str().expect("a time");
            assert!(at.parse::<jiff::Timestamp>().is_ok() && at.ends_with('Z'), "{at}");
            let kinds = schema["oneOf"].as_array().expect("kinds of lines");
            let kind = kinds.iter().find(|kind| kind["properties"]["type"]["const"] == line["type"]);
            let known = kind.expect("a kind")["properties"].as_object().expect("fields");
            for field in line.as_object().expect("an object").keys() {
                assert!(field == "version" || known.contains_key(field), "{field} is not described");
            }
            types.insert(line["type"].as_str().expect("a type").to_owned());
        }
        types
    };
    let latency = "fixed:30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(40, "limits.qps = 20\n");
    let finished = scene.run_job(&["job.toml", "--progress", "json"]).expect_code(0);
    assert!(finished.stderr.lines().filter(|line| line.contains("\"type\":\"progress\"")).count() >= 2);
    assert_eq!(Vec::from_iter(check(&finished.stderr)), ["message", "progress"]);
    fs::remove_file(scene.path("in.jsonl")).expect("a file");
    let finished = scene.run(&["run", "job.toml", "--progress", "json"]).expect_code(1);
    assert!(check(&finished.stderr).contains("error"));
    assert!(!validator.is_valid(&serde_json::json!({ "version": 1, "type": "progress", "rows": 1 })));
    let held_by = schema["oneOf"][0]["properties"]["held_by"]["enum"].as_array().expect("words");
    for cause in [Bottleneck::Rate, Bottleneck::Places, Bottleneck::FirstRows, Bottleneck::Pause] {
        assert!(held_by.contains(&cause.as_str().into()), "{cause:?}");
    }
}
