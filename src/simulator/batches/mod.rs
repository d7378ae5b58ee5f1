//! The Batch API: files up and down, and batches that answer the lines of a file in a short time of their own.
//!
//! `call` says which call of the API a request is. `store` holds the uploaded files (`form` takes an upload apart), `batch` is
//! one batch: its states, its times and its lines (`rules` reads and checks them). `desk` holds all of them and makes the
//! replies. `manners` are the ways in which servers differ, set by a script; the fate of a single batch, such as to expire, is
//! the effect of a fault that strikes its creation. `exchange` answers each line as it would answer a live request, and only
//! then a batch goes on.

mod batch;
mod call;
mod desk;
mod form;
mod manners;
mod rules;
mod store;

pub(super) use batch::{BatchFate, LineResult};
pub(super) use call::ApiCall;
pub(super) use desk::{BatchDesk, DeskCall, DueLine};
pub(super) use manners::{BatchManners, LineOrder};
