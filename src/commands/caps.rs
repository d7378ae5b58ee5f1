//! How much of each cap is spent, and what is left: for people and for programs.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::time::timestamp;
use crate::clock;
use crate::dispatch::stop::Cap;
use crate::history::Run;
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::job::limits::Caps;
use crate::job::period::CapPeriod;
use crate::job::price::rounded;
use crate::journal::costs::Bought;
use crate::journal::reader::Reader;
use crate::pipeline::counted::{Counted, counted};
use crate::reserve::Reserve;
use crate::text::{count, money};

/// With what requests in batches may cost until they are collected.
fn with_submitted(bought: Bought, submitted: Reserve) -> Bought {
    Bought { reserved: bought.reserved + submitted, ..bought }
}

/// The caps on money and tokens, and what they have counted.
#[derive(Debug)]
pub(super) struct CapAccount {
    caps: Caps,
    period: CapPeriod,
    since: Option<Timestamp>,
    /// When the next period begins, for people.
    next: Option<String>,
    spent: Bought,
    /// What was spent before the present run.
    before: Bought,
}

impl CapAccount {
    /// The caps before a run begins.
    pub(super) fn before_a_run(reader: Option<&Reader>, job: &Job) -> Result<Self, Failure> {
        let counted = reader.map(|reader| counted(reader, job, None, clock::now())).transpose()?;
        let Counted { since, bought, submitted } = counted.unwrap_or_default();
        let bought = with_submitted(bought, submitted);
        Ok(Self::new(job, job.caps, since, bought, bought))
    }

    /// The caps during a run, with its changed limits, or after it.
    pub(super) fn of_run(
        reader: &Reader,
        job: &Job,
        run: &Run,
        live_settings: &LiveSettings,
    ) -> Result<Self, Failure> {
        let Counted { since, bought, submitted } = counted(reader, job, Some(run.number), clock::now())?;
        let bought = with_submitted(bought, submitted);
        // A run that was active when the period began has spent everything spent in it.
        let began_before = since.is_some_and(|since| run.started_at < SystemTime::from(since));
        let before = match began_before {
            true => Bought::default(),
            false => Bought {
                cost: (bought.cost - run.spent.cost).max(0.0),
                tokens: bought.tokens.saturating_sub(run.spent.usage.total_tokens),
                reserved: bought.reserved.minus(run.spent.reserved),
            },
        };
        Ok(Self::new(job, live_settings.caps.over(job.caps), since, bought, before))
    }

    fn new(job: &Job, caps: Caps, since: Option<Timestamp>, spent: Bought, before: Bought) -> Self {
        let (period, now) = (job.cap_period, clock::timestamp());
        let next = period.ends(now, &job.schedule.zone).map(|next| job.schedule.shown(next, now));
        Self { caps, period, since, next, spent, before }
    }

    /// When the same command can spend again, if time alone is enough: not if nothing was spent in this period, and the cap
    /// is too small for one request.
    pub(super) fn next(&self, cap: Cap) -> Option<&str> {
        let counts = |status: &CapStatus| status.spent + status.reserved > 0.0;
        let spent = self.statuses().iter().any(|status| status.key == cap.key() && counts(status));
        self.next.as_deref().filter(|_| spent)
    }

    /// What the caps leave: money, and tokens.
    pub(super) fn left(&self) -> (Option<f64>, Option<u64>) {
        let left = |cap: Cap| Some(self.statuses().iter().find(|status| status.key == cap.key())?.left());
        (left(Cap::Cost), left(Cap::TotalTokens).map(|tokens| tokens as u64))
    }

    /// One line per cap: its value, what was spent, and what is left.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |cap: &CapStatus| {
            let each = self.each();
            let when = self.when();
            match cap.spent + cap.reserved == 0.0 {
                true => format!("{}: {}{each}, all of it left", cap.key, cap.shown(cap.most)),
                false => format!(
                    "{}: {}{each}, {} of it spent{when}{}, {} left",
                    cap.key,
                    cap.shown(cap.most),
                    cap.shown(cap.spent),
                    cap.set_aside(),
                    cap.shown(cap.left())
                ),
            }
        };
        self.statuses().iter().map(line).collect()
    }

    /// The text after "stopped at a cap". `beyond`: what the next request may use, if not even one could be sent.
    pub(super) fn at(&self, cap: Cap, beyond: Option<Reserve>) -> Option<String> {
        let status = self.statuses().into_iter().find(|status| status.key == cap.key())?;
        let shown = |amount: f64| status.shown(amount);
        let own = (status.spent - status.before).max(0.0);
        let spent = match self.period {
            CapPeriod::Run => format!("{} spent by this run", shown(own)),
            _ => {
                format!("{} spent before this run{}, {} by it", shown(status.before), self.when(), shown(own))
            }
        };
        let (aside, left, most) = (status.set_aside(), shown(status.left()), shown(status.most));
        let next = beyond.map(|one| if status.is_money() { one.cost } else { one.tokens as f64 });
        let next = next.map(|most| {
            format!(
                "; the next request may use up to {}, and `max_tokens` in the request limits that",
                shown(most)
            )
        });
        let next = next.unwrap_or_default();
        Some(format!("{spent}{aside}, {left} left of {most}{}{next}", self.each()))
    }

    /// The same, for programs.
    pub(super) fn report(&self) -> CapsReport {
        let one = |key: &str| {
            let of = |cap: &CapStatus| CapReport {
                cap: cap.number(cap.most),
                spent: cap.number(cap.spent),
                spent_before_this_run: cap.number(cap.before),
                reserved: cap.number(cap.reserved),
                left: cap.number(cap.left()),
            };
            self.statuses().iter().find(|cap| cap.key == key).map(of)
        };
        CapsReport {
            period: self.period.as_str(),
            since: self.since.map(|since| timestamp(since.into())),
            max_cost: one(Cap::Cost.key()),
            max_total_tokens: one(Cap::TotalTokens.key()),
        }
    }

    fn statuses(&self) -> Vec<CapStatus> {
        let Self { caps, spent, before, .. } = self;
        let cost = caps.cost.map(|most| CapStatus {
            key: Cap::Cost.key(),
            most,
            spent: spent.cost,
            before: before.cost,
            reserved: spent.reserved.cost,
        });
        let tokens = caps.total_tokens.map(|most| CapStatus {
            key: Cap::TotalTokens.key(),
            most: most as f64,
            spent: spent.tokens as f64,
            before: before.tokens as f64,
            reserved: spent.reserved.tokens as f64,
        });
        cost.into_iter().chain(tokens).collect()
    }

    /// The period of the cap.
    fn each(&self) -> &'static str {
        match self.period {
            CapPeriod::Job => "",
            CapPeriod::Run => " a run",
            CapPeriod::Day => " a day",
            CapPeriod::Month => " a month",
        }
    }

    /// When it was spent.
    fn when(&self) -> &'static str {
        match self.period {
            CapPeriod::Job => "",
            CapPeriod::Run => " in the last run",
            CapPeriod::Day => " today",
            CapPeriod::Month => " this month",
        }
    }
}

/// A line about what may have been spent beyond the known amount; `None` if that is nothing.
pub(super) fn may_be_more(reserved: Reserve) -> Option<String> {
    // If the service reported the total, only the cost is unknown.
    let tokens = (reserved.tokens > 0).then(|| format!("{} tokens", count(reserved.tokens)));
    let cost = (reserved.cost > 0.0).then(|| format!("cost {}", money(reserved.cost)));
    let most = tokens.into_iter().chain(cost).collect::<Vec<_>>().join(" · ");
    (!most.is_empty())
        .then(|| format!("set aside: up to {most} for requests with unknown usage; caps count it as spent"))
}

/// The caps as JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct CapsReport {
    period: &'static str,
    since: Option<String>,
    max_cost: Option<CapReport>,
    max_total_tokens: Option<CapReport>,
}

/// One cap as JSON.
#[derive(Debug, Serialize)]
struct CapReport {
    cap: Amount,
    spent: Amount,
    spent_before_this_run: Amount,
    reserved: Amount,
    left: Amount,
}

/// What a cap counts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Amount {
    Money(f64),
    Tokens(u64),
}

/// How one cap stands.
struct CapStatus {
    key: &'static str,
    most: f64,
    spent: f64,
    before: f64,
    /// The reserved amount, of which nobody knows whether it was spent.
    reserved: f64,
}

impl CapStatus {
    /// What is left; zero if it is less than rounding noise.
    fn left(&self) -> f64 {
        let left = self.most - self.spent - self.reserved;
        if left < self.most * 1e-9 { 0.0 } else { left }
    }

    /// The reserved amount in words; empty if it is zero.
    fn set_aside(&self) -> String {
        match self.reserved > 0.0 {
            true => format!(", {} set aside for requests with unknown usage", self.shown(self.reserved)),
            false => String::new(),
        }
    }

    fn is_money(&self) -> bool {
        self.key == Cap::Cost.key()
    }

    fn shown(&self, amount: f64) -> String {
        if self.is_money() { money(amount) } else { count(amount as u64) }
    }

    fn number(&self, amount: f64) -> Amount {
        if self.is_money() { Amount::Money(rounded(amount)) } else { Amount::Tokens(amount as u64) }
    }
}
