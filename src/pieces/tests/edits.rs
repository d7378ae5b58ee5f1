//! How many pieces of a book change when it is edited.

use std::collections::HashSet;

use super::super::SplitBy::Markdown;
use super::split;

/// A fixed sequence of numbers that look like chance.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn sentence(&mut self, words: usize) -> String {
        let word = |numbers: &mut Self| -> String {
            let length = 2 + numbers.below(8);
            (0..length).map(|_| char::from(b'a' + numbers.below(26) as u8)).collect()
        };
        let words: Vec<String> = (0..words).map(|_| word(self)).collect();
        words.join(" ") + "."
    }

    /// Paragraphs of very uneven length: talk, prose, and a few of several pages.
    fn book(&mut self, paragraphs: usize, words: usize) -> Vec<String> {
        let paragraph = |_| {
            let words = match self.below(10) {
                0..=2 => 3 + self.below(10),
                9 => 3 * words + self.below(3 * words),
                _ => words / 2 + self.below(words),
            };
            self.sentence(words)
        };
        (0..paragraphs).map(paragraph).collect()
    }
}

fn pieces(paragraphs: &[String]) -> Vec<String> {
    let text = paragraphs.join("\n\n");
    split(&text, Markdown, 1200).pieces.into_iter().map(|piece| piece.text).collect()
}

/// For each edited paragraph, how many pieces of the book are not those of before.
fn changed(book: &[String], edit: impl Fn(&mut Vec<String>, usize)) -> Vec<usize> {
    let known: HashSet<String> = pieces(book).into_iter().collect();
    let count = |at: usize| {
        let mut edited = book.to_vec();
        edit(&mut edited, at);
        pieces(&edited).iter().filter(|piece| !known.contains(*piece)).count()
    };
    (0..book.len()).step_by(37).map(count).collect()
}

/// Of all counts, how many are at most so many.
fn at_most(counts: &[usize], most: usize) -> f64 {
    counts.iter().filter(|count| **count <= most).count() as f64 / counts.len() as f64
}

#[test]
fn an_edited_paragraph_changes_one_piece_or_two_and_an_inserted_or_deleted_one_a_few() {
    for (seed, words) in [(1, 20), (2, 60), (3, 150)] {
        let book = Numbers(0x9e37_79b9 + seed).book(700, words);
        let edited = changed(&book, |book, at| book[at].push_str(" A sentence more."));
        assert!(at_most(&edited, 1) > 0.95 && at_most(&edited, 2) >= 0.98, "{edited:?}");
        let other = Numbers(99 + seed).sentence(words);
        let inserted = changed(&book, |book, at| book.insert(at, other.clone()));
        assert!(inserted.iter().all(|count| *count <= 5), "{inserted:?}");
        let deleted = changed(&book, |book, at| drop(book.remove(at)));
        assert!(deleted.iter().all(|count| *count <= 5), "{deleted:?}");
    }
}

#[test]
fn pieces_are_well_filled() {
    for words in [20, 60, 150] {
        let pieces = pieces(&Numbers(7).book(400, words));
        let bytes: usize = pieces.iter().map(String::len).sum();
        let filled = bytes as f64 / (pieces.len() * 4 * 1200) as f64;
        assert!(filled > 0.65, "{filled}");
    }
}
