//! Requests over answers: how they are made of their parts.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::piece_size;
use crate::diagnostic::Diagnostic;
use crate::job::over::{DigestRequest, PartsRequest};
use crate::job::{Job, ModelSettings, Prompt};
use crate::render::Renderer;
use crate::render::estimate::tokens_of_piece;
use crate::render::template::{Slot, Templates};
use crate::request::{ChatRequest, GroupedParts};
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
    let model = ModelSettings { name, ..job.model.clone() };
    let prompt = Prompt { system: asked.system.clone(), turns: Vec::new(), user: Some(asked.prompt.clone()) };
    Job {
        price: model.name.as_deref().and_then(|name| job.facts_of(name).price),
        model,
        prompt: Some(prompt),
        request: asked.request.clone(),
        request_texts: asked.request_texts.clone(),
        glossary: Default::default(),
        split: None,
        merge: None,
        digest: None,
        ..job.clone()
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

    /// The request over some parts, with the columns of a row. Its fingerprint is that of the request over all parts at
    /// once, also where they do not fit and neighbours are asked in groups first.
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
        let whole = make(&parts).map_err(Box::new)?;
        let grouped = GroupedParts {
            parts,
            budget: self.budget,
            tokens: tokens_of_piece,
            make: Arc::new(move |parts| make(parts).map_err(|problem| problem.in_a_line())),
        };
        match grouped.next(&[]) {
            Some(first) if first.len() < grouped.parts.len() => {
                let asked = (grouped.make)(&first).map_err(|problem| Box::new(Diagnostic::new(problem)))?;
                let fingerprint = whole.fingerprint;
                Ok(ChatRequest { fingerprint, groups: Some(Arc::new(grouped)), ..asked })
            }
            _ => Ok(whole),
        }
    }
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
        let each = templates.add("digest.each", digest.each.clone())?;
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
