//! The check `placeholders`, and packs, over the catalogues of programs (gettext's `.mo`): their translations are right answers.
//!
//! They are those of the machine's packages under `/usr/share/locale`, and of Python packages under `target/catalogues`, which
//! `.ci/run` installs. Where there are too few, the test says so and ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fanfold::inside::{Checks, PackText, apart_from_neighbours, taken_apart};
use fanfold::{Answer, ChatRequest, Fingerprint};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The magic number of a catalogue in the byte order of this machine's packages.
const MAGIC: usize = 0x9504_12de;

/// The fewest texts with something to keep for which a rate says anything.
const FEWEST: usize = 5_000;

/// The most alarms in ten thousand such texts. What is left are mistakes of translators, and choices that a check cannot allow.
const MOST_ALARMS: usize = 30;

/// The rows of a pack, as many as `[pack] rows = "auto"` takes of short texts.
const PACK: usize = 30;

/// The bytes of a text from which on it is no short one.
const LONGEST: usize = 200;

/// Of so many packs, one is looked at.
const SAMPLE: usize = 6;

/// The most packs with right answers in a thousand that may be refused. One in fifty ends packing.
const MOST_REFUSED: usize = 15;

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

/// All catalogues of this machine.
fn all_catalogues() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    catalogues(Path::new("/usr/share/locale"), &mut paths);
    catalogues(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/catalogues"), &mut paths);
    paths
}

#[test]
fn translations_of_programs_raise_next_to_no_alarm_and_what_is_taken_from_them_always_does() {
    let paths = all_catalogues();
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

/// The request for a translation model of one text.
fn request(text: &str) -> ChatRequest {
    let body = serde_json::json!({
        "model": "qwen-mt-plus",
        "messages": [{ "role": "user", "content": text }],
        "translation_options": { "source_lang": "auto", "target_lang": "German" },
    });
    ChatRequest::of_body(body.to_string().into_bytes(), Fingerprint::default())
}

#[test]
fn sorted_texts_travel_together_and_next_to_no_right_answer_is_refused() {
    let (mut packs, mut refused, mut alone, mut why) = (0, 0, 0, BTreeMap::<_, usize>::new());
    for path in &all_catalogues() {
        let bytes = fs::read(path).expect("a file");
        let mut rows = texts(&bytes);
        rows.retain(|(source, answer)| source.len() < LONGEST && !answer.trim().is_empty());
        for rows in rows.chunks_exact(PACK).step_by(SAMPLE) {
            let rows: Vec<_> = rows.iter().map(|(source, answer)| (request(source), answer)).collect();
            if rows.iter().any(|(request, _)| PackText::of(request).is_none()) {
                continue;
            }
            let rows = apart_from_neighbours(rows.iter().collect());
            let numbered = rows.iter().enumerate();
            let response = numbered.map(|(number, (_, answer))| format!("[[{}]]\n{answer}\n", number + 1));
            let answer = Answer {
                response: Some(response.collect()),
                finish_reason: Some("stop".to_owned()),
                ..Answer::default()
            };
            let requests: Vec<_> = rows.iter().map(|(request, _)| request).collect();
            packs += 1;
            match taken_apart(&requests, &answer) {
                Ok(parts) => alone += parts.iter().filter(|part| part.is_err()).count(),
                Err(refusal) => {
                    refused += 1;
                    *why.entry(refusal.code()).or_default() += 1;
                }
            }
        }
    }
    if packs * PACK < FEWEST {
        eprintln!("only {packs} packs of texts are at hand, so they were not looked at");
        return;
    }
    println!("{refused} of {packs} packs refused: {why:?}; {alone} rows of the others go alone");
    assert!(refused * 1_000 <= MOST_REFUSED * packs, "{refused} of {packs} packs refused: {why:?}");
}
