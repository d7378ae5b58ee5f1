//! Where sentences end: by UAX #29, but not after abbreviations.

use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations after which a sentence continues, without their last dot.
const ABBREVIATIONS: &[&str] = &[
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mt", "Jr", "Sr", "vs", "etc", "e.g", "i.e", "cf", "al", "approx",
    "No", "Nr", "Fig", "Vol", "pp", "p", "Inc", "Ltd", "Co", "Corp", "Art", "Abs", "bzw", "ca", "z.B", "d.h",
    "usw", "M", "Mme", "Mlle", "p.ex", "Sra", "Sr", "Ud", "Uds", "т.е", "т.д", "стр", "ул", "Jan", "Feb",
    "Aug", "Sept", "Oct", "Nov", "Dec",
];

/// The sentences of a text, each with the blanks after it; together they are the text.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = vec![];
    let mut start = 0;
    for (at, part) in text.split_sentence_bound_indices() {
        let end = at + part.len();
        if end == text.len() || !goes_on(&text[start..end]) {
            found.push(&text[start..end]);
            start = end;
        }
    }
    found
}

/// Whether a text that ends so is not the end of a sentence.
fn goes_on(text: &str) -> bool {
    let Some(text) = text.trim_end().strip_suffix('.') else { return false };
    let word = text.rsplit(char::is_whitespace).next().unwrap_or(text);
    let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let mut letters = word.chars();
    let initial = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    initial || ABBREVIATIONS.contains(&word)
}

/// The last `count` sentences of a text.
pub(super) fn last_sentences(text: &str, count: usize) -> &str {
    let all = sentences(text);
    let from = all.len().saturating_sub(count);
    let length: usize = all[from..].iter().map(|sentence| sentence.len()).sum();
    text[text.len() - length..].trim()
}
