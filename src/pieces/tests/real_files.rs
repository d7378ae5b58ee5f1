//! Real Markdown: the pages of the crates that fanfold is built from, and hard ones of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::SplitBy::{Lines, Markdown, Subtitles, Text};
use super::{split, texts};

/// The fewest files that the law is shown with.
const ENOUGH: usize = 400;

/// The Markdown files of all dependencies, from where cargo has their sources.
fn pages() -> Vec<PathBuf> {
    let arguments = ["metadata", "--format-version", "1", "--offline", "--locked"];
    let metadata =
        Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let metadata = metadata.map(|output| output.stdout).unwrap_or_default();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap_or_default();
    let manifests = metadata["packages"].as_array().into_iter().flatten();
    let mut pages = vec![];
    for manifest in manifests.filter_map(|package| package["manifest_path"].as_str()) {
        if manifest.contains("registry") {
            markdown_below(Path::new(manifest).parent().expect("a folder"), &mut pages);
        }
    }
    pages.sort();
    pages
}

fn markdown_below(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            markdown_below(&path, pages);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
}

/// The text with its own line ends, and with each of the others.
fn in_all_line_ends(text: &str) -> [String; 3] {
    let plain = text.replace("\r\n", "\n");
    [plain.replace('\n', "\r\n"), plain.replace('\n', "\r"), plain]
}

fn comes_back(text: &str, name: &Path) {
    for by in [Markdown, Text, Lines, Subtitles] {
        let split = split(text, by, 300);
        let joined = split.join(text, &texts(&split));
        assert!(joined.as_deref() == Ok(text), "{} by {by:?}", name.display());
    }
}

#[test]
fn hundreds_of_pages_in_both_line_ends_come_back_byte_for_byte() {
    let texts = pages().into_iter().filter_map(|page| Some((fs::read_to_string(&page).ok()?, page)));
    // Change logs of hundreds of pages say nothing more.
    let texts: Vec<_> = texts.filter(|(text, _)| text.len() < 20_000).collect();
    if texts.len() < ENOUGH {
        return eprintln!("not run: cargo's sources have {} pages here, of {ENOUGH}", texts.len());
    }
    for (text, name) in texts.iter().step_by(texts.len() / ENOUGH) {
        for text in in_all_line_ends(text).iter().chain([text]) {
            for by in [Markdown, Text] {
                let split = split(text, by, 300);
                let joined = split.join(text, &super::texts(&split));
                assert!(joined.as_deref() == Ok(text), "{} by {by:?}", name.display());
            }
        }
    }
}

#[test]
fn hard_pages_in_all_line_ends_come_back_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pages");
    let pages: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder").map(|page| page.expect("a page").path()).collect();
    assert!(pages.len() >= 4);
    for page in pages {
        let text = fs::read_to_string(&page).expect("a text");
        in_all_line_ends(&text).iter().chain([&text]).for_each(|text| comes_back(text, &page));
    }
}
