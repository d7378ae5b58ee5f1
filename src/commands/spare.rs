//! Where a command may write on the side of a job: never over what the job reads, what it keeps, and what it is.

use std::path::{Path, PathBuf, absolute};

use super::Failure;
use super::metrics::aside;
use crate::job::{Job, KeySource};
use crate::journal;

/// Something that is written on the side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aside<'a> {
    /// What it is, for messages.
    pub(super) what: &'a str,
    /// The flag that names its place, and a name that would do.
    pub(super) flag: (&'a str, &'a str),
    /// Its place.
    pub(super) place: &'a Path,
}

impl Aside<'_> {
    /// Refuses to write over what belongs to a job; `file` is the job file.
    pub(super) fn check(&self, job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        self.is_none_of(belongings(job, file).chain(journal::files(&job.output.journal())))
    }

    /// Refuses an output, a journal and a file of figures in such a place, before anything is sent.
    pub(super) fn check_all(job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        if let Some(place) = &job.output.journal {
            let journal = Aside { what: "the journal", flag: ("--journal", "answers.journal"), place };
            journal.is_none_of(belongings(job, file))?;
        }
        Self::check_output(&job.output.path, job, file)?;
        aside(job).map_or(Ok(()), |figures| figures.check(job, file))
    }

    fn is_none_of(&self, taken: impl IntoIterator<Item = PathBuf>) -> Result<(), Failure> {
        let place = settled(self.place);
        match taken.into_iter().find(|path| settled(path) == place) {
            Some(path) => Err(self.taken(&path)),
            None => Ok(()),
        }
    }

    /// Refuses to write over the journal, the job file and what is read besides the input, which the pipeline looks after
    /// by itself.
    pub(super) fn check_output(place: &Path, job: &Job, file: Option<&Path>) -> Result<(), Failure> {
        let output = Aside { what: "the output", flag: ("--output", "answers.csv"), place };
        output.is_none_of(besides(job, file).chain(journal::files(&job.output.journal())))
    }

    /// What is said of a place that is taken.
    pub(super) fn taken(&self, path: &Path) -> Failure {
        let (flag, name) = self.flag;
        Failure::new(format!(
            "{} would be written over {}, which belongs to the job\n  = help: give {flag} another name, such as {name}",
            self.what,
            path.display()
        ))
    }
}

/// The files that a job reads and keeps besides its journal, those that its input names by a glob left out.
fn belongings(job: &Job, file: Option<&Path>) -> impl Iterator<Item = PathBuf> + use<> {
    let output = &job.output;
    let own = [output.path.clone(), output.summary(), output.spool()];
    let glossary = [job.glossary.terms.clone(), job.glossary.memory.clone()].into_iter().flatten();
    let inputs: Vec<PathBuf> = job.input.paths.iter().map(PathBuf::from).collect();
    own.into_iter().chain(inputs).chain(glossary).chain(besides(job, file))
}

/// The job file, and the schema and the key that it names. Of the glossary's files the pipeline sees to it that no output
/// replaces them.
fn besides(job: &Job, file: Option<&Path>) -> impl Iterator<Item = PathBuf> + use<> {
    let key = match &job.model.key {
        KeySource::File(path) => Some(path.clone()),
        KeySource::Variable { .. } | KeySource::Command(_) => None,
    };
    job.answer.schema.clone().into_iter().chain(key).chain(file.map(Path::to_owned))
}

/// A path by which two names of one place are told to be one, also of a file that is not there yet.
pub(super) fn settled(path: &Path) -> PathBuf {
    let beside = || {
        let whole = absolute(path).ok()?;
        Some(whole.parent()?.canonicalize().ok()?.join(whole.file_name()?))
    };
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}
