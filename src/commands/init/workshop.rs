//! Makes and checks drafts for `init`.

use super::draft::JobDraft;
use super::folder::JobFolder;
use super::input::InputSummary;
use crate::cli::InitArgs;
use crate::commands::failure::Failure;
use crate::commands::load::settled;
use crate::commands::tables::Tables;
use crate::config::layers::Layers;
use crate::config::overlay::Overlay;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::facts::ModelInfo;
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
        let offer = InputSummary::of(args.input.as_deref())?;
        let model = args.model.clone().unwrap_or_else(|| MODEL.to_owned());
        let prompt = match &args.prompt {
            Some(prompt) => Some(prompt.clone()),
            None => offer.prompt(&self.facts(&model))?,
        };
        let languages = self.languages(&model, args.languages.as_deref())?;
        self.draft(args.input.clone(), &offer, model, languages, prompt)
    }

    /// The facts known about a model in a new job's region.
    pub(super) fn facts(&self, model: &str) -> ModelInfo {
        self.tables.book(DEFAULT_BASE_URL).of(model)
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
        let mut languages: Vec<String> = Vec::new();
        for name in text.unwrap_or(LANGUAGE).split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if let Some((message, help)) = known.fault(model, name) {
                let problem = Diagnostic::new(message);
                return Err(help.map_or_else(|| problem.clone(), |help| problem.clone().help(help)).into());
            }
            let name = known.find(name).map_or(name, |language| language.name.as_str()).to_owned();
            if !languages.contains(&name) {
                languages.push(name);
            }
        }
        match languages.is_empty() {
            true => Err(Failure::new("name at least one language, such as French".to_owned())),
            false => Ok(languages),
        }
    }

    /// A checked draft: it is read as `run` would read it, and its first row is made into a request.
    pub(super) fn draft(
        &self,
        input: Option<String>,
        offer: &InputSummary,
        model: String,
        languages: Vec<String>,
        prompt: Option<String>,
    ) -> Result<JobDraft, Failure> {
        let (facts, id) = (self.facts(&model), offer.id.clone());
        let is_of_documents = offer.is_of_documents;
        let format = offer.format;
        let draft = JobDraft { input, format, is_of_documents, id, model, facts, languages, prompt };
        let text = draft.text(self.place);
        let script = SourceText::new(self.place.job().display().to_string(), text);
        // Mistakes are shown in the typed text, not in a file that does not exist.
        let said =
            [("model", "model.name", Some(&draft.model)), ("prompt", "prompt.user", draft.prompt.as_ref())];
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
