//! Rows and cells of a sheet as XML.

use std::fmt::Write as _;

use crate::format::{MAX_SHEET_TEXT, column_letters};
use crate::sheet_time::{SheetTime, SheetTimeForm};

/// How many digits of a number a spreadsheet keeps.
const DIGITS: usize = 15;

/// A style of a cell, by its number in [`super::parts::STYLES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellStyle {
    Plain,
    Header,
    Date,
    DateTime,
    Time,
    Elapsed,
}

/// A text that has more characters than a cell holds: so many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) usize);

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(super) struct RowXml {
    pub(super) text: String,
    row: u64,
    /// The index of the next cell.
    column: usize,
}

impl RowXml {
    pub(super) fn begin_row(&mut self, row: u64) {
        (self.row, self.column) = (row, 0);
        self.push(format_args!("<row r=\"{row}\">"));
    }

    pub(super) fn end_row(&mut self) {
        self.text.push_str("</row>");
    }

    /// Leaves a cell empty.
    pub(super) fn empty(&mut self) {
        self.column += 1;
    }

    /// A text is a text, whatever it looks like: `007` keeps its zeros, and `=A1` is not a formula.
    pub(super) fn text(&mut self, text: &str, style: CellStyle) -> Result<(), TooLong> {
        if text.is_empty() {
            self.empty();
            return Ok(());
        }
        if text.len() > MAX_SHEET_TEXT {
            let length = text.encode_utf16().count();
            if length > MAX_SHEET_TEXT {
                return Err(TooLong(length));
            }
        }
        self.begin_cell(style, " t=\"inlineStr\"");
        self.text.push_str("<is><t xml:space=\"preserve\">");
        push_escaped(&mut self.text, text);
        self.text.push_str("</t></is></c>");
        Ok(())
    }

    /// A number, by its text in JSON.
    pub(super) fn number(&mut self, number: &str) -> Result<(), TooLong> {
        self.value(CellStyle::Plain, "", number)
    }

    pub(super) fn boolean(&mut self, flag: bool) -> Result<(), TooLong> {
        self.value(CellStyle::Plain, " t=\"b\"", if flag { "1" } else { "0" })
    }

    pub(super) fn time(&mut self, time: SheetTime) -> Result<(), TooLong> {
        let style = match time.form {
            SheetTimeForm::Date => CellStyle::Date,
            SheetTimeForm::DateTime => CellStyle::DateTime,
            SheetTimeForm::Time => CellStyle::Time,
            SheetTimeForm::Elapsed => CellStyle::Elapsed,
        };
        self.value(style, "", &time.serial.to_string())
    }

    /// Never too long; with the type of the others, for those that call one or the other.
    fn value(&mut self, style: CellStyle, kind: &str, value: &str) -> Result<(), TooLong> {
        self.begin_cell(style, kind);
        self.push(format_args!("<v>{value}</v></c>"));
        Ok(())
    }

    fn begin_cell(&mut self, style: CellStyle, kind: &str) {
        let (letters, row) = (column_letters(self.column), self.row);
        self.column += 1;
        match style {
            CellStyle::Plain => self.push(format_args!("<c r=\"{letters}{row}\"{kind}>")),
            style => self.push(format_args!("<c r=\"{letters}{row}\" s=\"{}\"{kind}>", style as usize)),
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.text.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

/// Whether a spreadsheet keeps a number digit by digit, by its text in JSON. Others are written as text.
pub(super) fn is_exact(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let is_number = number.parse::<f64>().is_ok_and(f64::is_finite)
        && number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    // A fraction is a float that is nearest to it, whose text may have two digits more.
    let most = if mantissa.contains('.') || mantissa.len() < number.len() { DIGITS + 2 } else { DIGITS };
    is_number && digits <= most
}

/// Appends text as XML. What XML cannot hold is written as Excel does, as `_x0008_`, and so is what looks like it.
fn push_escaped(xml: &mut String, text: &str) {
    for (at, letter) in text.char_indices() {
        let escaped = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            // As it is, XML takes it for a line break. Excel writes `_x000D_`, which pandas does not read.
            '\r' => "&#13;",
            '_' if is_escape(&text.as_bytes()[at..]) => "_x005F_",
            '\t' | '\n' => {
                xml.push(letter);
                continue;
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let written = write!(xml, "_x{:04X}_", u32::from(letter));
                debug_assert!(written.is_ok(), "writing to a string cannot fail");
                continue;
            }
            _ => {
                xml.push(letter);
                continue;
            }
        };
        xml.push_str(escaped);
    }
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'_', b'x', a, b, c, d, b'_', ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_as_excel_does_it() {
        let escaped = |text| {
            let mut xml = String::new();
            push_escaped(&mut xml, text);
            xml
        };
        assert_eq!(escaped("a <b> & \"c\"\t\n"), "a &lt;b&gt; &amp; \"c\"\t\n");
        assert_eq!(escaped("\u{8}\r\0\u{ffff}"), "_x0008_&#13;_x0000__xFFFF_");
        assert_eq!(escaped("_x0008_ _x00g8_ _x0_ __x0041__"), "_x005F_x0008_ _x00g8_ _x0_ __x005F_x0041__");
    }

    #[test]
    fn numbers_that_a_spreadsheet_would_round_are_text() {
        for exact in ["0", "-7", "999999999999999", "0.1", "1e3", "-2.5E-7", "0.30000000000000004", "100.50"]
        {
            assert!(is_exact(exact), "{exact}");
        }
        for other in [
            "1000000000000001",
            "12345678901234567890",
            "0.1234567890123456789",
            "[1]",
            "{}",
            "NaN",
            "inf",
            "1e999",
        ] {
            assert!(!is_exact(other), "{other}");
        }
    }

    #[test]
    fn a_cell_holds_so_many_units_of_utf_16() {
        let mut xml = RowXml::default();
        assert_eq!(xml.text(&"é".repeat(MAX_SHEET_TEXT), CellStyle::Plain), Ok(()));
        assert_eq!(xml.text(&"🎉".repeat(16_384), CellStyle::Plain), Err(TooLong(32_768)));
    }
}
