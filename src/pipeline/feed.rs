//! The rows that are to be sent, read and rendered on a thread of their own.

use std::thread::JoinHandle;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::plan::{Plan, prepare};
use super::{Opened, PipelineError};
use crate::dispatch::Ready;
use crate::job::Transport;
use crate::journal::cursors::State;
use crate::journal::open_beside;
use crate::journal::reader::Reader;
use crate::journal::sharing::Sharing;

/// Rows that wait between reading and dispatching.
const READY_ROWS: usize = 32;

/// The thread that reads and renders the rows that are to be sent.
pub(super) struct Feed {
    thread: JoinHandle<Result<bool, PipelineError>>,
    opened: Opened,
}

impl Feed {
    /// Starts the thread. In the last pass only rows that were set aside are sent.
    pub(super) fn start(opened: &Opened, retry_failed: bool, last: bool) -> (Self, Receiver<Ready>) {
        let (sender, rows) = channel(READY_ROWS);
        let theirs = opened.clone();
        let thread = std::thread::spawn(move || feed(&theirs, retry_failed, last, &sender));
        (Self { thread, opened: opened.clone() }, rows)
    }

    /// Waits for the end, and says whether the input changed since it was planned.
    pub(super) fn finish(self, plan: &Plan) -> Result<bool, PipelineError> {
        let changed = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(changed || self.opened.source.stamp()? != plan.stamp)
    }
}

/// Reads rows and hands on those that are to be sent, until there are none any more or nobody takes them. Says
/// whether a row was found that is not the one that was planned.
fn feed(
    opened: &Opened,
    retry_failed: bool,
    last: bool,
    rows: &Sender<Ready>,
) -> Result<bool, PipelineError> {
    let path = opened.journal();
    let reader = Reader::new(open_beside(&path)?, &path);
    let sharing = match opened.job.input.share_duplicates && !last {
        true => Some(Sharing::begin(reader.connection(), &path)?),
        false => None,
    };
    let mut standings = reader.standings();
    let in_between = reader.has_steps_in_between()?;
    let mut input = opened.source.rows(opened.wanted_by_requests())?;
    let limit = opened.job.input.limit.unwrap_or(u64::MAX);
    while input.position() < limit && !rows.is_closed() {
        let standing = standings.at(input.position())?;
        let state = standing.map(|standing| standing.state);
        let wanted = match state {
            Some(State::Ok) => false,
            Some(State::Failed) => retry_failed && !last,
            Some(State::SetAside) => true,
            Some(State::Pending) | None => !last,
        };
        if !wanted {
            // What is done need not be parsed: half of a large job is passed over in a moment.
            if !input.pass_over()? {
                break;
            }
            continue;
        }
        let Some(item) = input.next().transpose()? else { break };
        let (row, request) = prepare(opened, &item);
        if standing.is_some_and(|standing| standing.fingerprint != row.fingerprint) {
            return Ok(true);
        }
        // A row that cannot be sent was recorded as failed; to send failed rows again does not make it one.
        let Ok(mut request) = request else { continue };
        if let Some(sharing) = &sharing
            && !sharing.goes_out(&row.fingerprint)?
        {
            continue;
        }
        // A row whose tries are used up gets some again, and is known to be one that failed while others did not.
        let tries = match state {
            Some(State::Pending | State::SetAside) => standing.map_or(0, |standing| standing.tries),
            Some(State::Ok | State::Failed) | None => 0,
        };
        let streams = opened.job.model.transport != Transport::Whole;
        request.stream |= streams && standing.is_some_and(|standing| standing.cut);
        let steps = match in_between && standing.is_some() {
            true => reader.steps(row.position)?,
            false => Vec::new(),
        };
        if rows.blocking_send(Ready { row, request, tries, steps }).is_err() {
            break;
        }
    }
    Ok(false)
}
