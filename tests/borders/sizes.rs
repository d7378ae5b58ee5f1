//! A file is read in one sitting, and a function fits a screen.

use crate::house::HOUSE;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = HOUSE.files.iter().filter(|file| file.text.lines().count() > FILE_LINES);
    let long: Vec<&str> = long.map(|file| file.name.as_str()).collect();
    assert!(long.is_empty(), "too long: {long:#?}");
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let of = |file: &'static crate::house::SourceFile| {
        let long = file.functions.iter().filter(|(_, lines)| *lines > FUNCTION_LINES);
        long.map(|(function, _)| format!("{}: {function}", file.name))
    };
    let long: Vec<String> = HOUSE.files.iter().flat_map(of).collect();
    assert!(long.is_empty(), "too long: {long:#?}");
}
