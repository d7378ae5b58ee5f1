//! Reads the output and error files of a batch into the journal, line by line, whatever order they have.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::batch::line::{refused_line, was_not_run};
use crate::batch::phase::BatchRecord;
use crate::batch::tag::BatchTag;
use crate::batch_service::{BatchError, BatchService};
use crate::failpoint::meet;
use crate::journal::{Journal, JournalError};
use crate::note::BatchLine;
use crate::pipeline::PipelineError;
use crate::request::Fingerprint;

/// Replies that are stored together: so many, or so many bytes.
const GROUP: (usize, usize) = (256, 4 * 1024 * 1024);

/// Takes the replies of one batch in.
pub(super) struct ReplyIntake<'i, B> {
    journal: &'i Journal,
    record: &'i mut BatchRecord,
    service: &'i B,
    requests: Vec<Fingerprint>,
    seen: Vec<bool>,
    group: Vec<(BatchLine, Vec<u8>)>,
    bytes: usize,
}

impl<'i, B: BatchService> ReplyIntake<'i, B> {
    /// Of a batch. What was taken in before a kill is found there, and counted as it comes again.
    pub(super) fn new(
        journal: &'i Journal,
        record: &'i mut BatchRecord,
        service: &'i B,
    ) -> Result<Self, JournalError> {
        let requests = journal.reader().requests_of_batch(record.number)?;
        let seen = vec![false; requests.len()];
        (record.replies, record.unknown, record.doubled) = (0, 0, 0);
        Ok(Self { journal, record, service, requests, seen, group: Vec::new(), bytes: 0 })
    }

    /// Takes a file in.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), PipelineError> {
        let unreadable = |error: io::Error| {
            PipelineError::Other(format!(
                "cannot read {}, the replies of a batch: {error}\n  = help: the same command downloads it again",
                path.display()
            ))
        };
        let mut lines = BufReader::with_capacity(256 * 1024, File::open(path).map_err(unreadable)?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).map_err(unreadable)? > 0 {
            self.line(line.trim_ascii())?;
            line.clear();
        }
        self.store()?;
        meet("batch.replies.kept");
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), JournalError> {
        if line.is_empty() {
            return Ok(());
        }
        let id = self.service.custom_id(line);
        let Some(number) = id.and_then(|id| self.number_of(&id)) else {
            self.record.unknown += 1;
            return Ok(());
        };
        // The provider has not worked on it: it is as if there were no line.
        if was_not_run(line) {
            return Ok(());
        }
        self.reply(number, line.to_vec())
    }

    /// The line of this batch that has a name.
    fn number_of(&self, custom_id: &str) -> Option<u32> {
        let (number, beginning) = self.record.tag.line_of(custom_id)?;
        let fingerprint = self.requests.get(number as usize)?;
        BatchTag::begins(beginning, *fingerprint).then_some(number)
    }

    fn reply(&mut self, number: u32, reply: Vec<u8>) -> Result<(), JournalError> {
        let Some(seen) = self.seen.get_mut(number as usize) else { return Ok(()) };
        if std::mem::replace(seen, true) {
            self.record.doubled += 1;
            return Ok(());
        }
        self.record.replies += 1;
        self.bytes += reply.len();
        self.group.push((BatchLine { batch: self.record.number, line: number }, reply));
        let (replies, bytes) = GROUP;
        if self.group.len() >= replies || self.bytes >= bytes { self.store() } else { Ok(()) }
    }

    /// Takes the lines in for which a batch failed as a whole: their requests were refused.
    pub(super) fn refused(&mut self, errors: &[BatchError]) -> Result<(), JournalError> {
        for error in errors {
            let Some(number) = error.line.and_then(|line| u32::try_from(line.checked_sub(1)?).ok()) else {
                continue;
            };
            let Some(fingerprint) = self.requests.get(number as usize) else { continue };
            let id = self.record.tag.custom_id(number, *fingerprint);
            self.reply(number, refused_line(&id, &error.code, &error.message))?;
        }
        self.store()
    }

    fn store(&mut self) -> Result<(), JournalError> {
        if !self.group.is_empty() {
            self.journal.keep_replies(&self.group)?;
        }
        self.group.clear();
        self.bytes = 0;
        Ok(())
    }
}
