//! `fanfold run`: the requests of a job, the server's replies, and how each row ends.

mod blank;
mod checks;
mod compatible_servers;
mod duplicate_requests;
mod each;
mod each_walk;
mod environment_variables;
mod error_table;
mod job_file_mistakes;
mod lost_in_translation;
mod notifications;
mod outage;
mod pieces;
mod preflight;
mod reply_variants;
mod request_parameters;
mod sample_jobs;
mod settings;
mod streaming;
mod structured_answers;
mod templates;
mod tool_calls;
mod translation;
mod truncated_answers;
mod unusable_replies;
mod whole_jobs;
