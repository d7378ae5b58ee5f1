//! The program's messages about mistakes, word for word: one file per theme in `snapshots/`, to be read together.
//!
//! `FANFOLD_SNAPSHOTS=write cargo test --test suite messages` rewrites them; read the diff before committing it.

mod around;
mod asking;
mod data;
mod job_file;
mod night;

use std::fs;
use std::path::Path;

use crate::support::harness::{Finished, Scene};

/// A mistake, and the command that makes it; by default a run of a valid job.
struct Mistake {
    what: &'static str,
    more: String,
    files: Vec<(&'static str, Vec<u8>)>,
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    before: Vec<Vec<&'static str>>,
    without_server: bool,
    script: String,
}

/// A mistake in a run of the job.
fn mistake(what: &'static str) -> Mistake {
    Mistake {
        what,
        more: String::new(),
        files: vec![],
        arguments: vec!["run", "job.toml"],
        variables: vec![],
        before: vec![],
        without_server: false,
        script: String::new(),
    }
}

impl Mistake {
    /// More lines of the job file, from line 8 on.
    fn job(mut self, more: &str) -> Self {
        self.more = format!("{more}\n");
        self
    }

    /// A file, possibly replacing the input or the job file.
    fn file(mut self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((name, bytes.into()));
        self
    }

    /// Another command, with its arguments separated by blanks.
    fn command(mut self, arguments: &'static str) -> Self {
        self.arguments = arguments.split(' ').collect();
        self
    }

    /// More arguments of the command.
    fn with(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// A variable of the environment.
    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// An earlier command, which succeeds.
    fn after(mut self, arguments: &'static str) -> Self {
        self.before.push(arguments.split(' ').collect());
        self
    }

    /// Nobody listens at the job's address.
    fn without_server(mut self) -> Self {
        self.without_server = true;
        self
    }

    /// A fault in every reply of the service.
    fn fault(mut self, fault: &str) -> Self {
        self.script = format!("[[fault]]\n{fault}\n");
        self
    }

    /// The program's message.
    fn told(&self) -> String {
        let mut scene = Scene::with_script(&self.script);
        scene.write("in.csv", "id,text\nr0,zero\nr1,one\nr2,two\n");
        scene.job("in.csv", "out.jsonl", &self.more);
        for arguments in &self.before {
            scene.run(arguments).expect_code(0);
        }
        for (name, bytes) in &self.files {
            scene.write(name, bytes);
        }
        if self.without_server {
            scene.stop_server();
        }
        let mut command = scene.command(&self.arguments);
        for (name, value) in &self.variables {
            match value.is_empty() {
                true => command.env_remove(name),
                false => command.env(name, value),
            };
        }
        let finished = Finished::from(command.output().expect("the binary runs"));
        assert_ne!(finished.code, None, "{}: {}", self.what, finished.stderr);
        let code = finished.code.unwrap_or_default();
        // Results go to standard output, errors to standard error.
        let told = settled(&scene, &finished.stdout) + &settled(&scene, &finished.stderr);
        let shown: Vec<String> = self.arguments.iter().map(|word| in_a_shell(word)).collect();
        format!(
            "## {}\n$ fanfold {}\n{}[exit {code}]\n",
            self.what,
            shown.join(" "),
            told.replace(env!("CARGO_BIN_EXE_fanfold"), "fanfold")
        )
    }
}

fn in_a_shell(word: &str) -> String {
    match word.contains([' ', '{', '\'', '"', '*']) {
        true => format!("'{word}'"),
        false => word.to_owned(),
    }
}

/// The message without everything that differs between runs: folders, ports, times.
fn settled(scene: &Scene, said: &str) -> String {
    let folder = scene.path("").display().to_string();
    let said = said.replace(folder.trim_end_matches('/'), "FOLDER");
    let mut out = String::new();
    let mut rest = said.as_str();
    while let Some(at) = rest.find("127.0.0.1:") {
        let end = at + "127.0.0.1:".len();
        out.push_str(&rest[..end]);
        out.push_str("PORT");
        rest = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.push_str(rest);
    // Error numbers depend on the system.
    let out = out.replace(" (os error 2)", "").replace(" (os error 99)", "").replace(" (os error 111)", "");
    // How often a service is tried before it is given up depends on timing.
    let counts = |line: &&str| !(line.contains(" request") && line.contains(" tokens: "));
    out.lines().filter(counts).map(|line| format!("{}\n", untimed(line))).collect()
}

/// The last line of a run without its duration; any line without a time at its beginning.
fn untimed(line: &str) -> String {
    if let Some((before, _)) = line.split_once(" pending, in ") {
        return format!("{before} pending");
    }
    if let Some((before, _)) = line.split_once(" skipped, in ") {
        return format!("{before} skipped");
    }
    match line.split_once(' ') {
        Some((time, rest)) if time.parse::<jiff::Timestamp>().is_ok() => format!("TIME {rest}"),
        _ => line.to_owned(),
    }
}

/// Compares the messages for these mistakes with the file of the theme.
fn hold(theme: &str, mistakes: &[Mistake]) {
    let told: Vec<String> = mistakes.iter().map(Mistake::told).collect();
    let told = told.join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/suite/snapshots/{theme}.txt"));
    if std::env::var("FANFOLD_SNAPSHOTS").is_ok_and(|how| how == "write") {
        fs::write(&path, &told).expect("a file");
    }
    let held = fs::read_to_string(&path).unwrap_or_default();
    for (now, before) in told.split("\n## ").zip(held.split("\n## ")) {
        assert_eq!(now, before, "{}: see the head of this test's file", path.display());
    }
    assert_eq!(told, held, "{}", path.display());
}
