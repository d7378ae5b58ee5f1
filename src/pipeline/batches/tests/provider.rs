//! A provider of batches in memory, whose answers are lost, late, doubled, partial and out of order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::batch_service::{
    BatchCounts, BatchError, BatchOrder, BatchService, BatchState, CreateFault, ProviderBatch,
};
use crate::endpoint::Endpoint;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::request::ChatRequest;

/// What an answer uses.
pub(super) const TOKENS: u64 = 6;

/// A provider in memory.
pub(super) struct Provider {
    seed: u64,
    /// How unreliable it is, in percent.
    trouble: u64,
    began: Instant,
    /// Steps until the program is killed.
    pub(super) left: Cell<u64>,
    pub(super) killed: Notify,
    pub(super) state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    calls: u64,
    pub(super) files: BTreeMap<String, (String, Vec<u8>)>,
    pub(super) batches: Vec<Made>,
    /// How often each text was answered in a batch, and at once.
    pub(super) paid: BTreeMap<String, u64>,
    pub(super) live: BTreeMap<String, u64>,
    /// Whether batches of more than two lines are refused once they are there.
    pub(super) queue_is_short: bool,
}

pub(super) struct Made {
    shown: ProviderBatch,
    /// When a list shows it, and when it ends.
    listed: Duration,
    ends: Duration,
    pub(super) lines: Vec<Value>,
}

fn fault(kind: FaultKind, code: &str) -> Fault {
    Fault::new(kind, code, "not now")
}

impl Provider {
    pub(super) fn new(seed: u64, trouble: u64) -> Self {
        let (left, killed) = (Cell::new(u64::MAX), Notify::new());
        Self { seed, trouble, began: Instant::now(), left, killed, state: RefCell::default() }
    }

    /// A number below a bound that depends on how many calls there were.
    pub(super) fn draw(&self, below: u64) -> u64 {
        let mut state = self.state.borrow_mut();
        state.calls += 1;
        let mut z = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(state.calls << 7);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A moment passes, and the call may fail before or after it was obeyed.
    async fn call(&self) -> Option<bool> {
        self.step().await;
        tokio::time::sleep(Duration::from_millis(20 + self.draw(200))).await;
        (self.draw(100) < self.trouble).then(|| self.draw(2) == 0)
    }

    /// A step, at which the program may be killed.
    async fn step(&self) {
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 {
            self.killed.notify_one();
            std::future::pending().await
        }
    }

    /// Ends batches whose time has come.
    fn settle(&self) {
        let now = self.now();
        let due: Vec<usize> = {
            let state = self.state.borrow();
            let is_due = |made: &Made| made.ends <= now && !made.shown.state.is_end();
            (0..state.batches.len()).filter(|number| is_due(&state.batches[*number])).collect()
        };
        for number in due {
            self.finish(number);
        }
    }

    fn finish(&self, number: usize) {
        let lot = self.draw(100);
        let done = match lot {
            _ if self.trouble == 0 => 100,
            0..15 => self.draw(100),
            _ => 100,
        };
        let lines = self.state.borrow().batches[number].lines.clone();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        // The order of a file is nobody's.
        for line in lines.iter().rev() {
            let id = line["custom_id"].as_str().expect("an id");
            let text = line["body"]["messages"][0]["content"].as_str().expect("a text").to_owned();
            let lot = if self.trouble == 0 { 50 } else { self.draw(100) };
            match lot {
                _ if lot >= done => errors.push(json!({"custom_id": id, "error": {"code": "batch_expired"}})),
                0..5 => errors.push(json!({"custom_id": id, "response": {"status_code": 500}})),
                5..8 => {}
                _ => {
                    let reply = json!({"custom_id": id, "answer": format!("answer to {text}")});
                    output.push(reply.clone());
                    if lot < 12 {
                        output.push(reply);
                        output.push(json!({"custom_id": "a stranger's", "answer": "no"}));
                    }
                    *self.state.borrow_mut().paid.entry(text).or_default() += 1;
                }
            }
        }
        let mut state = self.state.borrow_mut();
        let mut put = |name: &str, lines: Vec<Value>| {
            let id = format!("{name}-{number}");
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            (!lines.is_empty()).then(|| {
                state.files.insert(id.clone(), (String::new(), text.into_bytes()));
                id
            })
        };
        let (output_file, error_file) = (put("output", output), put("errors", errors));
        let shown = &mut state.batches[number].shown;
        shown.state = if done < 100 { BatchState::Expired } else { BatchState::Completed };
        (shown.output_file, shown.error_file) = (output_file, error_file);
        shown.ended_at = Some(SystemTime::UNIX_EPOCH);
    }

    fn make(&self, order: &BatchOrder) -> ProviderBatch {
        let (delay, lag) = (self.draw(7200), self.draw(4));
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let (_, text) = state.files.get(&order.input_file).expect("a file").clone();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).expect("a line")).collect();
        assert!(lines.len() <= 7, "no more lines than the job allows");
        let is_refused = state.queue_is_short && lines.len() > 2;
        let error = |code: &str| BatchError { code: code.to_owned(), message: "full".to_owned(), line: None };
        let shown = ProviderBatch {
            id: format!("batch-{}", state.batches.len()),
            state: if is_refused { BatchState::Failed } else { BatchState::Validating },
            input_file: order.input_file.clone(),
            output_file: None,
            error_file: None,
            counts: BatchCounts::default(),
            created_at: None,
            in_progress_at: None,
            expires_at: None,
            ended_at: None,
            errors: if is_refused { vec![error("token_limit_exceeded")] } else { Vec::new() },
            tag: Some(order.tag.clone()),
        };
        let (listed, ends) = (now + Duration::from_secs(lag), now + Duration::from_secs(60 + delay));
        state.batches.push(Made { shown: shown.clone(), listed, ends, lines });
        ProviderBatch { state: BatchState::Validating, errors: Vec::new(), ..shown }
    }
}

impl Endpoint for Provider {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).expect("a body");
        let text = body["messages"][0]["content"].as_str().expect("a text").to_owned();
        tokio::time::sleep(Duration::from_millis(50)).await;
        *self.state.borrow_mut().live.entry(text.clone()).or_default() += 1;
        Ok(answer(format!("answer to {text}")))
    }
}

fn answer(response: String) -> Answer {
    let finish_reason = Some("stop".to_owned());
    Answer {
        response: Some(response),
        finish_reason,
        usage: Some(Usage::of(1, TOKENS - 1)),
        ..Answer::default()
    }
}

impl BatchService for Provider {
    async fn upload(&self, name: &str, file: &Path) -> Result<String, Fault> {
        let fails = self.call().await;
        let text = fs::read(file).expect("a file");
        let id = format!("file-{}", self.state.borrow().calls);
        if fails != Some(true) {
            self.state.borrow_mut().files.insert(id.clone(), (name.to_owned(), text));
        }
        self.step().await;
        fails.map_or(Ok(id), |_| Err(fault(FaultKind::Transient, "500")))
    }

    async fn uploaded(&self, name: &str) -> Result<Vec<String>, Fault> {
        if self.call().await.is_some() {
            return Err(fault(FaultKind::Unreachable, "connect"));
        }
        let state = self.state.borrow();
        Ok(state.files.iter().filter(|(_, (its, _))| its == name).map(|(id, _)| id.clone()).collect())
    }

    async fn create(&self, order: &BatchOrder) -> Result<ProviderBatch, CreateFault> {
        match self.call().await {
            None => {
                let made = self.make(order);
                self.step().await;
                Ok(made)
            }
            Some(made) => {
                if made {
                    self.make(order);
                }
                Err(CreateFault::Unknown(fault(FaultKind::Transient, "timeout")))
            }
        }
    }

    async fn made_of(&self, file: &str, tag: &str, _since: SystemTime) -> Result<Vec<ProviderBatch>, Fault> {
        if self.call().await.is_some() {
            return Err(fault(FaultKind::Throttled, "429"));
        }
        self.settle();
        let (state, now) = (self.state.borrow(), self.now());
        let is_one = |made: &&Made| {
            made.listed <= now && (made.shown.input_file == file || made.shown.tag.as_deref() == Some(tag))
        };
        Ok(state.batches.iter().filter(is_one).map(|made| made.shown.clone()).collect())
    }

    async fn look(&self, batch: &str) -> Result<ProviderBatch, Fault> {
        if self.call().await.is_some() {
            return Err(fault(FaultKind::Unusable, "html"));
        }
        self.settle();
        let state = self.state.borrow();
        let made = state.batches.iter().find(|made| made.shown.id == batch);
        Ok(made.expect("a batch that was created").shown.clone())
    }

    async fn download(&self, file: &str, to: &Path) -> Result<(), Fault> {
        let fails = self.call().await.is_some();
        let text = self.state.borrow().files.get(file).expect("a file that was not deleted").1.clone();
        let half = if fails { text.len() / 2 } else { text.len() };
        fs::write(to, &text[..half]).expect("room");
        if fails { Err(fault(FaultKind::Transient, "broken_off")) } else { Ok(()) }
    }

    async fn cancel(&self, batch: &str) -> Result<ProviderBatch, Fault> {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let made = state.batches.iter_mut().find(|made| made.shown.id == batch).expect("a batch");
        made.ends = now.min(made.ends);
        made.shown.state = BatchState::Cancelling;
        Ok(made.shown.clone())
    }

    async fn delete(&self, file: &str) -> Result<(), Fault> {
        if self.call().await.is_some() {
            return Err(fault(FaultKind::Transient, "500"));
        }
        self.state.borrow_mut().files.remove(file);
        self.step().await;
        Ok(())
    }

    fn custom_id(&self, line: &[u8]) -> Option<String> {
        let line: Value = serde_json::from_slice(line).ok()?;
        line["custom_id"].as_str().map(str::to_owned)
    }

    fn reply(&self, line: &[u8], _request: &ChatRequest) -> Reply {
        let line: Value = serde_json::from_slice(line).expect("a line");
        match line["answer"].as_str() {
            Some(text) => Ok(answer(text.to_owned())),
            None => Err(fault(FaultKind::Transient, "500")),
        }
    }
}
