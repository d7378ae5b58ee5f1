//! fanfold runs one prompt over every row of a file and folds the answers back in input order.

// Nouns.
pub mod endpoint;
pub mod format;
pub mod outcome;
pub mod request;
pub mod row;

// Stages.
pub mod read;
