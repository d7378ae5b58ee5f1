//! The lines of `fanfold status` on a screen, and their colours.

use crate::text::printable;

/// The colour of a line on the screen, if there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    /// The bar.
    Bar,
    /// What holds the run back, and errors.
    Notable,
    /// Less important lines.
    Dim,
}

/// A line of the screen.
pub(super) type ScreenLine = (Ink, String);

/// A line as printed: only its ink controls the terminal, never its text.
pub(super) fn painted((ink, text): &ScreenLine, color: bool) -> String {
    let text = printable(text);
    let code = match ink {
        Ink::Plain => return text,
        _ if !color => return text,
        Ink::Bar => "36",
        Ink::Notable => "33",
        Ink::Dim => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
