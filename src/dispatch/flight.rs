//! A request in flight, and its end.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::pace::Ticket;
use super::work::Work;
use crate::endpoint::Endpoint;
use crate::job::Retry;
use crate::job::units;
use crate::note::{Outcome, PackPlace, RequestEnd, SendTime};
use crate::outcome::{Fault, FaultKind, Reply};
use crate::packs::shares;
use crate::patience::within;
use crate::request::Estimate;
use crate::reserve::Reserve;

/// A request that has ended.
pub(super) struct Finished {
    pub(super) work: Work,
    pub(super) flight: Flight,
    pub(super) latency: Duration,
    pub(super) reply: Reply,
}

/// A request in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) order: u64,
    /// The number of the service.
    pub(super) service: usize,
    pub(super) ticket: Ticket,
    /// The most that it can use, and the reservation for that.
    pub(super) worst_estimate: Estimate,
    pub(super) reservation: Reserve,
    pub(super) at: SystemTime,
}

impl Flight {
    /// Sends the row's request and waits for its end, up to the timeout.
    pub(super) async fn fly<E: Endpoint>(self, endpoint: &E, work: Work, retry: Retry) -> Finished {
        let sent_at = Instant::now();
        let timeout = if work.request.stream { retry.stream_timeout } else { retry.timeout };
        let reply = match within(timeout, endpoint.send(&work.request)).await {
            Some(reply) => reply,
            None => {
                let late = format!("no answer within {}", units::shown(timeout));
                Err(Fault::new(FaultKind::Transient, "timeout", late))
            }
        };
        Finished { work, flight: self, latency: sent_at.elapsed(), reply }
    }
}

/// When a request was sent, in which turn, to which service, and its usage.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentRequest {
    pub(super) order: u64,
    pub(super) service: usize,
    pub(super) sent: SendTime,
    pub(super) cost: Option<f64>,
    pub(super) reserved: Reserve,
}

impl SentRequest {
    /// The end of a row with it.
    pub(super) fn of(self, work: &Work, ending: Outcome) -> RequestEnd {
        let (row, tries) = (work.row.clone(), work.allowance.tries());
        RequestEnd { row, sent: Some(self.sent), tries, cost: self.cost, reserved: self.reserved, ending }
    }

    /// What each of several rows has of it, in proportion to weights.
    pub(super) fn divided(self, weights: &[u64]) -> Vec<Self> {
        let rows = weights.len() as u32;
        let worst = shares::of_reserve(self.sent.worst, weights);
        let reserved = shares::of_reserve(self.reserved, weights);
        let costs = self.cost.map(|cost| shares::of_cost(cost, weights));
        let of_row = |((number, worst), reserved): ((u32, Reserve), Reserve)| Self {
            sent: SendTime { worst, pack: PackPlace { rows, number }, ..self.sent },
            cost: costs.as_ref().and_then(|costs| costs.get(number as usize).copied()),
            reserved,
            ..self
        };
        (0..rows).zip(worst).zip(reserved).map(of_row).collect()
    }

    /// What each of several rows has of a request without an answer: the first has what it used.
    pub(super) fn of_each(self, weights: &[u64]) -> Vec<Self> {
        let of_row = |(number, share): (usize, Self)| match number {
            0 => Self { cost: self.cost, reserved: self.reserved, ..share },
            _ => Self { cost: None, reserved: Reserve::NOTHING, ..share },
        };
        self.divided(weights).into_iter().enumerate().map(of_row).collect()
    }
}
