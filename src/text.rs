//! Text for people: numbers with separated thousands, lines that fit, and nothing that controls a terminal.

use std::process::ExitStatus;

use crate::secrets::hide;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in a form that may be shown: without secrets, and without control characters except line breaks and tabs.
pub fn printable(text: &str) -> String {
    let hidden = hide(text);
    let text = hidden.as_deref().unwrap_or(text);
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    // Characters that change the direction of writing can hide text in a line.
    let turning = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| harmless(*c) && !turning(*c)).collect()
}

/// How a program ended: "ended with exit status 3", "ended with signal 9 (SIGKILL)".
pub fn how_it_ended(status: ExitStatus) -> String {
    format!("ended with {}", status.to_string().replacen(": ", " ", 1))
}

/// The text in one line of at most `most` characters.
pub fn short(text: &str, most: usize) -> String {
    let line: String = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// How many columns of a terminal a line takes.
pub fn width(line: &str) -> usize {
    line.width()
}

/// The text in one line of at most `columns` columns of a terminal, where some characters take two.
pub fn clipped(text: &str, columns: usize) -> String {
    let line = short(text, columns);
    if line.width() <= columns {
        return line;
    }
    let mut taken = 0;
    // One column is kept for the sign that text is missing.
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns
    };
    line.trim_end_matches('…').chars().take_while(fits).chain(['…']).collect()
}

/// The text in lines of at most `columns` columns, broken between words; a continued line is indented. Text to be copied
/// from a screen stays in one piece: a command that continues a run, lines of a file that are shown, and, if it fits, text
/// in backquotes.
pub fn wrapped(text: &str, columns: usize) -> String {
    text.split('\n').map(|line| wrapped_line(line, columns)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, columns: usize) -> String {
    if line.width() <= columns || is_shown_as_written(line) {
        return line.to_owned();
    }
    let words = line.trim_start_matches(' ');
    let own = line.len() - words.len();
    // A remark below an error is indented below its own words.
    let indent = own + if words.starts_with("= ") { 4 } else { 2 };
    let mut out = " ".repeat(own);
    let mut at = own;
    let mut is_first = true;
    for word in words_of(words, columns.saturating_sub(indent)) {
        if !is_first && at + 1 + word.width() > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else if !is_first {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += word.width();
        is_first = false;
    }
    out
}

/// Whether a line is a command to be run again, or a line of a job file below a message.
fn is_shown_as_written(line: &str) -> bool {
    let begins = ["to continue", "  in: ", "{", "["].iter().any(|begin| line.starts_with(begin));
    let gutter = line.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    begins || ["| ", "--> ", "::: ", "^"].iter().any(|mark| gutter.starts_with(mark))
}

/// The words of a line, with text in backquotes as one word if that fits.
fn words_of(line: &str, room: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let blank = |from: usize| rest[from..].find(' ').map_or(rest.len(), |at| from + at);
        let mut end = blank(0);
        while rest[..end].matches('`').count() % 2 == 1 && end < rest.len() {
            end = blank(end + 1);
        }
        if rest[..end].matches('`').count() % 2 == 1 || rest[..end].width() > room {
            end = blank(0);
        }
        words.push(&rest[..end]);
        rest = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
    }
    words
}

/// A whole number with separated thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size for people: `408 MB`.
pub fn bytes(size: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let size = size as f64;
    let unit = units.into_iter().find(|(_, one)| size >= *one);
    unit.map_or_else(
        || format!("{size} bytes"),
        |(name, one)| match size / one {
            few if few < 9.95 => format!("{few:.1} {name}"),
            many => format!("{many:.0} {name}"),
        },
    )
}

/// A count with its noun: `1 row`, `2 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{} {noun}s", count(number)),
    }
}

/// Money: cents, or more digits if there are only fractions of a cent. Only zero is shown as 0.
pub fn money(amount: f64) -> String {
    match amount {
        amount if amount == 0.0 || amount >= 1.0 => format!("{amount:.2}"),
        amount if amount >= 0.0001 => format!("{amount:.4}"),
        // Two significant digits.
        amount => format!("{amount:.*}", (1.0 - amount.log10().floor()).clamp(4.0, 12.0) as usize),
    }
}

/// A rate with its significant digits.
pub fn rate(each_second: f64) -> String {
    match each_second {
        rate if rate >= 100.0 => count(rate.round() as u64),
        rate if rate >= 10.0 => format!("{rate:.1}"),
        rate => format!("{rate:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_text_to_be_copied_is_not() {
        let message = "warning: the price of 3 requests is not known\n  = help: give `[price]`, or `input = 1.0`, in the job file";
        let shown = "warning: the price of 3\n  requests is not known\n  = help: give\n      `[price]`, or\n      `input = 1.0`, in\n      the job file";
        assert_eq!(wrapped(message, 24), shown);
        assert_eq!(wrapped(message, 200), message);
        for as_it_is in [
            "to continue: fanfold run --prompt 'a b c'",
            " 12 | user = \"a b c d e f g h\"",
            "  --> jobs/a file.toml:12:7",
        ] {
            assert_eq!(wrapped(as_it_is, 12), as_it_is);
        }
        assert_eq!(wrapped("a_word_that_is_longer than that", 10), "a_word_that_is_longer\n  than\n  that");
        assert_eq!(wrapped("说 一二三四五六 七", 12), "说\n  一二三四五六\n  七");
        assert_eq!(wrapped("an odd ` mark is no code", 12), "an odd `\n  mark is no\n  code");
    }

    #[test]
    fn foreign_text_cannot_drive_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc\td\u{7}\u{202e}e"), "a[2Jb\nc\tde");
        assert_eq!(short("one\ntwo   three", 7), "one two…");
    }

    #[test]
    fn a_line_fits_the_columns_in_any_script() {
        assert_eq!(clipped("one two", 7), "one two");
        assert_eq!(clipped("one two three", 7), "one tw…");
        assert_eq!(clipped("输入数据可能", 12), "输入数据可能");
        assert_eq!((clipped("输入数据可能", 8).as_str(), width("输入数…")), ("输入数…", 7));
    }

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(money(0.02134), "0.0213");
        assert_eq!(money(12.5), "12.50");
        assert_eq!(money(0.0), "0.00");
        assert_eq!(money(0.000_034_4), "0.000034");
        assert_eq!(rate(1234.5), "1,235");
    }
}
