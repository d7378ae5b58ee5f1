//! The terminal that the bar draws on: a line ends where its text ends. indicatif pads each line with blanks, so a `^C` that
//! a terminal echoes after them would be on a line of its own, and the bar would not be cleared from the right place.

use std::io::{self, Write, stderr};
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;
use rustix::termios::tcgetwinsize;

/// Standard error as a target to draw on.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    drawing: Mutex<Drawing>,
}

#[derive(Debug, Default)]
struct Drawing {
    /// Text that has not been written yet.
    bytes: String,
    at: At,
}

/// Where the cursor is.
#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    /// Where it was moved to.
    #[default]
    Place,
    /// After a text, whose padding follows.
    Text,
    /// At the end of a line: the next text belongs on the next one.
    End,
}

impl Drawing {
    fn text(&mut self, text: &str) {
        match self.at {
            At::Text if text.chars().all(|c| c == ' ') => {
                // The last column needs no clearing, and some terminals would clear the last character.
                if !text.is_empty() {
                    self.bytes.push_str("\u{1b}[K");
                }
                self.at = At::End;
            }
            At::End => {
                self.bytes.push_str("\r\n");
                self.bytes.push_str(text);
                self.at = At::Text;
            }
            At::Place | At::Text => {
                self.bytes.push_str(text);
                self.at = At::Text;
            }
        }
    }

    fn put(&mut self, sequence: &str) {
        self.bytes.push_str(sequence);
        self.at = At::Place;
    }
}

impl Terminal {
    fn draw(&self, draw: impl FnOnce(&mut Drawing)) -> io::Result<()> {
        draw(&mut self.drawing.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    fn go(&self, steps: usize, direction: char) -> io::Result<()> {
        let sequence = if steps == 0 { String::new() } else { format!("\u{1b}[{steps}{direction}") };
        self.draw(|drawing| drawing.put(&sequence))
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        tcgetwinsize(stderr()).map_or(80, |size| size.ws_col)
    }

    fn height(&self) -> u16 {
        tcgetwinsize(stderr()).map_or(20, |size| size.ws_row)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.go(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.go(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(|drawing| {
            drawing.text(text);
            drawing.put("\r\n");
        })
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|drawing| drawing.text(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(|drawing| drawing.put("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let mut drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut drawing.bytes);
        let mut out = stderr().lock();
        out.write_all(bytes.as_bytes())?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_padded_and_the_next_one_is_below_it() {
        let terminal = Terminal::default();
        // indicatif draws two lines over two others like this.
        terminal.move_cursor_up(1).unwrap();
        terminal.clear_line().unwrap();
        terminal.move_cursor_down(1).unwrap();
        terminal.clear_line().unwrap();
        terminal.move_cursor_up(1).unwrap();
        for line in ["one", "   ", "two", ""] {
            terminal.write_str(line).unwrap();
        }
        let drawing = terminal.drawing.lock().unwrap();
        let cleared = "\u{1b}[1A\r\u{1b}[2K\u{1b}[1B\r\u{1b}[2K\u{1b}[1A";
        assert_eq!(drawing.bytes, format!("{cleared}one\u{1b}[K\r\ntwo"));
        assert_eq!(drawing.at, At::End);
    }
}
