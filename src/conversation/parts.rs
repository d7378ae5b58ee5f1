//! The parts of a piece: when the answer to a piece is not whole, its halves are asked, and theirs, down to single
//! paragraphs; and of a paragraph that lost something that has to stay, the text between.
//!
//! What has been asked, and what is asked next, follows from the piece and the steps. A paragraph cannot be misaligned, so
//! that a fault that is left is in the paragraph itself.

use std::borrow::Cow;

use super::body;
use super::step::{Asks, Step};
use crate::outcome::{Answer, Flaw};
use crate::pieces::{LiteralKind, Mismatch, SEPARATOR, halves, literals, mismatch};
use crate::request::ChatRequest;

/// How much of a text is shown where something is wrong with its answer, in characters.
const SHOWN: usize = 60;

/// The codes of what can be wrong with an answer to a piece.
pub const LOST_PARAGRAPHS: &str = "lost_paragraphs";
pub(super) const LOST_MARKUP: &str = "lost_markup";
pub(super) const ODD_LENGTH: &str = "odd_length";
pub(super) const LENGTH: &str = "length";

/// The request that a row waits for.
pub(super) struct PendingRequest<'a> {
    /// What it began with: the row's first request, or the one about a part of its piece.
    pub(super) request: Cow<'a, ChatRequest>,
    /// The steps that follow from that request.
    pub(super) steps: &'a [Step],
    /// The piece, if the request is about one.
    piece: Option<PieceProgress>,
}

/// A piece, as far as its parts have been answered.
struct PieceProgress {
    /// Its parts and what is between them, in order.
    stretches: Vec<Stretch>,
    /// The first part without an answer.
    asked: usize,
    /// What is wrong with the answers so far that were kept.
    flaw: Option<Flaw>,
}

enum Stretch {
    /// A part of the answer.
    Known(String),
    /// Paragraphs without an answer.
    Paragraphs(String),
    /// A stretch of a paragraph without an answer, between what has to stay.
    Gap(String),
}

/// What an answer means for its piece.
pub(super) enum Accepted {
    /// It was the last one: the answer to the piece.
    Whole(Answer),
    /// Another part is asked.
    Part(Step),
}

/// The request that a row with this first request and these steps waits for.
///
/// # Errors
///
/// The steps are not those of this request.
pub(super) fn asked<'a>(first: &'a ChatRequest, steps: &'a [Step]) -> Result<PendingRequest<'a>, String> {
    let last = steps.iter().rposition(|step| step.asks.turns_to_a_part());
    let own = last.map_or(steps, |last| &steps[last + 1..]);
    let Some(text) = first.piece.as_deref() else {
        return Ok(PendingRequest { request: Cow::Borrowed(first), steps: own, piece: None });
    };
    let mut piece =
        PieceProgress { stretches: vec![Stretch::Paragraphs(text.to_owned())], asked: 0, flaw: None };
    for step in steps.iter().filter(|step| step.asks.turns_to_a_part()) {
        piece.follow(step).ok_or("the journal has more parts of this piece than it can have")?;
    }
    let text = piece.text().ok_or("the journal has all parts of this piece")?;
    let request = match last {
        None => Cow::Borrowed(first),
        Some(_) => Cow::Owned(body::with_text(first, text).ok_or("the request does not have its piece")?),
    };
    Ok(PendingRequest { request, steps: own, piece: Some(piece) })
}

impl PendingRequest<'_> {
    /// Whether it is about a piece.
    pub(super) fn is_about_a_piece(&self) -> bool {
        self.piece.is_some()
    }

    /// What is wrong with an answer, if it is not whole.
    pub(super) fn flaw(&self, answer: &Answer) -> Option<Flaw> {
        let text = self.piece.as_ref()?.text()?;
        let response = answer.response.as_deref().unwrap_or_default();
        let shown = crate::text::short(text, SHOWN);
        let flaw = |code: &str, words: String| Some(Flaw { code: code.to_owned(), message: words });
        if answer.finish_reason.as_deref() == Some("length") {
            return flaw(LENGTH, format!("max_tokens truncated the answer to \"{shown}\""));
        }
        let found = lack(text, response)?;
        flaw(code_of(&found), format!("in the answer to \"{shown}\", {found}"))
    }

    /// How a text whose answer is not whole is asked again in parts, if it can be.
    pub(super) fn division(&self, first: &ChatRequest, answer: &Answer) -> Option<Asks> {
        // Its parts could not take its place in the request.
        body::with_text(first, "")?;
        let Stretch::Paragraphs(text) = self.piece.as_ref()?.stretch()? else { return None };
        if halves(text).is_some() {
            return Some(Asks::Halve);
        }
        let found = lack(text, answer.response.as_deref().unwrap_or_default());
        let is_literal = matches!(found, Some(Mismatch::Lost(_) | Mismatch::Added(_)));
        (is_literal && gaps(text).is_some()).then_some(Asks::Gaps)
    }

    /// Takes an answer, with what is wrong with it.
    pub(super) fn accept(self, answer: Answer, flaw: Option<Flaw>) -> Accepted {
        let Some(mut piece) = self.piece else { return Accepted::Whole(answer) };
        let is_cut_in_parts = piece.stretches.len() > 1;
        let step = Step { answer, asks: Asks::Part, results: flaw.map_or_else(Vec::new, Flaw::into_texts) };
        if piece.follow(&step).is_some() && piece.text().is_some() {
            return Accepted::Part(step);
        }
        let response = if is_cut_in_parts { Some(piece.joined()) } else { step.answer.response };
        let warnings = Flaw::warnings(piece.flaw.as_ref());
        Accepted::Whole(Answer { response, flaw: piece.flaw, warnings, ..step.answer })
    }
}

impl PieceProgress {
    fn stretch(&self) -> Option<&Stretch> {
        self.stretches.get(self.asked)
    }

    /// The text that is asked.
    fn text(&self) -> Option<&str> {
        self.stretch().map(Stretch::text)
    }

    /// Follows a step; `None` if no such step can follow.
    fn follow(&mut self, step: &Step) -> Option<()> {
        let text = self.text()?;
        let stretches = match step.asks {
            Asks::Halve => {
                let (one, other) = halves(text)?;
                vec![
                    Stretch::Paragraphs(one),
                    Stretch::Known(SEPARATOR.to_owned()),
                    Stretch::Paragraphs(other),
                ]
            }
            Asks::Gaps => gaps(text)?,
            _ => {
                let response = step.answer.response.as_deref().unwrap_or_default();
                vec![Stretch::Known(response.trim().to_owned())]
            }
        };
        if step.asks == Asks::Part && self.flaw.is_none() {
            self.flaw = Flaw::of_texts(&step.results);
        }
        self.stretches.splice(self.asked..=self.asked, stretches);
        let is_open = |stretch: &Stretch| !matches!(stretch, Stretch::Known(_));
        self.asked = self.stretches.iter().position(is_open).unwrap_or(self.stretches.len());
        Some(())
    }

    fn joined(&self) -> String {
        self.stretches.iter().map(Stretch::text).collect()
    }
}

impl Stretch {
    fn text(&self) -> &str {
        match self {
            Self::Known(text) | Self::Paragraphs(text) | Self::Gap(text) => text,
        }
    }
}

/// The text between what has to stay in a paragraph; `None` if nothing of it is to be translated, or if it has a link, whose
/// text would lose its bracket.
fn gaps(text: &str) -> Option<Vec<Stretch>> {
    let literals = literals(text);
    if literals.is_empty() || literals.iter().any(|literal| literal.kind == LiteralKind::Target) {
        return None;
    }
    let mut stretches = Vec::new();
    let mut from = 0;
    for literal in &literals {
        stretches.extend(gap(&text[from..literal.start]));
        stretches.push(Stretch::Known(literal.text.to_owned()));
        from = literal.start + literal.text.len();
    }
    stretches.extend(gap(&text[from..]));
    stretches.iter().any(|stretch| matches!(stretch, Stretch::Gap(_))).then_some(stretches)
}

/// A gap, with the blanks around it; without a word, it stays as it is.
fn gap(text: &str) -> Vec<Stretch> {
    if !text.contains(char::is_alphabetic) {
        return vec![Stretch::Known(text.to_owned())];
    }
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    let known = |blanks: &str| Stretch::Known(blanks.to_owned());
    vec![known(&text[..start]), Stretch::Gap(text[start..end].to_owned()), known(&text[end..])]
}

/// What an answer lacks of its text, or has more than it.
fn lack(text: &str, answer: &str) -> Option<Mismatch> {
    let answer = answer.trim();
    // A model that says more than the translation says it in a paragraph of its own, and would say it before each one.
    let more = answer.split('\n').filter(|line| line.trim().is_empty()).count();
    match halves(text) {
        None if more > 0 && text != answer => Some(Mismatch::Paragraphs { expected: 1, found: more + 1 }),
        _ => mismatch(text, answer),
    }
}

fn code_of(found: &Mismatch) -> &'static str {
    match found {
        Mismatch::Paragraphs { .. } => LOST_PARAGRAPHS,
        Mismatch::Lost(_) | Mismatch::Added(_) | Mismatch::Marks { .. } => LOST_MARKUP,
        Mismatch::Length { .. } => ODD_LENGTH,
    }
}
