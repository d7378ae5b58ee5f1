//! Bytes become text: which encoding a text is in, and what it says in Unicode.
//!
//! The order of evidence: a byte order mark, the encoding that the user or the document names, bytes that are UTF-8 throughout,
//! zero bytes on one side of every pair (UTF-16 without a mark), and then statistics over all of the text. What was guessed is
//! marked as such, so that a reader of the result can doubt it.

mod stream;
mod utf16;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

pub use stream::Utf8Stream;

/// A few bytes that are not UTF-8 in a text that otherwise is: at most one in this many.
const DAMAGE: usize = 200;

/// How many bytes of ISO-2022-JP are looked at; its escapes come before its first Japanese character.
const ESCAPE: u8 = 0x1b;

/// A text, and what it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text; of UTF-8, with its byte order mark.
    pub text: String,
    /// The name of the encoding, in small letters: `utf-8`, `gbk`, `windows-1252`.
    pub encoding: String,
    /// Whether the encoding follows from nothing but the text's statistics.
    pub is_guessed: bool,
    /// How many places could not be decoded; U+FFFD is there instead.
    pub lost: usize,
}

/// Whether an encoding of this name is known: the labels of the web, such as `gbk`, `big5`, `shift_jis`, `latin1`.
pub fn is_known(name: &str) -> bool {
    Encoding::for_label_no_replacement(name.as_bytes()).is_some()
}

/// The encoding that a byte order mark at the beginning of a text shows, in small letters, and the length of the mark.
pub fn of_mark(bytes: &[u8]) -> Option<(String, usize)> {
    let (encoding, length) = Encoding::for_bom(bytes)?;
    Some((encoding.name().to_ascii_lowercase(), length))
}

/// The name of an encoding by one of its labels, in small letters. `None` for an unknown label.
pub fn name_of(label: &str) -> Option<String> {
    Some(Encoding::for_label_no_replacement(label.as_bytes())?.name().to_ascii_lowercase())
}

/// Decodes a text. `named` is the encoding that the user has set, or the document names; an unknown one is ignored.
pub fn decode(bytes: &[u8], named: Option<&str>) -> Decoded {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        // The mark of UTF-8 is part of the text, so that the same bytes can be written again.
        return decoded_as(encoding, if encoding == UTF_8 { bytes } else { &bytes[mark..] }, false);
    }
    if let Some(encoding) = named.and_then(|name| Encoding::for_label(name.as_bytes())) {
        return decoded_as(encoding, bytes, false);
    }
    if bytes.contains(&0) {
        if let Some(encoding) = utf16::side_of_zeros(bytes) {
            return decoded_as(encoding, bytes, true);
        }
        return decoded_as(UTF_8, bytes, false);
    }
    let is_escaped = bytes.contains(&ESCAPE) && bytes.is_ascii();
    if !is_escaped && is_nearly_utf8(bytes) {
        return decoded_as(UTF_8, bytes, false);
    }
    let guess = guess(bytes);
    let is_guessed = guess != UTF_8;
    decoded_as(guess, bytes, is_guessed)
}

/// Whether bytes are UTF-8, or were before a few of them were damaged.
fn is_nearly_utf8(bytes: &[u8]) -> bool {
    let (mut letters, mut damage) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        damage += usize::from(!chunk.invalid().is_empty());
    }
    damage == 0 || (letters / 10 >= damage && bytes.len() / DAMAGE >= damage)
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

fn decoded_as(encoding: &'static Encoding, bytes: &[u8], is_guessed: bool) -> Decoded {
    let decoded = |text: String, lost| Decoded {
        text,
        encoding: encoding.name().to_ascii_lowercase(),
        is_guessed,
        lost,
    };
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => decoded(text.to_owned(), 0),
            Err(_) => {
                let lost = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
                decoded(String::from_utf8_lossy(bytes).into_owned(), lost)
            }
        };
    }
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    // A text in UTF-16 may hold this character itself; those of other encodings cannot.
    let lost = if had_errors { text.matches(char::REPLACEMENT_CHARACTER).count() } else { 0 };
    decoded(text.into_owned(), lost)
}

#[cfg(test)]
mod tests;
