//! The side room that makes one page of a journal's figures: HTML that is complete in itself and runs nothing.
//!
//! Whoever has a journal gathers [`Figures`] record by record: its runs, each paid answer, each fault, each failed row, and
//! what held the runs back. `timeline` puts them into slices of the time of running, `histogram` spreads latencies and
//! tokens, `message_groups` sorts messages into kinds. [`page()`] makes the page of them: `sections` and `chart` turn figures
//! into tables and drawings in numbers, `bottleneck` says in words what held a run back, and the template `page.html`
//! says and lays out all of it. What is no figure, such as limits and orders, comes as a [`ReportSubject`].
//!
//! What holds here:
//!
//! - The size of the figures depends on time and on kinds of messages, never on the number of rows.
//! - The page runs no script and loads nothing; its policy allows its own style alone, by hash.
//! - The template's engine escapes every value, and every text passes the gate for what may be shown.
//! - What a request cost is what the journal says; the price of today only says how that is shared out among its kinds.

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
