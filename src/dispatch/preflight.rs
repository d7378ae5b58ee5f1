//! Whether the rows or the job are at fault for refusals. Among the first rows, a wrong job is detected after one row of
//! each shape, or after ten in all, and not after ten thousand. Later, an empty account or a missing model shows by ends
//! that are all alike with no answer between them. Verdicts on such rows are held back until it is known whose fault it is;
//! if the run is killed meanwhile, the rows stay pending.

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

/// How many rows are sent before the first answer, and how many similar refusals end the run.
pub(crate) const FIRST_ROWS: usize = 10;

/// How long the first row of a shape makes the others wait. The service checks a request before it passes it to a model, so
/// a refusal comes at once; a request that takes longer is being answered.
const REFUSED_BY_THEN: Duration = Duration::from_secs(10);

/// The maximum number of shapes remembered. A job has a few; if every row has its own, nothing can be learnt from them.
const SHAPES: usize = 64;

/// Watches the first rows.
#[derive(Debug)]
pub(crate) struct Preflight {
    field_owners: FieldOwners,
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
    /// Nothing: `out` requests are in flight, the first since `since`, and `refused` were refused for themselves.
    Unknown { out: usize, since: Instant, refused: usize },
    /// It is not refused at once. Whether it is answered is not yet known.
    LetThrough,
    /// A row of it was answered.
    Good,
}

/// The meaning of a refusal among the first rows.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// Undecided: the refusal is held until more is known.
    Open,
    /// The rows are wrong, not the job: these refusals are final.
    Rows(Vec<RequestEnd>),
    /// The job is wrong.
    Job(StopReason),
}

impl Preflight {
    /// For a job whose fields are set by `field_owners`. `over`: it already has answers, and only new shapes are tried.
    pub(crate) fn new(field_owners: FieldOwners, over: bool) -> Self {
        Self {
            field_owners,
            over,
            answered: over,
            sent: 0,
            refused: Vec::new(),
            later: ReservedRefusals::default(),
            shapes: HashMap::new(),
        }
    }

    /// Whether a row of this shape may be sent for the first time. While the service answers nobody (`probing`), an unsent
    /// row is as good a probe as any, and better than rows that may be poisoned.
    pub(crate) fn allows(&self, shape: Shape, now: Instant, probing: bool) -> bool {
        let enough = !self.over && self.sent >= FIRST_ROWS && !probing;
        !enough && self.trial_ends(shape).is_none_or(|end| end <= now)
    }

    /// When the wait for the first row of a shape ends, if it does not return before.
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
        let state = self.shapes.entry(shape).or_insert(unknown);
        if let ShapeState::Unknown { out, since, .. } = state {
            match *out {
                0 => *since = now,
                // No other request of this shape went before, unless the time was over.
                _ if *since + REFUSED_BY_THEN <= now => return *state = ShapeState::LetThrough,
                _ => {}
            }
            *out += 1;
        }
    }

    /// A request has returned, with any result. For those still in flight the wait restarts: it is unknown which was first.
    pub(crate) fn back(&mut self, shape: Shape, now: Instant) {
        if let Some(ShapeState::Unknown { out, since, .. }) = self.shapes.get_mut(&shape) {
            *out = out.saturating_sub(1);
            *since = now;
        }
    }

    /// The service accepted a request of this shape, but gave no usable answer.
    pub(crate) fn accepted(&mut self, shape: Shape) {
        if let Some(state @ ShapeState::Unknown { .. }) = self.shapes.get_mut(&shape) {
            *state = ShapeState::LetThrough;
        }
    }

    /// Whether the service is known to take requests of this shape, so that several rows of it may travel together.
    pub(crate) fn is_let_through(&self, shape: Shape) -> bool {
        matches!(self.shapes.get(&shape), Some(ShapeState::LetThrough | ShapeState::Good))
    }

    /// Whether the job has had an answer, in this run or before.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered
    }

    /// A row was answered: the job is right. The refusals held so far are the rows' own.
    pub(crate) fn answered(&mut self, shape: Shape) -> Vec<RequestEnd> {
        self.answered = true;
        self.later.fits();
        if let Some(state) = self.shapes.get_mut(&shape) {
            *state = ShapeState::Good;
        }
        if self.over { Vec::new() } else { self.close() }
    }

    /// A request sent in this turn was answered: refusals of requests sent before it are the rows' own.
    pub(crate) fn heard(&mut self, turn: u64) -> Vec<RequestEnd> {
        self.later.heard(turn)
    }

    /// Whether a refusal of the job concerns only this row, which sets the field in question itself.
    pub(crate) fn is_the_row_s(&self, fault: &Fault, work: &Work) -> bool {
        fault.about.is_some_and(|field| work.request.brought || self.field_owners.is_the_row_s(field))
    }

    /// Whether a refusal concerns a field that the job sets for every row. A later request of a row contains more than
    /// that.
    fn is_the_job_s(&self, fault: &Fault, work: &Work) -> bool {
        let first = !work.request.brought && work.is_at_its_first();
        first && fault.about.is_some_and(|field| self.field_owners.is_the_job_s(field))
    }

    /// A row was refused. The job is wrong if it sets the field in question and no row of this shape was answered, or if
    /// enough refusals are alike. If they differ, or concern a row's own content, they are the rows' own. `turn`: in which
    /// the request was sent; `is_open`: whether a request sent in a range of turns is still in flight.
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

    /// A refusal in a job that has had answers.
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
            // A row that ends the run has still failed: it was paid for, or is wrong itself.
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

    /// The next row of the shape may be sent; after some refusals they need not be sent one at a time.
    fn count_refusal(&mut self, shape: Shape, kind: FaultKind) {
        let Some(state) = self.shapes.get_mut(&shape) else { return };
        if let ShapeState::Unknown { refused, .. } = state {
            *refused += 1;
            let taken =
                matches!(kind, FaultKind::CutByServer | FaultKind::Unusable | FaultKind::InvalidAnswer);
            if taken || *refused >= FIRST_ROWS {
                *state = ShapeState::LetThrough;
            }
        }
    }

    /// A first row had an end that says nothing about the job: another one may be sent instead.
    pub(crate) fn gave_up(&mut self) {
        self.sent = self.sent.saturating_sub(1);
    }

    /// The pass ends: the refusals held are the rows' own, and so are later ones.
    pub(crate) fn close(&mut self) -> Vec<RequestEnd> {
        self.over = true;
        self.release()
    }

    /// Ends a wrong job, and returns the held rows that have failed all the same. Either their answers were paid for, and
    /// the same job would only buy the same again; or their content was rejected, and a job with a long stretch of such
    /// rows would never get past it. The others stay pending, to be sent once the job is fixed.
    pub(crate) fn abandon(&mut self) -> Vec<RequestEnd> {
        let paid = self.refused.drain(..).filter(|(_, fault)| fault.unfit_answer().is_some());
        paid.map(|(ended, _)| ended).chain(self.later.abandon()).collect()
    }

    /// Returns the refusals held.
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
        let mut preflight = Preflight::new(FieldOwners::default(), false);
        let now = Instant::now();
        assert!(preflight.answered(Shape(0)).is_empty());
        for shape in 0..1_000 {
            assert!(preflight.allows(Shape(shape), now, false));
            preflight.out(Shape(shape), now);
            assert_eq!(preflight.allows(Shape(shape), now, false), shape >= SHAPES as u64, "{shape}");
        }
        assert_eq!(preflight.shapes.len(), SHAPES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shape_opens_when_its_first_row_is_out_for_long_and_stays_open() {
        let mut preflight = Preflight::new(FieldOwners::default(), false);
        let (shape, now) = (Shape(7), Instant::now());
        preflight.out(shape, now);
        let later = now + REFUSED_BY_THEN;
        assert_eq!(preflight.opens_at(shape, now), Some(later));
        assert!(!preflight.allows(shape, now, false) && preflight.allows(shape, later, false));
        assert_eq!(preflight.opens_at(shape, later), None, "what is open needs no waking");
        preflight.out(shape, later);
        preflight.back(shape, later);
        assert!(preflight.allows(shape, later, false));
    }
}
