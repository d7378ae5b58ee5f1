//! Input: rows, files and types of values.

mod changed_while_read;
mod exact_types;
mod rows;
mod several_files;
