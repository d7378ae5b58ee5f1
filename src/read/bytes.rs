//! The bytes of a text file: decompressed, bounded, decoded, without a byte order mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::error::ReadError;
use super::sheet::ZIP_MAGIC;
use super::spec::Expansion;
use crate::encoding::{Utf8Stream, name_of, of_mark};
use crate::format::Compression;
use crate::regular;

/// How many bytes are read and decompressed at a time.
const CHUNK_BYTES: usize = 128 << 10;
/// How much of the beginning is searched for a delimiter or a format.
const HEAD_BYTES: u64 = 64 << 10;

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// The first bytes of a Parquet file.
pub(super) const PARQUET_MAGIC: &[u8] = b"PAR1";
/// The first and last bytes of a Parquet file with an encrypted footer.
pub(super) const ENCRYPTED_MAGIC: &[u8] = b"PARE";

/// A text file, open at its first byte after any byte order mark.
pub(super) struct TextFile {
    file: Arc<str>,
    compressed: bool,
    /// The name of its encoding.
    encoding: String,
    is_marked: bool,
    reader: Chain<Cursor<Vec<u8>>, Box<dyn BufRead + Send>>,
}

impl TextFile {
    /// Opens the file at `path`, called `file` in messages. The first bytes show the compression, and by their mark the
    /// encoding; without a mark, it is the one of the label, or UTF-8.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged at its beginning, is UTF-16 without a mark, or holds Parquet.
    pub(super) fn open(
        file: &Arc<str>,
        path: &Path,
        expansion: Expansion,
        label: Option<&str>,
    ) -> Result<Self, ReadError> {
        let unreadable = |error| ReadError::unreadable(file, error);
        let opened = regular::open(path).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        let mut raw = BufReader::with_capacity(CHUNK_BYTES, opened);
        let compression = compression_of(raw.fill_buf().map_err(unreadable)?);
        refuse_false_name(file, compression)?;

        let decoded = decode(raw, compression, expansion.most(size)).map_err(unreadable)?;
        let compressed = compression != Compression::Plain;
        let reader = Cursor::new(Vec::new()).chain(decoded);
        let mut text =
            Self { file: file.clone(), compressed, encoding: "utf-8".to_owned(), is_marked: false, reader };
        let mut head = text.take_head()?;
        refuse_binary(file, &head)?;
        let mark = of_mark(&head);
        if let Some((encoding, length)) = mark {
            (text.encoding, text.is_marked) = (encoding, true);
            head.drain(..length);
        } else if let Some(name) = label.and_then(name_of) {
            text.encoding = name;
        } else {
            refuse_wide(file, &head)?;
        }
        text.put_back(head);
        if text.encoding != "utf-8" {
            text.decode();
            let head = text.take_head()?;
            text.put_back(head);
        }
        Ok(text)
    }

    fn take_head(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut head = Vec::new();
        self.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| self.failure(error))?;
        Ok(head)
    }

    fn put_back(&mut self, head: Vec<u8>) {
        let rest = std::mem::replace(&mut self.reader, nothing()).into_inner().1;
        self.reader = Cursor::new(head).chain(rest);
    }

    fn decode(&mut self) {
        let encoded = std::mem::replace(&mut self.reader, nothing());
        let decoded: Box<dyn BufRead + Send> = match Utf8Stream::new(encoded, &self.encoding) {
            Some(stream) => Box::new(stream),
            None => Box::new(io::empty()),
        };
        self.reader = Cursor::new(Vec::new()).chain(decoded);
    }

    /// Whether a byte order mark shows the encoding, or UTF-8 would need one to be distinguished from it.
    pub(super) fn wants_mark(&self) -> bool {
        self.is_marked || self.encoding != "utf-8"
    }

    /// The encoding that the file was read in, and what to do if it is in another.
    pub(super) fn encoding_advice(&self) -> (&str, &'static str) {
        match self.encoding.as_str() {
            "utf-8" => ("UTF-8", "set the file's `encoding` under [input], such as windows-1252 or gb18030"),
            other => (other, "set the file's own `encoding` under [input]"),
        }
    }

    /// The first bytes, up to 64 KiB, before any is consumed.
    pub(super) fn head(&self) -> &[u8] {
        self.reader.get_ref().0.get_ref()
    }

    /// The file as the user named it.
    pub(super) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The `ReadError` for an error of reading this file.
    pub(super) fn failure(&self, error: io::Error) -> ReadError {
        // An error with a number came from the system, any other from the decoder.
        if !self.compressed || error.raw_os_error().is_some() {
            return ReadError::unreadable(&self.file, error);
        }
        let reason = match error.kind() {
            ErrorKind::UnexpectedEof => {
                "it ends too early, as after an interrupted download; download it again".to_owned()
            }
            ErrorKind::FileTooLarge => error.to_string(),
            _ => format!("{error}; it is damaged, so download or compress it again"),
        };
        ReadError::Compressed { file: self.file.to_string(), reason }
    }
}

impl Read for TextFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for TextFile {
    /// Like any `fill_buf`, but never ends with `Interrupted`.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        // A second call returns what the first one buffered: the borrow checker rejects a loop that returns what it
        // borrowed.
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

fn nothing() -> Chain<Cursor<Vec<u8>>, Box<dyn BufRead + Send>> {
    let rest: Box<dyn BufRead + Send> = Box::new(io::empty());
    Cursor::new(Vec::new()).chain(rest)
}

fn compression_of(magic: &[u8]) -> Compression {
    match () {
        () if magic.starts_with(GZIP_MAGIC) => Compression::Gzip,
        () if magic.starts_with(ZSTD_MAGIC) => Compression::Zstd,
        () => Compression::Plain,
    }
}

fn decode(raw: BufReader<File>, compression: Compression, most: u64) -> io::Result<Box<dyn BufRead + Send>> {
    fn bounded(decoder: impl Read + Send + 'static, most: u64) -> Box<dyn BufRead + Send> {
        Box::new(BufReader::with_capacity(CHUNK_BYTES, LimitedReader { decoder, most, left: most }))
    }
    Ok(match compression {
        Compression::Plain => Box::new(raw),
        Compression::Gzip => bounded(MultiGzDecoder::new(raw), most),
        Compression::Zstd => bounded(zstd::Decoder::with_buffer(raw)?, most),
    })
}

/// A file whose name claims a compression that its bytes do not have was truncated to nothing, or is something else.
fn refuse_false_name(file: &str, found: Compression) -> Result<(), ReadError> {
    let ending = match (Compression::of_path(file), found) {
        (Compression::Gzip, Compression::Plain) => "gz",
        (Compression::Zstd, Compression::Plain) => "zst",
        _ => return Ok(()),
    };
    let reason = format!("it is not a .{ending} file; download it again, or correct its ending");
    Err(ReadError::Compressed { file: file.to_owned(), reason })
}

/// Without a byte order mark, UTF-16 shows by a NUL next to each of the first characters.
fn refuse_wide(file: &str, head: &[u8]) -> Result<(), ReadError> {
    let [a, b, c, d, ..] = *head else { return Ok(()) };
    let encoding = match [a, b, c, d].map(|byte| byte == 0) {
        [true, false, true, false] => "utf-16be",
        [false, true, false, true] => "utf-16le",
        _ => return Ok(()),
    };
    let advice = format!("set `encoding = \"{encoding}\"` under [input]");
    Err(ReadError::format(file, format!("is UTF-16 text without a byte order mark; {advice}")))
}

fn refuse_binary(file: &str, head: &[u8]) -> Result<(), ReadError> {
    if head.starts_with(ZIP_MAGIC) {
        let advice = "if it is a spreadsheet, set the format to xlsx; decompress any other";
        return Err(ReadError::format(file, format!("is a ZIP archive, but is read as text; {advice}")));
    }
    if head.starts_with(PARQUET_MAGIC) {
        let advice = "decompress it if it is compressed, and set the format to parquet";
        return Err(ReadError::format(file, format!("holds Parquet, but is read as text; {advice}")));
    }
    Ok(())
}

/// A decoder that fails after producing more than `most` bytes.
struct LimitedReader<R> {
    decoder: R,
    most: u64,
    left: u64,
}

impl<R: Read> Read for LimitedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let reason = format!(
                    "it expands to more than {} bytes, too many for its size; if that is right, decompress it \
                     first, or raise `max_expanded`",
                    self.most
                );
                return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
            }
        }
        Ok(count)
    }
}
