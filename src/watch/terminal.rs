//! The bar on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::figures;
use super::text::{count, counted};
use crate::tally::Snapshot;

/// A bar that is not drawn yet.
pub(super) fn bar(color: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = match color {
        true => "{bar:32.cyan/dim} {prefix}\n{wide_msg}",
        false => "{bar:32} {prefix}\n{wide_msg}",
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
    bar.set_prefix(format!("{} of {}", count(done), counted(snapshot.rows, "row")));
    bar.set_message(figures(snapshot));
    bar.tick();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_can_be_read() {
        for template in ["{bar:32.cyan/dim} {prefix}\n{wide_msg}", "{bar:32} {prefix}\n{wide_msg}"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
