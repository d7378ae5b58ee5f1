//! The header of a CSV or TSV file: its delimiter and its columns.

use super::columns::{Header, refuse_twins};
use super::error::ReadError;
use super::records::Records;
use crate::csv_manner::CsvManner;
use crate::row::{Column, ColumnKind};

/// The possible delimiters of cells, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiter of CSV that begins with `head`: the most frequent one in the header, outside quotes.
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

/// The delimiter in a first line `sep=;`, which spreadsheets write and read, and the length of that line.
pub(super) fn named_delimiter(head: &[u8]) -> Option<(u8, usize)> {
    let is_named = |word: &[u8]| word.eq_ignore_ascii_case(b"sep=");
    let is_quoted = head.first() == Some(&b'"');
    let begin = usize::from(is_quoted);
    let word = head.get(begin..begin + 4).filter(|word| is_named(word))?;
    let at = begin + word.len();
    let delimiter = *head.get(at).filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte))?;
    let rest = &head[at + 1..];
    let rest = if is_quoted { rest.strip_prefix(b"\"")? } else { rest };
    let end = match rest {
        [] => 0,
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    Some((delimiter, head.len() - rest.len() + end))
}

/// Reads the header from the first record. Columns without a name do not count: they come from a delimiter at the end of each
/// line, or are empty in the spreadsheet, and the reader of the rows holds them to have no values. `None` when there is no
/// record.
///
/// # Errors
/// The file cannot be read, no column has a name, or two have the same name.
pub(super) fn read(records: &mut Records, delimiter: u8) -> Result<Option<Header>, ReadError> {
    if !records.advance()? {
        return Ok(None);
    }
    let place = records.place();
    let refuse = |reason: String| {
        Err(ReadError::columns(&place.file, format!("the header on line {}: {reason}", place.number)))
    };
    let cells = match records.cells() {
        Ok(cells) => cells,
        Err(index) => {
            let (encoding, advice) = records.text().encoding_advice();
            return refuse(format!("column {} is not {encoding}; {advice}", index + 1));
        }
    };
    let is_named = |name: &str| !name.trim().is_empty();
    let unnamed: Vec<usize> =
        cells.iter().enumerate().filter(|(_, name)| !is_named(name)).map(|(index, _)| index).collect();
    if unnamed.len() == records.count() {
        return refuse("column 1 has no name; give it one".to_owned());
    }
    let named = cells.iter().filter(|name| is_named(name));
    let columns = named.map(|name| Column { name: name.to_owned(), kind: ColumnKind::Text }).collect();
    let notices = ignored(&unnamed, records.count());
    let manner = Some(CsvManner { delimiter, is_marked: records.text().wants_mark() });
    let header = Header { file: place.file, columns, unnamed, manner, notices };
    refuse_twins(&header)?;
    Ok(Some(header))
}

/// The notices about columns without a name, of all `count`.
fn ignored(unnamed: &[usize], count: usize) -> Vec<String> {
    let last = unnamed.iter().rev().zip((0..count).rev()).take_while(|(index, end)| **index == *end).count();
    let inner = &unnamed[..unnamed.len() - last];
    let inner = match inner {
        [] => None,
        [one] => Some(format!("column {} has no name and no values, and is ignored", one + 1)),
        [first, ..] => {
            let (count, first) = (inner.len(), first + 1);
            Some(format!("{count} columns such as {first} have no names and no values, and are ignored"))
        }
    };
    let last = match last {
        0 => None,
        1 => Some("the last column has no name and no values, and is ignored".to_owned()),
        _ => Some(format!("the last {last} columns have no names and no values, and are ignored")),
    };
    inner.into_iter().chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_may_name_the_delimiter() {
        assert_eq!(named_delimiter(b"sep=;\r\na;b"), Some((b';', 7)));
        assert_eq!(named_delimiter(b"SEP=\t\na\tb"), Some((b'\t', 6)));
        assert_eq!(named_delimiter(b"\"sep=|\"\na|b"), Some((b'|', 8)));
        assert_eq!(named_delimiter(b"sep=,"), Some((b',', 5)));
        for other in [&b"sep=;;\n"[..], b"sep=\na", b"separator;b\n", b"sep", b"\"sep=;\n", b""] {
            assert_eq!(named_delimiter(other), None);
        }
    }

    #[test]
    fn the_delimiter_is_the_most_frequent_one_in_the_header_outside_quotes() {
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
