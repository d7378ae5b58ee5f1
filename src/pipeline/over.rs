//! Requests over answers: how they are made of their parts.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::piece_size;
use crate::checks::Checks;
use crate::diagnostic::Diagnostic;
use crate::job::answer::AnswerRules;
use crate::job::over::{DigestRequest, PartsRequest};
use crate::job::{Job, ModelSettings, Prompt, Transport};
use crate::render::estimate::tokens_of_piece;
use crate::render::template::{Slot, Templates};
use crate::render::{Renderer, fingerprint};
use crate::request::{ChatRequest, Fingerprint, GroupedParts};
use crate::row::{Column, ColumnKind, JsonKind, Origin, Place, PlaceUnit, Row};

/// The name under which templates see the parts.
const PARTS: &str = "parts";

/// Makes requests over answers, always the same of the same answers.
#[derive(Debug, Clone)]
pub(super) struct PartsRenderer {
    renderer: Arc<Renderer>,
    /// The most tokens of the parts of one request.
    budget: u64,
}

/// The job whose every row is asked as the section says.
pub(super) fn job_of(job: &Job, asked: &PartsRequest) -> Job {
    let name = asked.model.clone().or_else(|| job.model.name.clone());
    // What is made of answers is asked at once: a batch of its own would take another day.
    let transport = match job.model.transport {
        Transport::Batch => Transport::Auto,
        transport => transport,
    };
    let model = ModelSettings { name, transport, ..job.model.clone() };
    let prompt = Prompt { system: asked.system.clone(), turns: Vec::new(), user: Some(asked.prompt.clone()) };
    Job {
        price: model.name.as_deref().and_then(|name| job.facts_of(name).price),
        model,
        prompt: Some(prompt),
        request: asked.request.clone(),
        request_texts: asked.request_texts.clone(),
        glossary: Default::default(),
        // A digest is over all combinations.
        each: job.each.clone().filter(|_| asked.section == "merge"),
        // An answer over answers is no translation of them.
        answer: AnswerRules { checks: Checks::default(), ..job.answer.clone() },
        split: None,
        merge: None,
        digest: None,
        batch: None,
        ..job.clone()
    }
}

/// Refuses a model that can only translate.
pub(super) fn check_model(job: &Job, asked: &PartsRequest) -> Result<(), Diagnostic> {
    let Some(name) = job.model.name.as_deref() else { return Ok(()) };
    match job.facts_of(name).languages {
        None => Ok(()),
        Some(_) => {
            let message = format!("{name} translates, and cannot answer the prompt of [{}]", asked.section);
            Err(Diagnostic::new(message)
                .help(format!("name a chat model with `model` under [{}], such as qwen-plus", asked.section)))
        }
    }
}

impl PartsRenderer {
    /// Compiles the templates of a section; `columns` are those that they may use beside the parts, where they are known.
    pub(super) fn new(
        job: &Job,
        asked: &PartsRequest,
        columns: Option<&[Column]>,
    ) -> Result<Self, Diagnostic> {
        let job = job_of(job, asked);
        let parts = Column { name: PARTS.to_owned(), kind: ColumnKind::Json(JsonKind::Mixed) };
        let columns = columns.map(|columns| {
            let others = columns.iter().filter(|column| column.name != PARTS).cloned();
            others.chain([parts]).collect::<Vec<_>>()
        });
        let budget = asked.max_tokens.unwrap_or_else(|| piece_size::of_parts(&job));
        Ok(Self { renderer: Arc::new(Renderer::new(&job, columns.as_deref())?), budget })
    }

    /// The request over some parts, with the columns of a row; where they do not fit, that over the first group of neighbours, with the
    /// identity of all.
    pub(super) fn request(
        &self,
        fields: &Map<String, Value>,
        parts: Vec<String>,
    ) -> Result<ChatRequest, Box<Diagnostic>> {
        let renderer = Arc::clone(&self.renderer);
        let fields = fields.clone();
        let make = move |parts: &[String]| {
            let mut fields = fields.clone();
            fields.insert(PARTS.to_owned(), Value::from(parts.to_vec()));
            renderer.render(&row(fields))
        };
        let grouped = GroupedParts {
            parts,
            budget: self.budget,
            tokens: tokens_of_piece,
            make: Arc::new({
                let make = make.clone();
                move |parts| make(parts).map_err(|problem| problem.in_a_line())
            }),
        };
        let first = grouped.next(&[]).unwrap_or_default();
        let asked = make(&first).map_err(Box::new)?;
        if first.len() == grouped.parts.len() {
            return Ok(asked);
        }
        let fingerprint = grouped_fingerprint(asked.fingerprint, &grouped);
        Ok(ChatRequest { fingerprint, groups: Some(Arc::new(grouped)), ..asked })
    }
}

/// The identity of a request that is asked in groups: its first request, all its parts, and what decides the groups, since an
/// answer to a group is no answer to another.
fn grouped_fingerprint(first: Fingerprint, grouped: &GroupedParts) -> Fingerprint {
    let about = serde_json::to_vec(&(grouped.budget, &grouped.parts)).unwrap_or_default();
    fingerprint::of_bytes(&[b"in groups: ", first.0.as_slice(), &about].concat())
}

/// Makes the contributions of rows to a digest, and the request over them.
#[derive(Debug, Clone)]
pub(super) struct Digester {
    each: Arc<(Templates, Slot)>,
    parts: PartsRenderer,
}

impl Digester {
    pub(super) fn new(job: &Job, digest: &DigestRequest) -> Result<Self, Diagnostic> {
        let mut templates = Templates::new(None, job.input.max_record_bytes);
        if let Some(each) = &job.each {
            templates = templates.of_each(each);
        }
        let each = templates.add("digest.each", digest.each.clone())?;
        templates.check_each_names()?;
        let parts = PartsRenderer::new(job, &digest.asked, Some(&[]))?;
        Ok(Self { each: Arc::new((templates, each)), parts })
    }

    /// What a row contributes: a template over its columns and its answer.
    pub(super) fn part(&self, fields: &Map<String, Value>, response: &str) -> Result<String, Diagnostic> {
        let mut fields = fields.clone();
        fields.insert("response".to_owned(), Value::from(response));
        let (templates, each) = &*self.each;
        templates.fill(&fields).text(each)
    }

    /// The request over the contributions.
    pub(super) fn request(&self, parts: Vec<String>) -> Result<ChatRequest, Box<Diagnostic>> {
        self.parts.request(&Map::new(), parts)
    }
}

/// A row that is in no file.
fn row(fields: Map<String, Value>) -> Row {
    let place = Place { file: "".into(), number: 0, unit: PlaceUnit::Row };
    Row { position: 0, place, id: None, fields, origin: Origin::Record, whole: None }
}
