//! The pieces that a line of JSON is put together from.

use serde::Serialize;

/// Puts a comma after the column before, if there is one: an object's first brace is the only one that can end a
/// line in the making, since values have closed theirs.
pub(super) fn separate(line: &mut Vec<u8>) {
    if line.last() != Some(&b'{') {
        line.push(b',');
    }
}

/// Appends a value that has a form in JSON.
pub(super) fn push_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(line, value);
    debug_assert!(written.is_ok(), "strings, finite numbers and JSON values always have one");
}
