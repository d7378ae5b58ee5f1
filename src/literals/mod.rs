//! What a translation leaves as it is, wherever it is found: placeholders, tags of HTML, addresses.
//!
//! One definition for two users: `pieces` puts such stretches back where a model lost them, and `checks` counts them in a source
//! and in its answer. Everything here looks at a text from a place on, and says where the literal ends that begins there.

mod address;
mod icu;
mod percent;
mod placeholder;
mod tag;

pub use address::{email, url};
pub use icu::icu;
pub use placeholder::placeholder;
pub use tag::{is_tag, tag};
