//! A file of replies on disk, without secrets, and as long as the provider's: so the rest of it can be asked for.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use crate::outcome::{Fault, FaultKind};
use crate::regular;
use crate::secrets;

/// A file that whole lines are appended to. What follows the last line end is written only when the file is whole.
pub(super) struct RedactedFile<'a> {
    path: &'a Path,
    file: File,
    /// How much of it is on disk.
    length: u64,
    /// The beginning of a line.
    begun: Vec<u8>,
}

impl<'a> RedactedFile<'a> {
    /// Opens a file, or makes it.
    pub(super) fn open(path: &'a Path) -> Result<Self, Fault> {
        let mut options = OpenOptions::new();
        let opened = regular::open_own(path, options.write(true).create(true).truncate(false))
            .and_then(|mut file| Ok((file.seek(SeekFrom::End(0))?, file)));
        let (length, file) = opened.map_err(|error| unwritable(path, &error))?;
        Ok(Self { path, file, length, begun: Vec::new() })
    }

    /// How long it is.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> Result<(), Fault> {
        self.length = 0;
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(drop).map_err(|error| unwritable(self.path, &error))
    }

    /// Appends bytes as they arrive.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            self.begun.extend_from_slice(bytes);
            return Ok(());
        };
        let (lines, begun) = bytes.split_at(end + 1);
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(lines);
        self.begun.extend_from_slice(begun);
        self.write(&whole)
    }

    /// Writes what is left, at the end of the file.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        let rest = std::mem::take(&mut self.begun);
        self.write(&rest)
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Fault> {
        let secrets = secrets::kept();
        let hidden: Option<Vec<u8>> = secrets.hide(&String::from_utf8_lossy(lines)).map(|_| {
            lines
                .split_inclusive(|byte| *byte == b'\n')
                .flat_map(|line| of_its_length(line, &secrets))
                .collect()
        });
        let lines = hidden.as_deref().unwrap_or(lines);
        self.file.write_all(lines).map_err(|error| unwritable(self.path, &error))?;
        self.length += lines.len() as u64;
        Ok(())
    }
}

/// A line without secrets, with blanks at its end for what was taken out: the offsets of later lines do not change.
fn of_its_length(line: &[u8], secrets: &secrets::Secrets) -> Vec<u8> {
    let Some(hidden) = secrets.hide(&String::from_utf8_lossy(line)) else { return line.to_vec() };
    let mut hidden = hidden.into_bytes();
    let has_end = hidden.pop_if(|byte| *byte == b'\n').is_some();
    hidden.resize(line.len() - usize::from(has_end), b' ');
    if has_end {
        hidden.push(b'\n');
    }
    hidden
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultKind::JobRefused, "io", format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_leaves_a_line_of_the_same_length_however_it_arrives() {
        let secret = "sk-of-a-file-of-replies";
        secrets::keep(secret);
        let text = format!("{{\"a\":\"{secret}\"}}\n{{\"b\":\"ü\"}}\n{{\"c\":\"{secret}\"}}");
        let folder = tempfile::tempdir().expect("a folder");
        for pieces in [1, 7, 4096] {
            let path = folder.path().join(pieces.to_string());
            let mut file = RedactedFile::open(&path).expect("a file");
            text.as_bytes().chunks(pieces).for_each(|piece| file.append(piece).expect("room"));
            file.finish().expect("room");
            let written = std::fs::read_to_string(&path).expect("text");
            assert_eq!((written.len(), written.contains(secret)), (text.len(), false), "{written}");
            assert!(
                written.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
                "{written}"
            );
            assert_eq!(written.find("{\"b\""), text.find("{\"b\""));
        }
    }
}
