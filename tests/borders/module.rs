//! A module, as far as it says which others it depends on.

use std::collections::{BTreeMap, BTreeSet};

/// A module's path in the crate: `["dispatch", "pace"]`; the crate's own is empty.
pub(crate) type ModulePath = Vec<String>;

/// A path as the code writes it: `["super", "work", "Ready"]`.
pub(crate) type WrittenPath = Vec<String>;

/// What a module brings into scope, and which paths its code writes.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) defined: BTreeSet<String>,
    /// What its `use` declarations bind, those in function bodies included.
    pub(crate) bound: BTreeMap<String, WrittenPath>,
    pub(crate) globs: Vec<WrittenPath>,
    /// The paths that it depends on: its code's and its private imports'. A re-export is none by itself.
    pub(crate) named: BTreeSet<WrittenPath>,
}
