//! Jobs in the batches of a server that nobody here wrote: OGX, with the simulator or a server of ours as the model behind it. `.ci/run`
//! installs it into `target/ogx`; where it is missing, these tests say so on standard error and end.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::echo_server::House;
use crate::support::harness::{Scene, rows, text};

/// Rows of a job: the first is sent at once, and the others are three batches.
const ROWS: usize = 25;

/// OGX, until it is dropped.
struct Ogx {
    process: Child,
    port: u16,
}

impl Ogx {
    /// Starts OGX in a scene's folder, before a model server; `None` if it is not installed.
    fn start(scene: &Scene, model_server: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = root.join("target/ogx/bin/ogx");
        if !program.exists() {
            // Bypasses the harness, which hides the output of passing tests.
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN: a job in OGX's batches: target/ogx is missing (see .ci/run)"
            );
            return None;
        }
        let state: PathBuf = scene.path("ogx");
        std::fs::create_dir_all(&state).expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let log = File::create(state.join("log")).expect("a log");
        let process = Command::new(program)
            .args(["run", "--insecure", "--port", &port.to_string()])
            .arg(root.join("tests/data/ogx.yaml"))
            .env("MODEL_SERVER", model_server)
            .env("STATE_FOLDER", &state)
            .env("HOME", &state)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("OGX starts");
        let mut ogx = Self { process, port };
        // A minute: it takes a few seconds, and longer on a busy machine.
        for _ in 0..600 {
            if ogx.get("/models").is_some() {
                return Some(ogx);
            }
            assert!(ogx.process.try_wait().expect("a process").is_none(), "{}", scene.read("ogx/log"));
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("OGX does not answer: {}", scene.read("ogx/log"));
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head = format!("GET /v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        serde_json::from_str(reply.split_once("\r\n\r\n")?.1).ok()
    }

    /// Writes a job in batches of this server.
    fn job(&self, scene: &Scene) {
        scene.write("in.jsonl", rows(0..ROWS));
        scene.job(
            "in.jsonl",
            "out.jsonl",
            "model.transport = \"batch\"\nbatch.poll = \"200ms\"\nbatch.max_lines = 8\n",
        );
        let base_url = format!("http://127.0.0.1:{}/v1", self.port);
        let job = scene.read("job.toml").replace(scene.base_url(), &base_url);
        scene.write("job.toml", job.replace("\"qwen-plus\"", "\"behind/qwen-plus\""));
    }

    /// Fails unless every row has its own answer, and nothing is left at the server.
    fn check(&self, scene: &Scene) {
        let rows = scene.output();
        assert_eq!(rows.len(), ROWS);
        for (number, row) in rows.iter().enumerate() {
            assert_eq!((&row["status"], &row["text"]), (&"ok".into(), &text(number).into()), "{row}");
            assert!(
                row["response"].as_str().is_some_and(|answer| answer.contains(&format!("row {number}"))),
                "{row}"
            );
        }
        let files = self.get("/files?limit=100").expect("a list");
        assert_eq!(files["data"], serde_json::json!([]), "files are left at the server");
    }
}

impl Drop for Ogx {
    fn drop(&mut self) {
        // Its end is all that matters.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Fails if a text was asked for more often than once.
fn check_asked_once(mut texts: Vec<String>) {
    texts.sort();
    let all = texts.len();
    texts.dedup();
    assert_eq!((all, texts.len()), (ROWS, ROWS), "each row is paid for once");
}

#[test]
fn a_job_runs_in_the_batches_of_a_server_that_nobody_here_wrote() {
    let scene = Scene::new();
    let Some(ogx) = Ogx::start(&scene, scene.base_url()) else { return };
    ogx.job(&scene);
    scene.run(&["run", "job.toml"]).expect_code(0);
    ogx.check(&scene);
    let asked = scene.witness().into_iter().filter(|line| line["method"] == "POST");
    check_asked_once(asked.map(|line| line["body"]["messages"].to_string()).collect());
}

#[test]
fn a_job_in_the_batches_of_a_server_that_nobody_here_wrote_survives_kills_between_its_steps() {
    let scene = Scene::new();
    let house = House::new();
    let Some(ogx) = Ogx::start(&scene, &house.base_url()) else { return };
    ogx.job(&scene);
    for (point, times) in
        [("batch.upload.after", 1), ("batch.create.after", 2), ("batch.downloaded", 1), ("batch.delete", 1)]
    {
        let output = scene.dying_at(point, times).output().expect("the binary runs");
        assert_eq!(output.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&output.stderr));
    }
    scene.run(&["run", "job.toml"]).expect_code(0);
    ogx.check(&scene);
    check_asked_once(house.asked().iter().map(|body| body["messages"].to_string()).collect());
}
