//! What the requests of a plan are expected to use, to cost and to take, and how much that could become: figured out once, for
//! `preview`, for the beginning of a run, and for its receipt.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::caps::CapAccount;
use super::deadline::PlannedWork;
use super::failure::Failure;
use crate::dispatch::stop::Cap;
use crate::job::Job;
use crate::job::forecast::end;
use crate::job::price::rounded;
use crate::job::units::shown;
use crate::journal::reader::Reader;
use crate::likely::{LONGEST_TRANSLATION, LikelyBy};
use crate::pipeline::Opened;
use crate::pipeline::cost_estimate::Likely;
use crate::pipeline::experience::{BELIEVED, Experience};
use crate::pipeline::pack_survey::PackingEffect;
use crate::pipeline::plan::Plan;
use crate::text::{count, counted, money};

/// What is expected of the requests to send. Money is in the currency of the prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Outlook {
    /// The requests to send.
    pub(super) to_send: u64,
    /// What they are expected to cost; `None` if no price is known.
    pub(super) expected: Option<f64>,
    /// The most that they can cost, if what [`Outlook::most_reason`] says of it holds.
    pub(super) most: Option<f64>,
    /// The currency of both; `None` for the job's own prices without one.
    pub(super) currency: Option<String>,
    /// Of the requests, those with an unknown price, which are in neither.
    unpriced: u64,
    /// What the expectation follows from.
    based_on: BasedOn,
    /// The answers so far that were looked at.
    answers: u64,
    /// Expected tokens.
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    /// The most tokens of the answers; `None` if neither request nor model bounds them.
    most_completion_tokens: Option<u64>,
    /// Rows that share another row's answer.
    shared: u64,
    /// Requests that are not made, because their text is blank.
    blank: u64,
    /// What packing makes of them, if any may travel together.
    packs: Option<Packs>,
    /// How many seconds the limits make a run take at least.
    pub(super) seconds: Option<f64>,
    /// What the caps leave.
    cap_left: Option<f64>,
    cap_tokens_left: Option<u64>,
    /// About how many of the requests that is enough for, if not for all.
    cap_covers: Option<u64>,
    /// Which cap that is.
    #[serde(skip)]
    cap: Option<Cap>,
    /// What they cost without any input from the cache, and what they would cost less if all came from there.
    #[serde(skip)]
    pub(super) cache: (Option<f64>, f64),
    /// The most that caps set aside for one request until its answer is known.
    #[serde(skip)]
    set_aside: (f64, u64),
    /// What the length of its answers follows from, as long as there are none.
    #[serde(skip)]
    by: Option<LikelyBy>,
}

/// What packing makes of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Packs {
    /// Whether the job packs.
    on: bool,
    /// Requests in which the rows travel, or would.
    requests: u64,
    /// What they are expected to cost so: instructions and terms are sent once for each request.
    expected: Option<f64>,
    /// What they are expected to cost without; `None` too where answers in packs are what is known.
    #[serde(skip)]
    alone: Option<f64>,
    /// How long that takes at the limits, in seconds.
    seconds: Option<f64>,
    /// How long it takes without.
    seconds_alone: Option<f64>,
}

/// What an expectation follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum BasedOn {
    /// The answers so far.
    Answers,
    /// A translation is about as long as its text.
    Translation,
    /// The usual length of answers.
    UsualAnswers,
    /// The usual length of thoughts and answers.
    UsualThoughts,
    /// Nothing; answers are expected to be as long as they can be.
    #[default]
    Nothing,
}

impl Outlook {
    /// That of a plan. `reader`: the journal, if there is one.
    pub(super) fn of(
        opened: &Opened,
        plan: &Plan,
        reader: Option<&Reader>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let job = &opened.job;
        let share = plan.share_to_send();
        let cost_estimate = plan.cost_estimate.scaled(share);
        let experience = reader.map(|reader| Experience::of(opened, reader)).transpose()?;
        let experience = experience.unwrap_or_default();
        let (mut expected, to_send) = (experience.applied_to(cost_estimate.likely), plan.to_send());
        let effect = plan.pack_survey.effect(job, to_send);
        let packed = effect.map_or(expected, |effect| effect.applied_to(expected));
        // Answers that came in packs show what these save.
        let alone = expected.prompts + expected.answers;
        let mut most = cost_estimate.likely.most;
        if job.pack.is_some() && !experience.is_believed() {
            (expected, most) = (packed, packed.most);
        }
        let cost = expected.prompts + expected.answers;
        let is_priced = to_send == 0 || cost_estimate.unpriced < to_send;
        let known = |amount: f64| is_priced.then(|| rounded(amount));
        let tokens = |tokens: f64| tokens.round() as u64;
        let packed_cost = known(if job.pack.is_some() { cost } else { packed.prompts + packed.answers });
        let packs = effect.map(|effect| Packs {
            expected: packed_cost,
            alone: known(alone).filter(|_| !experience.is_believed()),
            ..Packs::of(job, to_send, &effect)
        });
        let seconds = |requests: u64| {
            let tokens = tokens(expected.prompt_tokens + expected.completion_tokens);
            let course = PlannedWork { rows: requests, tokens }.course();
            end(job, &course, now).map(|end| end.duration_since(now).as_secs_f64())
        };
        let requests = packs.filter(|packs| packs.on).map_or(to_send, |packs| packs.requests);
        let worst_tokens = (plan.estimate.worst_case_tokens() as f64 * share) as u64;
        let outlook = Self {
            to_send,
            expected: known(cost),
            most: known(most.max(cost)),
            currency: job.currency.clone(),
            unpriced: cost_estimate.unpriced,
            based_on: BasedOn::of(&experience, &expected),
            answers: experience.answers,
            prompt_tokens: tokens(expected.prompt_tokens),
            completion_tokens: tokens(expected.completion_tokens),
            most_completion_tokens: (!plan.estimate.unbounded)
                .then(|| tokens(expected.most_completion_tokens.max(expected.completion_tokens))),
            shared: plan.matched.shared(),
            blank: plan.blank(opened),
            packs,
            seconds: seconds(requests),
            cache: (known(cost + experience.saved(&cost_estimate.likely)), expected.saved_by_cache),
            set_aside: (cost_estimate.worst / to_send.max(1) as f64, worst_tokens / to_send.max(1)),
            by: expected.by,
            ..Self::default()
        };
        Ok(outlook.under(&CapAccount::before_a_run(reader, job)?, cost))
    }

    /// How far the caps reach. A request is sent only if they can bear its worst case.
    fn under(mut self, caps: &CapAccount, cost: f64) -> Self {
        let requests = self.to_send as f64;
        let covered = |left: f64, set_aside: f64, all: f64| match left < set_aside {
            true => 0,
            false if all <= left - set_aside || all <= 0.0 => self.to_send,
            false => ((left - set_aside) * requests / all + 1.0).min(requests) as u64,
        };
        let (left, left_tokens) = caps.left();
        let by_cost = left.map(|left| (covered(left, self.set_aside.0, cost), Cap::Cost));
        let used = (self.prompt_tokens + self.completion_tokens) as f64;
        let by_tokens =
            left_tokens.map(|left| (covered(left as f64, self.set_aside.1 as f64, used), Cap::TotalTokens));
        let nearest = by_cost.into_iter().chain(by_tokens).min_by_key(|(requests, _)| *requests);
        if let Some((requests, cap)) = nearest.filter(|(requests, _)| *requests < self.to_send) {
            (self.cap_covers, self.cap) = (Some(requests), Some(cap));
        }
        (self.cap_left, self.cap_tokens_left) = (left.map(rounded), left_tokens);
        self
    }

    /// What is expected, and the most that it could become: as `preview` says it, one line each. `rest`: what neither has.
    pub(super) fn lines(&self, job: &Job, rest: &str) -> Vec<String> {
        let (Some(expected), Some(most)) = (self.expected, self.most) else {
            return vec![
                "cost: not known; the price is not in the model table (set it under [price])".to_owned(),
            ];
        };
        let unpriced = match self.unpriced {
            0 => String::new(),
            requests => format!("; {} more with unknown price", counted(requests, "request")),
        };
        if self.to_send == 0 {
            return vec![format!("expected cost: {}", self.amount(expected))];
        }
        vec![
            format!("expected cost: {}: {}{unpriced}", self.amount(expected), self.reason()),
            format!("at most: {}, {}{rest}", self.amount(most), self.most_reason(job)),
        ]
    }

    /// What packing saves, or would.
    pub(super) fn pack_line(&self) -> Option<String> {
        self.packs?.line(self.to_send, |expected| self.amount(expected))
    }

    /// The same in a line, as a run says it; `None` if there is nothing to send, or no price is known.
    pub(super) fn line(&self, job: &Job) -> Option<String> {
        let (expected, most) = (self.expected?, self.most?);
        (self.to_send > 0).then(|| {
            format!(
                "expected cost: {}, at most {} {}",
                self.amount(expected),
                self.amount(most),
                self.most_reason(job)
            )
        })
    }

    /// Whether the caps leave too little for one request, as a run says when it ends.
    pub(super) fn sends_nothing(&self) -> bool {
        self.cap_covers == Some(0)
    }

    /// Where the caps end a run that will not be done before.
    pub(super) fn cap_line(&self) -> Option<String> {
        let (covers, cap) = (self.cap_covers?, self.cap?);
        let key = cap.key();
        let set_aside = match cap {
            Cap::TotalTokens => counted(self.set_aside.1, "token"),
            _ => self.amount(self.set_aside.0),
        };
        Some(match covers {
            0 => format!(
                "warning: what `{key}` leaves is less than {set_aside}, which one request could use: nothing would be \
                 sent; `max_tokens` under [request] limits that"
            ),
            _ => format!(
                "warning: the run is expected to stop at `{key}` after about {} of {}",
                count(covers),
                counted(self.to_send, "request")
            ),
        })
    }

    /// The requests to send and their tokens, in words.
    pub(super) fn requests(&self) -> String {
        let requests = counted(self.to_send, "request");
        let packed = self.packs.filter(|packs| packs.on && packs.requests < self.to_send);
        match packed {
            _ if self.to_send == 0 => requests,
            Some(packs) => {
                format!("{requests} in about {}, {}", counted(packs.requests, "pack"), self.tokens())
            }
            None => format!("{requests}, {}", self.tokens()),
        }
    }

    fn tokens(&self) -> String {
        let most = match self.most_completion_tokens {
            Some(most) if most > self.completion_tokens => format!(" (at most {})", count(most)),
            Some(_) => String::new(),
            None => " (no maximum is known)".to_owned(),
        };
        format!(
            "about {} prompt and {} completion tokens{most}",
            count(self.prompt_tokens),
            count(self.completion_tokens)
        )
    }

    pub(super) fn amount(&self, amount: f64) -> String {
        match &self.currency {
            Some(currency) => format!("{} {currency}", money(amount)),
            None => money(amount),
        }
    }

    fn reason(&self) -> String {
        let each = || count(self.completion_tokens.div_ceil(self.to_send.max(1)));
        match self.based_on {
            BasedOn::Answers => format!("by the {} so far", counted(self.answers, "answer")),
            BasedOn::Translation => "a translation is about as long as its text".to_owned(),
            BasedOn::UsualAnswers => {
                format!("an answer usually has about {} tokens; {BELIEVED} answers show more", each())
            }
            BasedOn::UsualThoughts => {
                format!(
                    "thoughts and answer usually have about {} tokens; {BELIEVED} answers show more",
                    each()
                )
            }
            BasedOn::Nothing => "if every answer is as long as it can be".to_owned(),
        }
    }

    /// Under which condition it costs no more.
    fn most_reason(&self, job: &Job) -> String {
        let bounds = ["max_tokens", "max_completion_tokens"];
        if self.by == Some(LikelyBy::Translation) {
            format!("if every translation were {LONGEST_TRANSLATION} times as long as its text")
        } else if self.most_completion_tokens.is_none() {
            "if no answer is longer than models usually allow: its length is not limited".to_owned()
        } else if let Some(key) = bounds.iter().find(|key| job.request.contains_key(**key)) {
            format!("if every answer were as long as `{key}` allows")
        } else {
            "if every answer were as long as the model allows".to_owned()
        }
    }
}

/// How much time packing has to save before `preview` recommends it: that much, and half of the whole.
const WORTH_SAYING: f64 = 600.0;

impl Packs {
    fn of(job: &Job, to_send: u64, effect: &PackingEffect) -> Self {
        let PackingEffect { alone, packed } = effect;
        let seconds = |minutes: Option<f64>| minutes.map(|minutes| rounded(minutes * 60.0));
        Self {
            on: job.pack.is_some(),
            // Those that go alone in any case.
            requests: to_send.saturating_sub(alone.requests) + packed.requests,
            expected: None,
            alone: None,
            seconds: seconds(packed.minutes),
            seconds_alone: seconds(alone.minutes),
        }
    }

    /// What packing costs more or less than sending each text alone, where that is known.
    fn price(&self, amount: impl Fn(f64) -> String) -> String {
        let Some((packed, alone)) = self.expected.zip(self.alone) else { return String::new() };
        match amount(packed) == amount(alone) {
            true => String::new(),
            false => format!(", for {} instead of {}", amount(packed), amount(alone)),
        }
    }

    /// What packing saves, where that is worth a line.
    fn line(&self, to_send: u64, amount: impl Fn(f64) -> String) -> Option<String> {
        let (seconds, alone) = (self.seconds?, self.seconds_alone?);
        let time = |seconds: f64| shown(Duration::from_secs(seconds as u64));
        let saves = alone - seconds >= WORTH_SAYING && seconds * 2.0 <= alone;
        let (texts, requests) = (counted(to_send, "text"), counted(self.requests, "request"));
        match self.on {
            true if self.requests < to_send => Some(format!(
                "packing: {texts} in about {requests}; {} instead of {}{}",
                time(seconds),
                time(alone),
                self.price(&amount)
            )),
            false if saves => {
                let cost = self.expected.map(|expected| format!(", for {}", amount(expected)));
                Some(format!(
                    "packing would save {}: with `[pack] rows = \"auto\"`, {texts} take {} in about {requests}{}",
                    time(alone - seconds),
                    time(seconds),
                    cost.unwrap_or_default()
                ))
            }
            _ => None,
        }
    }
}

impl BasedOn {
    fn of(experience: &Experience, likely: &Likely) -> Self {
        match likely.by {
            _ if experience.is_believed() => Self::Answers,
            Some(LikelyBy::Translation) => Self::Translation,
            Some(LikelyBy::Answer) => Self::UsualAnswers,
            Some(LikelyBy::Thoughts) => Self::UsualThoughts,
            Some(LikelyBy::Bound) | None => Self::Nothing,
        }
    }
}
