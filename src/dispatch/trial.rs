//! The first rows of a run: a job that is wrong as a whole is told after ten of them, not after ten thousand.

use crate::note::Ended;
use crate::outcome::Fault;

/// Rows sent before the first answer, and refusals alike that end the run.
pub(crate) const FIRST_ROWS: usize = 10;

/// Watches over the first rows.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    over: bool,
    sent: usize,
    refused: Vec<(Ended, Fault)>,
}

/// What a refusal among the first rows means.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// Nothing yet: the refusal is kept until more is known.
    Open,
    /// The rows are wrong, not the job: these refusals stand.
    Rows(Vec<Ended>),
    /// The job is wrong.
    Job(Fault),
}

impl Trial {
    /// Whether another first row may be sent.
    pub(crate) fn allows_more(&self) -> bool {
        self.over || self.sent < FIRST_ROWS
    }

    /// A row is sent for the first time.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// A first row is out of tries before it told anything about the job: another one may take its place.
    pub(crate) fn set_aside(&mut self) {
        self.sent = self.sent.saturating_sub(1);
    }

    /// A row was answered: the job is right. The refusals kept so far are the rows' own.
    pub(crate) fn answered(&mut self) -> Vec<Ended> {
        self.over = true;
        self.release()
    }

    /// A row was refused. Once the trial is over, or when the refusals differ, it is the row's own fault.
    pub(crate) fn refused(&mut self, ended: Ended, fault: &Fault) -> Judgement {
        let alike = self
            .refused
            .first()
            .is_none_or(|(_, first)| (first.status, &first.code) == (fault.status, &fault.code));
        self.refused.push((ended, fault.clone()));
        match () {
            () if self.over || !alike => {
                self.over = true;
                Judgement::Rows(self.release())
            }
            () if self.refused.len() >= FIRST_ROWS => Judgement::Job(fault.clone()),
            () => Judgement::Open,
        }
    }

    /// The run ends: what was kept is the rows' own.
    pub(crate) fn release(&mut self) -> Vec<Ended> {
        self.refused.drain(..).map(|(ended, _)| ended).collect()
    }
}
