//! The parts from which a line of JSON is built.

use serde::Serialize;

/// Appends a comma after the previous column, if there is one: in an unfinished line, only the object's own opening brace
/// can come last, since all values are closed.
pub(super) fn separate(line: &mut Vec<u8>) {
    if line.last() != Some(&b'{') {
        line.push(b',');
    }
}

/// Appends a value that JSON can represent.
pub(super) fn push_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(line, value);
    debug_assert!(written.is_ok(), "strings, finite numbers and JSON values always have one");
}
