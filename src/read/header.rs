//! The header of a CSV or TSV file: its delimiter and its columns.

use super::ReadError;
use super::columns::{Header, refuse_twins};
use super::records::Records;
use crate::row::{Column, ColumnKind};

/// What may delimit cells, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiter of CSV that begins with `head`: the one that stands most often in the header, outside quotes.
pub(super) fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    let begin = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
    for byte in &head[begin..] {
        match byte {
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'\n' | b'\r' => break,
            _ => {
                if let Some(index) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let index = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[index]
}

/// Reads the header from the first record. `None` when there is no record at all.
///
/// # Errors
/// When the file cannot be read, or a column has no name, or two have the same.
pub(super) fn read(records: &mut Records) -> Result<Option<Header>, ReadError> {
    if !records.advance()? {
        return Ok(None);
    }
    let place = records.place();
    let refuse = |reason: String| {
        Err(ReadError::columns(&place.file, format!("the header on line {}: {reason}", place.number)))
    };
    let cells = match records.cells() {
        Ok(cells) => cells,
        Err(index) => return refuse(format!("column {} is not UTF-8; convert the file to UTF-8", index + 1)),
    };
    if let Some(index) = cells.iter().position(|name| name.trim().is_empty()) {
        return refuse(format!("column {} has no name; give it one", index + 1));
    }
    let columns = cells.iter().map(|name| Column { name: name.to_owned(), kind: ColumnKind::Text }).collect();
    let header = Header { file: place.file, columns };
    refuse_twins(&header)?;
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_stands_most_often_in_the_header_outside_quotes() {
        assert_eq!(delimiter(b"a,b,c\n1;2;3;4"), b',');
        assert_eq!(delimiter(b"a;b\n1,2,3"), b';');
        assert_eq!(delimiter(b"\r\na\tb\n"), b'\t');
        assert_eq!(delimiter(b"a|b"), b'|');
        assert_eq!(delimiter(b"\"x,y,z\";b\n"), b';');
        assert_eq!(delimiter(b"\"x\n,,\";b\n"), b';');
        assert_eq!(delimiter(b"text\n"), b',');
        assert_eq!(delimiter(b""), b',');
    }
}
