//! A folder, a simulator with a witness log, and runs of the real binary in between.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use fanfold::simulator::{Handle, Script, ServerLimits, ServerSettings, spawn_thread};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::judge::Judge;
use crate::support::key;
pub use crate::support::key::CANARY;

/// How long the witness log must be unchanged before it counts as complete.
const REST: Duration = Duration::from_millis(200);

/// A scenario's folder, server and judge. At its end, the key must be in no file except those where the scenario put it.
pub struct Scene {
    folder: tempfile::TempDir,
    with_key: RefCell<Vec<PathBuf>>,
    server: Option<Handle>,
    pub judge: Judge,
}

/// A run of the binary that came to its end.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Scene {
    /// A scene with a simulator that has no limits and no faults.
    pub fn new() -> Self {
        Self::with(ServerSettings::default())
    }

    /// A scene whose simulator follows a script of faults.
    pub fn with_script(script: &str) -> Self {
        Self::with(ServerSettings {
            script: Script::parse(script).expect("a good script"),
            ..ServerSettings::default()
        })
    }

    /// A scene whose simulator keeps limits of its own.
    pub fn with_limits(limits: ServerLimits) -> Self {
        Self::with(ServerSettings { limits, ..ServerSettings::default() })
    }

    /// A scene with a simulator of these settings; the witness log is added.
    pub fn with(settings: ServerSettings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let judge = Judge::new(folder.path());
        let witness = Some(folder.path().join("witness.jsonl"));
        let server = spawn_thread(ServerSettings { witness, ..settings }).expect("a simulator");
        Self { folder, with_key: RefCell::default(), server: Some(server), judge }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if key::is_in(bytes.as_ref()) {
            self.with_key.borrow_mut().push(path.clone());
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    pub fn base_url(&self) -> &str {
        self.server.as_ref().expect("a simulator").base_url()
    }

    /// Ends the simulator: from now on connections are refused.
    pub fn stop_server(&mut self) {
        self.server = None;
    }

    /// Starts another simulator instead of the present one, with the same witness log. The job file still names the old one
    /// and must be rewritten.
    pub fn serve(&mut self, settings: ServerSettings) {
        self.server = None;
        let witness = Some(self.path("witness.jsonl"));
        self.server = Some(spawn_thread(ServerSettings { witness, ..settings }).expect("a simulator"));
    }

    /// Writes an input of so many rows, and a job file over it; the judge knows the rows.
    pub fn rows_and_job(&mut self, count: usize, more: &str) {
        self.write("in.jsonl", rows(0..count));
        self.job("in.jsonl", "out.jsonl", more);
        self.judge.texts = Some((0..count).map(text).collect());
    }

    /// Writes a job file that asks the simulator, with more TOML behind it.
    pub fn job(&self, input: &str, output: &str, more: &str) -> PathBuf {
        let text = format!(
            "input.path = {input:?}\noutput.path = {output:?}\nmodel.name = \"qwen-plus\"\nmodel.base_url = \"{}\"\n\
             prompt.user = \"{{{{ text }}}}\"\nretry.initial_backoff = \"20ms\"\nretry.max_backoff = \"100ms\"\n{more}",
            self.base_url()
        );
        self.write("job.toml", text)
    }

    /// The binary, in the scene's folder, with the canary as its key.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanfold"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DASHSCOPE_API_KEY", CANARY);
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        Finished::from(self.command(arguments).output().expect("the binary runs"))
    }

    /// Runs the binary to its end, with these bytes on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], bytes: &[u8]) -> Finished {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("its standard input");
        // A command that has no use for its input may close it before it is written.
        let _ = stdin.write_all(bytes);
        drop(stdin);
        Finished::from(child.wait_with_output().expect("the binary runs"))
    }

    /// Runs `fanfold run` with these arguments, and has the outcome judged.
    pub fn run_job(&mut self, arguments: &[&str]) -> Finished {
        let all: Vec<&str> = ["run"].iter().chain(arguments).copied().collect();
        let finished = self.run(&all);
        self.judge.judge(&finished);
        finished
    }

    /// Runs the job with `--retry-failed`, and sets the judge accordingly.
    pub fn retry_failed(&mut self) -> Finished {
        self.judge.retry_failed = true;
        let finished = self.run_job(&["job.toml", "--retry-failed"]);
        self.judge.retry_failed = false;
        finished
    }

    /// A run of the job that dies as by `kill -9` when it reaches a failpoint for the `times`th time.
    pub fn dying_at(&self, point: &str, times: usize) -> Command {
        let mut command = self.command(&["run", "job.toml"]);
        command.env("FANFOLD_FAILPOINT", format!("{point}={times}"));
        command
    }

    /// Runs the job until it dies there, and has the remains judged.
    pub fn die_at(&mut self, point: &str, times: usize) {
        let output = self.dying_at(point, times).output().expect("the binary runs");
        assert_eq!(output.status.signal(), Some(9), "{point}={times}: {:?}", Finished::from(output));
        self.judge_after_a_kill();
    }

    /// Has the remains of a kill judged.
    pub fn judge_after_a_kill(&mut self) {
        self.let_arrive();
        self.judge.judge_after_a_kill();
    }

    /// Waits until requests sent before a kill are in the witness log: until no connection is open, or nothing more arrives
    /// while others keep theirs open.
    pub fn let_arrive(&self) {
        let Some(server) = &self.server else { return };
        let mut before = self.witness_count();
        while !server.is_quiet_within(REST) {
            match self.witness_count() {
                now if now == before => break,
                now => before = now,
            }
        }
    }

    /// The total number of requests that runs have reported as in doubt.
    pub fn in_doubt(&self) -> usize {
        let sql = "SELECT sum(in_doubt) FROM runs";
        self.journal().query_row(sql, [], |row| row.get(0)).expect("a sum")
    }

    /// Starts the binary and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    }

    /// How many requests the simulator received so far; the last line of the log may be half written.
    pub fn witness_count(&self) -> usize {
        fs::read_to_string(self.path("witness.jsonl")).unwrap_or_default().matches('\n').count()
    }

    /// Waits until the simulator has received so many requests.
    pub fn wait_for_requests(&self, count: usize) {
        let log = self.path("witness.jsonl");
        let received =
            || fs::read(&log).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        self.wait_until(|| received() >= count);
    }

    /// Waits until a condition holds; the scenario fails if it never does.
    pub fn wait_until(&self, mut is_so: impl FnMut() -> bool) {
        for _ in 0..12_000 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("what the scenario waits for did not happen");
    }

    /// Waits for the end of a run that was started, and has the outcome judged.
    pub fn end(&mut self, child: Child) -> Finished {
        let finished = Finished::from(child.wait_with_output().expect("an end"));
        self.judge.judge(&finished);
        finished
    }

    /// The receipt of the last run.
    pub fn receipt(&self) -> Value {
        serde_json::from_str(&self.read("out.jsonl.summary.json")).expect("JSON")
    }

    /// The output's rows.
    pub fn output(&self) -> Vec<Value> {
        lines(&self.path("out.jsonl"))
    }

    /// The journal, for inspection.
    pub fn journal(&self) -> Connection {
        Connection::open_with_flags(self.path("out.jsonl.journal"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("a journal")
    }

    /// The requests the simulator received so far.
    pub fn witness(&self) -> Vec<Value> {
        lines(&self.path("witness.jsonl"))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let found = key::files_with_it(self.folder.path());
        let leaked: Vec<&PathBuf> =
            found.iter().filter(|path| !self.with_key.borrow().contains(path)).collect();
        assert!(leaked.is_empty(), "invariant 5: the key is in {leaked:?}");
    }
}

impl From<Output> for Finished {
    /// The key must not be in any output of the binary.
    fn from(output: Output) -> Self {
        let said = [&output.stdout, &output.stderr].map(|bytes| key::is_in(bytes));
        assert_eq!(said, [false; 2], "invariant 5: the key is in what is said");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Finished {
    /// Compares the exit code with the expected one, and shows the output if it differs.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error contains a text.
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in: {}", self.stderr);
        self
    }
}

/// The lines of a JSONL file; none if it does not exist.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
}

/// JSONL of rows with an `id` and a unique `text`.
pub fn rows(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|number| format!("{}\n", row(number))).collect()
}

/// One such row.
pub fn row(number: usize) -> Value {
    json!({ "id": format!("r{number}"), "text": text(number) })
}

/// The text of one such row.
pub fn text(number: usize) -> String {
    format!("text of row {number}.")
}

/// Sends a signal to a run.
pub fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("a signal");
}

/// The rows of a JSONL output without fields that differ between runs: latency, request id, attempts.
pub fn comparable(path: &Path) -> Vec<Value> {
    let mut rows = lines(path);
    for row in &mut rows {
        let fields = row.as_object_mut().expect("objects");
        for column in ["latency_ms", "request_id", "attempts"] {
            fields.remove(column);
        }
    }
    rows
}
