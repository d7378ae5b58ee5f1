//! Input: rows, files and types of values.

mod changed_while_read;
mod csv_manners;
mod documents;
mod documents_read;
mod exact_types;
mod hostile_documents;
mod made_documents;
mod rows;
mod several_files;
mod sheets;
mod spreadsheet_programs;
