//! The lines of `fanfold status` on a screen, and their colours.

use crate::text::printable;

/// How a line of the screen is coloured, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    /// The bar.
    Bar,
    /// What holds the run back, and errors.
    Notable,
    /// What matters less.
    Dim,
}

/// A line of the screen.
pub(super) type ScreenLine = (Ink, String);

/// A line as it is printed: nothing foreign in it drives the terminal, only its ink does.
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
