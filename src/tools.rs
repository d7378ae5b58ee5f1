//! The commands that answer a model's tool calls: arguments on standard input, the result from standard output.

pub mod keeper;

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use futures_util::future::LocalBoxFuture;
use rustix::fs::Access;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::conversation::calls::ToolCall;
use crate::job::answer::Tool;
use crate::job::units;
use crate::kin::{self, ProcessMark};
use crate::outcome::{Fault, FaultKind};
use crate::patience::within;
use crate::secrets;
use crate::text::how_it_ended;
use crate::toolbox::Toolbox;

/// The maximum number of commands that run at once; the others wait their turn, which does not count towards their time.
const AT_ONCE: usize = 32;

/// The longest result that is returned to the model.
const LONGEST_RESULT_BYTES: usize = 1024 * 1024;

/// How much of a command's standard error is reported.
const REPORTED_BYTES: usize = 2048;

/// The commands of a job.
#[derive(Debug)]
pub struct Commands {
    tools: Vec<Tool>,
    /// Variables hidden from all commands: those with the API key.
    hidden: Vec<OsString>,
    places: Semaphore,
    mark: ProcessMark,
    begun: Cell<u64>,
}

impl Commands {
    /// The commands of a job, without these variables in their environment. They carry the mark of their run.
    pub fn new(tools: Vec<Tool>, hidden: Vec<OsString>, mark: ProcessMark) -> Self {
        Self { tools, hidden, places: Semaphore::new(AT_ONCE), mark, begun: Cell::new(0) }
    }

    async fn answer(&self, call: &ToolCall) -> Result<String, Fault> {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == call.name) else {
            return Err(failed("unknown_tool", format!("`{}` has no command", call.name)));
        };
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let group = self.start(tool)?;
        match within(tool.timeout, group.exchange(call.arguments.as_bytes())).await {
            Some(Ok(output)) => output.result(tool),
            Some(Err(error)) if error.kind() == ErrorKind::FileTooLarge => {
                let most = LONGEST_RESULT_BYTES >> 20;
                let message = format!("the command of `{}` printed more than {most} MiB", tool.name);
                Err(failed("tool_failed", message))
            }
            Some(Err(error)) => {
                Err(failed("tool_failed", format!("the command of `{}`: {error}", tool.name)))
            }
            None => {
                let time = units::shown(tool.timeout);
                let message = format!("the command of `{}` did not finish within {time}", tool.name);
                Err(failed("tool_timeout", message))
            }
        }
    }

    fn start(&self, tool: &Tool) -> Result<Group, Fault> {
        let (program, arguments) = tool.command.split_first().map_or(("", &[][..]), |(p, rest)| (p, rest));
        let mut command = Command::new(program);
        // In its own process group, so that a Ctrl-C that ends the run in order lets the command finish.
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in &self.hidden {
            command.env_remove(variable);
        }
        self.begun.set(self.begun.get() + 1);
        let mark = self.mark.of_call(self.begun.get());
        command.env(kin::VARIABLE, mark.value());
        let child = command.spawn().map_err(|error| {
            let message = format!("the command of `{}` cannot be run: {program}: {error}", tool.name);
            failed("tool_failed", message)
        })?;
        Ok(Group { child, mark })
    }
}

impl Toolbox for Commands {
    fn run<'a>(&'a self, call: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>> {
        Box::pin(self.answer(call))
    }
}

/// A running command and everything it has started; dropping it early ends them all.
struct Group {
    child: Child,
    mark: ProcessMark,
}

impl Group {
    /// Gives the command its input, and waits for its end and all its output.
    async fn exchange(mut self, input: &[u8]) -> std::io::Result<CommandOutput> {
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let give = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its arguments may close the pipe; its output still counts.
                let _ = stdin.write_all(input).await;
            }
            Ok(())
        };
        let result = read_up_to(stdout, LONGEST_RESULT_BYTES, Beyond::IsTooMuch);
        let ((), result, errors) =
            tokio::try_join!(give, result, read_up_to(stderr, REPORTED_BYTES, Beyond::IsLeftOut))?;
        let status = self.child.wait().await?;
        Ok(CommandOutput { status, result, errors })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A command that has ended no longer has a process number.
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            // Processes that have left the group can be found only while their parents live.
            kin::end_all(&self.mark, Some(group));
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What happens to output beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    IsLeftOut,
    /// Reading stops with an error.
    IsTooMuch,
}

/// Reads a pipe to its end, and keeps up to `most` bytes.
async fn read_up_to(
    pipe: Option<impl AsyncRead + Unpin>,
    most: usize,
    beyond: Beyond,
) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(kept) };
    let mut buffer = vec![0; 8192];
    loop {
        let read = pipe.read(&mut buffer).await?;
        if read == 0 {
            return Ok(kept);
        }
        let room = most.saturating_sub(kept.len());
        if read > room && beyond == Beyond::IsTooMuch {
            return Err(ErrorKind::FileTooLarge.into());
        }
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
}

/// How a command ended.
struct CommandOutput {
    status: ExitStatus,
    result: Vec<u8>,
    errors: Vec<u8>,
}

impl CommandOutput {
    fn result(self, tool: &Tool) -> Result<String, Fault> {
        let name = &tool.name;
        if !self.status.success() {
            let (errors, secrets) = (String::from_utf8_lossy(&self.errors), secrets::kept());
            // The end of a cut text may be the beginning of a key.
            let cut = if self.errors.len() < REPORTED_BYTES { 0 } else { secrets.begun_in(&errors) };
            let errors = secrets.out_of_complaint(errors[..errors.len() - cut].to_owned());
            let errors =
                if errors.trim().is_empty() { String::new() } else { format!(": {}", errors.trim()) };
            let message = format!("the command of `{name}` {}{errors}", how_it_ended(self.status));
            return Err(failed("tool_failed", message));
        }
        let text = String::from_utf8(self.result).map_err(|_| {
            failed("tool_failed", format!("the command of `{name}` printed text that is not UTF-8"))
        })?;
        // The same text is stored and sent: after a kill, the model receives what was stored.
        Ok(secrets::hidden(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

/// Whether a program can be run: by its path, or found in the folders of `PATH`.
pub fn can_be_run(program: &str, path: Option<&OsStr>) -> bool {
    let runs = |file: &Path| rustix::fs::access(file, Access::EXEC_OK).is_ok() && file.is_file();
    match program.contains('/') {
        true => runs(Path::new(program)),
        false => {
            path.is_some_and(|path| std::env::split_paths(path).any(|folder| runs(&folder.join(program))))
        }
    }
}

fn failed(code: &str, message: String) -> Fault {
    Fault::new(FaultKind::InvalidAnswer, code, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn commands(script: &str) -> Commands {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let tool = Tool { name: "look".into(), command, timeout: Duration::from_secs(20) };
        Commands::new(vec![tool], vec!["CARGO_MANIFEST_DIR".into()], ProcessMark::of_run(rand::random()))
    }

    async fn run(commands: &Commands) -> Result<String, String> {
        let call = ToolCall { id: "c".into(), name: "look".into(), arguments: "{\"at\":1}".into() };
        commands.run(&call).await.map_err(|fault| format!("{}: {}", fault.code, fault.message))
    }

    #[tokio::test]
    async fn arguments_go_in_and_the_result_comes_out() {
        assert_eq!(run(&commands("cat; echo; echo done")).await.as_deref(), Ok("{\"at\":1}\ndone"));
        assert_eq!(run(&commands("echo deaf")).await.as_deref(), Ok("deaf"), "input may be left unread");
        assert_eq!(run(&commands("echo \"[$CARGO_MANIFEST_DIR]\"")).await.as_deref(), Ok("[]"), "hidden");
    }

    #[tokio::test]
    async fn a_failure_is_reported_with_the_standard_error_of_the_command() {
        let error = run(&commands("echo no such city >&2; exit 3")).await.expect_err("fails");
        assert!(
            error.starts_with("tool_failed:") && error.contains("ended with exit status 3: no such city"),
            "{error}"
        );
        for wordy in ["head -c 2000000 /dev/zero", "yes"] {
            let error = run(&commands(wordy)).await.expect_err("too long");
            assert!(error.starts_with("tool_failed:") && error.contains("more than 1 MiB"), "{error}");
        }
        let most = run(&commands("head -c 1048576 /dev/zero")).await;
        assert_eq!(most.map(|text| text.len()), Ok(1 << 20));
        let error = run(&commands("printf '\\377'")).await.expect_err("no text");
        assert!(error.contains("UTF-8"), "{error}");
        let mut missing = commands("");
        missing.tools[0].command = vec!["./no-such-command".into()];
        let error = run(&missing).await.expect_err("missing");
        assert!(error.contains("./no-such-command"), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_ends_with_all_it_has_started() {
        let ways =
            ["sleep 600", "setsid sleep 600", "setsid env -i sleep 600", "(setsid sh -c 'sleep 600' &)"];
        for way in ways {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("inner");
            let script = format!("{way} > /dev/null 2>&1 & echo $! > {}; wait; sleep 600", file.display());
            let mut hanging = commands(&script);
            hanging.tools[0].timeout = Duration::from_millis(500);
            let message = run(&hanging).await.expect_err("hangs");
            assert!(message.starts_with("tool_timeout:") && message.contains("500ms"), "{way}: {message}");
            let inner = std::fs::read_to_string(file).expect("its number");
            let inner: i32 = inner.trim().parse().expect("a number");
            // It was killed; until its parent collects it, it may still appear as a zombie.
            let begun = std::time::Instant::now();
            while kin::is_living(inner) {
                assert!(begun.elapsed() < Duration::from_secs(120), "{way}: it lives on");
                tokio::task::yield_now().await;
            }
            let left = kin::bearers(&hanging.mark);
            assert!(left.is_empty(), "{way}: {left:?}");
        }
    }

    #[test]
    fn programs_are_found_by_path_or_along_the_folders() {
        let path = OsStr::new("/nowhere:/bin:/usr/bin");
        assert!(can_be_run("sh", Some(path)) && can_be_run("/bin/sh", None));
        assert!(
            !can_be_run("sh", None) && !can_be_run("./sh", Some(path)) && !can_be_run("/bin", Some(path))
        );
    }
}
