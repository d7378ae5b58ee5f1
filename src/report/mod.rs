//! The side room that makes one page of a journal's figures: a self-contained HTML page without scripts.
//!
//! The caller adds to [`Figures`] record by record: runs, paid answers, faults, failed rows, and what held the runs back.
//! `timeline` divides them into slices of the running time, `histogram` holds the distribution of latencies and tokens,
//! `message_groups` sorts messages into groups. [`page()`] makes the page: `sections` and `chart` turn figures into tables
//! and drawings in numbers, `bottleneck` says in words what held a run back, and the template `page.html` has the layout and
//! the other words. All else, such as limits and orders, is in a [`ReportSubject`].
//!
//! Laws of this room:
//!
//! - The size of the figures depends on time and on kinds of messages, never on the number of rows.
//! - The page runs no script and loads nothing; its policy allows its own style alone, by hash.
//! - The template's engine escapes every value, and every text passes the gate for what may be shown.
//! - The cost of a request is the journal's; today's price only divides it among kinds of tokens.

mod bottleneck;
mod chart;
mod figures;
mod histogram;
pub mod message_groups;
mod page;
mod sections;
mod subject;
mod timeline;

pub use figures::Figures;
pub use page::page;
pub use subject::{ReportSubject, SubjectRows};
