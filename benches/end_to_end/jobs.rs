//! Jobs to measure: inputs of so many rows with prompts of one kilobyte, and the commands over them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The length of each row's text in bytes.
const TEXT_BYTES: usize = 1_000;

/// A folder with an input and a job.
pub(crate) struct Job {
    folder: TempDir,
    input: &'static str,
}

impl Job {
    /// A job over so many rows, in a file of this name (`in.jsonl`, `in.csv`).
    pub(crate) fn new(rows: usize, input: &'static str) -> Self {
        let job = Self { folder: tempfile::tempdir().expect("a folder"), input };
        job.write_rows(rows);
        job.write("");
        job
    }

    /// Rewrites the input, with this many rows.
    pub(crate) fn write_rows(&self, rows: usize) {
        let mut file = BufWriter::new(File::create(self.path(self.input)).expect("the input"));
        let is_csv = self.input.ends_with(".csv");
        if is_csv {
            writeln!(file, "id,text").expect("written");
        }
        for row in 0..rows {
            let text = text(row);
            match is_csv {
                true => writeln!(file, "r{row:08},\"{text}\"").expect("written"),
                false => writeln!(file, "{{\"id\": \"r{row:08}\", \"text\": \"{text}\"}}").expect("written"),
            }
        }
        file.flush().expect("written");
    }

    /// Rewrites the job, with more keys.
    pub(crate) fn write(&self, more: &str) {
        let input = self.input;
        let job = format!(
            "input = {{ path = \"{input}\" }}\noutput = {{ path = \"out.jsonl\" }}\n\
             prompt = {{ user = \"{{{{ text }}}}\" }}\n{more}\n[model]\nname = \"qwen-plus\"\n"
        );
        fs::write(self.path("job.toml"), job).expect("the job");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Removes everything except the input and the job.
    pub(crate) fn forget(&self) {
        for entry in fs::read_dir(self.folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if !path.ends_with(self.input) && !path.ends_with("job.toml") {
                fs::remove_file(path).expect("removed");
            }
        }
    }

    /// Saves what a run has left, to start from it again; returns the folder for [`Job::restore`].
    pub(crate) fn keep(&self) -> TempDir {
        let kept = tempfile::tempdir().expect("a folder");
        copy(self.folder.path(), kept.path());
        kept
    }

    pub(crate) fn restore(&self, kept: &TempDir) {
        self.forget();
        copy(kept.path(), self.folder.path());
    }

    /// A command of the program for this job.
    pub(crate) fn fanfold(&self, command: &str) -> Command {
        let mut fanfold = Command::new(crate::program());
        fanfold.current_dir(self.folder.path()).args([command, "job.toml"]).stderr(Stdio::null());
        // The simulator accepts any key.
        fanfold.env("DASHSCOPE_API_KEY", "of-the-benchmark");
        fanfold
    }

    /// The command that runs this job against a server.
    pub(crate) fn run(&self, url: &str, in_flight: usize) -> Command {
        let mut run = self.fanfold("run");
        run.args(["--base-url", url, "--progress", "plain", "--concurrency", &in_flight.to_string()]);
        run
    }

    /// The floor program over the same input.
    pub(crate) fn floor(&self, url: &str, in_flight: usize) -> Command {
        let mut floor = Command::new(std::env::current_exe().expect("this program"));
        floor.current_dir(self.folder.path());
        floor.args(["floor", self.input, "floor.jsonl", url, &in_flight.to_string()]);
        floor
    }

    /// The bare copy of a file of the folder.
    pub(crate) fn copy(&self, input: &str, output: &str) -> Command {
        let mut copy = Command::new(std::env::current_exe().expect("this program"));
        copy.current_dir(self.folder.path()).args(["copy", input, output]);
        copy
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// A text of words, different for each row.
fn text(row: usize) -> String {
    const WORDS: [&str; 8] = ["paper", "folds", "along", "its", "perforations", "and", "lies", "flat"];
    let mut text = format!("Row {row}:");
    let mut state = row as u64;
    while text.len() < TEXT_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(WORDS[(state >> 61) as usize]);
    }
    text.truncate(TEXT_BYTES);
    text
}
