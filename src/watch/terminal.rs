//! The bar on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::{figures, outlook};
use super::text::{count, counted, short};
use crate::tally::Snapshot;

const WITH_COLOR: &str = "{bar:28.cyan/dim} {prefix}\n{msg}";
const WITHOUT_COLOR: &str = "{bar:28} {prefix}\n{msg}";

/// Columns that are left free: a terminal echoes `^C` behind the last line, and a line that it makes wrap is not
/// cleared away.
const FREE: usize = 4;

/// A bar that is not drawn yet.
pub(super) fn bar(color: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = match color {
        true => WITH_COLOR,
        false => WITHOUT_COLOR,
    };
    // The template is a constant, and the test below reads it; without it the bar keeps its own style.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Draws a snapshot.
pub(super) fn draw(bar: &ProgressBar, snapshot: &Snapshot) {
    let done = snapshot.ok + snapshot.failed;
    bar.set_length(snapshot.rows);
    bar.set_position(done);
    let columns =
        rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col));
    let mut parts = vec![format!("{} of {}", count(done), counted(snapshot.rows, "row"))];
    parts.extend(outlook(snapshot));
    bar.set_prefix(fitting(&parts, columns.saturating_sub(29 + FREE)));
    bar.set_message(fitting(&figures(snapshot), columns.saturating_sub(FREE)));
    bar.tick();
}

/// As many of the parts as fit, the first ones before all; half a figure would be a wrong one.
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
    fn both_templates_can_be_read() {
        for template in [WITH_COLOR, WITHOUT_COLOR] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
