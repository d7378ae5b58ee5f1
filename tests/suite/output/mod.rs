//! Output: files, exports, receipts and figures.

mod columns;
mod document_files;
mod export_and_verify;
mod export_without_matching;
mod formats;
mod left_as_it_is;
mod metrics_and_progress;
mod sheets;
mod spreadsheet_programs;
mod terminal;
