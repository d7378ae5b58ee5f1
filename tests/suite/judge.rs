//! The one judge of all scenarios: the witness log, the journal and the output are held against each other.
//!
//! 1. n input rows give n output rows, in order.
//! 2. No row with a committed answer was sent again, unless its request changed or `--retry-failed` asked.
//! 3. The witness times keep every limit in every sliding window, restarts included.
//! 4. The exit code and the resume line fit the state.
//! 5. The canary key is in no file and no output.
//! 6. What was spent is within the caps.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::harness::{CANARY, Finished, lines};

/// By how much a window of the judge is shorter than the quota's: the unevenness of the way to the server.
const UNEVENNESS: f64 = 0.06;

/// What a scenario has promised, and what was seen of it so far.
pub struct Judge {
    folder: PathBuf,
    /// The output, when the scenario's is not the usual one.
    pub output: String,
    /// The texts of the input's rows, in order, when the rows have a column `text`.
    pub texts: Option<Vec<String>>,
    /// Quotas: so many requests in so many seconds.
    pub quotas: Vec<(usize, f64)>,
    /// The cap on tokens.
    pub max_total_tokens: Option<u64>,
    /// The cap on cost.
    pub max_cost: Option<f64>,
    /// Whether rows may be sent again although they have an answer: the scenario changes requests.
    pub requests_change: bool,
    judged: usize,
    stored: HashMap<String, usize>,
}

impl Judge {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            output: "out.jsonl".to_owned(),
            texts: None,
            quotas: vec![],
            max_total_tokens: None,
            max_cost: None,
            requests_change: false,
            judged: 0,
            stored: HashMap::new(),
        }
    }

    /// Judges a run that came to its end.
    pub fn judge(&mut self, finished: &Finished) {
        self.check_nothing_sent_again();
        self.check_limits();
        self.check_secrets(finished);
        let summary = self.folder.join(format!("{}.summary.json", self.output));
        if finished.code != Some(1)
            && finished.code != Some(6)
            && finished.code != Some(2)
            && summary.exists()
        {
            let summary: Value =
                serde_json::from_slice(&fs::read(summary).expect("a receipt")).expect("JSON");
            self.check_output(&summary);
            self.check_exit(finished, &summary);
            self.check_caps(&summary);
        }
    }

    /// After a kill there is no end to judge, but what was stored by then must not be sent again.
    pub fn judge_after_a_kill(&mut self) {
        self.check_nothing_sent_again();
        self.check_limits();
    }

    fn check_output(&self, summary: &Value) {
        if summary["output"].is_null() || !self.output.ends_with(".jsonl") {
            return;
        }
        let rows = lines(&self.folder.join(&self.output));
        assert_eq!(summary["rows"]["in"], rows.len(), "invariant 1: rows in and out");
        let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
        for status in ["ok", "failed", "pending"] {
            assert_eq!(summary["rows"][status], count(status), "invariant 1: {status}");
        }
        for row in rows.iter().filter(|row| row["status"] == "ok") {
            assert!(
                !row["response"].is_null() || !row["tool_calls"].is_null(),
                "invariant 1: an answer: {row}"
            );
        }
        if let Some(texts) = &self.texts {
            let written: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
            assert_eq!(&written, texts, "invariant 1: the order of the input");
        }
    }

    /// A row's text goes out as its last turn: what was stored before a request arrived is known by it.
    fn check_nothing_sent_again(&mut self) {
        let witness = lines(&self.folder.join("witness.jsonl"));
        if !self.requests_change {
            let mut sent: HashMap<String, usize> = HashMap::new();
            for line in &witness[self.judged.min(witness.len())..] {
                *sent.entry(body_of(line)).or_default() += 1;
            }
            for (body, stored) in &self.stored {
                let again = sent.get(body).copied().unwrap_or(0);
                assert!(again == 0 || *stored == 0, "invariant 2: stored and sent again: {body}");
            }
        }
        self.judged = witness.len();
        self.stored = self.stored_bodies(&witness);
    }

    /// The bodies whose answers the journal has, told by the request id that the simulator gave them.
    fn stored_bodies(&self, witness: &[Value]) -> HashMap<String, usize> {
        let journal = self.folder.join(format!("{}.journal", self.output));
        if !journal.exists() {
            return HashMap::new();
        }
        let connection =
            Connection::open_with_flags(&journal, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a journal");
        let sql =
            "SELECT s.response FROM entries e JOIN steps s ON s.step = e.answer WHERE e.position IS NOT NULL";
        let mut statement = connection.prepare(sql).expect("the journal's tables");
        let answers = statement.query_map([], |row| row.get::<_, Option<String>>(0)).expect("answers");
        let mut answered: HashMap<String, usize> = HashMap::new();
        for answer in answers.filter_map(|answer| answer.expect("an answer")) {
            *answered.entry(answer).or_default() += 1;
        }
        // The simulator's answer is a function of the request: its text tells which request was answered.
        let mut stored = HashMap::new();
        for line in witness.iter().filter(|line| line["status"] == 200) {
            let body = body_of(line);
            let text =
                line["body"]["messages"].as_array().and_then(|turns| turns.last()?["content"].as_str());
            let words: Vec<&str> = text.unwrap_or_default().split_whitespace().take(8).collect();
            let beginning = format!("Summary: {}", words.join(" "));
            let known: usize = answered
                .iter()
                .filter(|(answer, _)| answer.starts_with(&beginning))
                .map(|(_, count)| count)
                .sum();
            stored.insert(body, known);
        }
        stored
    }

    fn check_limits(&self) {
        let witness = lines(&self.folder.join("witness.jsonl"));
        let times: Vec<f64> = witness.iter().map(|line| line["at"].as_f64().expect("a time")).collect();
        for (amount, window) in &self.quotas {
            for (index, at) in times.iter().enumerate() {
                let within =
                    times[index..].iter().take_while(|later| **later < at + window - UNEVENNESS).count();
                assert!(within <= *amount, "invariant 3: {within} requests in {window} s, of {amount}");
            }
        }
    }

    fn check_exit(&self, finished: &Finished, summary: &Value) {
        let code = finished.code.expect("an exit code");
        let (failed, pending) = (&summary["rows"]["failed"], &summary["rows"]["pending"]);
        let fits = match (failed.as_u64(), pending.as_u64()) {
            (Some(0), Some(0)) => code == 0,
            (Some(_), Some(0)) => code == 3,
            _ => [4, 5, 130].contains(&code),
        };
        assert!(fits, "invariant 4: exit code {code} with {failed} failed and {pending} pending");
        assert_eq!(summary["exit_code"], code, "invariant 4: the receipt's exit code");
        if pending.as_u64() != Some(0) {
            let last = finished.stderr.trim_end().lines().last().unwrap_or_default();
            assert!(last.contains("to go on: "), "invariant 4: the resume command comes last: {last}");
        }
    }

    fn check_secrets(&self, finished: &Finished) {
        assert!(
            !finished.stdout.contains(CANARY) && !finished.stderr.contains(CANARY),
            "invariant 5: what is said"
        );
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = fs::read(&path).unwrap_or_default();
                let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
                assert!(!found, "invariant 5: the key is in {}", path.display());
            }
        }
    }

    fn check_caps(&self, summary: &Value) {
        let spent = &summary["all_runs"];
        if let Some(cap) = self.max_total_tokens {
            assert!(spent["total_tokens"].as_u64().expect("tokens") <= cap, "invariant 6: tokens {spent}");
        }
        if let Some(cap) = self.max_cost {
            assert!(spent["cost"].as_f64().expect("cost") <= cap, "invariant 6: cost {spent}");
        }
    }
}

fn body_of(line: &Value) -> String {
    line["body_hash"].to_string()
}
