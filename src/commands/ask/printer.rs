//! Prints an answer as it arrives: its text, and before it, if requested, the reasoning.

use std::io::{self, Write};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::api::piece::Piece;
use crate::outcome::Answer;
use crate::text::printable;

/// How an answer is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PrintStyle {
    /// Whether pieces are shown as they arrive.
    pub(super) live: bool,
    /// Whether standard output is a terminal, which must be protected from control characters.
    pub(super) terminal: bool,
    /// Whether the reasoning is shown.
    pub(super) reasoning: bool,
    /// Whether the reasoning is dimmed.
    pub(super) dim: bool,
}

const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// Shows one answer.
pub(super) struct Printer<O> {
    out: O,
    manner: PrintStyle,
    /// The text received so far.
    content: String,
    /// The reasoning received so far.
    thought: String,
    /// Whether the reasoning is still arriving.
    thinking: bool,
    trouble: Option<io::Error>,
    /// Notified when standard output has no reader any more.
    broken: Rc<Notify>,
}

impl<O: Write> Printer<O> {
    pub(super) fn new(out: O, manner: PrintStyle) -> Self {
        Self {
            out,
            manner,
            content: String::new(),
            thought: String::new(),
            thinking: false,
            trouble: None,
            broken: Rc::default(),
        }
    }

    /// Is notified when standard output has no reader any more.
    pub(super) fn broken(&self) -> Rc<Notify> {
        Rc::clone(&self.broken)
    }

    /// Why standard output cannot be written, if so.
    pub(super) fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    /// Whether a part of the answer has been shown.
    pub(super) fn has_shown(&self) -> bool {
        !self.content.is_empty() || !self.thought.is_empty()
    }

    /// Shows a piece, if pieces are shown.
    pub(super) fn take(&mut self, piece: Piece<'_>) {
        let written = match piece {
            _ if !self.manner.live || self.trouble.is_some() => Ok(()),
            Piece::Reasoning(text) => self.reason(text),
            Piece::Content(text) => self.speak(text),
        };
        if let Err(error) = written {
            self.trouble = Some(error);
            self.broken.notify_one();
        }
    }

    /// Shows the rest of the answer, and ends its line.
    pub(super) fn finish(&mut self, answer: &Answer) -> io::Result<()> {
        if let Some(reasoning) = answer.reasoning.as_deref().filter(|_| self.thought.is_empty()) {
            self.reason(reasoning)?;
        }
        self.stop_thinking()?;
        let text = answer.response.as_deref().or(answer.tool_calls.as_deref()).unwrap_or_default();
        if self.content != text {
            // A model that repeats its whole text in each piece may have changed it.
            self.end_line()?;
            self.speak(text)?;
        }
        self.end_line()
    }

    /// Ends an unfinished line.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.stop_thinking()?;
        if !self.content.is_empty() && !self.content.ends_with('\n') {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }

    /// Prints a line of JSON.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        match self.manner.terminal {
            true => writeln!(self.out, "{}", printable(line))?,
            false => writeln!(self.out, "{line}")?,
        }
        self.out.flush()
    }

    fn speak(&mut self, text: &str) -> io::Result<()> {
        self.stop_thinking()?;
        self.content.push_str(text);
        match self.manner.terminal {
            true => self.out.write_all(printable(text).as_bytes())?,
            false => self.out.write_all(text.as_bytes())?,
        }
        self.out.flush()
    }

    /// Shows a part of the reasoning.
    fn reason(&mut self, text: &str) -> io::Result<()> {
        if !self.manner.reasoning || text.is_empty() {
            return Ok(());
        }
        let begin = if self.manner.dim && !self.thinking { DIM } else { "" };
        let shown = if self.manner.terminal { printable(text) } else { text.to_owned() };
        self.thinking = true;
        self.thought.push_str(text);
        write!(self.out, "{begin}{shown}")?;
        self.out.flush()
    }

    /// An empty line separates the reasoning from the answer.
    fn stop_thinking(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.thinking) {
            return Ok(());
        }
        let end = if self.manner.dim { RESET } else { "" };
        let breaks = if self.thought.ends_with('\n') { "\n" } else { "\n\n" };
        write!(self.out, "{end}{breaks}")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: PrintStyle = PrintStyle { live: true, terminal: false, reasoning: false, dim: false };
    const ON_A_TERMINAL: PrintStyle = PrintStyle { live: true, terminal: true, reasoning: true, dim: true };

    fn answer(response: &str) -> Answer {
        Answer { response: Some(response.to_owned()), ..Answer::default() }
    }

    /// The final contents of standard output.
    fn shown(manner: PrintStyle, pieces: &[Piece<'_>], answer: &Answer) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, manner);
        pieces.iter().for_each(|piece| printer.take(*piece));
        printer.finish(answer).expect("it is written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_answer_ends_in_one_line_break() {
        let pieces = [Piece::Content("a "), Piece::Content("b")];
        assert_eq!(shown(LIVE, &pieces, &answer("a b")), "a b\n");
        assert_eq!(shown(LIVE, &[Piece::Content("a\n")], &answer("a\n")), "a\n");
        assert_eq!(shown(PrintStyle::default(), &pieces, &answer("a b")), "a b\n");
        assert_eq!(shown(LIVE, &[], &answer("whole")), "whole\n");
    }

    #[test]
    fn reasoning_is_dimmed_on_a_terminal_and_nowhere_else() {
        let pieces = [Piece::Reasoning("hm"), Piece::Reasoning(", so"), Piece::Content("42")];
        let full = Answer { reasoning: Some("hm, so".to_owned()), ..answer("42") };
        let dimmed = "\u{1b}[2mhm, so\u{1b}[0m\n\n42\n";
        assert_eq!(shown(ON_A_TERMINAL, &pieces, &full), dimmed);
        assert_eq!(shown(PrintStyle { live: false, ..ON_A_TERMINAL }, &pieces, &full), dimmed);
        assert_eq!(shown(LIVE, &pieces, &full), "42\n");
        let asked = PrintStyle { reasoning: true, ..LIVE };
        assert_eq!(shown(asked, &pieces, &full), "hm, so\n\n42\n");
    }

    #[test]
    fn an_answer_cannot_drive_a_terminal_and_is_kept_as_it_is_elsewhere() {
        let text = "a\u{1b}[2Jb\u{7}\n";
        let pieces =
            [Piece::Reasoning("\u{1b}]0;x"), Piece::Content("a\u{1b}"), Piece::Content("[2Jb\u{7}\n")];
        let out = shown(ON_A_TERMINAL, &pieces, &answer(text));
        assert_eq!(out, "\u{1b}[2m]0;x\u{1b}[0m\n\na[2Jb\n");
        assert_eq!(shown(LIVE, &pieces, &answer(text)), text);
    }

    #[test]
    fn an_answer_that_changed_in_the_end_is_printed_again_whole() {
        assert_eq!(shown(LIVE, &[Piece::Content("Il a")], &answer("Il avait")), "Il a\nIl avait\n");
    }

    #[test]
    fn tool_calls_are_printed_where_there_is_no_text() {
        let calls = Answer { tool_calls: Some("[{}]".to_owned()), ..Answer::default() };
        assert_eq!(shown(LIVE, &[], &calls), "[{}]\n");
        let both = Answer { tool_calls: Some("[{}]".to_owned()), ..answer("a") };
        assert_eq!(shown(LIVE, &[Piece::Content("a")], &both), "a\n");
    }
}
