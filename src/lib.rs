//! fanfold runs one prompt over every row of a file and folds the answers back in input order.

pub mod simulator;
