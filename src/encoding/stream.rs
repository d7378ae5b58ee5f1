//! A text of any encoding as a stream of UTF-8, in constant memory.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// How many bytes of UTF-8 are decoded at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The byte for what cannot be decoded. It occurs nowhere in UTF-8, so that the reader of the text finds its place.
const UNDECODABLE: u8 = 0xff;

/// What is decoded of a text.
pub struct Utf8Stream<R> {
    encoded: R,
    decoder: Decoder,
    decoded: Box<[u8]>,
    /// How much of `decoded` is text, and how much of that was read.
    filled: usize,
    taken: usize,
    is_ended: bool,
}

impl<R: BufRead> Utf8Stream<R> {
    /// Decodes `encoded` from its first byte, which follows any byte order mark. An unknown label decodes nothing.
    pub fn new(encoded: R, label: &str) -> Option<Self> {
        let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
        let decoder = encoding.new_decoder_without_bom_handling();
        Some(Self {
            encoded,
            decoder,
            decoded: vec![0; BUFFER_BYTES].into(),
            filled: 0,
            taken: 0,
            is_ended: false,
        })
    }

    fn advance(&mut self) -> io::Result<()> {
        self.taken = 0;
        let mut written = 0;
        while written == 0 && !self.is_ended {
            let chunk = match self.encoded.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            let is_last = chunk.is_empty();
            // One byte is left for a mark of what cannot be decoded.
            let room = &mut self.decoded[..BUFFER_BYTES - 1];
            let (result, read, wrote) = self.decoder.decode_to_utf8_without_replacement(chunk, room, is_last);
            self.encoded.consume(read);
            written = wrote;
            match result {
                DecoderResult::InputEmpty => self.is_ended = is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.decoded[written] = UNDECODABLE;
                    written += 1;
                }
            }
        }
        self.filled = written;
        Ok(())
    }
}

impl<R: BufRead> Read for Utf8Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Utf8Stream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.filled {
            self.advance()?;
        }
        Ok(&self.decoded[self.taken..self.filled])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(bytes: &[u8], label: &str) -> Vec<u8> {
        // Of an odd size, so that characters are cut.
        let mut stream = Utf8Stream::new(BufReader::with_capacity(3, bytes), label).expect("an encoding");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("decoded");
        text
    }

    #[test]
    fn text_of_any_length_is_decoded_and_what_cannot_be_is_marked() {
        let text = "合同 naïve 🎉\n".repeat(20_000);
        for label in ["gb18030", "utf-16le"] {
            let bytes = match label {
                "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                _ => Encoding::for_label(label.as_bytes()).expect("an encoding").encode(&text).0.into_owned(),
            };
            assert!(read(&bytes, label) == text.as_bytes(), "{label}");
            let mut cut = read(&bytes[..bytes.len() - 1], label);
            assert_eq!(cut.pop(), (label == "utf-16le").then_some(UNDECODABLE).or(Some("🎉".as_bytes()[3])));
        }
        assert_eq!(read(b"a\xff\nb", "gbk"), b"a\xff\nb");
        assert_eq!(read(b"\x80 \x81", "latin1"), "€ \u{81}".as_bytes());
        assert!(Utf8Stream::new(&b""[..], "none").is_none());
    }
}
