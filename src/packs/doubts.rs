//! What makes it doubtful that each part of an answer is under the mark of its own text.

use std::collections::{HashMap, HashSet};

use super::refusal::PackRefusal;
use crate::pieces::literals;

/// From how many characters on two equal answers of a chat model are doubtful: labels are short, and rightly equal.
const LONG_ANSWER: usize = 40;

/// How much the words of another text must weigh more in a translation than those of its own. Languages have words in common,
/// and a number weighs as much as two words.
const CROSSED_TRANSLATION: usize = 2;

/// The same in the answer of a chat model, which may be about anything.
const CROSSED_ANSWER: usize = 6;

/// The weight of a word with a digit.
const OF_A_NUMBER: usize = 2;

/// Looks for doubts in parts, each beside the text it is to answer. Gives the pairs of parts that are equal without a sign that any other
/// part is out of its place.
pub(super) fn check(
    texts: &[&str],
    parts: &[&str],
    translates: bool,
) -> Result<Vec<(usize, usize)>, PackRefusal> {
    let doubled = doubled(texts, parts, translates);
    // A text that came back twice moves those after it. Equal parts with others between them are words for the same thing, as a
    // rule: "Delete" and "Remove".
    if let Some((one, other)) = doubled.iter().find(|(one, other)| one + 1 == *other) {
        return Err(PackRefusal::Doubled(one + 1, other + 1));
    }
    if translates && let Some((index, literal)) = strayed(texts, parts) {
        return Err(PackRefusal::Strayed(index + 1, literal));
    }
    match crossed(texts, parts, if translates { CROSSED_TRANSLATION } else { CROSSED_ANSWER }) {
        Some((part, text)) => Err(PackRefusal::Crossed(part + 1, text + 1)),
        None => Ok(doubled),
    }
}

/// Pairs of equal parts, each of the nearest two, of texts that differ in more than marks and case.
fn doubled(texts: &[&str], parts: &[&str], translates: bool) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(before) = seen.insert(part, index) else { continue };
        let is_long = translates || part.chars().count() >= LONG_ANSWER;
        if is_long && essence(texts[before]) != essence(texts[index]) {
            pairs.push((before, index));
        }
    }
    pairs
}

/// The letters and digits of a text; of one without any, the text.
fn essence(text: &str) -> String {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { text.to_owned() } else { letters }
}

/// What stays as it is in a translation, is missing in the part of its text, and is in another part that has no right to it. Whatever
/// is missing everywhere is a fault of one translation, and not of the pack: the checks of its row find it.
fn strayed(texts: &[&str], parts: &[&str]) -> Option<(usize, String)> {
    let count = |text: &str, literal: &str| text.matches(literal).count();
    let is_elsewhere = |literal: &str| {
        texts.iter().zip(parts).any(|(text, part)| count(part, literal) > count(text, literal))
    };
    texts.iter().zip(parts).enumerate().find_map(|(index, (text, part))| {
        let literals = literals(text);
        let missing = |literal: &&str| count(part, literal) < count(text, literal);
        let mut lost = literals.iter().map(|literal| literal.text).filter(missing);
        lost.find(|literal| is_elsewhere(literal)).map(|literal| (index, literal.to_owned()))
    })
}

/// A part that has more of the words that tell another text from its own than of those that tell its own from the other.
fn crossed(texts: &[&str], parts: &[&str], at_least: usize) -> Option<(usize, usize)> {
    let of_texts: Vec<HashSet<String>> = texts.iter().map(|text| words(text)).collect();
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, words) in of_texts.iter().enumerate() {
        words.iter().for_each(|word| holders.entry(word).or_default().push(index));
    }
    // What a part has of each other text alone, and of both that and its own.
    let (mut foreign, mut shared) = (vec![0; texts.len()], vec![0; texts.len()]);
    for (index, part) in parts.iter().enumerate() {
        foreign.fill(0);
        shared.fill(0);
        let mut own = 0;
        for word in words(part) {
            let weight = weight(&word);
            match holders.get(word.as_str()) {
                Some(texts) if texts.contains(&index) => {
                    own += weight;
                    texts.iter().for_each(|text| shared[*text] += weight);
                }
                Some(texts) => texts.iter().for_each(|text| foreign[*text] += weight),
                None => {}
            }
        }
        // Words that two texts have in common do not tell them apart.
        let is_of = |text: &usize| foreign[*text] + shared[*text] >= own + at_least;
        if let Some(text) = (0..texts.len()).filter(|text| *text != index).find(is_of) {
            return Some((index, text));
        }
    }
    None
}

fn weight(word: &str) -> usize {
    if word.contains(|c: char| c.is_ascii_digit()) { OF_A_NUMBER } else { 1 }
}

/// The words of a text, each once, without single letters.
fn words(text: &str) -> HashSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.len() > 1 || is_digit(word)).map(str::to_lowercase).collect()
}

fn is_digit(word: &str) -> bool {
    word.len() == 1 && word.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_translations_of_different_texts_are_doubtful_and_labels_are_not() {
        let texts = ["Save the file", "Open the file"];
        assert_eq!(check(&texts, &["Datei", "Datei"], true), Err(PackRefusal::Doubled(1, 2)));
        assert_eq!(check(&texts, &["positive", "positive"], false), Ok(vec![]));
        let apart = ["Delete", "The file", "Remove"];
        assert_eq!(check(&apart, &["Löschen", "Die Datei", "Löschen"], true), Ok(vec![(0, 2)]));
        let long = "A sentence that is long enough to be nobody else's.";
        assert_eq!(check(&texts, &[long, long], false), Err(PackRefusal::Doubled(1, 2)));
        assert_eq!(check(&["Save…", "save"], &["Sichern", "Sichern"], true), Ok(vec![]));
    }

    #[test]
    fn placeholders_urls_and_tags_are_not_in_the_translation_of_another_text() {
        let texts = ["Hello {name}", "See https://x.org/a"];
        let good = ["Bonjour {name}", "Voir https://x.org/a"];
        assert_eq!(check(&texts, &good, true), Ok(vec![]));
        let swapped = [good[1], good[0]];
        assert_eq!(check(&texts, &swapped, true), Err(PackRefusal::Strayed(1, "{name}".to_owned())));
        // A placeholder that is nowhere is its own row's fault.
        assert_eq!(check(&texts, &["Bonjour", good[1]], true), Ok(vec![]));
        assert_eq!(check(&texts, &["greeting", "pointer"], false), Ok(vec![]));
    }

    #[test]
    fn names_and_numbers_of_another_text_show_that_parts_have_changed_places() {
        let texts = ["Ann came in 1984", "Bob left in 2003", "No"];
        let good = ["Ann est venue en 1984", "Bob est parti en 2003", "Non"];
        assert_eq!(check(&texts, &good, true), Ok(vec![]));
        let shifted = [good[1], good[0], good[2]];
        assert_eq!(check(&texts, &shifted, true), Err(PackRefusal::Crossed(1, 2)));
        let rows = ["Open the lid of box 31", "Open the lid of box 32"];
        assert_eq!(
            check(&rows, &["la box 32 the lid of", "la box 31 the lid of"], true),
            Err(PackRefusal::Crossed(1, 2))
        );
        // One word that two languages have in common is no sign.
        assert_eq!(check(&["The app will die", "The file"], &["Ende", "die Datei"], true), Ok(vec![]));
    }
}
