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
use crate::diagnostic::SourceText;
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::facts::ModelInfo;
use crate::render::Renderer;

/// The model of a job that names none: current and capable; the job file turns its thinking off.
pub(super) const MODEL: &str = "qwen3.6-plus";

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
        self.draft(args.input.clone(), &offer, model, prompt)
    }

    /// The facts known about a model in a new job's region.
    pub(super) fn facts(&self, model: &str) -> ModelInfo {
        self.tables.book(DEFAULT_BASE_URL).of(model)
    }

    /// A checked draft: it is read as `run` would read it, and its first row is made into a request.
    pub(super) fn draft(
        &self,
        input: Option<String>,
        offer: &InputSummary,
        model: String,
        prompt: Option<String>,
    ) -> Result<JobDraft, Failure> {
        let (facts, id) = (self.facts(&model), offer.id().map(str::to_owned));
        let is_of_documents = offer.is_of_documents;
        let draft = JobDraft { input, format: offer.format, is_of_documents, id, model, facts, prompt };
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
            renderer.render(row)?;
        }
        Ok(draft)
    }
}
