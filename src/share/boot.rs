//! The clock of a host that nobody can set: seconds since it was started, and which start that was.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Time that passes while the machine sleeps, too.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Seconds since the start of the host.
pub(super) fn seconds() -> f64 {
    let time = clock_gettime(CLOCK);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Which start of which host it is, where the system says so. A folder may be on a network, and have files of several hosts.
pub(super) fn id() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or(host)
}
