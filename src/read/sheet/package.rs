//! The file of a spreadsheet, before its sheets are read: which kind of file it is, and whether reading it is bounded.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::ZipArchive;

use crate::read::error::ReadError;
use crate::read::spec::Expansion;
use crate::regular;

/// The first bytes of a ZIP archive, which an .xlsx file is.
pub(in crate::read) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// The first bytes of Microsoft's older container.
const OLE_MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// How many bytes of a part are looked at at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The attribute by which a table of texts says how many it has. The library makes room for as many.
const COUNT: &[u8] = b"uniqueCount";
/// How far behind it its number is looked for.
const NUMBER_BYTES: usize = 64;

/// The error for a file that cannot be read on.
pub(super) fn damaged(file: &str, reason: &str) -> ReadError {
    ReadError::Sheet { file: file.to_owned(), reason: reason.to_owned() }
}

/// Refuses a file that is not a ZIP archive, and leaves it at its beginning.
pub(super) fn refuse_others(file: &str, opened: &mut BufReader<File>) -> Result<(), ReadError> {
    let unreadable = |error| ReadError::unreadable(file, error);
    let mut head = Vec::new();
    opened.by_ref().take(512).read_to_end(&mut head).map_err(unreadable)?;
    let reason = match () {
        () if head.starts_with(ZIP_MAGIC) => {
            return opened.seek(SeekFrom::Start(0)).map(drop).map_err(unreadable);
        }
        () if head.starts_with(OLE_MAGIC) && is_encrypted(opened).map_err(unreadable)? => {
            "is protected by a password; open it and save it without"
        }
        () if head.starts_with(OLE_MAGIC) => {
            "is an Excel file of the old kind (.xls); open it in a spreadsheet program and save it as .xlsx"
        }
        () if head.trim_ascii_start().starts_with(b"<") => {
            "is a web page or XML; open it in a spreadsheet program and save it as .xlsx"
        }
        () => "is not an .xlsx file; if it is text, set `format = \"csv\"` under [input]",
    };
    Err(ReadError::format(file, reason))
}

/// Whether one of the names in an old container says that the file is encrypted.
fn is_encrypted(opened: &mut BufReader<File>) -> std::io::Result<bool> {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    opened.seek(SeekFrom::Start(0))?;
    let (mut window, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
    loop {
        let count = opened.read(&mut chunk)?;
        if count == 0 {
            return Ok(false);
        }
        window.extend_from_slice(&chunk[..count]);
        if window.windows(name.len()).any(|part| part == name) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(name.len()));
    }
}

/// Checks that the parts of a spreadsheet do not expand too far, and that none claims to hold more than it can.
///
/// # Errors
/// They do, or the archive is damaged.
pub(super) fn check(file: &str, path: &Path, expansion: Expansion) -> Result<(), ReadError> {
    let unreadable = |error| ReadError::unreadable(file, error);
    let mut opened = BufReader::new(regular::open(path).map_err(unreadable)?);
    refuse_others(file, &mut opened)?;
    let size = opened.get_ref().metadata().map_err(unreadable)?.len();
    let most = expansion.most(size);
    let mut archive = ZipArchive::new(opened).map_err(|error| damaged(file, &error.to_string()))?;
    let mut left = most;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| damaged(file, &error.to_string()))?;
        let name = part.name().map_err(|error| damaged(file, &error.to_string()))?.to_ascii_lowercase();
        // Pictures are not read.
        if !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let is_texts = name.ends_with("sharedstrings.xml");
        match check_part(part.take(left + 1), is_texts) {
            Err(reason) => return Err(damaged(file, &reason)),
            Ok(count) if count > left => {
                let reason = format!(
                    "it expands to more than {most} bytes, too many for its size; if that is right, raise `max_expanded`"
                );
                return Err(ReadError::Compressed { file: file.to_owned(), reason });
            }
            Ok(count) => left -= count,
        }
    }
    Ok(())
}

/// Reads a part to its end, and returns its length. A table of texts must be plain, and must not claim more texts than it has
/// bytes.
fn check_part(mut part: impl Read, is_texts: bool) -> Result<u64, String> {
    let (mut window, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
    let (mut length, mut claimed) = (0, 0);
    loop {
        let count = part.read(&mut chunk).map_err(|error| error.to_string())?;
        length += count as u64;
        if is_texts {
            let is_control = |byte: &u8| *byte < b' ' && !b"\t\n\r".contains(byte);
            if chunk[..count].iter().any(is_control) {
                return Err("its texts are not in UTF-8".to_owned());
            }
            window.extend_from_slice(&chunk[..count]);
            claimed = claimed.max(most_claimed(&window));
            window.drain(..window.len().saturating_sub(COUNT.len() + NUMBER_BYTES));
        }
        if count == 0 {
            let is_claimed = u64::try_from(claimed).is_ok_and(|claimed| claimed <= length);
            return if is_claimed { Ok(length) } else { Err("it claims more texts than it has".to_owned()) };
        }
    }
}

/// The largest number of texts that is claimed in a part of a table.
fn most_claimed(part: &[u8]) -> u128 {
    let claims = part.windows(COUNT.len()).enumerate().filter(|(_, word)| *word == COUNT);
    let number = |(at, _): (usize, &[u8])| {
        let behind = part[at + COUNT.len()..].iter().take(NUMBER_BYTES);
        let digits =
            behind.skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_u128, |sum, digit| sum.saturating_mul(10).saturating_add(u128::from(digit - b'0')))
    };
    claims.map(number).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_not_claim_more_texts_than_it_has_bytes() {
        let check = |text: &str| check_part(text.as_bytes(), true);
        assert_eq!(check(r#"<sst count="9" uniqueCount="3"><si/></sst>"#), Ok(42));
        let claims = "it claims more texts than it has";
        for head in ["", &" ".repeat(CHUNK_BYTES - 8), &" ".repeat(CHUNK_BYTES - 16)] {
            let count = check(&format!("{head}<sst uniqueCount = \"99999999999\"><si/></sst>"));
            assert_eq!(count, Err(claims.to_owned()));
        }
        assert!(check("<sst\0uniqueCount=\"3\"/>").is_err());
        assert_eq!(check_part(&b"\0uniqueCount=\"99\""[..], false), Ok(17), "other parts are only measured");
    }
}
