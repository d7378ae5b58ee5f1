//! The process's own variables, where they are read.

use std::env::{self, VarError, VarsOs};
use std::ffi::OsString;

/// A variable that has to be text.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub(super) fn text(name: &str) -> Result<String, VarError> {
    env::var(name)
}

/// A variable as it is.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub(super) fn raw(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// All variables.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub(super) fn all() -> VarsOs {
    env::vars_os()
}
