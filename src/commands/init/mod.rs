//! `fanfold init`: a commented job file, its schema, and a small sample to start from.

mod draft;
mod input;
mod questions;

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::load::settled;
use super::schema;
use super::tables::Tables;
use crate::cli::InitArgs;
use crate::config::flags::check_keyless;
use crate::config::layers::Layers;
use crate::config::overlay::Overlay;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::exit::Exit;
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::facts::ModelInfo;
use crate::render::Renderer;
use crate::secrets::hidden;
use crate::watch::{fitted, put};
use draft::JobDraft;
use input::{InputSummary, SAMPLE};
use questions::Interview;

/// The model of a job that names none: current, and able; the file it goes into turns its thoughts off.
const MODEL: &str = "qwen3.6-plus";

/// Runs the command.
pub(super) fn run(args: InitArgs) -> Result<Exit, Failure> {
    for (flag, key, said) in [("model", "model.name", &args.model), ("prompt", "prompt.user", &args.prompt)] {
        said.iter().try_for_each(|text| check_keyless(&Overlay::text(flag, key, text)))?;
    }
    let place = JobFolder::new(&args.folder)?;
    place.check(args.input.is_none())?;
    let tables = Tables::read(None, &place.job())?;
    let workshop = Workshop { place: &place, tables: &tables };
    let open = [&args.input, &args.model, &args.prompt].iter().any(|said| said.is_none());
    let asks = open && !args.yes && stdin().is_terminal() && stderr().is_terminal();
    let draft = match asks {
        true => match questions::ask(&args, &workshop, &mut stdin().lock(), &mut stderr().lock())? {
            Interview::Draft(draft) => *draft,
            Interview::Left => {
                return Err(Failure {
                    exit: Exit::Interrupted,
                    message: "interrupted: nothing is written".to_owned(),
                });
            }
        },
        false => workshop.unasked(&args)?,
    };
    if let Some(reason) = draft.facts.unavailable.as_ref().filter(|_| !asks || args.model.is_some()) {
        put(&fitted(&format!("warning: {reason}")));
    }
    place.check(draft.input.is_none())?;
    let written = place.write(&draft)?;
    let by_default = open && !args.yes && !asks;
    say(&place, &written, by_default)
}

/// The folder of a new job.
struct JobFolder {
    folder: PathBuf,
}

impl JobFolder {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let folder = folder.strip_prefix(".").unwrap_or(folder).to_owned();
        if folder.to_str().is_none() {
            return Err(Failure::new(
                "the folder's name is not UTF-8, so that no job file can name what is in it",
            ));
        }
        Ok(Self { folder })
    }

    fn job(&self) -> PathBuf {
        self.folder.join("job.toml")
    }

    fn schema(&self) -> PathBuf {
        self.folder.join("job.schema.json")
    }

    fn sample(&self) -> PathBuf {
        self.folder.join("sample.csv")
    }

    /// Refuses to write over what is there, before anybody has answered a question for nothing.
    fn check(&self, sample: bool) -> Result<(), Failure> {
        let files = [Some(self.job()), Some(self.schema()), sample.then(|| self.sample())];
        match files.into_iter().flatten().find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(path) => Err(taken(&path).into()),
            None => Ok(()),
        }
    }

    /// Writes the files of a draft, the job file last: where it is, all is there.
    fn write(&self, draft: &JobDraft) -> Result<Vec<PathBuf>, Failure> {
        let failed = |path: &Path, error| Failure::new(format!("{} cannot be made: {error}", path.display()));
        if self.folder.is_file() {
            let problem = Diagnostic::new(format!("{} is a file, and no folder", self.folder.display()));
            return Err(problem.help("name a folder for the job; an input is named with --input").into());
        }
        if !self.folder.as_os_str().is_empty() {
            fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        }
        let sample = draft.input.is_none().then(|| (self.sample(), SAMPLE.to_owned()));
        let files: Vec<(PathBuf, String)> = sample
            .into_iter()
            .chain([(self.schema(), schema::text()), (self.job(), draft.text(self))])
            .collect();
        for (path, text) in &files {
            let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
                match error.kind() {
                    std::io::ErrorKind::AlreadyExists => Failure::from(taken(path)),
                    _ => failed(path, error),
                }
            })?;
            file.write_all(hidden(text.clone()).as_bytes()).map_err(|error| failed(path, error))?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }
}

fn taken(path: &Path) -> Diagnostic {
    Diagnostic::new(format!("{} is there already, and is not written over", path.display()))
        .help("name another folder, as in `fanfold init another`, or move the file away")
}

/// What a draft is made with and held against.
struct Workshop<'a> {
    place: &'a JobFolder,
    tables: &'a Tables,
}

impl Workshop<'_> {
    /// The draft of what flags say, with the defaults of what they do not.
    fn unasked(&self, args: &InitArgs) -> Result<JobDraft, Failure> {
        let offer = InputSummary::of(args.input.as_deref())?;
        let model = args.model.clone().unwrap_or_else(|| MODEL.to_owned());
        let prompt = match &args.prompt {
            Some(prompt) => Some(prompt.clone()),
            None => offer.prompt(&self.facts(&model))?,
        };
        self.draft(args.input.clone(), &offer, model, prompt)
    }

    /// What is known of a model where a new job asks.
    fn facts(&self, model: &str) -> ModelInfo {
        self.tables.book(DEFAULT_BASE_URL).of(model)
    }

    /// A draft that works: it is read as `run` would read it, and its first row is made a request.
    fn draft(
        &self,
        input: Option<String>,
        offer: &InputSummary,
        model: String,
        prompt: Option<String>,
    ) -> Result<JobDraft, Failure> {
        let (facts, id) = (self.facts(&model), offer.id().map(str::to_owned));
        let draft = JobDraft { input, format: offer.format, id, model, facts, prompt };
        let text = draft.text(self.place);
        let script = SourceText { name: self.place.job().display().to_string().into(), text: text.into() };
        // Mistakes are shown in what was typed, not in a file that is not there.
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

/// Says what was written, and how to go on.
fn say(place: &JobFolder, written: &[PathBuf], by_default: bool) -> Result<Exit, Failure> {
    let mut out = stderr().lock();
    let mut line = |line: String| writeln!(out, "{}", fitted(&line)).map_err(Failure::from);
    if by_default {
        line(
            "no terminal to ask at, so these are defaults; --input, --model and --prompt say otherwise"
                .to_owned(),
        )?;
    }
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    line(format!("written: {}", names.join(", ")))?;
    let job = in_a_shell(&place.job().display().to_string());
    line("next, a rehearsal without a key and without tokens; then the job itself, with DASHSCOPE_API_KEY set:".to_owned())?;
    line(format!("  fanfold run {job} --simulate"))?;
    line(format!("  fanfold run {job}"))?;
    Ok(Exit::Done)
}

/// A word as a shell takes it for one.
fn in_a_shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._/+-,:@%=".contains(c);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
