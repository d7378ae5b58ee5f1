//! Whether refusals are the rows' or the job's. Of the first rows: a job that is wrong as a whole is told after one row of each
//! shape, or after ten in all, and not after ten thousand. Of the later ones: when the account runs dry or the model is
//! gone, the latest ends are all alike and nobody is answered between them. The verdicts on such rows are held
//! back until it is known whose fault it is; a run that is killed meanwhile has the rows pending.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::reserved::{RefusalEffect, ReservedRefusals, is_of_content, may_be_everybody_s};
use super::stop::StopReason;
use super::work::Work;
use crate::job::field_owner::FieldOwners;
use crate::note::RequestEnd;
use crate::outcome::{Fault, FaultKind};
use crate::request::Shape;

/// Rows sent before the first answer, and refusals alike that end the run.
pub(crate) const FIRST_ROWS: usize = 10;

/// How long the first row of a shape keeps the others waiting. The service looks at a request before it gives it to a
/// model, so that a refusal comes at once; what is out for longer is being answered.
const REFUSED_BY_THEN: Duration = Duration::from_secs(10);

/// Shapes that are remembered. A job has a few; where every row has one of its own, nothing is to be learned from them.
const SHAPES: usize = 64;

/// Watches over the first rows.
#[derive(Debug)]
pub(crate) struct Preflight {
    setters: FieldOwners,
    over: bool,
    answered: bool,
    sent: usize,
    refused: Vec<(RequestEnd, Fault)>,
    later: ReservedRefusals,
    shapes: HashMap<Shape, ShapeState>,
}

/// What is known of a shape.
#[derive(Debug, Clone, Copy)]
enum ShapeState {
    /// Nothing: so many requests of it are out, the first of them since then, and so many were refused for their own sake.
    Unknown { out: usize, since: Instant, refused: usize },
    /// It is not refused at once. Whether it is answered is not known.
    LetThrough,
    /// A row of it was answered.
    Good,
}

/// What a refusal among the first rows means.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// Nothing yet: the refusal is kept until more is known.
    Open,
    /// The rows are wrong, not the job: these refusals stand.
    Rows(Vec<RequestEnd>),
    /// The job is wrong.
    Job(StopReason),
}

impl Preflight {
    /// Of a job whose fields are set by these. `over`: it has answers already, and only new shapes are tried.
    pub(crate) fn new(setters: FieldOwners, over: bool) -> Self {
        Self {
            setters,
            over,
            answered: over,
            sent: 0,
            refused: Vec::new(),
            later: ReservedRefusals::default(),
            shapes: HashMap::new(),
        }
    }

    /// Whether a row of this shape may be sent for the first time. When the service answers nobody (`probing`), one that was
    /// never sent is as good a probe as any, and better than rows that may be poisoned.
    pub(crate) fn allows(&self, shape: Shape, now: Instant, probing: bool) -> bool {
        let enough = !self.over && self.sent >= FIRST_ROWS && !probing;
        !enough && self.trial_ends(shape).is_none_or(|end| end <= now)
    }

    /// When the waiting for the first row of a shape ends, if nothing comes back before.
    pub(crate) fn opens_at(&self, shape: Shape, now: Instant) -> Option<Instant> {
        self.trial_ends(shape).filter(|end| *end > now)
    }

    fn trial_ends(&self, shape: Shape) -> Option<Instant> {
        match self.shapes.get(&shape) {
            Some(ShapeState::Unknown { out: 1.., since, .. }) => Some(*since + REFUSED_BY_THEN),
            _ => None,
        }
    }

    /// A row is sent for the first time.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// A request goes out, for the first time or again.
    pub(crate) fn out(&mut self, shape: Shape, now: Instant) {
        if self.shapes.len() >= SHAPES && !self.shapes.contains_key(&shape) {
            return;
        }
        let unknown = ShapeState::Unknown { out: 0, since: now, refused: 0 };
        let standing = self.shapes.entry(shape).or_insert(unknown);
        if let ShapeState::Unknown { out, since, .. } = standing {
            match *out {
                0 => *since = now,
                // Nobody else of this shape has gone before, unless the time was over.
                _ if *since + REFUSED_BY_THEN <= now => return *standing = ShapeState::LetThrough,
                _ => {}
            }
            *out += 1;
        }
    }

    /// A request has come back, whatever with. Those that are still out begin anew: which of them was first is not known.
    pub(crate) fn back(&mut self, shape: Shape, now: Instant) {
        if let Some(ShapeState::Unknown { out, since, .. }) = self.shapes.get_mut(&shape) {
            *out = out.saturating_sub(1);
            *since = now;
        }
    }

    /// The service took a request of this shape, and gave no answer that is of use.
    pub(crate) fn accepted(&mut self, shape: Shape) {
        if let Some(standing @ ShapeState::Unknown { .. }) = self.shapes.get_mut(&shape) {
            *standing = ShapeState::LetThrough;
        }
    }

    /// Whether the job has had an answer, in this run or before it.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered
    }

    /// A row was answered: the job is right. The refusals kept so far are the rows' own.
    pub(crate) fn answered(&mut self, shape: Shape) -> Vec<RequestEnd> {
        self.answered = true;
        self.later.fits();
        if let Some(standing) = self.shapes.get_mut(&shape) {
            *standing = ShapeState::Good;
        }
        if self.over { Vec::new() } else { self.close() }
    }

    /// A request that was sent in this turn was answered: what was refused before it was sent is the rows' own fault.
    pub(crate) fn heard(&mut self, turn: u64) -> Vec<RequestEnd> {
        self.later.heard(turn)
    }

    /// Whether a refusal of the job is one of the row alone, which has set the field in question for itself.
    pub(crate) fn is_the_row_s(&self, fault: &Fault, work: &Work) -> bool {
        fault.about.is_some_and(|field| work.request.brought || self.setters.is_the_row_s(field))
    }

    /// Whether a refusal is about what the job sets for every row. A later request of a row has more in it than that.
    fn is_the_job_s(&self, fault: &Fault, work: &Work) -> bool {
        let first = !work.request.brought && work.steps.is_empty();
        first && fault.about.is_some_and(|field| self.setters.is_the_job_s(field))
    }

    /// A row was refused. It is the job that is wrong when it sets the field in question, and nobody of this shape was
    /// answered; or when enough refusals are alike. When they differ, or are about a row's own content, they are the
    /// rows' own fault. `turn`: in which the request was sent; `is_open`: whether one of those sent in such turns is out.
    pub(crate) fn refused(
        &mut self,
        ended: RequestEnd,
        fault: &Fault,
        work: &Work,
        turn: Option<u64>,
        is_open: impl Fn(u64, u64) -> bool,
    ) -> Judgement {
        let by_job = self.is_the_job_s(fault, work);
        let shape = work.request.shape;
        let tried = matches!(self.shapes.get(&shape), None | Some(ShapeState::Good));
        self.count_refusal(shape, fault.kind);
        if by_job && !tried {
            self.refused.push((ended, fault.clone()));
            return Judgement::Job(StopReason::Refused(fault.clone()));
        }
        if self.over {
            return self.refused_later(ended, fault, work, turn, is_open);
        }
        let alike = self
            .refused
            .first()
            .is_none_or(|(_, first)| (first.status, &first.code) == (fault.status, &fault.code));
        self.refused.push((ended, fault.clone()));
        match () {
            () if !alike => Judgement::Rows(self.close()),
            () if self.refused.len() >= FIRST_ROWS => {
                Judgement::Job(StopReason::EveryRowRefused(fault.clone()))
            }
            () => Judgement::Open,
        }
    }

    /// A refusal of a job that has had answers.
    fn refused_later(
        &mut self,
        ended: RequestEnd,
        fault: &Fault,
        work: &Work,
        turn: Option<u64>,
        is_open: impl Fn(u64, u64) -> bool,
    ) -> Judgement {
        let of_the_row = is_of_content(fault) || self.is_the_row_s(fault, work);
        let taken = match turn.filter(|_| may_be_everybody_s(fault)) {
            Some(turn) => self.later.take(ended, fault, (turn, of_the_row), is_open),
            // One that ends the run is a failure all the same: it was paid for, or is its row's own.
            None if fault.kind == FaultKind::InvalidAnswer && self.later.take_unfit() => {
                self.refused.push((ended, fault.clone()));
                RefusalEffect::Ends
            }
            None => RefusalEffect::Believed(Box::new(ended)),
        };
        match taken {
            RefusalEffect::Open => Judgement::Open,
            RefusalEffect::Believed(ended) => Judgement::Rows(vec![*ended]),
            RefusalEffect::Ends => Judgement::Job(StopReason::EveryRowRefused(fault.clone())),
        }
    }

    /// The next row of the shape may go; after some refusals they need not go one by one any more.
    fn count_refusal(&mut self, shape: Shape, kind: FaultKind) {
        let Some(standing) = self.shapes.get_mut(&shape) else { return };
        if let ShapeState::Unknown { refused, .. } = standing {
            *refused += 1;
            let taken =
                matches!(kind, FaultKind::CutByServer | FaultKind::Unusable | FaultKind::InvalidAnswer);
            if taken || *refused >= FIRST_ROWS {
                *standing = ShapeState::LetThrough;
            }
        }
    }

    /// A first row came to an end that says nothing of the job: another one may go in its place.
    pub(crate) fn gave_up(&mut self) {
        self.sent = self.sent.saturating_sub(1);
    }

    /// The pass ends: what was kept is the rows' own, and so is what comes after.
    pub(crate) fn close(&mut self) -> Vec<RequestEnd> {
        self.over = true;
        self.release()
    }

    /// Ends a job that is wrong: gives of what was kept the rows that have failed all the same. Their answers were paid for, and
    /// the same job would only buy the same again; or what is in them is named, and a job of which a long stretch is filtered
    /// would never get beyond it. The others stay pending: once the job is mended, they are to be sent.
    pub(crate) fn abandon(&mut self) -> Vec<RequestEnd> {
        let paid = self.refused.drain(..).filter(|(_, fault)| fault.unfit_answer().is_some());
        paid.map(|(ended, _)| ended).chain(self.later.abandon()).collect()
    }

    /// Gives what was kept back.
    pub(crate) fn release(&mut self) -> Vec<RequestEnd> {
        let first = self.refused.drain(..).map(|(ended, _)| ended);
        first.chain(self.later.release()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_so_many_shapes_are_remembered_and_the_others_are_let_through() {
        let mut trial = Preflight::new(FieldOwners::default(), false);
        let now = Instant::now();
        assert!(trial.answered(Shape(0)).is_empty());
        for shape in 0..1_000 {
            assert!(trial.allows(Shape(shape), now, false));
            trial.out(Shape(shape), now);
            assert_eq!(trial.allows(Shape(shape), now, false), shape >= SHAPES as u64, "{shape}");
        }
        assert_eq!(trial.shapes.len(), SHAPES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shape_opens_when_its_first_row_is_out_for_long_and_stays_open() {
        let mut trial = Preflight::new(FieldOwners::default(), false);
        let (shape, now) = (Shape(7), Instant::now());
        trial.out(shape, now);
        let later = now + REFUSED_BY_THEN;
        assert_eq!(trial.opens_at(shape, now), Some(later));
        assert!(!trial.allows(shape, now, false) && trial.allows(shape, later, false));
        assert_eq!(trial.opens_at(shape, later), None, "what is open needs no waking");
        trial.out(shape, later);
        trial.back(shape, later);
        assert!(trial.allows(shape, later, false));
    }
}
