//! Guarded calls into the template engine, which panics on some templates and uses more stack the deeper a template is
//! nested.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The stack for the deepest nesting that the step limit of a rendering allows. Only the pages in use take memory.
pub(super) const DEEP_STACK: usize = 1 << 30;

thread_local! {
    static IN_THE_ENGINE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in the engine: a panic now is the engine's, and is reported as a mistake in the template, without
/// a panic message.
pub fn is_in_the_engine() -> bool {
    IN_THE_ENGINE.get()
}

/// The result of a call; `None` when it panics.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = IN_THE_ENGINE.replace(true);
    let end = panic::catch_unwind(AssertUnwindSafe(call));
    IN_THE_ENGINE.set(before);
    end.ok()
}

/// Like [`caught`], with a stack of this size; on the current stack if the system has no room for it.
pub(super) fn caught_with_stack<T: Send>(bytes: usize, call: impl FnOnce() -> T + Send) -> Option<T> {
    let call = Mutex::new(Some(call));
    let run = || caught(call.lock().unwrap_or_else(PoisonError::into_inner).take()?);
    thread::scope(|scope| match thread::Builder::new().stack_size(bytes).spawn_scoped(scope, run) {
        Ok(thread) => thread.join().ok().flatten(),
        Err(_) => run(),
    })
}
