//! Runs a process on a file: its output up to a limit, the last of its complaints, and an end in time, with everything in its
//! process group.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::kin::{ProcessMark, VARIABLE, end_all};

/// How much of standard error is kept, from its end.
const COMPLAINT_BYTES: usize = 4096;

/// How often it is looked whether a process that has closed its output has ended.
const LOOK: Duration = Duration::from_millis(1);

/// What a process left behind.
pub(super) struct ProcessEnd {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    /// The end of its standard error.
    pub(super) complaint: Vec<u8>,
}

/// Why there is no end to look at.
pub(super) enum ProcessFailure {
    /// It could not be started.
    NotStarted(io::Error),
    /// It did not end in time, and was killed.
    TooSlow,
    /// It printed more than allowed, and was killed.
    TooMuch,
}

/// Runs a process to its end. Its standard input and environment are the caller's to set. With a `mark` it may start others,
/// which end with it wherever they are.
///
/// # Errors
///
/// It cannot be started, prints more than `most` bytes, or takes longer than `time`. It has ended then, too.
pub(super) fn run(
    command: &mut Command,
    mark: Option<&ProcessMark>,
    most: u64,
    time: Duration,
) -> Result<ProcessEnd, ProcessFailure> {
    let end = Instant::now() + time;
    // In its own process group: a Ctrl-C at the terminal is not meant for it, and what it starts ends with it.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(mark) = mark {
        command.env(VARIABLE, mark.value());
    }
    let child = command.spawn().map_err(ProcessFailure::NotStarted)?;
    let mut group = ProcessGroup { child, mark, is_closed: false };
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let mut pipes = Pipes { stdout, stderr, output: Vec::new(), complaint: Vec::new() };
    while pipes.are_open() {
        pipes.wait(left_until(end)?).map_err(|_| ProcessFailure::TooSlow)?;
        if pipes.output.len() as u64 > most {
            return Err(ProcessFailure::TooMuch);
        }
    }
    while !group.has_ended() {
        std::thread::sleep(LOOK.min(left_until(end)?));
    }
    let status = group.close().map_err(ProcessFailure::NotStarted)?;
    Ok(ProcessEnd { status, output: pipes.output, complaint: pipes.complaint })
}

fn left_until(end: Instant) -> Result<Duration, ProcessFailure> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ProcessFailure::TooSlow) } else { Ok(left) }
}

/// The outputs of a process, while they are open, and what was read from them.
struct Pipes {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Pipes {
    fn are_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// Waits for output up to this long, and reads what there is.
    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        let patience =
            Timespec::try_from(longest).unwrap_or(Timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 });
        let mut watched: Vec<PollFd<'_>> = Vec::with_capacity(2);
        let pipes = [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)];
        watched.extend(pipes.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        retry_on_intr(|| poll(&mut watched, Some(&patience)))?;
        let mut ready = watched.iter().map(|pipe| !pipe.revents().is_empty());
        let is_ready = pipes.map(|pipe| pipe.is_some() && ready.next().unwrap_or(false));
        if is_ready[0] && read_some(self.stdout.as_mut(), &mut self.output)? == 0 {
            self.stdout = None;
        }
        if is_ready[1] {
            if read_some(self.stderr.as_mut(), &mut self.complaint)? == 0 {
                self.stderr = None;
            }
            let surplus = self.complaint.len().saturating_sub(COMPLAINT_BYTES);
            self.complaint.drain(..surplus);
        }
        Ok(())
    }
}

/// Appends what a pipe has, up to its usual capacity. Returns the number of bytes: 0 at its end.
fn read_some(pipe: Option<&mut impl Read>, to: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 1 << 16];
    let read = pipe.map_or(Ok(0), |pipe| retry_interrupted(|| pipe.read(&mut buffer)))?;
    to.extend_from_slice(&buffer[..read]);
    Ok(read)
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A process and all others of its group; dropping it ends them, and leaves no zombie.
struct ProcessGroup<'a> {
    child: Child,
    mark: Option<&'a ProcessMark>,
    /// Whether the process was collected: from then on, its number may be another's.
    is_closed: bool,
}

impl ProcessGroup<'_> {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Whether the process has ended. Until it is waited for, its number belongs to no other.
    fn has_ended(&self) -> bool {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), how), Ok(None)))
    }

    /// Ends what is left of the group, and collects the process.
    fn close(&mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.is_closed = true;
        self.child.wait()
    }
}

impl Drop for ProcessGroup<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            // Processes that have left the group can be found only while their parents live.
            if let Some(mark) = self.mark {
                end_all(mark, self.pid());
            }
            let _ = self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    fn run_for(script: &str, time: Duration) -> Result<ProcessEnd, ProcessFailure> {
        let mark = ProcessMark::of_run(rand::random());
        run(&mut shell(script), Some(&mark), 1 << 20, time)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn output_and_the_end_of_complaints_are_kept() {
        let end =
            run_for("head -c 100000 /dev/zero >&2; echo last >&2; head -c 900000 /dev/zero; exit 3", LONG);
        let Ok(end) = end else { panic!("it ends") };
        assert_eq!((end.output.len(), end.status.code()), (900_000, Some(3)));
        assert!(end.complaint.ends_with(b"last\n") && end.complaint.len() == COMPLAINT_BYTES);
    }

    #[test]
    fn output_without_end_is_cut_off() {
        assert!(matches!(run_for("yes", LONG), Err(ProcessFailure::TooMuch)));
    }

    #[test]
    fn a_process_that_hangs_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let ways = [
            ("sleep 600", "wait"),
            ("sleep 600", "exec >&- 2>&-; sleep 600"),
            ("sleep 600", "exit 0"),
            ("setsid sleep 600", "wait"),
        ];
        for (inner, last) in ways {
            let file = folder.path().join("inner");
            let script = format!("{inner} & echo $! > {}; {last}", file.display());
            let result = run_for(&script, Duration::from_millis(300));
            assert!(matches!(result, Err(ProcessFailure::TooSlow)), "{last}");
            let inner = std::fs::read_to_string(file).expect("its number");
            let inner = Pid::from_raw(inner.trim().parse().expect("a number")).expect("a number");
            // Its new parent collects it in its own time.
            let is_running = || {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", inner.as_raw_nonzero()));
                stat.is_ok_and(|stat| !stat.contains(") Z "))
            };
            let begun = Instant::now();
            while is_running() {
                assert!(begun.elapsed() < LONG, "{last}: it is still there");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_program_that_is_not_there_cannot_be_started() {
        let result = run(&mut Command::new("./no-such-program"), None, 1, LONG);
        assert!(matches!(result, Err(ProcessFailure::NotStarted(_))));
    }
}
