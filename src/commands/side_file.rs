//! Where a command may write files on the side: never over a file that belongs to the job or that it reads.

use std::path::{Path, PathBuf, absolute};

use super::failure::Failure;
use super::metrics::check_replaceable;
use super::tables::FOUND_BY_ITSELF;
use crate::job::{Job, KeySource};
use crate::journal;
use crate::read::{InputSpec, reads};

/// A file that is written on the side.
#[derive(Debug, Clone, Copy)]
pub(super) struct SideFile<'a> {
    /// What it is, for messages.
    pub(super) what: &'a str,
    /// The flag that sets its path, and an example of a valid name.
    pub(super) flag: (&'a str, &'a str),
    /// Its place.
    pub(super) place: &'a Path,
}

impl<'a> SideFile<'a> {
    /// The file of a job's figures, if it has one.
    pub(super) fn metrics(job: &'a Job) -> Option<Self> {
        let place = job.output.metrics.as_deref()?;
        Some(Self { what: "the metrics file", flag: ("--metrics-file", "fanfold.prom"), place })
    }

    /// Refuses to overwrite a file that belongs to a job; `file` is the job file.
    pub(super) fn check(&self, job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        let figures = job.output.metrics.clone().filter(|figures| figures != self.place);
        let journal = job.output.journal();
        let taken = belongings(job, file).chain(figures).chain(journal::files(&journal));
        self.is_none_of(taken.collect::<Vec<_>>())?;
        let input = InputSpec::new(job.input.paths.clone(), job.output.spool());
        reads(&input, self.place).map_or(Ok(()), |_| Err(self.taken(self.place)))
    }

    /// Checks the paths of the output, the journal and the file of figures, before anything is sent.
    pub(super) fn check_all(job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        if let Some(place) = &job.output.journal {
            let journal = SideFile { what: "the journal", flag: ("--journal", "answers.journal"), place };
            journal.is_none_of(belongings(job, file).chain([job.output.report()]))?;
        }
        Self::check_output(&job.output.path, job, file)?;
        Self::check_digest(job, file)?;
        let Some(figures) = SideFile::metrics(job) else { return Ok(()) };
        figures.check(job, file)?;
        figures.is_none_of([job.output.report()])?;
        check_replaceable(figures.place).map_err(|why| figures.refused(&why))
    }

    /// Refuses a digest over a file of the job, or where the next run would find it among its input.
    fn check_digest(job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        let Some(place) = job.digest.as_ref().and_then(|digest| digest.output.as_deref()) else {
            return Ok(());
        };
        let digest = SideFile { what: "the digest", flag: ("--set digest.output", "out/digest.md"), place };
        digest.check(job, file)?;
        digest.is_none_of([job.output.report()])?;
        let place = settled(place);
        let is_below =
            |input: &&String| Path::new(input).is_dir() && place.starts_with(settled(Path::new(input)));
        match job.input.paths.iter().find(is_below) {
            Some(input) => {
                Err(digest.refused(&format!("the next run would read it as a document of {input}")))
            }
            None => Ok(()),
        }
    }

    fn is_none_of(&self, taken: impl IntoIterator<Item = PathBuf>) -> Result<(), Failure> {
        let place = settled(self.place);
        if let Some(path) = taken.into_iter().find(|path| settled(path) == place) {
            return Err(self.taken(&path));
        }
        // Even if it does not exist yet: every later command would read it.
        match self.place.file_name().is_some_and(|name| name == FOUND_BY_ITSELF) {
            true => Err(self.refused("a file of that name next to a job file is read as its model table")),
            false => Ok(()),
        }
    }

    /// Refuses to overwrite the journal, the job file, files next to the output, and files read besides the input, which
    /// the pipeline checks itself.
    pub(super) fn check_output(place: &Path, job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        let output = SideFile { what: "the output", flag: ("--output", "answers.csv"), place };
        let own =
            [job.output.summary(), job.output.report(), job.output.spool(), job.output.kept_documents()];
        // The file of figures checks itself against the job's own output.
        let figures = job.output.metrics.clone().filter(|_| place != job.output.path);
        let own = own.into_iter().chain(figures).chain(glossary(job));
        output.is_none_of(besides(job, file).chain(own).chain(journal::files(&job.output.journal())))
    }

    /// The error for a path that is taken.
    pub(super) fn taken(&self, path: &Path) -> Failure {
        let (flag, name) = self.flag;
        Failure::new(format!(
            "{} would overwrite {}, which belongs to the job\n  = help: choose another name with {flag}, such \
             as {name}",
            self.what,
            path.display()
        ))
    }

    /// The error for a path that is unsuitable.
    fn refused(&self, why: &str) -> Failure {
        let (what, place, (flag, name)) = (self.what, self.place.display(), self.flag);
        Failure::new(format!(
            "cannot write {what} to {place}: {why}\n  = help: choose another name with {flag}, such as {name}"
        ))
    }
}

/// The files that a job reads and keeps besides its journal, except inputs matched by a glob.
fn belongings(job: &Job, file: Option<&Path>) -> impl Iterator<Item = PathBuf> + use<> {
    let output = &job.output;
    let own = [output.path.clone(), output.summary(), output.spool(), output.kept_documents()];
    let inputs: Vec<PathBuf> = job.input.paths.iter().map(PathBuf::from).collect();
    own.into_iter().chain(inputs).chain(glossary(job)).chain(besides(job, file))
}

fn glossary(job: &Job) -> impl Iterator<Item = PathBuf> + use<> {
    [job.glossary.terms.clone(), job.glossary.memory.clone()].into_iter().flatten()
}

/// The files from which the job was read, the schema and the key that it names, and the programs that it runs.
fn besides(job: &Job, file: Option<&Path>) -> impl Iterator<Item = PathBuf> + use<> {
    // A program of the job's own, or a file passed to one.
    let mut files: Vec<PathBuf> =
        job.tools.iter().flat_map(|tool| &tool.command).map(PathBuf::from).collect();
    files.extend(job.input.documents.readers.values().flatten().map(PathBuf::from));
    match &job.model.key {
        KeySource::File(path) => files.push(path.clone()),
        KeySource::Command(words) => files.extend(words.iter().map(PathBuf::from)),
        KeySource::Variable { .. } => {}
    }
    files.extend(job.read_from.iter().chain(&job.answer.schema).cloned());
    files.into_iter().chain(file.map(Path::to_owned))
}

/// A canonical path, by which two names of the same place are equal, even of a file that does not exist yet.
pub(super) fn settled(path: &Path) -> PathBuf {
    let beside = || {
        let whole = absolute(path).ok()?;
        Some(whole.parent()?.canonicalize().ok()?.join(whole.file_name()?))
    };
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}
