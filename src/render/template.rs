//! Templates over a row's columns: minijinja, strict about names, without HTML escaping, null as nothing. The name of a column
//! in braces is that column, whatever the engine would make of it.

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
