//! The lines that were kept before, by what they are known again. For each there is a record of some hundred bytes in memory,
//! however long its text is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use super::find::FoundDocument;
use super::line::{KeptMark, KeptStamp, LineEnds, asked};
use super::reader::ReaderName;
use super::span::{LineFiles, LineOrigin, LineSpan};
use crate::read::file_stamp::FileStamp;

/// How many bytes of a file are read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Half of a hash, as it is enough to tell lines apart.
type HalfHash = [u8; 16];

/// The lines that were kept before.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    lines: Vec<EarlierLine>,
    by_path: HashMap<HalfHash, usize>,
    by_content: HashMap<HalfHash, usize>,
}

/// A line that was kept before.
#[derive(Debug)]
pub(super) struct EarlierLine {
    pub(super) span: LineSpan,
    /// The code of a document without a text.
    pub(super) code: Option<Box<str>>,
    /// Hashes of the file's name and state, of its content, and of its reader without and with the version.
    state: Option<HalfHash>,
    content: Option<HalfHash>,
    reader: HalfHash,
    version: HalfHash,
}

impl Earlier {
    /// Reads the lines of both files; where both have a document, that of the log counts. A line that is not a document's is
    /// passed over.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn load(files: &LineFiles) -> io::Result<Self> {
        let mut earlier = Self::default();
        if let Some(kept) = &files.kept {
            earlier.add_all(kept, LineOrigin::Kept)?;
        }
        earlier.add_all(&files.log, LineOrigin::Log)?;
        Ok(earlier)
    }

    fn add_all(&mut self, mut file: &File, origin: LineOrigin) -> io::Result<()> {
        file.rewind()?;
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, file);
        let (mut line, mut offset) = (Vec::new(), 0);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(());
            }
            let span = LineSpan { origin, offset, length };
            offset += length;
            // A process that was killed may have left half a line.
            let ends =
                line.strip_suffix(b"\n").and_then(|line| str::from_utf8(line).ok()).and_then(LineEnds::of);
            if let Some(ends) = ends {
                self.add(span, ends);
            }
        }
    }

    fn add(&mut self, span: LineSpan, ends: LineEnds) {
        let LineEnds { path, code, mark } = ends;
        let KeptMark { file, asked, stamp, blake3, reader, version } = mark;
        let content = blake3.map(|content| short(&content));
        let index = self.lines.len();
        self.by_path.insert(short(&path), index);
        if let Some(content) = content.filter(|_| code.is_none()) {
            self.by_content.insert(of_content(content, &asked), index);
        }
        self.lines.push(EarlierLine {
            span,
            code: code.map(String::into_boxed_str),
            state: stamp.map(|stamp| of_state(&file, &stamp)),
            content,
            reader: short(&reader),
            version: short(&format!("{reader}\0{version}")),
        });
    }

    /// The line of a document.
    pub(super) fn of(&self, document: &FoundDocument) -> Option<&EarlierLine> {
        self.by_path.get(&short(&document.path)).map(|index| &self.lines[*index])
    }

    /// The line of a document whose file is as it was.
    pub(super) fn same(
        &self,
        document: &FoundDocument,
        stamp: &FileStamp,
        reader: &ReaderName,
    ) -> Option<&EarlierLine> {
        let line = self.of(document)?;
        let state = of_state(&document.shown, &KeptStamp::of(stamp));
        (line.state == Some(state) && line.holds(reader)).then_some(line)
    }

    /// The line with the content of a document: its own, or that of a document which had the same bytes and was read in the
    /// same format.
    pub(super) fn with_content(
        &self,
        document: &FoundDocument,
        content: &str,
        reader: &ReaderName,
    ) -> Option<&EarlierLine> {
        let content = short(content);
        let own = self.of(document).filter(|line| line.content == Some(content) && line.holds(reader));
        let other = || self.by_content.get(&of_content(content, &asked(document)));
        own.or_else(|| other().map(|index| &self.lines[*index]))
    }
}

impl EarlierLine {
    /// Whether the line is kept: a text always, a fault as long as the same reader would say the same.
    fn holds(&self, reader: &ReaderName) -> bool {
        self.code.is_none() || self.version == short(&format!("{}\0{}", reader.name, reader.version))
    }

    /// Whether another reader than this one made the text, whatever its version.
    pub(super) fn is_of_another(&self, reader: &ReaderName) -> bool {
        self.reader != short(&reader.name)
    }
}

fn of_state(file: &str, stamp: &KeptStamp) -> HalfHash {
    short(&format!("{file}\0{stamp:?}"))
}

fn of_content(content: HalfHash, asked: &str) -> HalfHash {
    short(&format!("{content:?} {asked}"))
}

fn short(text: &str) -> HalfHash {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    short
}
