//! Provider batches, as far as no file, clock or service is needed: how a batch and its lines are named, how a line is
//! written, how requests are divided among files, and which step follows which.
//!
//! A batch is a file of requests that the provider works off within hours, at half price. How a request travels is no part of
//! what it is: entries, fingerprints and checks stay as they are, and a batch only says which entry each of its lines is for.
//!
//! - `tag` names a batch before it exists: by a random tag, which is in the name of its file, in its metadata, and in the
//!   `custom_id` of each line. So it is found again, whatever answer was lost.
//! - `line` is a request as a line of the file.
//! - `filling` decides what the next line goes into.
//! - `phase` says how far a batch is; `step` what is done next; `failure` what to do about one that failed as a whole.
//! - `figures` is how batches stand, for people.
//!
//! Laws of this room:
//!
//! - **Intent before deed**: a batch is in the journal before its file is uploaded, and the request to create it is noted
//!   before it is made.
//! - **Nothing is created twice**: when the answer to the creation is lost, the batch is looked for first.

pub mod failure;
pub mod figures;
pub mod filling;
pub mod line;
pub mod phase;
pub mod step;
pub mod tag;
