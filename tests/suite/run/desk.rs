//! The translator's desk as a whole: a spreadsheet, languages and columns, a glossary, checks, packs, blank and equal texts, all in
//! one job. The parts have tests of their own; these find where they disagree.

mod bounds;
mod catalogue;
mod edits;
mod faults;
mod shapes;
mod whole;
