//! The one judge of all scenarios: it compares the witness log, the journal and the output.
//!
//! 1. n input rows give n output rows, in order, each with the answer to its own request.
//! 2. No row with a committed answer was sent again, unless its request changed or `--retry-failed` asked.
//! 3. The witness times keep every limit in every sliding window, restarts included.
//! 4. The exit code and the resume line fit the state.
//! 5. The canary key is in no file and no output.
//! 6. What was spent is within the caps.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::evidence::{Book, Seen};
use crate::support::harness::{Finished, lines};
use crate::support::key;

/// How much shorter the judge's window is than the quota's, because requests travel at uneven speeds.
const UNEVENNESS: f64 = 0.06;

/// The responses of a row to the combinations of `[each]`: for each, its column, and the text that was asked; none for a
/// combination that asks nothing.
type WideResponses = fn(&Value) -> Vec<(String, Option<String>)>;

/// What a scenario promises, and what has been observed so far.
pub struct Judge {
    folder: PathBuf,
    /// The output, if the scenario uses an unusual one.
    pub output: String,
    /// The texts of the input's rows, in order, when the rows have a column `text`.
    pub texts: Option<Vec<String>>,
    /// The responses of a row, when it is asked for combinations and the layout is wide.
    pub wide: Option<WideResponses>,
    /// Quotas: a number of requests in a number of seconds.
    pub quotas: Vec<(usize, f64)>,
    /// Quotas: a number of tokens in a number of seconds.
    pub token_quotas: Vec<(u64, f64)>,
    /// The cap on tokens.
    pub max_total_tokens: Option<u64>,
    /// The cap on cost.
    pub max_cost: Option<f64>,
    /// Whether the next run was asked to send failed rows again.
    pub retry_failed: bool,
    /// Whether the next run checks kept answers against other rules than before, so that answers may become failures.
    pub rules_change: bool,
    /// Whether the journal was pruned before the next run: answers that no row claimed may be gone for good.
    pub pruned: bool,
    /// Whether replies get lost without a fault in the script, because the server goes down.
    pub replies_get_lost: bool,
    /// Whether the server leaves the usage out of some answers.
    pub usage_goes_unsaid: bool,
    /// The bodies of replies are the test's own: the witness does not know their usage.
    pub bodies_are_literal: bool,
    /// The first request that the present journal can know of.
    began: usize,
    judged: usize,
    before: Book,
    last_receipt: Vec<u8>,
}

impl Judge {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            output: "out.jsonl".to_owned(),
            texts: None,
            wide: None,
            quotas: vec![],
            token_quotas: vec![],
            max_total_tokens: None,
            max_cost: None,
            retry_failed: false,
            rules_change: false,
            pruned: false,
            replies_get_lost: false,
            usage_goes_unsaid: false,
            bodies_are_literal: false,
            began: 0,
            judged: 0,
            before: Book::default(),
            last_receipt: vec![],
        }
    }

    /// Judges a run that has ended.
    pub fn judge(&mut self, finished: &Finished) {
        let seen = self.seen();
        self.check_nothing_sent_again(&seen);
        self.check_limits(&seen);
        self.check_secrets(finished);
        match self.fresh_receipt() {
            Some(receipt) => {
                self.check_output(&receipt, &seen);
                self.check_exit(finished, &receipt);
                self.check_spending(&receipt, &seen);
            }
            None => {
                let early = finished.code.is_some_and(|code| [1, 2, 6, 130].contains(&code));
                assert!(early, "invariant 4: no receipt, and exit code {:?}", finished.code);
                assert!(!finished.stderr.trim().is_empty(), "invariant 4: it ended early and says nothing");
            }
        }
    }

    /// The next run starts over on purpose: stored answers are not counted.
    pub fn forget(&mut self) {
        self.before = Book::default();
        self.began = self.judged;
    }

    /// After a kill there is no end to judge, but answers stored by then must not be requested again. The witness log is
    /// complete by now.
    pub(super) fn judge_after_a_kill(&mut self) {
        let seen = self.seen();
        self.check_nothing_sent_again(&seen);
        self.check_limits(&seen);
    }

    fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Seen::of_all(&lines(&self.folder.join("witness.jsonl")));
        // Lines are written in the order of the replies' decisions; nearly that of arrival.
        seen[self.judged..].sort_by(|one, other| one.at.total_cmp(&other.at));
        seen
    }

    /// The receipt, if the run has written one.
    fn fresh_receipt(&mut self) -> Option<Value> {
        let path = self.folder.join(format!("{}.summary.json", self.output));
        let bytes = fs::read(path).ok().filter(|bytes| *bytes != self.last_receipt)?;
        self.last_receipt.clone_from(&bytes);
        Some(serde_json::from_slice(&bytes).expect("JSON"))
    }

    fn check_output(&self, receipt: &Value, seen: &[Seen]) {
        let rows_of = |key: &str| receipt["rows"][key].as_u64().expect("a count");
        let sum = rows_of("ok") + rows_of("failed") + rows_of("pending") + rows_of("skipped");
        assert_eq!(rows_of("in"), sum, "invariant 1: the receipt adds up");
        if receipt["output"].is_null() || !self.output.ends_with(".jsonl") {
            return;
        }
        let rows = lines(&self.folder.join(&self.output));
        assert_eq!(receipt["rows"]["in"], rows.len(), "invariant 1: rows in and out");
        for status in ["ok", "failed", "pending", "skipped"] {
            let count = rows.iter().filter(|row| row["status"] == status).count();
            assert_eq!(receipt["rows"][status], count, "invariant 1: {status}");
        }
        let answered: HashMap<&str, &Seen> =
            seen.iter().map(|seen| (seen.request_id.as_str(), seen)).collect();
        for row in rows.iter().filter(|row| row["status"] == "ok") {
            assert!(
                !row["response"].is_null() || !row["tool_calls"].is_null() || self.wide.is_some(),
                "invariant 1: an answer: {row}"
            );
            let request = row["request_id"].as_str().and_then(|id| answered.get(id));
            if let (Some(request), Some(text)) = (request, row["text"].as_str()) {
                assert!(request.text.contains(text.trim()), "invariant 1: the answer of another row: {row}");
                let packed = row["packed"].as_u64().unwrap_or(1);
                let rows = request
                    .text
                    .lines()
                    .filter(|line| line.starts_with("[[") && line.ends_with("]]"))
                    .count();
                assert_eq!(packed, rows.max(1) as u64, "invariant 1: the rows of a request: {row}");
                // The simulator's answers have the text that they answer.
                let is_its_own =
                    || row["response"].as_str().is_some_and(|response| response.contains(text.trim()));
                assert!(
                    packed == 1 || is_its_own(),
                    "invariant 1: the answer of another row of its pack: {row}"
                );
            }
        }
        for row in self.wide.iter().flat_map(|wide| rows.iter().map(|row| (row, wide(row)))) {
            check_combinations(row.0, &row.1);
        }
        for row in rows.iter().filter(|row| row["status"] == "failed") {
            assert!(row["error_code"].is_string(), "invariant 1: a failed row says why: {row}");
        }
        if let Some(texts) = &self.texts {
            let written: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
            assert_eq!(&written, texts, "invariant 1: the order of the input");
        }
    }

    /// Rows that had ended before this run, and have kept their end, need no request. The journal's fingerprints are
    /// matched with the witness log by the request ids in both.
    fn check_nothing_sent_again(&mut self, seen: &[Seen]) {
        let after = Book::read(&self.folder.join(format!("{}.journal", self.output)));
        let bodies = after.bodies(seen);
        let is_settled = |status: &str| status == "ok" || status == "failed" && !self.retry_failed;
        let settled: HashSet<i64> =
            self.before.entries.iter().filter(|e| is_settled(&e.status)).map(|entry| entry.number).collect();
        let mut needed: HashMap<&[u8], i64> = HashMap::new();
        for entry in after.claimed() {
            let fresh = !settled.contains(&entry.number);
            *needed.entry(&entry.fingerprint).or_default() += i64::from(fresh);
        }
        // An answer that does not pass a check is asked again.
        for (fingerprint, count) in &after.unchecked {
            let before = self.before.unchecked.get(fingerprint).copied().unwrap_or(0);
            *needed.entry(fingerprint).or_default() += count - before;
        }
        // A row may need several requests; none of them twice.
        let mut answered: HashMap<(&[u8], &str), i64> = HashMap::new();
        for seen in &seen[self.judged..] {
            let Some(fingerprint) = bodies.get(&seen.body).map(Vec::as_slice) else { continue };
            let Some(needed) = needed.get(fingerprint) else { continue };
            let count = answered.entry((fingerprint, &seen.body)).or_default();
            let arrives = seen.is_answered() && !self.replies_get_lost;
            *count += i64::from(arrives);
            assert!(*needed > 0 && *count <= *needed, "invariant 2: stored and sent again: {}", seen.text);
        }
        let in_between = seen.iter().filter(|seen| self.before.in_between.contains(&seen.request_id));
        let stored: HashSet<&str> = in_between.map(|seen| seen.body.as_str()).collect();
        for seen in &seen[self.judged..] {
            assert!(
                !stored.contains(seen.body.as_str()),
                "invariant 2: a round was stored and asked for again: {}",
                seen.text
            );
        }
        // An unused answer belongs to the first row with the same request.
        let loose = after.entries.iter().filter(|e| e.position.is_none() && settled.contains(&e.number));
        for idle in loose {
            let twin = after.claimed().find(|entry| {
                (&entry.row_id, &entry.fingerprint) == (&idle.row_id, &idle.fingerprint)
                    && !settled.contains(&entry.number)
            });
            assert!(twin.is_none(), "invariant 2: an answer lies idle for {twin:?}");
        }
        for entry in self.before.entries.iter().filter(|entry| entry.status == "ok") {
            let may_go = self.pruned && entry.position.is_none();
            let is_kept = |status: &str| {
                status == "ok" || self.rules_change && status == "failed" || may_go && status == "dropped"
            };
            let kept = after.entries.iter().any(|e| e.number == entry.number && is_kept(&e.status));
            assert!(kept || after.entries.is_empty(), "invariant 2: an answer was lost: {entry:?}");
        }
        self.check_batches(seen);
        self.judged = seen.len();
        self.before = after;
        (self.retry_failed, self.rules_change, self.pruned) = (false, false, false);
    }

    /// A line of a batch is paid for when the provider answers it, wherever the answer is: once is enough.
    fn check_batches(&self, seen: &[Seen]) {
        let mut paid: HashMap<&str, usize> = HashMap::new();
        let answered = seen[self.began..].iter().filter(|seen| seen.is_answered() && seen.in_a_batch);
        for seen in answered.filter(|_| !self.replies_get_lost) {
            let count = paid.entry(&seen.body).or_default();
            *count += 1;
            let rows = self
                .texts
                .as_ref()
                .map_or(1, |texts| texts.iter().filter(|text| **text == seen.text).count());
            assert!(*count <= rows.max(1), "invariant 2: paid for twice in batches: {}", seen.text);
        }
    }

    fn check_limits(&self, seen: &[Seen]) {
        let from = |index: usize, window: f64| {
            let end = seen[index].at + window - UNEVENNESS;
            seen[index..].iter().filter(move |later| later.at < end)
        };
        // The lines of batches are under no limit.
        let live: Vec<Seen> = seen.iter().filter(|seen| !seen.in_a_batch).cloned().collect();
        let seen = &live;
        for index in 0..seen.len() {
            for (amount, window) in &self.quotas {
                let within = from(index, *window).count();
                assert!(within <= *amount, "invariant 3: {within} requests in {window} s, of {amount}");
            }
            for (amount, window) in &self.token_quotas {
                let within: u64 = from(index, *window).map(|seen| seen.total_tokens).sum();
                assert!(within <= *amount, "invariant 3: {within} tokens in {window} s, of {amount}");
            }
        }
    }

    fn check_exit(&self, finished: &Finished, receipt: &Value) {
        let code = finished.code.expect("an exit code");
        let count = |key: &str| receipt["rows"][key].as_u64().expect("a count");
        let reason = receipt["reason"].as_str().expect("a reason");
        let (failed, pending) = (count("failed"), count("pending"));
        let fits = match (failed, pending, reason) {
            (0, 0, "finished") => code == 0,
            (_, 0, "finished") => code == 3,
            (_, 0, _) => false,
            (_, _, "refused" | "every_row_refused" | "outage" | "brown_out" | "never_reached") => code == 4,
            (_, _, "max_cost" | "max_total_tokens") => code == 5,
            (_, _, "max_duration" | "until") => code == 7,
            (_, _, "submitted") => code == 8,
            (_, _, "interrupted") => code == 130,
            (_, _, "input_changed") => code == 1,
            _ => false,
        };
        assert!(fits, "invariant 4: exit code {code}, {reason}, with {failed} failed and {pending} pending");
        assert_eq!(receipt["exit_code"], code, "invariant 4: the receipt's exit code");
        assert!(
            code == 130 || !receipt["output"].is_null(),
            "invariant 4: only who is told to stop at once writes no output"
        );
        let last = finished.stderr.trim_end().lines().last().unwrap_or_default();
        let resumes = last.contains("to continue: ");
        assert_eq!(
            resumes,
            pending > 0,
            "invariant 4: the resume command comes last, if rows are left: {last}"
        );
        assert_eq!(receipt["resume"].is_string(), pending > 0, "invariant 4: the receipt's resume command");
    }

    fn check_secrets(&self, finished: &Finished) {
        let said = [&finished.stdout, &finished.stderr].map(|text| key::is_in(text.as_bytes()));
        assert_eq!(said, [false; 2], "invariant 5: what is said");
        let found = key::files_with_it(&self.folder);
        assert!(found.is_empty(), "invariant 5: the key is in {found:?}");
    }

    /// The witness log shows what was bought; the receipt must agree, and both must keep the caps.
    fn check_spending(&self, receipt: &Value, seen: &[Seen]) {
        if receipt["simulated"] == true || self.bodies_are_literal {
            // The simulator inside the run keeps no witness log.
            return;
        }
        let spent = &receipt["all_runs"];
        let told = spent["total_tokens"].as_u64().expect("tokens");
        let bought: u64 = seen[self.began..].iter().map(|seen| seen.total_tokens).sum();
        assert!(told <= bought, "invariant 6: {told} tokens told, {bought} bought");
        if !self.replies_get_lost
            && !self.usage_goes_unsaid
            && seen.iter().all(|seen| seen.fault.is_none())
            && receipt["in_doubt"] == 0
            // What is submitted is billed when the provider answers it, and counted when it is collected.
            && receipt["reason"] != "submitted"
            && receipt["run"] == 1
        {
            assert!(
                told == bought || receipt["output"].is_null(),
                "invariant 6: {told} told, {bought} bought"
            );
        }
        if let Some(cap) = self.max_total_tokens {
            assert!(bought <= cap, "invariant 6: {bought} tokens, of {cap}");
        }
        if let Some(cap) = self.max_cost {
            assert!(spent["cost"].as_f64().expect("cost") <= cap, "invariant 6: cost {spent}");
        }
    }
}

/// Each response of a row is to the combination of its column; a row that is ok has all of them.
fn check_combinations(row: &Value, expected: &[(String, Option<String>)]) {
    for (column, asked) in expected {
        let response = row.get(column).unwrap_or_else(|| panic!("invariant 1: no column {column}: {row}"));
        match (asked, response) {
            (None, response) => assert!(response.is_null(), "invariant 1: {column} asks nothing: {row}"),
            (Some(_), Value::Null) => {
                assert_ne!(row["status"], "ok", "invariant 1: {column} has no answer: {row}")
            }
            (Some(asked), response) => {
                let is_its = response.as_str().is_some_and(|response| response.contains(asked.as_str()));
                assert!(is_its, "invariant 1: {column} has the answer of another: {row}");
            }
        }
    }
    if expected.iter().all(|(_, asked)| asked.is_none()) {
        assert_eq!(row["status"], "skipped", "invariant 1: {row}");
    }
}
