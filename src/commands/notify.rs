//! Sends notifications when a run starts, ends or stops: counts and codes, but no rows or prompts. The run does not depend
//! on them: it does not wait at the start, and a failure is a warning.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::environment::Environment;
use super::receipt::{JournalFigures, Receipt, ReceiptRows, RunFigures};
use super::resume::resume_command;
use super::secrets::keep_address;
use crate::api::notify::Hook;
use crate::cli::JobArgs;
use crate::config::flags::JOB_FLAGS;
use crate::diagnostic::secret_scan::as_a_name;
use crate::exit::Exit;
use crate::job::Job;
use crate::job::notify::{Moment, Notify, PATIENCE, Recipient};
use crate::pipeline::plan::Plan;
use crate::secrets::hidden;
use crate::text::how_it_ended;
use crate::text::short;
use crate::watch::Screen;

/// The version of a notification. It only ever gains fields.
const VERSION: u32 = 1;

/// Where notifications go.
#[derive(Debug, Clone)]
enum Channel {
    Hook(Hook),
    Command(Vec<String>, Vec<OsString>),
}

/// The address of a job's notifications, which is secret.
pub(super) fn secret(notify: &Notify, environment: &Environment) -> Option<String> {
    let address = match &notify.to {
        Recipient::Url(url) => Some(url.reveal().trim().to_owned()),
        Recipient::Variable(name) => environment.get(name).map(|url| url.trim().to_owned()),
        Recipient::Command(_) => None,
    };
    address.iter().for_each(|address| keep_address(address));
    address
}

/// Who would be notified, in displayable words; or why nobody can be.
pub(super) fn whom(notify: &Notify, environment: &Environment) -> Result<String, String> {
    line(notify, environment, &[]).map(|line| match line {
        Channel::Hook(hook) => format!("a call to {}", hook.host()),
        Channel::Command(words, _) => {
            format!("the command `{}`", words.first().map_or("", |word| as_a_name(word)))
        }
    })
}

fn line(notify: &Notify, environment: &Environment, hidden: &[OsString]) -> Result<Channel, String> {
    let (url, place) = match &notify.to {
        Recipient::Command(words) => return Ok(Channel::Command(words.clone(), hidden.to_vec())),
        Recipient::Url(url) => (url.reveal().to_owned(), "`url` under [notify]".to_owned()),
        Recipient::Variable(name) => match environment.get(name) {
            Some(url) => (url, format!("the value of the variable {name}")),
            None => return Err(format!("the variable {name}, which `url_env` names, is not set")),
        },
    };
    Hook::new(&url, notify.allow_http).map(Channel::Hook).map_err(|what| format!("{place} {what}"))
}

/// The state of a run at a moment: counts and codes.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Notice<'a> {
    /// It begins to send.
    Started { run: i64, rows: RowsAtStart },
    /// It is over, with those parts of its receipt that may be sent.
    Ended {
        run: i64,
        started_at: &'a str,
        ended_at: &'a str,
        rows: ReceiptRows,
        this_run: &'a RunFigures,
        all_runs: &'a JournalFigures,
        exit_code: u8,
        reason: &'static str,
        error_code: Option<&'a str>,
    },
    /// It could not continue, and has no receipt.
    Failed { exit_code: u8, reason: &'static str },
}

/// The counts of rows before anything is sent.
#[derive(Debug, Serialize)]
pub(super) struct RowsAtStart {
    #[serde(rename = "in")]
    rows: u64,
    pending: u64,
    ok: u64,
    failed: u64,
}

impl<'a> Notice<'a> {
    /// The notice of a run that begins to send.
    pub(super) fn started(plan: &Plan, run: i64) -> Self {
        let (rows, pending, failed) = (plan.rows, plan.matched.unanswered(), plan.matched.failed);
        let done = rows - pending.min(rows);
        Self::Started { run, rows: RowsAtStart { rows, pending, ok: done - failed.min(done), failed } }
    }

    /// The notice of a run that is over.
    pub(super) fn ended(receipt: &'a Receipt<'_>) -> Self {
        Self::Ended {
            run: receipt.run,
            started_at: &receipt.started_at,
            ended_at: &receipt.ended_at,
            rows: receipt.rows,
            this_run: &receipt.this_run,
            all_runs: &receipt.all_runs,
            exit_code: receipt.exit_code,
            reason: receipt.reason,
            error_code: receipt.error_code.filter(|code| is_code(code)),
        }
    }

    /// Whether the same command may have work left.
    fn leaves_rows(&self) -> bool {
        match self {
            Self::Started { .. } => false,
            Self::Ended { rows, .. } => rows.pending > 0,
            Self::Failed { .. } => true,
        }
    }
}

/// A notification, as it is sent.
#[derive(Debug, Serialize)]
struct Notification<'a> {
    version: u32,
    program: &'static str,
    job: Option<&'a str>,
    simulated: bool,
    resume: Option<&'a str>,
    event: &'static str,
    #[serde(flatten)]
    notice: &'a Notice<'a>,
}

/// Whether a service's error code is really a code. A service could put text there, about a row or itself.
fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// The thread that sends notifications one after another.
#[derive(Debug)]
struct Worker {
    events: Sender<(Moment, String)>,
    thread: JoinHandle<()>,
}

/// Sends the notifications of one run.
#[derive(Debug)]
pub(super) struct Notifier {
    /// The job file.
    job: Option<String>,
    simulated: bool,
    /// The command that continues the run, if it may be sent.
    resume: Option<String>,
    on: Vec<Moment>,
    worker: Option<Worker>,
    is_over: bool,
}

impl Notifier {
    /// For a run of a job; without `[notify]`, nothing is sent. Commands do not see the `hidden` variables.
    pub(super) fn new(
        job: &Job,
        environment: &Environment,
        hidden: &[OsString],
        args: &JobArgs,
        screen: &Screen,
    ) -> Self {
        let notify = job.notify.as_ref();
        let worker = notify.and_then(|notify| match line(notify, environment, hidden) {
            Ok(line) => {
                let (events, given) = channel();
                let screen = screen.clone();
                let thread = std::thread::spawn(move || work(&line, &given, &screen));
                Some(Worker { events, thread })
            }
            Err(why) => {
                screen.insist(&format!("warning: notifications are disabled: {why}"));
                None
            }
        });
        let file = args.job.as_ref().map(|path| path.to_string_lossy().into_owned());
        let resume = tells_nothing(args).then(|| resume_command(job));
        let on = notify.map(|notify| notify.on.clone()).unwrap_or_default();
        Self { job: file, simulated: args.simulate, resume, on, worker, is_over: false }
    }

    /// Sends a notification about a moment.
    pub(super) fn send(&mut self, moment: Moment, notice: &Notice<'_>) {
        self.is_over |= moment != Moment::Start;
        let Some(worker) = self.worker.as_ref().filter(|_| self.on.contains(&moment)) else { return };
        let notification = Notification {
            version: VERSION,
            program: concat!("fanfold ", env!("CARGO_PKG_VERSION")),
            job: self.job.as_deref(),
            simulated: self.simulated,
            resume: self.resume.as_deref().filter(|_| notice.leaves_rows()),
            event: moment.as_str(),
            notice,
        };
        // A worker that panicked has reported it itself.
        let _ = serde_json::to_string(&notification).map(|text| worker.events.send((moment, text)));
    }

    /// The run is over. Sends its end if that is still to be sent, and waits a few seconds for notifications in flight.
    pub(super) fn finish(mut self, exit: Exit) {
        if !self.is_over {
            let reason = match exit {
                Exit::Interrupted => "interrupted",
                Exit::Held => "held",
                _ => "cannot_run",
            };
            self.send(Moment::Stop, &Notice::Failed { exit_code: exit.code(), reason });
        }
        if let Some(Worker { events, thread }) = self.worker {
            drop(events);
            let _ = thread.join();
        }
    }
}

/// Whether the command line has only names and numbers: a prompt on it would be sent with the resume command.
fn tells_nothing(args: &JobArgs) -> bool {
    let texts = ["prompt.system", "prompt.user"];
    let said = args.job_flags.overlays.iter().any(|overlay| texts.contains(&overlay.key.as_str()));
    debug_assert!(texts.iter().all(|key| JOB_FLAGS.iter().any(|job_flag| job_flag.key == *key)));
    !said && args.set.is_empty()
}

/// Sends the notifications one after another.
fn work(line: &Channel, events: &Receiver<(Moment, String)>, screen: &Screen) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return screen.insist(&format!("warning: notifications are disabled: {error}")),
    };
    for (moment, text) in events {
        let text = hidden(text);
        let sent = match line {
            Channel::Hook(hook) => runtime.block_on(hook.call(text, PATIENCE)),
            Channel::Command(words, hidden) => runtime.block_on(hand(words, hidden, text, PATIENCE)),
        };
        if let Err(why) = sent {
            let why = short(&why, 300);
            screen.insist(&format!("warning: the notification of the {} failed: {why}", moment.as_str()));
        }
    }
}

/// Runs a command with a text on its standard input.
async fn hand(words: &[String], hidden: &[OsString], text: String, patience: Duration) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    // In its own process group: it also reports the Ctrl-C that ends the run.
    command.args(arguments).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    for variable in hidden {
        command.env_remove(variable);
    }
    let program = as_a_name(program);
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let stdin = child.stdin.take();
    let ended = async {
        if let Some(mut stdin) = stdin {
            // A command that does not need the text may close the pipe.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        child.wait().await
    };
    match tokio::time::timeout(patience, ended).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program} {}", how_it_ended(status))),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(_) => Err(format!("{program} did not end in time")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_of_a_service_instead_of_a_code_are_not_sent() {
        for (code, told) in [
            ("insufficient_quota", true),
            ("Model.AccessDenied", true),
            ("the text of row 7 is too long", false),
            (&"C".repeat(65), false),
            ("<b>", false),
        ] {
            let mut receipt = Receipt::default();
            (receipt.error_code, receipt.error, receipt.exit_code) = (Some(code), Some("words"), 4);
            let notice = serde_json::to_value(Notice::ended(&receipt)).expect("JSON");
            assert_eq!(notice["error_code"].as_str(), told.then_some(code));
            assert_eq!((&notice["exit_code"], notice.get("error")), (&json!(4), None));
        }
    }
}
