//! The questions of `init`: input, model, prompt; a workbook's sheet; for a translation model, languages and columns. Enter
//! accepts the default in brackets.

use super::choices::JobChoices;
use super::dialogue::Dialogue;
use super::draft::JobDraft;
use super::input::InputSummary;
use super::listed;
use super::sheets::Sheets;
use super::workshop::{LANGUAGE, MODEL, Workshop};
use crate::cli::InitArgs;
use crate::commands::failure::Failure;
use crate::job::sheet_choice::SheetChoice;
use crate::text::printable;

/// An input, its sheet, and what it offers.
type ChosenInput = (Option<String>, Option<SheetChoice>, InputSummary);

/// Asks for everything that no flag gives; `None` if the user leaves. An invalid answer gets an explanation and another question;
/// an invalid flag is an error, but for a name in a list, which is asked for again.
pub(super) fn ask(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<JobDraft>, Failure> {
    let Some((input, sheet, offer)) = input(args, workshop, dialogue)? else { return Ok(None) };
    let Some(model) = model(args, workshop, dialogue)? else { return Ok(None) };
    let Some(languages) = languages(args, workshop, &model, dialogue)? else { return Ok(None) };
    let Some(columns) = columns(args, workshop, &model, &offer, dialogue)? else { return Ok(None) };
    let choices = JobChoices { input, sheet, model, languages, columns, prompt: args.prompt.clone() };
    if choices.prompt.is_some() {
        return workshop.draft(choices, &offer).map(Some);
    }
    if !choices.columns.is_empty() {
        let prompt = InputSummary::translating(&choices);
        return workshop.draft(JobChoices { prompt, ..choices }, &offer).map(Some);
    }
    prompted(choices, &offer, workshop, dialogue)
}

/// Asks for the prompt until a draft with it is right.
fn prompted(
    choices: JobChoices,
    offer: &InputSummary,
    workshop: &Workshop<'_>,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<JobDraft>, Failure> {
    let default = offer.prompt(&workshop.facts(&choices.model))?;
    let names = printable(&offer.names().join(", "));
    dialogue.say(&format!(
        "The prompt, sent for each row. {{{{ a column }}}} is replaced by its value: {names}."
    ))?;
    loop {
        let shown = default.as_deref().unwrap_or("each row's own");
        let Some(answer) = dialogue.line(&format!("Prompt [{shown}]: "))? else { return Ok(None) };
        let prompt = if answer.is_empty() { default.clone() } else { Some(answer) };
        match workshop.draft(JobChoices { prompt, ..choices.clone() }, offer) {
            Err(failure) => dialogue.say(&failure.message)?,
            Ok(draft) => return Ok(Some(draft)),
        }
    }
}

fn input(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<ChosenInput>, Failure> {
    if let Some(path) = &args.input {
        return with_its_sheet(args, Some(path.clone()), dialogue);
    }
    loop {
        let question = "Input file (.xlsx, CSV, TSV, JSONL or Parquet) [a small sample]: ";
        let Some(answer) = dialogue.line(question)? else { return Ok(None) };
        let input = (!answer.is_empty()).then_some(answer);
        let chosen =
            workshop.place.check(input.is_none()).and_then(|()| with_its_sheet(args, input, dialogue));
        match chosen {
            Err(failure) => dialogue.say(&failure.message)?,
            chosen => return chosen,
        }
    }
}

/// The input with a sheet, which is asked for if there are several.
fn with_its_sheet(
    args: &InitArgs,
    input: Option<String>,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<ChosenInput>, Failure> {
    let sheets = Sheets::of(input.as_deref())?;
    let Some(sheets) = sheets.filter(|_| args.sheet.is_none()) else {
        let sheet = Workshop::sheet(args, input.as_deref())?;
        let offer = InputSummary::of(input.as_deref(), sheet.as_ref())?;
        return Ok(Some((input, sheet, offer)));
    };
    loop {
        let question = format!("Sheet, one of {} [{}]: ", sheets.shown(), sheets.largest());
        let Some(answer) = dialogue.line(&question)? else { return Ok(None) };
        let sheet = sheets.named(if answer.is_empty() { sheets.largest() } else { &answer });
        match InputSummary::of(input.as_deref(), Some(&sheet)) {
            Err(failure) => dialogue.say(&failure.message)?,
            Ok(offer) => return Ok(Some((input, Some(sheet), offer))),
        }
    }
}

/// A name that looks like a misspelling is asked for once more; given twice, it is accepted.
fn model(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<String>, Failure> {
    if let Some(model) = &args.model {
        return Ok(Some(model.clone()));
    }
    let mut doubted = None;
    loop {
        let question = format!("Model, one of `fanfold models` or your server's own [{MODEL}]: ");
        let Some(answer) = dialogue.line(&question)? else { return Ok(None) };
        let model = if answer.is_empty() { MODEL.to_owned() } else { answer };
        match workshop.facts(&model).unavailable {
            Some(reason) if doubted.as_ref() != Some(&model) => {
                dialogue.say(&format!("{reason} To keep it, enter it again."))?;
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
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<Vec<String>>, Failure> {
    let Some(known) = workshop.facts(model).languages else {
        return workshop.languages(model, args.languages.as_deref()).map(Some);
    };
    let question = "Languages to translate into, with commas between them";
    let read = |text: &str| listed::languages(&known, model, text);
    dialogue.names(question, LANGUAGE, args.languages.as_deref(), read)
}

/// The columns to translate; none where nothing is translated column by column.
fn columns(
    args: &InitArgs,
    workshop: &Workshop<'_>,
    model: &str,
    offer: &InputSummary,
    dialogue: &mut Dialogue<'_>,
) -> Result<Option<Vec<String>>, Failure> {
    let columns = workshop.columns(model, offer, &InitArgs { columns: None, ..args.clone() })?;
    if columns.is_empty() {
        return workshop.columns(model, offer, args).map(Some);
    }
    let names = offer.names();
    if args.columns.is_none() {
        dialogue.say(&format!("The columns are {}.", printable(&names.join(", "))))?;
    }
    let question = "Columns to translate, with commas between them";
    let read = |text: &str| listed::columns(&names, text);
    dialogue.names(question, &columns.join(", "), args.columns.as_deref(), read)
}
