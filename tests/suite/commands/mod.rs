//! The other commands, and the pages about them.

mod ask;
mod completions_and_man;
mod docs_night;
mod documented;
mod help;
mod init;
mod job_schema;
mod models;
mod preview_and_status;
mod preview_cost;
mod price_routes;
mod prune;
mod read_only;
mod reading;
mod report;
mod set;
mod status;
