//! Templates over a row's columns: minijinja, strict about names, without HTML escaping, with null rendered as nothing. The
//! name of a column in braces is that column, even where the engine would parse it differently.

mod blank;
mod filled;
mod growth;
mod guard;
mod mistakes;
pub mod probe;
mod prober;
mod reading;
mod tags;
mod templates;
mod values;

pub use filled::Filled;
pub use guard::is_in_the_engine;
pub use templates::{Slot, Templates};

#[cfg(test)]
mod tests;
