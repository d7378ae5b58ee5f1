//! The questions of `init`, over any reader and writer: input, model, prompt; for a translation model, its languages. Enter accepts the default in brackets.

use std::io::{BufRead, Write};

use super::draft::JobDraft;
use super::input::InputSummary;
use super::workshop::{LANGUAGE, MODEL, Workshop};
use crate::cli::InitArgs;
use crate::commands::failure::Failure;
use crate::text::printable;
use crate::watch::fitted;

/// The result of the questions.
pub(super) enum Interview {
    /// A valid draft.
    Draft(Box<JobDraft>),
    /// The user has left: the input has ended.
    Left,
}

/// Asks for everything that no flag gives. An invalid answer gets an explanation and another question; an invalid flag is
/// an error.
pub(super) fn ask(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Interview, Failure> {
    let Some((input, offer)) = input(args, workshop, answers, out)? else { return Ok(Interview::Left) };
    let Some(model) = model(args, workshop, answers, out)? else { return Ok(Interview::Left) };
    let Some(languages) = languages(args, workshop, &model, answers, out)? else {
        return Ok(Interview::Left);
    };
    let default = match &args.prompt {
        Some(prompt) => return draft(workshop, input, &offer, (model, languages), Some(prompt.clone())),
        None => offer.prompt(&workshop.facts(&model))?,
    };
    let names = printable(&offer.names().join(", "));
    let told =
        format!("The prompt, sent for each row. {{{{ a column }}}} is replaced by its value: {names}.");
    writeln!(out, "{}", fitted(&told))?;
    loop {
        let shown = default.as_deref().unwrap_or("each row's own");
        let Some(answer) = line(&format!("Prompt [{shown}]: "), answers, out)? else {
            return Ok(Interview::Left);
        };
        let prompt = if answer.is_empty() { default.clone() } else { Some(answer) };
        match draft(workshop, input.clone(), &offer, (model.clone(), languages.clone()), prompt) {
            Err(failure) => say(&failure, out)?,
            drafted => return drafted,
        }
    }
}

fn draft(
    workshop: &Workshop<'_>,
    input: Option<String>,
    offer: &InputSummary,
    (model, languages): (String, Vec<String>),
    prompt: Option<String>,
) -> Result<Interview, Failure> {
    workshop.draft(input, offer, model, languages, prompt).map(|draft| Interview::Draft(Box::new(draft)))
}

fn input(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Option<(Option<String>, InputSummary)>, Failure> {
    if let Some(path) = &args.input {
        return Ok(Some((Some(path.clone()), InputSummary::of(Some(path))?)));
    }
    loop {
        let question = "Input file (.xlsx, CSV, TSV, JSONL or Parquet) [a small sample]: ";
        let Some(answer) = line(question, answers, out)? else { return Ok(None) };
        let input = (!answer.is_empty()).then_some(answer);
        let looked_at =
            workshop.place.check(input.is_none()).and_then(|()| InputSummary::of(input.as_deref()));
        match looked_at {
            Ok(offer) => return Ok(Some((input, offer))),
            Err(failure) => say(&failure, out)?,
        }
    }
}

/// A name that looks like a misspelling is asked for once more; given twice, it is accepted.
fn model(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Option<String>, Failure> {
    if let Some(model) = &args.model {
        return Ok(Some(model.clone()));
    }
    let mut doubted = None;
    loop {
        let question = format!("Model, one of `fanfold models` or your server's own [{MODEL}]: ");
        let Some(answer) = line(&question, answers, out)? else { return Ok(None) };
        let model = if answer.is_empty() { MODEL.to_owned() } else { answer };
        match workshop.facts(&model).unavailable {
            Some(reason) if doubted.as_ref() != Some(&model) => {
                writeln!(out, "{}", fitted(&format!("{reason} To keep it, enter it again.")))?;
                doubted = Some(model);
            }
            _ => return Ok(Some(model)),
        }
    }
}

/// The languages to translate into; none for a model that does not translate.
fn languages(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    model: &str,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Option<Vec<String>>, Failure> {
    if args.languages.is_some() || workshop.facts(model).languages.is_none() {
        return workshop.languages(model, args.languages.as_deref()).map(Some);
    }
    loop {
        let question = format!("Languages to translate into, with commas between them [{LANGUAGE}]: ");
        let Some(answer) = line(&question, answers, out)? else { return Ok(None) };
        match workshop.languages(model, Some(&answer).filter(|answer| !answer.is_empty()).map(String::as_str))
        {
            Ok(languages) => return Ok(Some(languages)),
            Err(failure) => say(&failure, out)?,
        }
    }
}

/// A line of the answers; `None` when they have ended.
fn line(question: &str, answers: &mut impl BufRead, out: &mut impl Write) -> Result<Option<String>, Failure> {
    write!(out, "{} ", fitted(question.trim_end()))?;
    out.flush()?;
    let mut line = String::new();
    let failed = |error| Failure::new(format!("the answer cannot be read: {error}"));
    match answers.read_line(&mut line).map_err(failed)? {
        0 => {
            writeln!(out)?;
            Ok(None)
        }
        _ => Ok(Some(printable(line.trim()).to_owned())),
    }
}

fn say(failure: &Failure, out: &mut impl Write) -> Result<(), Failure> {
    Ok(writeln!(out, "{}", fitted(&failure.message))?)
}
