//! How long a reply may be.

use crate::outcome::{Fault, FaultKind};

/// The longest reply that is accepted, in bytes: far above any model's longest answer.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The fault of a reply that is longer than any answer.
pub(super) fn too_long() -> Fault {
    let message = format!("the reply is longer than {} MiB", MOST_BYTES >> 20);
    Fault::new(FaultKind::Unusable, "reply_too_long", message)
}
