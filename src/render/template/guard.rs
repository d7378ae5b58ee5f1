//! Calls into the template engine, out of which nothing comes but an answer: it panics at some templates, and takes the more of
//! the stack the deeper a template goes.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The stack for what may be nested as deep as the steps of a rendering allow. Only what is taken of it is used.
pub(super) const DEEP_STACK: usize = 1 << 30;

thread_local! {
    static IN_THE_ENGINE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has the engine at work: a panic now is the engine's, is told as a mistake in the template, and needs no
/// words of its own.
pub fn is_in_the_engine() -> bool {
    IN_THE_ENGINE.get()
}

/// What a call gives; nothing when it panics.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = IN_THE_ENGINE.replace(true);
    let end = panic::catch_unwind(AssertUnwindSafe(call));
    IN_THE_ENGINE.set(before);
    end.ok()
}

/// As [`caught`], with so many bytes of stack; where the system has no such room, with what there is.
pub(super) fn caught_with_stack<T: Send>(bytes: usize, call: impl FnOnce() -> T + Send) -> Option<T> {
    let call = Mutex::new(Some(call));
    let run = || caught(call.lock().unwrap_or_else(PoisonError::into_inner).take()?);
    thread::scope(|scope| match thread::Builder::new().stack_size(bytes).spawn_scoped(scope, run) {
        Ok(thread) => thread.join().ok().flatten(),
        Err(_) => run(),
    })
}
