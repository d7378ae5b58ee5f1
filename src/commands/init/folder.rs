//! The folder in which `init` creates a new job.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::input::SAMPLE;
use crate::commands::failure::Failure;
use crate::commands::schema;
use crate::diagnostic::Diagnostic;
use crate::secrets::hidden;

/// The folder of a new job.
pub(super) struct JobFolder {
    pub(super) folder: PathBuf,
}

impl JobFolder {
    pub(super) fn new(folder: &Path) -> Result<Self, Failure> {
        let folder = folder.strip_prefix(".").unwrap_or(folder).to_owned();
        if folder.to_str().is_none() {
            return Err(Failure::new(
                "the folder's name is not UTF-8, so a job file cannot refer to the files in it",
            ));
        }
        Ok(Self { folder })
    }

    pub(super) fn job(&self) -> PathBuf {
        self.folder.join("job.toml")
    }

    pub(super) fn schema(&self) -> PathBuf {
        self.folder.join("job.schema.json")
    }

    pub(super) fn sample(&self) -> PathBuf {
        self.folder.join("sample.csv")
    }

    /// Refuses to overwrite existing files, before any question is asked.
    pub(super) fn check(&self, sample: bool) -> Result<(), Failure> {
        let files = [Some(self.job()), Some(self.schema()), sample.then(|| self.sample())];
        match files.into_iter().flatten().find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(path) => Err(taken(&path).into()),
            None => Ok(()),
        }
    }

    /// Writes the files of a job. The job file, with the text `job`, comes last: where it exists, everything does.
    /// `sample`: whether to add a sample to start from.
    pub(super) fn write(&self, job: String, sample: bool) -> Result<Vec<PathBuf>, Failure> {
        let failed = |path: &Path, error| Failure::new(format!("cannot create {}: {error}", path.display()));
        if self.folder.is_file() {
            let problem = Diagnostic::new(format!("{} is a file, not a folder", self.folder.display()));
            return Err(problem.help("give a folder for the job, and the input with --input").into());
        }
        if !self.folder.as_os_str().is_empty() {
            fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        }
        let sample = sample.then(|| (self.sample(), SAMPLE.to_owned()));
        let files: Vec<(PathBuf, String)> =
            sample.into_iter().chain([(self.schema(), schema::text()), (self.job(), job)]).collect();
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
    Diagnostic::new(format!("{} already exists, and is not overwritten", path.display()))
        .help("choose another folder, as in `fanfold init another`, or move the file away")
}
