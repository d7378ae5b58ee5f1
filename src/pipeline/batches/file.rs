//! The file of a batch, beside the journal until the provider has it, and the files of its replies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use blake3::Hasher;

use crate::batch::filling::{BatchKind, Filling};
use crate::batch::line::line;
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch::tag::BatchTag;
use crate::beside::{folder_of, with_ending};
use crate::journal::batches::PlannedLine;
use crate::note::RowKey;
use crate::pipeline::PipelineError;
use crate::request::ChatRequest;
use crate::reserve::Reserve;

/// Which of the files of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileRole {
    Requests,
    Output,
    Errors,
}

/// Where a file of a batch is.
pub(super) fn path_of(journal: &Path, tag: &BatchTag, role: FileRole) -> PathBuf {
    let role = match role {
        FileRole::Requests => "requests",
        FileRole::Output => "output",
        FileRole::Errors => "errors",
    };
    with_ending(journal, &format!(".{tag}.{role}"))
}

/// Removes what is left of a batch beside the journal.
pub(super) fn remove_all(journal: &Path, tag: &BatchTag) {
    for role in [FileRole::Requests, FileRole::Output, FileRole::Errors] {
        // One that stays does no harm.
        let _ = fs::remove_file(path_of(journal, tag, role));
    }
}

/// A file that is to be downloaded has answers in it: nobody else may read it.
pub(super) fn keep_private(path: &Path) {
    // If that fails, so does the download, and says why.
    let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
}

/// Removes files that a killed run has left beside the journal, of batches that are none or have no more use for them.
pub(super) fn remove_strays(journal: &Path, batches: &[BatchRecord]) {
    let Some(name) = journal.file_name().and_then(|name| name.to_str()) else { return };
    let in_use = |tag: &str| {
        batches.iter().any(|batch| batch.phase < BatchPhase::Collected && batch.tag.as_str() == tag)
    };
    // One that cannot be found or removed does no harm.
    for file in fs::read_dir(folder_of(journal)).into_iter().flatten().flatten() {
        let found = file.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(name)?.strip_prefix('.'));
        let Some((tag, role)) = rest.and_then(|rest| rest.split_once('.')) else { continue };
        let is_ours = BatchTag::is_one(tag) && ["requests", "output", "errors"].contains(&role);
        if is_ours && !in_use(tag) {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// A file under way.
pub(super) struct BatchFile {
    pub(super) kind: BatchKind,
    pub(super) filling: Filling,
    tag: BatchTag,
    path: PathBuf,
    out: BufWriter<File>,
    hasher: Hasher,
    lines: Vec<PlannedLine>,
}

/// A file that is complete and on disk.
#[derive(Debug)]
pub(super) struct FilledFile {
    pub(super) model: String,
    pub(super) filling: Filling,
    pub(super) tag: BatchTag,
    pub(super) hash: [u8; 16],
    pub(super) lines: Vec<PlannedLine>,
}

impl BatchFile {
    /// Begins one beside the journal.
    pub(super) fn begin(journal: &Path, kind: BatchKind) -> Result<Self, PipelineError> {
        let tag = BatchTag::new(rand::random());
        let path = path_of(journal, &tag, FileRole::Requests);
        let mut options = OpenOptions::new();
        // It has the texts of the input in it.
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let out = BufWriter::with_capacity(256 * 1024, file.map_err(|error| unwritable(&path, &error))?);
        let (filling, hasher, lines) = (Filling::default(), Hasher::new(), Vec::new());
        Ok(Self { kind, filling, tag, path, out, hasher, lines })
    }

    /// Adds a request that may cost so much.
    pub(super) fn add(
        &mut self,
        row: RowKey,
        request: &ChatRequest,
        worst: Reserve,
    ) -> Result<(), PipelineError> {
        let line = line(&self.tag.custom_id(self.filling.lines, row.fingerprint), request);
        self.hasher.update(&line);
        self.out.write_all(&line).map_err(|error| unwritable(&self.path, &error))?;
        self.filling.add(line.len() as u64, worst);
        self.lines.push(PlannedLine { row, worst });
        Ok(())
    }

    /// Brings it to the disk.
    pub(super) fn finish(self) -> Result<FilledFile, PipelineError> {
        let Self { kind, filling, tag, path, out, hasher, lines } = self;
        let synced =
            out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(|error| unwritable(&path, &error))?;
        Ok(FilledFile { model: kind.model, filling, tag, hash: short(&hasher), lines })
    }

    /// Removes it again.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the file of a batch is as it was written.
pub(super) fn is_as_written(path: &Path, record: &BatchRecord) -> bool {
    let hash = || {
        let mut file = File::open(path)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok::<_, io::Error>(short(&hasher)),
                read => drop(hasher.update(&buffer[..read])),
            }
        }
    };
    hash().is_ok_and(|hash| hash == record.file_hash)
}

fn short(hasher: &Hasher) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

fn unwritable(path: &Path, error: &io::Error) -> PipelineError {
    PipelineError::Other(format!(
        "cannot write {}, the file of a batch: {error}\n  = help: nothing of it was submitted; make room, or make batches \
         smaller with `max_bytes` under [batch], and run the same command again",
        path.display()
    ))
}
