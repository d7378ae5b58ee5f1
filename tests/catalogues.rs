//! The check `placeholders` over the catalogues of programs (gettext's `.mo`): their translations are right answers.
//!
//! They are those of the machine's packages under `/usr/share/locale`, and of Python packages under `target/catalogues`, which
//! `.ci/run` installs. Where there are too few, the test says so and ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fanfold::inside::Checks;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The magic number of a catalogue in the byte order of this machine's packages.
const MAGIC: usize = 0x9504_12de;

/// The fewest texts with something to keep for which a rate says anything.
const FEWEST: usize = 5_000;

/// The most alarms in ten thousand such texts. What is left are mistakes of translators, and choices that a check cannot allow.
const MOST_ALARMS: usize = 30;

/// All catalogues under a folder.
fn catalogues(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => catalogues(&path, found),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|ending| ending == "mo") => {
                found.push(path)
            }
            _ => {}
        }
    }
}

/// The texts of a catalogue with their translations, without plurals, which lose their number in the singular.
fn texts(bytes: &[u8]) -> Vec<(&str, &str)> {
    let number = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map_or(0, |four| u32::from_le_bytes(four) as usize)
    };
    if number(0) != MAGIC {
        return Vec::new();
    }
    let (count, sources, answers) = (number(8), number(12), number(16));
    let text = |table: usize, index: usize| {
        let (length, at) = (number(table + 8 * index), number(table + 8 * index + 4));
        bytes.get(at..at + length).and_then(|text| std::str::from_utf8(text).ok())
    };
    let pairs = (0..count).filter_map(|index| text(sources, index).zip(text(answers, index)));
    let pairs = pairs.filter(|(source, answer)| !source.contains('\0') && !answer.is_empty());
    // A context is before the text.
    let pairs = pairs.map(|(source, answer)| (source.rsplit('\u{4}').next().unwrap_or(source), answer));
    pairs.filter(|(source, _)| !source.is_empty()).collect()
}

/// Why a translation may lack something, by rule: the kind of what it lacks.
fn kind(words: &str) -> &'static str {
    match words {
        words if words.contains("://") => "an address of another language",
        words if words.contains('@') => "an e-mail address of a translator",
        words if words.contains("`<") => "a tag",
        words if words.contains("`%") => "another form of a number, or a placeholder that is lost",
        _ => "a name in braces that was translated",
    }
}

#[test]
fn translations_of_programs_raise_next_to_no_alarm_and_what_is_taken_from_them_always_does() {
    let mut paths = Vec::new();
    catalogues(Path::new("/usr/share/locale"), &mut paths);
    catalogues(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/catalogues"), &mut paths);
    let checks = Checks { placeholders: true, ..Checks::default() };
    let mut random = StdRng::seed_from_u64(1);
    let (mut all, mut alarms, mut kinds) = (0, 0, BTreeMap::<_, usize>::new());
    for path in &paths {
        let bytes = fs::read(path).expect("a file");
        for (source, answer) in texts(&bytes) {
            let lost = checks.failures(source, "");
            if lost.is_empty() {
                continue;
            }
            all += 1;
            if let Some(failed) = checks.failures(source, answer).first() {
                alarms += 1;
                *kinds.entry(kind(&failed.words)).or_default() += 1;
                continue;
            }
            // What is to be kept is between backquotes in the words.
            let kept: Vec<&str> = lost[0].words.split('`').skip(1).step_by(2).collect();
            let kept = kept[random.random_range(0..kept.len())];
            if answer.contains(kept) && !kept.contains(',') && source.matches(kept).count() == 1 {
                let without = answer.replacen(kept, "", answer.matches(kept).count());
                assert!(!checks.failures(source, &without).is_empty(), "{source:?} is {without:?}");
            }
        }
    }
    if all < FEWEST {
        eprintln!("only {all} texts of catalogues are at hand, so they were not checked");
        return;
    }
    println!("{alarms} alarms in {all} texts of {} catalogues: {kinds:?}", paths.len());
    assert!(alarms * 10_000 <= MOST_ALARMS * all, "{alarms} alarms in {all} texts: {kinds:?}");
}
