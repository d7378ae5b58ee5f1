//! All files and batches of the server: every call changes them, and so does the passing of time.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use serde_json::{Value, json};

use super::super::error_bodies::Refusal;
use super::super::fingerprint::RequestDigest;
use super::super::reply::HttpReply;
use super::super::tokens::count_tokens;
use super::batch::{Batch, BatchFate, LineResult, Phase};
use super::call::ApiCall;
use super::form;
use super::manners::BatchManners;
use super::rules::{error, read_lines};
use super::store::{FileStore, StoredFile};

/// The largest file, in bytes.
const LARGEST_FILE: usize = 500_000_000;

/// How many objects a page of a list has, if nothing else is asked for.
const PAGE: usize = 20;

/// The files and batches of a server.
#[derive(Debug)]
pub(in super::super) struct BatchDesk {
    manners: BatchManners,
    store: FileStore,
    batches: Vec<Batch>,
    /// When the server started, since 1970; known from the first call on.
    started: Option<Duration>,
    made: u64,
}

/// A call as it arrived.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct DeskCall<'a> {
    pub(in super::super) call: ApiCall,
    /// The id in the path.
    pub(in super::super) id: &'a str,
    pub(in super::super) query: &'a str,
    pub(in super::super) headers: &'a HeaderMap,
    pub(in super::super) body: &'a Bytes,
    pub(in super::super) since_start: Duration,
    /// Since 1970.
    pub(in super::super) at: Duration,
    /// What happens to the batch that it creates.
    pub(in super::super) fate: Option<&'a BatchFate>,
}

/// A line that is to be answered now.
#[derive(Debug)]
pub(in super::super) struct DueLine {
    batch: usize,
    index: usize,
    pub(in super::super) batch_id: String,
    pub(in super::super) custom_id: String,
    pub(in super::super) body: Bytes,
}

type DeskReply = Result<HttpReply, Refusal>;

impl BatchDesk {
    pub(in super::super) fn new(manners: BatchManners) -> Self {
        Self { manners, store: FileStore::default(), batches: Vec::new(), started: None, made: 0 }
    }

    /// Whether a batch has not ended.
    pub(in super::super) fn has_work(&self) -> bool {
        self.batches.iter().any(|batch| !batch.phase.is_end())
    }

    /// Brings all batches to a moment, and takes out the lines to answer before they can go on.
    pub(in super::super) fn advance(&mut self, now: Duration) -> Vec<DueLine> {
        let mut due = Vec::new();
        for index in 0..self.batches.len() {
            if self.batches[index].phase == Phase::Validating {
                self.validate(index, now);
            }
            let batch = &mut self.batches[index];
            if batch.phase == Phase::InProgress {
                let until = batch.due_lines(now, self.manners.time).max(batch.taken);
                due.extend((batch.taken..until).map(|line| DueLine {
                    batch: index,
                    index: line,
                    batch_id: batch.id.clone(),
                    custom_id: batch.lines[line].custom_id.clone(),
                    body: batch.lines[line].body.clone(),
                }));
                batch.taken = until;
            }
            self.go_on(index, now);
        }
        due
    }

    /// Notes the result of a line.
    pub(in super::super) fn settle(&mut self, line: &DueLine, result: &LineResult) {
        self.batches[line.batch].settle(line.index, result, &self.manners);
    }

    /// Reads the file of a new batch, once it is due.
    fn validate(&mut self, index: usize, now: Duration) {
        let queued: u64 =
            self.batches.iter().filter(|batch| batch.phase == Phase::InProgress).map(tokens).sum();
        let batch = &mut self.batches[index];
        if now < batch.created + self.manners.time / 10 {
            return;
        }
        let file = self.store.get(batch.order["input_file_id"].as_str().unwrap_or_default());
        let whole =
            |code: &str, message: &str| json!({"object": "list", "data": [error(code, message, None)]});
        let lines = match (&batch.fate, file) {
            (Some(BatchFate::FailWhole { code, message }), _) => Err(whole(code, message)),
            (_, None) => Err(whole("file_not_found", "The input file was deleted.")),
            (_, Some(file)) => {
                read_lines(&file.content, batch.order["endpoint"].as_str().unwrap_or_default())
            }
        };
        let result = lines.map(|lines| batch.lines = lines);
        let is_full =
            self.manners.queue_tokens.is_some_and(|most| queued > 0 && queued + tokens(batch) > most);
        match result {
            Ok(()) if is_full => {
                batch.lines.clear();
                let message = "Enqueued token limit reached. Please try again once some in_progress batches have been completed.";
                batch.errors = whole("token_limit_exceeded", message);
                batch.enter(Phase::Failed, now);
            }
            Ok(()) => batch.enter(Phase::InProgress, now),
            Err(errors) => {
                batch.errors = errors;
                batch.enter(Phase::Failed, now);
            }
        }
    }

    /// Takes a batch to its next state, if it is ready for it.
    fn go_on(&mut self, index: usize, now: Duration) {
        let time = self.manners.time;
        let batch = &mut self.batches[index];
        if !batch.is_settled() || batch.phase.is_end() {
            return;
        }
        let is_done = batch.taken == batch.most_lines();
        match (batch.phase, &batch.fate) {
            (Phase::Cancelling, _) if now >= batch.cancelled.unwrap_or(now) + time / 10 => {
                batch.give_up(Phase::Cancelled, now, &self.manners);
            }
            (Phase::InProgress, Some(BatchFate::Expire { .. })) if is_done => {
                batch.give_up(Phase::Expired, now, &self.manners);
            }
            (Phase::InProgress, Some(BatchFate::CancelItself { .. })) if is_done => {
                batch.give_up(Phase::Cancelled, now, &self.manners);
            }
            (Phase::InProgress, Some(BatchFate::Stall { .. })) => {}
            (Phase::InProgress, _) if is_done => batch.enter(Phase::Finalizing, now),
            (Phase::Finalizing, _) if now >= batch.created + time => batch.enter(Phase::Completed, now),
            _ => {}
        }
        if self.batches[index].phase.is_end() {
            self.write_files(index, now);
        }
    }

    /// Stores the results of a batch that has ended.
    fn write_files(&mut self, index: usize, now: Duration) {
        let id = self.batches[index].id.clone();
        let [output, errors] = self.batches[index].files(self.manners.order);
        let created = self.started.unwrap_or_default() + now;
        let mut store = |kind: &str, content: Option<Bytes>| {
            let content = content?;
            let file_id = format!("file-batch_{kind}-{id}");
            let (filename, purpose) = (format!("{id}_{kind}.jsonl"), "batch_output".to_owned());
            self.store.add(StoredFile { id: file_id.clone(), filename, purpose, content, created });
            Some(file_id)
        };
        let (output, errors) = (store("output", output), store("error", errors));
        self.batches[index].output_file = output;
        self.batches[index].error_file = errors;
    }

    /// Answers a call.
    pub(in super::super) fn answer(&mut self, asked: &DeskCall) -> DeskReply {
        let started = *self.started.get_or_insert(asked.at.saturating_sub(asked.since_start));
        let object = |value: Value| Ok(HttpReply::json(200, &value));
        match asked.call {
            ApiCall::Upload => self.upload(asked),
            ApiCall::ListFiles => {
                let purpose = parameter(asked.query, "purpose");
                let files = self
                    .store
                    .newest_first()
                    .filter(|file| purpose.is_none_or(|wanted| file.purpose == wanted));
                let lag = self.manners.list_lag;
                let seen = files.filter(|file| asked.at >= file.created + lag).map(StoredFile::object);
                object(page(seen.collect(), asked.query))
            }
            ApiCall::LookFile => object(self.file(asked.id)?.object()),
            ApiCall::Download => {
                Ok(content(&self.file(asked.id)?.content, asked.headers, self.manners.ranges))
            }
            ApiCall::Delete if self.store.remove(asked.id) => {
                object(json!({"id": asked.id, "object": "file", "deleted": true}))
            }
            ApiCall::Create => self.create(asked, started),
            ApiCall::ListBatches => {
                let seen = self.batches.iter().rev();
                let seen = seen.filter(|batch| asked.since_start >= batch.created + self.manners.list_lag);
                object(page(seen.map(|batch| batch.object(started)).collect(), asked.query))
            }
            ApiCall::Look => object(self.batch(asked.id)?.object(started)),
            ApiCall::Cancel => {
                let batch = self.batch(asked.id)?;
                if !matches!(batch.phase, Phase::Validating | Phase::InProgress) {
                    let message = "The batch cannot be cancelled in its present state.";
                    return Err(Refusal::new(409, "InvalidState", "InvalidState", message));
                }
                batch.enter(Phase::Cancelling, asked.since_start);
                batch.cancelled = Some(asked.since_start);
                object(batch.object(started))
            }
            _ => Err(no_file(asked.id)),
        }
    }

    fn file(&self, id: &str) -> Result<&StoredFile, Refusal> {
        self.store.get(id).ok_or_else(|| no_file(id))
    }

    fn batch(&mut self, id: &str) -> Result<&mut Batch, Refusal> {
        let message = format!("No batch found with id '{id}'.");
        let unknown = || Refusal::new(404, "BatchNotFound", "invalid_request_error", message);
        self.batches.iter_mut().find(|batch| batch.id == id).ok_or_else(unknown)
    }

    fn upload(&mut self, asked: &DeskCall) -> DeskReply {
        let kind = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = form::parse(kind, asked.body).ok_or_else(|| Refusal::invalid("The form has no file."))?;
        if form.purpose != "batch" || form.content.len() > LARGEST_FILE {
            return Err(Refusal::invalid("The purpose must be batch, and the file at most 500 MB."));
        }
        let id = format!("file-batch-{}", self.new_id());
        let file = StoredFile {
            id,
            filename: form.filename,
            purpose: form.purpose,
            // The form's bytes are let go.
            content: Bytes::copy_from_slice(&form.content),
            created: asked.at,
        };
        let reply = HttpReply::json(200, &file.object());
        self.store.add(file);
        Ok(reply)
    }

    fn create(&mut self, asked: &DeskCall, started: Duration) -> DeskReply {
        let order: Value =
            serde_json::from_slice(asked.body).map_err(|_| Refusal::invalid("Required body invalid"))?;
        let file = order["input_file_id"].as_str().unwrap_or_default();
        if self.store.get(file).is_none() {
            return Err(Refusal::new(
                400,
                "InvalidFile",
                "invalid_request_error",
                format!("No file '{file}'."),
            ));
        }
        if order["endpoint"] != "/v1/chat/completions" {
            return Err(Refusal::invalid("endpoint must be /v1/chat/completions"));
        }
        if !order["completion_window"].as_str().is_some_and(is_window) {
            return Err(Refusal::invalid("completion_window must be 24h to 336h, in hours or days"));
        }
        let id = format!("batch_{}", self.new_id());
        let mut batch = Batch::new(id, order, asked.fate.cloned(), asked.since_start);
        batch.enter(Phase::Validating, asked.since_start);
        let reply = HttpReply::json(200, &batch.object(started));
        self.batches.push(batch);
        Ok(reply)
    }

    /// An id that no other server has either.
    fn new_id(&mut self) -> String {
        self.made += 1;
        let started = self.started.unwrap_or_default().as_nanos().to_le_bytes();
        RequestDigest::of_bytes(&started).derive("object", self.made).uuid()
    }
}

fn tokens(batch: &Batch) -> u64 {
    batch.lines.iter().map(|line| count_tokens(&String::from_utf8_lossy(&line.body))).sum()
}

fn no_file(id: &str) -> Refusal {
    Refusal::new(404, "FileNotFound", "invalid_request_error", format!("No such File object: {id}"))
}

/// Whether a text is a window of whole hours or days, from a day to two weeks.
fn is_window(text: &str) -> bool {
    let hours = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => hours.parse().ok(),
        (_, Some(days)) => days.parse::<u64>().ok().and_then(|days| days.checked_mul(24)),
        _ => None,
    };
    hours.is_some_and(|hours: u64| (24..=336).contains(&hours))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A page of a list.
fn page(objects: Vec<Value>, query: &str) -> Value {
    let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).clamp(1, 100);
    let after = parameter(query, "after").and_then(|id| objects.iter().position(|object| object["id"] == id));
    let rest = after.map_or(0, |at| at + 1);
    let page: Vec<&Value> = objects.iter().skip(rest).take(limit).collect();
    json!({
        "object": "list",
        "data": page,
        "first_id": page.first().map(|object| &object["id"]),
        "last_id": page.last().map(|object| &object["id"]),
        "has_more": rest + page.len() < objects.len(),
    })
}

/// The content of a file, or the part that is asked for.
fn content(content: &Bytes, headers: &HeaderMap, ranges: bool) -> HttpReply {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).filter(|_| ranges);
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let length = content.len();
    match from {
        None => HttpReply::text(200, "application/octet-stream", content.clone()),
        Some(from) if from < length => {
            let mut reply = HttpReply::text(206, "application/octet-stream", content.slice(from..));
            reply.set(CONTENT_RANGE, &format!("bytes {from}-{}/{length}", length - 1));
            reply
        }
        Some(_) => {
            let mut reply = HttpReply::bare(416);
            reply.set(CONTENT_RANGE, &format!("bytes */{length}"));
            reply
        }
    }
}
