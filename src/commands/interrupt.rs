//! Ctrl-C and similar signals: the first lets requests in flight finish, the second stops at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::watch;

use crate::dispatch::stop::{Stop, StopLevel};
use crate::exit::Exit;
use crate::watch::Screen;

/// A run's message at the first signal.
pub(super) const STOPPING: &str =
    "stopping: waiting for requests in flight, then writing the output; interrupt again to stop immediately";

/// Handles signals on a separate thread, which ends with the process. Shows `stopping` at the first one, unless it is
/// empty.
pub(super) fn listen(screen: &Screen, stopping: &'static str) -> std::io::Result<Stop> {
    Ok(listen_and_ask(screen, stopping)?.1)
}

/// The same, with a sender through which others can ask for a stop.
pub(super) fn listen_and_ask(
    screen: &Screen,
    stopping: &'static str,
) -> std::io::Result<(watch::Sender<StopLevel>, Stop)> {
    let (sender, stop) = watch::channel(StopLevel::None);
    let ask = sender.clone();
    // Under nohup, SIGHUP is ignored from the start and remains so.
    let wanted =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !hang_up_is_ignored());
    let mut signals = Signals::new(wanted)?;
    let screen = screen.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            let before = *sender.borrow();
            match before {
                StopLevel::None => {
                    if !stopping.is_empty() {
                        screen.insist(stopping);
                    }
                    sender.send_replace(StopLevel::Drain);
                }
                StopLevel::Drain => {
                    screen.insist("stopping immediately");
                    sender.send_replace(StopLevel::Now);
                }
                // Something hangs that should not; nothing that is stored can be lost by this.
                #[expect(clippy::disallowed_methods, reason = "nobody is there to end in order")]
                StopLevel::Now => std::process::exit(Exit::Interrupted.code().into()),
            }
        }
    });
    Ok((ask, stop))
}

/// Asks for a stop when standard input ends, on a thread that ends with the process. A program that started this one and was
/// killed can send no signal, but the system closes its end of the pipe.
pub(super) fn stop_on_eof(screen: &Screen, ask: watch::Sender<StopLevel>) {
    let screen = screen.clone();
    std::thread::spawn(move || {
        // An unreadable standard input is one that has ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let asked = ask.send_if_modified(|level| {
            let is_first = *level == StopLevel::None;
            if is_first {
                *level = StopLevel::Drain;
            }
            is_first
        });
        if asked {
            screen
                .insist("standard input has ended: waiting for requests in flight, then writing the output");
        }
    });
}

/// Whether the process was started with SIGHUP ignored, if the system shows it (`SigIgn` in proc(5)).
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (SIGHUP - 1)) != 0
}
