//! Makes and checks drafts for `init`.

use super::choices::JobChoices;
use super::draft::JobDraft;
use super::folder::JobFolder;
use super::input::InputSummary;
use super::listed;
use super::sheets::{self, Sheets};
use crate::cli::InitArgs;
use crate::commands::failure::Failure;
use crate::commands::load::settled;
use crate::commands::tables::Tables;
use crate::config::layers::Layers;
use crate::config::overlay::Overlay;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::facts::ModelInfo;
use crate::job::sheet_choice::SheetChoice;
use crate::job::tier::ServedAt;
use crate::render::Renderer;
use crate::row::EACH;

/// The model of a job that names none: current and capable; the job file turns its thinking off.
pub(super) const MODEL: &str = "qwen3.6-plus";

/// The language of translations when nobody names one.
pub(super) const LANGUAGE: &str = "English";

/// The tools with which a draft is made and checked.
pub(super) struct Workshop<'a> {
    pub(super) place: &'a JobFolder,
    pub(super) tables: &'a Tables,
}

impl Workshop<'_> {
    /// The draft from the flags, with defaults for everything else.
    pub(super) fn unasked(&self, args: &InitArgs) -> Result<JobDraft, Failure> {
        let input = args.input.clone();
        let sheet = Self::sheet(args, input.as_deref())?;
        let offer = InputSummary::of(input.as_deref(), sheet.as_ref())?;
        let model = args.model.clone().unwrap_or_else(|| MODEL.to_owned());
        let languages = self.languages(&model, args.languages.as_deref())?;
        let columns = self.columns(&model, &offer, args)?;
        let prompt = args.prompt.clone();
        let mut choices = JobChoices { input, sheet, model, languages, columns, prompt };
        if choices.prompt.is_none() {
            choices.prompt = match choices.columns.is_empty() {
                true => offer.prompt(&self.facts(&choices.model))?,
                false => InputSummary::translating(&choices),
            };
        }
        self.draft(choices, &offer)
    }

    /// The sheet of a spreadsheet: the one of the flag, else the one with the most rows, if there are several.
    pub(super) fn sheet(args: &InitArgs, input: Option<&str>) -> Result<Option<SheetChoice>, Failure> {
        let sheets = Sheets::of(input)?;
        Ok(match (&args.sheet, sheets) {
            (Some(sheet), Some(sheets)) => Some(sheets.named(sheet)),
            (Some(sheet), None) => Some(sheets::choice(sheet)),
            (None, Some(sheets)) => Some(sheets.named(sheets.largest())),
            (None, None) => None,
        })
    }

    /// The columns to translate: those of the flag, else those that seem to have texts. None if rows are no texts of a table, or if
    /// the prompt is given.
    ///
    /// # Errors
    ///
    /// A column that the input does not have; columns for a model that does not translate, or for an input without any.
    pub(super) fn columns(
        &self,
        model: &str,
        offer: &InputSummary,
        args: &InitArgs,
    ) -> Result<Vec<String>, Failure> {
        let is_translator = self.facts(model).languages.is_some();
        let columns = match is_translator && args.prompt.is_none() {
            true => offer.translatable()?,
            false => Vec::new(),
        };
        match (&args.columns, columns.first()) {
            (None, _) => Ok(columns),
            (Some(text), Some(first)) => listed::settled(listed::columns(&offer.names(), text), first),
            (Some(_), None) if is_translator => {
                Err(Failure::new("the rows of this input are whole texts, and have no columns to translate"))
            }
            (Some(_), None) => Err(Diagnostic::new(format!("{model} is not a translation model"))
                .help("name the column in the prompt: --prompt 'Summarise: {{ text }}'")
                .into()),
        }
    }

    /// The facts known about a model in a new job's region.
    pub(super) fn facts(&self, model: &str) -> ModelInfo {
        self.tables.book(&ServedAt::address(DEFAULT_BASE_URL)).of(model)
    }

    /// The languages that a text names, with commas between them, for a translation model; English if there is no text.
    ///
    /// # Errors
    ///
    /// A language that the model does not know; languages for a model that does not translate.
    pub(super) fn languages(&self, model: &str, text: Option<&str>) -> Result<Vec<String>, Failure> {
        let Some(known) = self.facts(model).languages else {
            return match text {
                Some(_) => {
                    Err(Failure::new(format!("{model} is not a translation model and takes no languages")))
                }
                None => Ok(Vec::new()),
            };
        };
        listed::settled(listed::languages(&known, model, text.unwrap_or(LANGUAGE)), "French")
    }

    /// A checked draft: it is read as `run` would read it, and its first row is made into a request.
    pub(super) fn draft(&self, choices: JobChoices, offer: &InputSummary) -> Result<JobDraft, Failure> {
        let (facts, id) = (self.facts(&choices.model), offer.id.clone());
        let columns = offer.names().into_iter().map(str::to_owned).collect();
        let (format, is_of_documents) = (offer.format, offer.is_of_documents);
        let draft = JobDraft { choices, format, is_of_documents, id, columns, facts };
        let text = draft.text(self.place);
        let script = SourceText::new(self.place.job().display().to_string(), text);
        // Mistakes are shown in the typed text, not in a file that does not exist.
        let JobChoices { model, prompt, .. } = &draft.choices;
        let said = [("model", "model.name", Some(model)), ("prompt", "prompt.user", prompt.as_ref())];
        let overlays = said.into_iter().filter_map(|(flag, key, text)| Some(Overlay::text(flag, key, text?)));
        let (file, layers) = Layers::read(Some(script), overlays.collect())?;
        let job = settled(file, &layers, self.tables)?;
        offer.check_output(&job.output.path)?;
        let renderer = Renderer::new(&job, offer.columns())?;
        if let Some(row) = &offer.first {
            let mut row = row.clone();
            if let Some((each, first)) =
                job.each.as_ref().and_then(|each| Some((each, each.combinations().into_iter().next()?)))
            {
                row.fields.insert(EACH.to_owned(), each.fields(&first).into());
            }
            renderer.render(&row)?;
        }
        Ok(draft)
    }
}
