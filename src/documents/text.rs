//! Text files: the file is the text, in some encoding.

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use crate::blank::is_blank_letter;
use crate::document_format::DocumentFormat;
use crate::encoding::{Decoded, decode};
use crate::text::{count, counted};

/// How files begin that are not text, whatever their name.
const SIGNATURES: [(&[u8], &str); 12] = [
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive, such as a Word document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document of the old kind"),
    (b"{\\rtf", "RTF"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"Rar!", "a RAR archive"),
];

/// From one strange character in this many on, a file is not text.
const STRANGE: usize = 50;

/// Reads a text file.
pub(super) fn read(
    bytes: &[u8],
    format: DocumentFormat,
    encoding: Option<&str>,
) -> Result<ReadDocument, Unreadable> {
    if let Some((_, what)) = SIGNATURES.iter().find(|(beginning, _)| bytes.starts_with(beginning)) {
        let message = format!("it is {what}, and not text");
        return Err(Unreadable::because(UnreadableReason::NotText, message));
    }
    of_decoded(decode(bytes, encoding), format.name())
}

/// The document of a decoded text, unless that is blank or not text.
pub(super) fn of_decoded(decoded: Decoded, format: &'static str) -> Result<ReadDocument, Unreadable> {
    let Decoded { text, encoding, is_guessed, lost } = decoded;
    let mut warnings = Vec::new();
    if is_guessed {
        warnings.push(format!("encoding guessed: {encoding}"));
    }
    let (mut letters, mut controls, mut zeros) = (0, 0, 0);
    for letter in text.chars() {
        letters += 1;
        zeros += usize::from(letter == '\0');
        // Escapes colour the lines of many logs.
        controls += usize::from(letter.is_control() && !letter.is_whitespace() && letter != '\u{1b}');
    }
    if (controls + lost) * STRANGE > letters {
        let message = "it is a binary file, or text in an encoding that fanfold does not know";
        return Err(Unreadable::because(UnreadableReason::NotText, message));
    }
    check_not_blank(&text)?;
    if lost > 0 {
        let places = if lost == 1 { "1 place".to_owned() } else { format!("{} places", count(lost as u64)) };
        warnings.push(format!("{places} could not be decoded as {encoding}"));
    }
    if zeros > 0 {
        warnings.push(format!("{} in the text", counted(zeros as u64, "NUL character")));
    }
    Ok(ReadDocument { encoding: Some(encoding), warnings, ..ReadDocument::of_text(text, format) })
}

/// Checks that a text has more than white space and characters without a width.
pub(super) fn check_not_blank(text: &str) -> Result<(), Unreadable> {
    let is_nothing = |letter: char| is_blank_letter(letter) || letter.is_control();
    if text.chars().all(is_nothing) {
        return Err(Unreadable::because(UnreadableReason::Empty, "there is no text in it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_bytes(bytes: &[u8]) -> Result<ReadDocument, Unreadable> {
        read(bytes, DocumentFormat::Text, None)
    }

    fn code(bytes: &[u8]) -> &'static str {
        of_bytes(bytes).expect_err("unreadable").code()
    }

    #[test]
    fn a_text_is_kept_byte_for_byte() {
        let text = "\u{feff}one\r\ntwo\n\n\tthree \r";
        let document = of_bytes(text.as_bytes()).expect("text");
        assert_eq!((document.text.as_str(), document.warnings.len()), (text, 0));
        assert_eq!((document.format, document.encoding.as_deref()), ("text", Some("utf-8")));
    }

    #[test]
    fn doubts_about_an_encoding_are_warnings() {
        let document = of_bytes(b"Gr\xfc\xdfe aus M\xfcnchen an den K\xe4ufer").expect("text");
        assert_eq!(document.warnings, ["encoding guessed: windows-1252"]);
        let mut long = "été ".repeat(200).into_bytes();
        long.push(0xc3);
        let document = of_bytes(&long).expect("text");
        assert_eq!(document.warnings, ["1 place could not be decoded as utf-8"]);
        let document = of_bytes(format!("{}\0", "word ".repeat(20)).as_bytes()).expect("text");
        assert_eq!(document.warnings, ["1 NUL character in the text"]);
    }

    #[test]
    fn white_space_is_an_empty_document() {
        for blank in ["", "\n", "\u{feff}\r\n \u{3000}\t", "\u{200b}\u{200b}"] {
            assert_eq!(code(blank.as_bytes()), "empty", "{blank:?}");
        }
    }

    #[test]
    fn binary_files_are_not_text_whatever_their_name() {
        let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in [&noise[..], b"%PDF-1.7\n1 0 obj", b"PK\x03\x04rest", b"\x89PNG\r\n\x1a\n"] {
            assert_eq!(code(bytes), "not_text");
        }
        let pdf = of_bytes(b"%PDF-1.7\n1 0 obj").expect_err("a PDF");
        assert_eq!(pdf.message, "it is a PDF, and not text");
    }
}
