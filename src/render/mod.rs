//! The stage that makes a request of a row: fills in templates, builds and checks the body, and computes its fingerprint.
//!
//! A [`Renderer`] compiles a job's templates once, with the input's columns where they are known, and then makes the same
//! request of the same row each time. For each row, `template` fills in texts and values; `body` takes what the row itself
//! brings (`messages`, `prompt`, a line of the OpenAI Batch format); `glossary` adds the terms that occur in the text;
//! `request_settings` turns the body into a [`ChatRequest`] with its price, transport, `shape`, token `estimate` and `likely` usage;
//! `check` applies the API's rules before anything is sent; and `media` bounds input that is not text. Requests of a job
//! that differ only in their texts are written from one `body_template`, which avoids building and hashing each body.
//!
//! Laws of this room:
//!
//! - **The fingerprint is the request.** It is a hash of the body's canonical JSON without `stream` and `stream_options`
//!   (`fingerprint`), and decides whether a paid answer is kept. A change to how a template renders, how numbers are
//!   written or which fields are sent would send every row of every job again: the golden tests in `tests.rs` guard against
//!   it, and minijinja is pinned because of it. A body template gives the same bytes and fingerprint as building the body.
//! - **A template cannot crash the run.** The engine panics on some texts (`template/guard`), uses any amount of stack, and
//!   bounds steps but not memory: a rendering that may grow is tried in a separate process first (`template/prober`).
//! - **Rules of the API are data** (`check/parameters`, `check/exclusions`), and apply only to Qwen's own model names. A
//!   rule belongs here when a page promises that a breach is found before anything is sent; others are left to the service.
//! - No clock, no files, no network, and no state between rows except caches.

pub mod body;
mod body_template;
pub mod check;
pub mod estimate;
pub mod fingerprint;
pub mod glossary;
mod likely;
mod media;
mod request_settings;
mod shape;
mod source;
pub mod template;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, nearest};
use crate::job::each::Each;
use crate::job::{Job, ModelCall, TemplateText};
use crate::request::ChatRequest;
use crate::row::{Column, PIECE, Row};
use body_template::{BodyTemplate, BodyTemplates};
use glossary::{Glossary, Term};
use request_settings::RequestSettings;
use source::SourceRule;
use template::{Filled, Slot, Templates};

/// Makes a request from a complete body without templates.
///
/// # Errors
///
/// A request that the API is known to reject.
pub fn question(asking: &ModelCall, body: &Map<String, Value>) -> Result<ChatRequest, Diagnostic> {
    RequestSettings::new(&asking.model, asking.own_price.clone()).request(body)
}

/// Makes the requests of rows, always the same request of the same row.
#[derive(Debug)]
pub struct Renderer {
    templates: Templates,
    model: Option<String>,
    asked: RequestSettings,
    system: Option<Slot>,
    turns: Vec<(&'static str, Slot)>,
    user: Option<Slot>,
    request: Map<String, Value>,
    request_slots: Vec<(Vec<String>, Slot)>,
    glossary: Option<Glossary>,
    /// What answers are checked against, if they are.
    source: Option<SourceRule>,
    /// The body templates of requests whose rows bring texts, and values for a few fields.
    body_templates: BodyTemplates,
}

impl Renderer {
    /// Compiles the templates of a job. Where the input's columns are known, the names in the templates are checked against
    /// them.
    ///
    /// # Errors
    ///
    /// A mistake in a template, or the name of a column that the input does not have, shown at its position.
    pub fn new(job: &Job, columns: Option<&[Column]>) -> Result<Self, Diagnostic> {
        let mut templates = Templates::new(columns, job.input.max_record_bytes);
        if job.split.is_some() {
            templates = templates.of_pieces();
        }
        if let Some(each) = &job.each {
            templates = templates.of_each(each);
        }
        let prompt = job.prompt.clone().unwrap_or_default();
        let system = prompt.system.map(|text| templates.add("prompt.system", text)).transpose()?;
        let mut turns = Vec::new();
        for (index, turn) in prompt.turns.into_iter().enumerate() {
            turns.push((
                turn.role.as_str(),
                templates.add(&format!("prompt.messages.{index}"), turn.content)?,
            ));
        }
        let user = prompt.user.map(|text| templates.add("prompt.user", text)).transpose()?;
        let mut request_slots = Vec::new();
        for (path, text) in &job.request_texts {
            let slot = templates.add_value(&format!("request.{}", path.join(".")), text.clone())?;
            if !slot.is_literal() {
                request_slots.push((path.clone(), slot));
            }
        }
        let source = SourceRule::of(job, &mut templates)?;
        templates.check_each_names()?;
        // An input without any columns has no rows either.
        if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
            templates.check_columns()?;
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            if user.is_none() && !body::BROUGHT.iter().any(|name| names.contains(name)) {
                return Err(no_request("input", &names));
            }
        }
        Ok(Self {
            templates,
            model: job.model.name.clone(),
            asked: RequestSettings::new(&job.model, job.own_price.then(|| job.price.clone()).flatten()),
            system,
            turns,
            user,
            request: job.request.clone(),
            request_slots,
            glossary: None,
            source,
            body_templates: BodyTemplates::default(),
        })
    }

    /// Checks that the requests of a row differ by every name of the job's `[each]`.
    ///
    /// # Errors
    ///
    /// A name that no template uses.
    pub fn check_each_is_used(&self, each: &Each) -> Result<(), Diagnostic> {
        let Some(name) = self.templates.unused_each() else { return Ok(()) };
        let message = format!("no request uses `each.{name}`: all its values would be asked the same");
        let first = each.values_of(name).first();
        let problem = first.map_or_else(|| Diagnostic::new(&message), |text| text.problem(None, &message));
        let help =
            format!("write {{{{ each.{name} }}}} into the prompt or a field of [request], or remove it");
        Err(problem.help(help))
    }

    /// Checks that the requests for the pieces of a column differ by their pieces: `row` has the whole text.
    ///
    /// # Errors
    ///
    /// No template uses the piece, so that each piece would ask for, and pay for, the whole text.
    pub fn check_pieces_are_used(&self, column: &TemplateText) -> Result<(), Diagnostic> {
        let name = column.source.as_str();
        if self.user.is_none() || self.templates.uses(name) || self.templates.uses(PIECE) {
            return Ok(());
        }
        let message = format!("[split] cuts the column `{name}`, and no request uses the piece");
        let help = format!(
            "write {{{{ {name} }}}} or {{{{ piece.text }}}} into the prompt: `row` has the whole text, which would be sent with every piece"
        );
        Err(column.problem(None, message).help(help))
    }

    /// Adds to each request the glossary entries that occur in its text.
    pub fn with_glossary(self, glossary: Option<Glossary>) -> Self {
        Self { glossary, ..self }
    }

    /// The terms and the sentences of the glossary, if the job has one.
    pub fn glossary(&self) -> Option<[&[Term]; 2]> {
        self.glossary.as_ref().map(Glossary::lists)
    }

    /// The columns that a request can depend on; `None` means all of them.
    pub fn columns(&self) -> Option<BTreeSet<String>> {
        self.user.as_ref().and_then(|_| self.templates.columns())
    }

    /// Whether a row, or a part of one, has no text to ask about: the user's turn is blank, or each column is that it is made of; or
    /// the `source` of its answer is. Rows
    /// that bring their own turns are asked, unless the text in their column `prompt` is blank.
    pub fn is_blank(&self, row: &Row) -> bool {
        let whole = row.whole.as_ref().map_or(&row.fields, |whole| &whole.fields);
        self.is_blank_for(&row.fields, whole)
    }

    /// The same, by the columns of a part of a row and those of the row.
    pub fn is_blank_for(&self, fields: &Map<String, Value>, whole: &Map<String, Value>) -> bool {
        // What the answers are checked against is what is asked about.
        if let Some(SourceRule::Template(source)) = &self.source
            && self.templates.is_blank(source, fields, whole)
        {
            return true;
        }
        match &self.user {
            Some(user) => self.templates.is_blank(user, fields, whole),
            None => body::is_blank_prompt(fields),
        }
    }

    /// Makes the request of a row.
    ///
    /// # Errors
    ///
    /// Why the row has no request: a template that fails on it, or a request that the API is known to reject.
    pub fn render(&self, row: &Row) -> Result<ChatRequest, Diagnostic> {
        let whole = row.whole.as_ref().map_or(&row.fields, |whole| &whole.fields);
        let filled = self.templates.fill_piece(&row.fields, whole);
        let request = self.request(row, &filled)?;
        match &self.source {
            None => Ok(request),
            Some(source) => source.add_to(request, &filled),
        }
    }

    fn request(&self, row: &Row, filled: &Filled<'_>) -> Result<ChatRequest, Diagnostic> {
        let mut body = match &self.user {
            Some(user) if self.glossary.is_none() => {
                return self.instantiate(self.texts(filled, user)?, filled);
            }
            Some(user) => {
                let turns = self.turns(self.texts(filled, user)?);
                self.assemble(self.values(filled)?, turns)?
            }
            None => match self.batch_line(row)? {
                Some(body) => return Ok(ChatRequest { brought: true, ..self.asked.request(&body)? }),
                None => self.brought(filled, row)?,
            },
        };
        let uses_glossary = self.glossary.as_ref().is_some_and(|glossary| glossary.add_to(&mut body));
        Ok(ChatRequest { uses_glossary, ..self.asked.request(&body)? })
    }

    /// The request with these texts, from the body template for the row's values.
    fn instantiate(&self, texts: Vec<String>, filled: &Filled<'_>) -> Result<ChatRequest, Diagnostic> {
        let values = self.values(filled)?;
        let key = BodyTemplates::key(&values);
        if let Some(body_template) = self.body_templates.get(&key) {
            return body_template.request(&texts);
        }
        let body = self.assemble(values, self.turns(texts))?;
        let common = self.asked.common(&body)?;
        let request = common.of_body(&body)?;
        if self.body_templates.have_room() {
            self.body_templates.add(key, || BodyTemplate::new(common, body));
        }
        Ok(request)
    }

    /// The values of the fields that vary by row, in order.
    fn values(&self, filled: &Filled<'_>) -> Result<Vec<Value>, Diagnostic> {
        let read = |(path, slot): &(Vec<String>, Slot)| -> Result<Value, Diagnostic> {
            let kind = match (path.as_slice(), slot) {
                ([key], Slot::Value(_)) => check::kind_of(key),
                _ => None,
            };
            let value = filled.value(slot)?;
            Ok(match kind {
                Some(kind) => kind.read(value),
                None => value,
            })
        };
        self.request_slots.iter().map(read).collect()
    }

    /// The texts of the turns, in order.
    fn texts(&self, filled: &Filled<'_>, user: &Slot) -> Result<Vec<String>, Diagnostic> {
        let slots = self.system.iter().chain(self.turns.iter().map(|(_, slot)| slot)).chain([user]);
        slots.map(|slot| filled.text(slot)).collect()
    }

    /// The turns with these texts.
    fn turns(&self, texts: Vec<String>) -> Vec<Value> {
        let system = self.system.iter().map(|_| "system");
        let roles = system.chain(self.turns.iter().map(|(role, _)| *role)).chain(["user"]);
        roles.zip(texts).map(|(role, text)| body::message(role, text)).collect()
    }

    /// The complete body that a line of the OpenAI Batch format brings; `None` for any other row.
    fn batch_line(&self, row: &Row) -> Result<Option<Map<String, Value>>, Diagnostic> {
        let body = body::of_batch_line(&row.fields).map_err(Diagnostic::new)?;
        if body.is_some() && (!self.request.is_empty() || self.system.is_some() || self.glossary.is_some()) {
            let message = "the body of an OpenAI Batch line is sent unchanged, but the job adds to it";
            return Err(
                Diagnostic::new(message).help("remove [request], [prompt] and [glossary] from the job")
            );
        }
        Ok(body)
    }

    /// The body of a row that brings its own turns, in a column `messages` or `prompt`.
    fn brought(&self, filled: &Filled<'_>, row: &Row) -> Result<Map<String, Value>, Diagnostic> {
        let mut messages = body::messages_of(&row.fields)
            .map_err(Diagnostic::new)?
            .ok_or_else(|| no_request("row", &row.fields.keys().map(String::as_str).collect::<Vec<_>>()))?;
        if let Some(system) = &self.system {
            if messages.first().and_then(|message| message.get("role")) == Some(&Value::from("system")) {
                return Err(Diagnostic::new("the job has a system turn, and the row brings its own"));
            }
            messages.insert(0, body::message("system", filled.text(system)?));
        }
        self.assemble(self.values(filled)?, messages)
    }

    fn assemble(&self, values: Vec<Value>, messages: Vec<Value>) -> Result<Map<String, Value>, Diagnostic> {
        let Some(model) = &self.model else {
            let problem = Diagnostic::new("neither the job nor the row sets a model");
            return Err(problem.help("give it with --model, or as `name` under [model]"));
        };
        let mut body = Map::new();
        body.insert("model".to_owned(), Value::from(model.as_str()));
        body.insert("messages".to_owned(), Value::Array(messages));
        for (key, value) in &self.request {
            body.insert(key.clone(), value.clone());
        }
        for ((path, _), value) in self.request_slots.iter().zip(values) {
            if let Some(place) = body::at_path(&mut body, path) {
                *place = value;
            }
        }
        Ok(body)
    }
}

/// The error when neither the job nor `who`, the row or the input, has anything to ask.
fn no_request(who: &str, names: &[&str]) -> Diagnostic {
    let meant = ["messages", "prompt"].iter().find_map(|wanted| nearest(wanted, names.iter().copied()));
    let problem = Diagnostic::new(format!(
        "the job has no prompt, and the {who} has no `messages`, `prompt` or `body`"
    ));
    match meant {
        Some(name) => {
            problem.help(format!("did you mean the column `{name}`? In a job: user = \"{{{{ {name} }}}}\""))
        }
        None => problem.help(format!("give a prompt with --prompt; the columns are {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests;
