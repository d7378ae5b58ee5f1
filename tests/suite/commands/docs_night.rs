//! The examples in `docs/night/`: the real binary runs their commands, and they react to exit codes as the page says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanfold::inside::Exit;
use serde_json::Value;

use crate::support::harness::Scene;

const CODES: [Exit; 9] = [
    Exit::TimeIsUp,
    Exit::Done,
    Exit::CannotRun,
    Exit::Usage,
    Exit::FailedRows,
    Exit::StoppedByApi,
    Exit::StoppedAtCap,
    Exit::Held,
    Exit::Interrupted,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join("docs/night").join(name)).expect("an example")
}

/// A scene with the job of the examples, and the sample that it reads.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("nightly.toml", example("nightly.toml"));
    scene.write("samples/reviews.csv", fs::read(root().join("samples/reviews.csv")).expect("a sample"));
    scene
}

/// Runs the arguments of an example's command, as a rehearsal.
fn rehearse(words: &[&str]) {
    let scene = scene();
    scene.write("key.env", "SOMETHING=1\n");
    let words: Vec<&str> =
        words.iter().map(|word| if *word == "/etc/fanfold/key.env" { "key.env" } else { *word }).collect();
    // At any hour: a rehearsal does not wait for the night.
    scene.run(&[&words[..], &["--simulate"]].concat()).expect_code(0);
    assert!(scene.path("out/nightly.simulated.csv.summary.json").exists());
}

/// A unit file: its settings by section and name, each value once for each line.
fn unit(name: &str) -> BTreeMap<(String, String), Vec<String>> {
    let (text, mut section, mut found) = (example(name), String::new(), BTreeMap::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name.to_owned(),
            None => {
                let (key, value) = line.split_once('=').expect("KEY=VALUE");
                let values: &mut Vec<String> = found.entry((section.clone(), key.to_owned())).or_default();
                values.push(value.to_owned());
            }
        }
    }
    found
}

fn setting(unit: &BTreeMap<(String, String), Vec<String>>, section: &str, key: &str) -> String {
    unit[&(section.to_owned(), key.to_owned())].join(" ")
}

#[test]
fn the_service_runs_and_knows_every_exit_code() {
    let service = unit("fanfold.service");
    let command = setting(&service, "Service", "ExecStart");
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], "/usr/local/bin/fanfold");
    assert!(words.contains(&"model.api_key_file=${CREDENTIALS_DIRECTORY}/dashscope"), "{command}");
    assert!(setting(&service, "Service", "LoadCredential").starts_with("dashscope:/"));
    rehearse(&words[1..]);
    let codes = |key: &str| -> Vec<u8> {
        let text = setting(&service, "Service", key);
        text.split(' ').map(|code| code.parse().expect("a code")).collect()
    };
    let (never, fine) = (codes("RestartPreventExitStatus"), codes("SuccessExitStatus"));
    let again: Vec<u8> = CODES.map(Exit::code).into_iter().filter(|code| *code != 0).collect();
    let again: Vec<u8> =
        again.into_iter().filter(|code| !never.contains(code) && !fine.contains(code)).collect();
    assert_eq!(again, [Exit::StoppedByApi.code()], "only what the API stopped is started again");
    let failed = setting(&service, "Unit", "OnFailure");
    assert!(root().join("docs/night").join(failed).exists());
    let stop = setting(&service, "Service", "TimeoutStopSec");
    let stop = fanfold::inside::duration(&stop).expect("a time");
    assert!(stop > fanfold::inside::Retry::default().timeout, "one request may end: {stop:?}");
}

#[test]
fn systemd_takes_the_units_where_it_is_there_to_be_asked() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else { return };
    assert!(version.status.success());
    let scene = Scene::new();
    for name in ["fanfold.service", "fanfold.timer", "fanfold-failed.service"] {
        let text = example(name).replace("/usr/local/bin/fanfold", env!("CARGO_BIN_EXE_fanfold"));
        // Not every machine has this program; whether it is found does not concern the unit.
        scene.write(name, text.replace("/usr/bin/logger", "/bin/echo"));
    }
    let mut command = Command::new("systemd-analyze");
    command.current_dir(scene.path("")).args(["verify", "--man=no", "--recursive-errors=no"]);
    let output =
        command.args(["./fanfold.service", "./fanfold.timer"]).output().expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("fanfold")).collect();
    assert!(about_ours.is_empty(), "{about_ours:#?}");
    let timer = unit("fanfold.timer");
    let calendar = setting(&timer, "Timer", "OnCalendar");
    let asked = Command::new("systemd-analyze").args(["calendar", &calendar]).output().expect("it runs");
    assert!(asked.status.success(), "{asked:?}");
}

#[test]
fn the_cron_line_runs_and_mails_problems_that_need_somebody() {
    let text = example("crontab");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let (settings, jobs): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.split(' ').next().is_some_and(|word| word.contains('=')));
    assert_eq!((settings.len(), jobs.len()), (2, 1));
    let mut fields = jobs[0].splitn(6, ' ');
    for (field, most) in fields.by_ref().take(5).zip([59, 23, 31, 12, 7]) {
        assert!(field == "*" || field.parse::<u32>().is_ok_and(|number| number <= most), "{field}");
    }
    let command = fields.next().expect("a command");
    assert!(!command.contains('%'), "cron takes a bare % for the end of the command");
    let begin = command.find("run nightly.toml").expect("the command");
    let words: Vec<&str> = command[begin..].split(" 2>>").next().expect("words").split(' ').collect();
    rehearse(&words);
    // The same line with a program that only exits with a code.
    for code in CODES.map(Exit::code) {
        let scene = Scene::new();
        scene.write("fake", format!("#!/bin/sh\necho tried >&2\nexit {code}\n"));
        let fake = format!("sh {}", scene.path("fake").display());
        let line = command.replace("/usr/local/bin/fanfold", &fake);
        let line = line.replace("/srv/fanfold", &scene.path("").display().to_string());
        let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
        let mails = !output.stdout.is_empty();
        assert_eq!(mails, ![0, 6, 7, 130].contains(&code), "{code}: {output:?}");
    }
}

/// The output of a small Python program, as JSON; `None` without Python or the package that it needs.
fn python(program: &str, arguments: &[&str]) -> Option<Value> {
    let output = Command::new("python3").args(["-c", program]).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named 'yaml'") {
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn the_kubernetes_cron_job_is_complete_and_retries_transient_failures() {
    let path = root().join("docs/night/cronjob.yaml");
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let Some(job) = python(program, &[&path.to_string_lossy()]) else { return };
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"CronJob".into()));
    let spec = &job["spec"]["jobTemplate"]["spec"];
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never", "a policy for failures asks for it");
    let container = &pod["containers"][0];
    let words: Vec<&str> =
        container["args"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
    rehearse(&words);
    let rule = &spec["podFailurePolicy"]["rules"][0];
    assert_eq!((&rule["action"], &rule["onExitCodes"]["operator"]), (&"FailJob".into(), &"In".into()));
    assert_eq!(rule["onExitCodes"]["containerName"], container["name"]);
    let never: Vec<u64> =
        rule["onExitCodes"]["values"].as_array().expect("codes").iter().filter_map(Value::as_u64).collect();
    let again = CODES.map(|code| u64::from(code.code())).into_iter().filter(|code| !never.contains(code));
    assert_eq!(Vec::from_iter(again), [0, 4, 130]);
    let mounted: Vec<&Value> =
        container["volumeMounts"].as_array().expect("mounts").iter().map(|mount| &mount["name"]).collect();
    let volumes: Vec<&Value> =
        pod["volumes"].as_array().expect("volumes").iter().map(|one| &one["name"]).collect();
    assert_eq!(mounted, volumes);
}

#[test]
fn the_airflow_dag_retries_transient_failures_and_fails_where_somebody_is_needed() {
    // Airflow itself is large; the parts that the file uses are replaced.
    let program = r#"
import json, sys, types
exceptions = types.ModuleType("airflow.exceptions")
for name in ("AirflowException", "AirflowFailException", "AirflowSkipException"):
    setattr(exceptions, name, type(name, (Exception,), {}))
decorators, tasks = types.ModuleType("airflow.decorators"), []
decorators.dag = lambda **settings: (lambda function: function)
decorators.task = lambda function: (lambda: tasks.append(function))
sys.modules.update({"airflow": types.ModuleType("airflow"), "airflow.exceptions": exceptions,
                    "airflow.decorators": decorators})
space = {"__name__": "dag"}
exec(compile(open(sys.argv[1]).read(), "dag.py", "exec"), space)
ends = {}
space["rows"] = lambda: {}
for code in json.loads(sys.argv[2]):
    space["subprocess"] = types.SimpleNamespace(run=lambda *a, code=code, **k: types.SimpleNamespace(returncode=code))
    try:
        tasks[0]()
        ends[code] = "done"
    except Exception as error:
        ends[code] = type(error).__name__
print(json.dumps({"command": space["COMMAND"], "ends": ends}))
"#;
    let path = root().join("docs/night/dag.py");
    let codes =
        format!("{:?}", CODES.map(|code| i32::from(code.code())).into_iter().chain([-9]).collect::<Vec<_>>());
    let Some(said) = python(program, &[&path.to_string_lossy(), &codes]) else { return };
    let words: Vec<&str> =
        said["command"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
    rehearse(&words[1..]);
    for (code, end) in [
        ("0", "done"),
        ("7", "done"),
        ("5", "AirflowFailException"),
        ("6", "AirflowSkipException"),
        ("4", "AirflowException"),
        ("130", "AirflowException"),
        ("-9", "AirflowException"),
        ("1", "AirflowFailException"),
        ("2", "AirflowFailException"),
        ("3", "AirflowFailException"),
    ] {
        assert_eq!(said["ends"][code], end, "{code}");
    }
}

#[test]
fn the_page_has_every_exit_code_and_every_reason() {
    let page = fs::read_to_string(root().join("docs/night.md")).expect("a page");
    for code in CODES.map(Exit::code) {
        assert!(page.contains(&format!("\n| {code} | ")), "{code}");
    }
    for reason in [
        "finished",
        "interrupted",
        "max_cost",
        "max_total_tokens",
        "max_duration",
        "until",
        "refused",
        "every_row_refused",
        "outage",
        "brown_out",
        "never_reached",
        "input_changed",
    ] {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
    for name in fs::read_dir(root().join("docs/night")).expect("a folder") {
        let name = name.expect("an entry").file_name();
        let name = name.to_string_lossy();
        assert!(name == "nightly.toml" || page.contains(&format!("(night/{name})")), "{name}");
    }
}
