//! A module, with the other modules on which it depends.

use std::collections::{BTreeMap, BTreeSet};

/// A module's path in the crate: `["dispatch", "pace"]`; empty for the crate itself.
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
    /// The paths on which it depends: those in its code and its private imports. A re-export alone does not count.
    pub(crate) named: BTreeSet<WrittenPath>,
}
