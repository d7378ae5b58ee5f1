//! Between a format and its file: a buffer, and compression for text formats.

use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;

use super::atomic::ByteSink;
use crate::format::Compression;

/// How many bytes are written to the file at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A buffered stream to the output, compressed if its name says so.
pub(super) struct Encoder {
    stream: Stream,
    path: PathBuf,
}

enum Stream {
    Plain(BufWriter<ByteSink>),
    Gzip(GzEncoder<BufWriter<ByteSink>>),
    Zstd(zstd::Encoder<'static, BufWriter<ByteSink>>),
}

impl Encoder {
    pub(super) fn new(sink: ByteSink, compression: Compression) -> io::Result<Self> {
        let path = sink.path().to_path_buf();
        let buffer = BufWriter::with_capacity(BUFFER_BYTES, sink);
        let stream = match compression {
            Compression::Plain => Stream::Plain(buffer),
            Compression::Gzip => Stream::Gzip(GzEncoder::new(buffer, flate2::Compression::default())),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(buffer, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Stream::Zstd(encoder)
            }
        };
        Ok(Self { stream, path })
    }

    /// The output's name, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the compression and flushes the buffer.
    pub(super) fn finish(self) -> io::Result<ByteSink> {
        let buffer = match self.stream {
            Stream::Plain(buffer) => buffer,
            Stream::Gzip(encoder) => encoder.finish()?,
            Stream::Zstd(encoder) => encoder.finish()?,
        };
        buffer.into_inner().map_err(IntoInnerError::into_error)
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(buffer) => buffer.write(bytes),
            Stream::Gzip(encoder) => encoder.write(bytes),
            Stream::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(buffer) => buffer.flush(),
            Stream::Gzip(encoder) => encoder.flush(),
            Stream::Zstd(encoder) => encoder.flush(),
        }
    }
}
