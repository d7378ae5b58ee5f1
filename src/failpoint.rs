//! Named points at which a run can be made to die, so tests can see the state that a kill at that point leaves behind.
//!
//! A build with debug assertions has one armed point, and dies when it is reached for the given time. A release build
//! contains neither the counting nor the name of the variable.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The variable that arms a point: `journal.commit.before=3` dies when that point is met for the third time.
    pub const VARIABLE: &str = "FANFOLD_FAILPOINT";

    struct Armed {
        point: String,
        left: AtomicU64,
        die: fn(),
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Arms a point, once for the whole process; `die` ends it there.
    ///
    /// # Errors
    ///
    /// When the text is not of the form `point=times`, with a number from 1.
    pub fn arm(text: &str, die: fn()) -> Result<(), String> {
        let parsed = text.split_once('=').and_then(|(point, times)| Some((point, times.parse().ok()?)));
        let Some((point, times @ 1..)) = parsed else {
            return Err(format!("{VARIABLE}: `{text}` is not of the form point=times"));
        };
        let _ = ARMED.set(Armed { point: point.to_owned(), left: AtomicU64::new(times), die });
        Ok(())
    }

    pub(super) fn meet(point: &str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.point == point) else { return };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            (armed.die)();
        }
    }
}

#[cfg(debug_assertions)]
pub use armed::{VARIABLE, arm};

/// Marks that the run has reached a point. Nothing happens unless the point is armed.
#[inline(always)]
pub fn meet(point: &str) {
    #[cfg(debug_assertions)]
    armed::meet(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}
