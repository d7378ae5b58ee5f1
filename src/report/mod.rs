//! The side room that makes one page of a journal's figures: HTML that is complete in itself and runs nothing.
//!
//! Whoever has a journal gathers [`Figures`] record by record, and makes the [`page()`] of them. Their size depends on time
//! and on kinds of messages, never on the number of rows. What the page says and how stands in the template
//! `page.html`; its engine escapes every value. The charts are drawings in numbers (`chart.rs`), which the template makes
//! SVG of.

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
pub use subject::{ReportSubject, RowCounts};
