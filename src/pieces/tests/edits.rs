//! How many pieces of a book change when it is edited.

use std::collections::HashSet;
use std::ops::Range;

use super::super::SplitBy::Markdown;
use super::super::edges::{EdgeStrength, groups, strengths};
use super::{split, tokens};

const BUDGET: u64 = 1200;

/// A fixed sequence of numbers that look like chance.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn word(&mut self) -> String {
        let length = 2 + self.below(8);
        (0..length).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    fn paragraph(&mut self, words: usize) -> String {
        let words: Vec<String> = (0..words).map(|_| self.word()).collect();
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
            self.paragraph(words)
        };
        (0..paragraphs).map(paragraph).collect()
    }
}

/// A book as the rule for edges sees it, so that many edits can be tried.
struct Book {
    paragraphs: Vec<String>,
    seen: Seen,
}

/// What the rule for edges sees of each paragraph, and which one it is.
#[derive(Clone, Default)]
struct Seen {
    sizes: Vec<u64>,
    strengths: Vec<EdgeStrength>,
    names: Vec<usize>,
}

impl Book {
    fn new(paragraphs: Vec<String>) -> Self {
        let sizes = paragraphs.iter().map(|paragraph| tokens(paragraph)).collect();
        let strengths = strengths_of(&paragraphs, 0);
        let names = (0..paragraphs.len()).collect();
        Self { seen: Seen { sizes, strengths, names }, paragraphs }
    }

    /// With other paragraphs instead of a range of them.
    fn edited(&self, range: Range<usize>, paragraphs: &[String]) -> Seen {
        let mut seen = self.seen.clone();
        seen.sizes.splice(range.clone(), paragraphs.iter().map(|paragraph| tokens(paragraph)));
        seen.names.splice(range.clone(), paragraphs.iter().map(|_| usize::MAX));
        // A paragraph knows the one before it.
        let (before, after) = (range.start - 1, (range.end + 1).min(self.paragraphs.len()));
        let around =
            [&self.paragraphs[before..range.start], paragraphs, &self.paragraphs[range.end..after]].concat();
        seen.strengths.splice(range.start..after, strengths_of(&around, 1));
        seen
    }
}

impl Seen {
    fn groups(&self) -> Vec<Range<usize>> {
        groups(&self.sizes, &self.strengths, 1, BUDGET)
    }

    fn pieces(&self) -> HashSet<&[usize]> {
        self.groups().into_iter().map(|group| &self.names[group]).collect()
    }
}

/// The strengths of the edges before paragraphs, from one on.
fn strengths_of(paragraphs: &[String], from: usize) -> Vec<EdgeStrength> {
    let mut end = 0;
    let stretches = paragraphs.iter().map(|paragraph| {
        let start = end;
        end += paragraph.len();
        (3, start..end)
    });
    strengths(&paragraphs.concat(), stretches).split_off(from)
}

/// For each of many paragraphs, how many pieces of the edited book are not those of before.
fn changed(book: &Book, mut edit: impl FnMut(&str) -> Vec<String>, replaced: usize) -> Vec<usize> {
    let known = book.seen.pieces();
    let count = |at: usize| {
        let edited = book.edited(at..at + replaced, &edit(&book.paragraphs[at]));
        edited.pieces().difference(&known).count()
    };
    (1..book.paragraphs.len()).step_by(31).map(count).collect()
}

/// The share of counts that are at most so many.
fn at_most(counts: &[usize], most: usize) -> f64 {
    counts.iter().filter(|count| **count <= most).count() as f64 / counts.len() as f64
}

fn books() -> impl Iterator<Item = (Book, Numbers)> {
    let seeds = [(1, 20), (2, 60), (3, 150)];
    seeds.into_iter().map(|(seed, words)| {
        let mut numbers = Numbers(0x9e37_79b9 + seed);
        (Book::new(numbers.book(3000, words)), numbers)
    })
}

#[test]
fn a_word_changed_or_a_sentence_added_changes_one_piece_and_rarely_another() {
    let mut counts = vec![];
    for (book, mut numbers) in books() {
        let other_word = |paragraph: &str| {
            let mut words: Vec<&str> = paragraph.split(' ').collect();
            let (word, place) = (numbers.word(), numbers.below(words.len()));
            words[place] = &word;
            vec![words.join(" ")]
        };
        counts.extend(changed(&book, other_word, 1));
        counts.extend(changed(&book, |paragraph| vec![format!("{paragraph} A sentence more.")], 1));
    }
    assert!(at_most(&counts, 1) > 0.96 && at_most(&counts, 2) > 0.99, "{counts:?}");
    assert!(at_most(&counts, 4) >= 1.0, "{counts:?}");
}

#[test]
fn a_paragraph_written_anew_inserted_or_deleted_changes_a_few_pieces() {
    for (book, mut numbers) in books() {
        let anew = changed(&book, |paragraph| vec![numbers.paragraph(paragraph.len() / 7 + 1)], 1);
        let inserted = changed(&book, |_| vec![numbers.paragraph(30)], 0);
        let deleted = changed(&book, |_| vec![], 1);
        for counts in [anew, inserted, deleted] {
            assert!(at_most(&counts, 2) > 0.90 && at_most(&counts, 6) >= 1.0, "{counts:?}");
        }
    }
}

#[test]
fn pieces_are_well_filled_and_two_neighbours_never_fit_one() {
    for (book, _) in books() {
        let groups = book.seen.groups();
        let sizes = &book.seen.sizes;
        let sum = |group: &Range<usize>| sizes[group.clone()].iter().sum::<u64>() + group.len() as u64 - 1;
        let filled = groups.iter().map(sum).sum::<u64>() as f64 / (groups.len() as u64 * BUDGET) as f64;
        assert!(filled > 0.65, "{filled}");
        assert!(groups.windows(2).all(|pair| sum(&pair[0]) + 1 + sum(&pair[1]) > BUDGET));
    }
}

#[test]
fn pieces_of_a_text_begin_at_its_chapters() {
    let mut numbers = Numbers(7);
    let chapter = |number: usize| format!("# Chapter {number}\n\n{}", numbers.book(12, 40).join("\n\n"));
    let text = (1..30).map(chapter).collect::<Vec<_>>().join("\n\n");
    let split = split(&text, Markdown, BUDGET);
    for (at, piece) in split.pieces.iter().enumerate() {
        // A piece with the beginning of a chapter inside holds the whole of another.
        let inside = piece.text.match_indices("\n\nChapter").count();
        let begins = piece.text.starts_with("Chapter");
        assert!(inside == 0 || begins || at == 0, "{}", piece.text);
    }
}

#[test]
fn a_text_whose_paragraphs_say_the_same_is_cut_all_the_same() {
    let text = "Yes, that is so.\n\n".repeat(900);
    let split = split(&text, Markdown, BUDGET);
    assert!((3..=6).contains(&split.pieces.len()), "{}", split.pieces.len());
}
