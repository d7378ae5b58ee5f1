//! A file is read in one sitting, and a function fits a screen.

use std::collections::BTreeSet;

use crate::house::HOUSE;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// Files that are longer still. A file leaves this list when it fits, and none joins it.
const LONG_FILES: &[&str] = &[];

/// Functions that are longer still, by file and name; as above.
const LONG_FUNCTIONS: &[&str] = &["pipeline/plan.rs: plan"];

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = HOUSE.files.iter().filter(|file| file.text.lines().count() > FILE_LINES);
    only_known(long.map(|file| file.name.clone()).collect(), LONG_FILES);
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let of = |file: &'static crate::house::SourceFile| {
        let long = file.functions.iter().filter(|(_, lines)| *lines > FUNCTION_LINES);
        long.map(|(function, _)| format!("{}: {function}", file.name))
    };
    only_known(HOUSE.files.iter().flat_map(of).collect(), LONG_FUNCTIONS);
}

fn only_known(long: BTreeSet<String>, known: &[&str]) {
    let new: Vec<&String> = long.iter().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(new.is_empty(), "too long: {new:#?}");
    let gone: Vec<&&str> = known.iter().filter(|name| !long.contains(**name)).collect();
    assert!(gone.is_empty(), "no longer too long, so take it off the list: {gone:#?}");
}
