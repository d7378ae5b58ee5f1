//! The same command again: after a stop, a kill, an edit or a move, only the difference is sent.

mod another_machine;
mod edited_inputs;
mod journal_place;
mod journals;
mod killed_again_and_again;
mod renamed_output;
mod stopping;
