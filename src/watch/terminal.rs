//! The bar on a terminal.

mod echo;

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use echo::Terminal;

use super::plain::{deadline_check, figures};
use super::stderr::columns;
use crate::tally::Snapshot;
use crate::text::short;

/// Columns of the bar: on a wide terminal, and on one that needs the space for the text next to it.
const BARS: (usize, usize) = (28, 12);

/// Columns of a wide terminal.
const WIDE: usize = 72;

/// Columns left free: a terminal echoes `^C` at the end of the last line, and a line that wraps because of it is not
/// cleared.
const FREE: usize = 4;

/// How often the bar is drawn in a second.
const HERTZ: u8 = 10;

/// A bar that is hidden until [`begin`].
pub(super) fn bar() -> ProgressBar {
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden())
}

/// Shows the bar, if there is a terminal, with the first figures: earlier it would be empty.
pub(super) fn begin(bar: &ProgressBar, color: bool, snapshot: &Snapshot) {
    if stderr().is_terminal() {
        bar.reset();
        bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::default()), HERTZ));
        draw(bar, color, snapshot);
    }
}

/// Draws a snapshot.
pub(super) fn draw(bar: &ProgressBar, color: bool, snapshot: &Snapshot) {
    let done = snapshot.ok + snapshot.failed;
    let columns = columns(stderr()).unwrap_or(80);
    let room = if columns < WIDE { BARS.1 } else { BARS.0 };
    if let Some(style) = style(room, color) {
        bar.set_style(style);
    }
    let mut parts = vec![snapshot.progress()];
    parts.extend(deadline_check(snapshot));
    bar.set_prefix(fitting(&parts, columns.saturating_sub(room + 1 + FREE)));
    bar.set_message(fitting(&figures(snapshot), columns.saturating_sub(FREE)));
    bar.set_length(snapshot.rows);
    bar.set_position(done);
    bar.tick();
}

/// The style of a bar of this many columns. Its template consists of constants, which the test below reads; if it is
/// invalid, the bar keeps its default style.
fn style(room: usize, color: bool) -> Option<ProgressStyle> {
    let ink = if color { ".cyan/dim" } else { "" };
    let style = ProgressStyle::with_template(&format!("{{bar:{room}{ink}}} {{prefix}}\n{{msg}}")).ok()?;
    Some(style.progress_chars("━╸─"))
}

/// As many of the parts as fit, from the first; a part of a figure would be misleading.
fn fitting(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let longer = if line.is_empty() { short(part, columns) } else { format!("{line} · {part}") };
        if longer.chars().count() <= columns || line.is_empty() {
            line = longer;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_leaves_whole_figures_out() {
        let parts = ["7.14 rows/s", "347 tokens/s", "cost 0.0026", "3 failed"].map(str::to_owned);
        assert_eq!(fitting(&parts, 80), "7.14 rows/s · 347 tokens/s · cost 0.0026 · 3 failed");
        assert_eq!(fitting(&parts, 39), "7.14 rows/s · 347 tokens/s · 3 failed");
        assert_eq!(fitting(&parts, 12), "7.14 rows/s");
        assert_eq!(fitting(&parts, 4), "7.14…");
    }

    #[test]
    fn every_template_can_be_read() {
        for room in [BARS.0, BARS.1] {
            assert!(style(room, true).is_some() && style(room, false).is_some());
        }
    }
}
