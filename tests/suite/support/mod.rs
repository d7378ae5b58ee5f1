//! The foundation of all scenarios: the scene in which they run, and the judge with which they end.

pub mod billing_server;
pub mod echo_server;
pub mod evidence;
pub mod harness;
pub mod judge;
mod judge_is_strict;
pub mod key;
pub mod relay;
pub mod sheets;
pub mod side_by_side;
pub mod spreadsheet_programs;
pub mod tables;
pub mod trusted;
pub mod unsynced_disk;
