//! The routes by which the requests of a job can travel: what each is expected to cost, and when it would be done.

use std::time::Duration;

use serde::Serialize;

use super::outlook::Outlook;
use crate::job::facts::ModelInfo;
use crate::job::price::rounded;
use crate::job::tier::{CheaperRoute, ServiceTier};
use crate::job::units::shown;
use crate::job::{Job, Prompt};
use crate::text::{count, counted};
use crate::tokens::text_tokens;

/// The routes, as they are in JSON.
const LIVE: &str = "live";
const CACHED: &str = "live_cached";
const CHAT: &str = "batch_chat";
const FILE: &str = "batch";

/// The shortest beginning of a prompt that the service keeps in its cache, in tokens.
const CACHED_FROM: f64 = 1_024.0;

/// How long the service may take: a request through Batch Chat, and a file of requests.
const LONGEST_CHAT: u64 = 3_600;
const LONGEST_FILE: u64 = 24 * 3_600;

/// A route, for this job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RouteOutlook {
    /// `live`, `live_cached`, `batch_chat`, `batch`.
    route: &'static str,
    /// Whether it is the job's.
    chosen: bool,
    /// What the requests to send are expected to cost; `None` if that is not known, or the route is not available.
    expected: Option<f64>,
    /// How many seconds the limits make it take at least.
    seconds: Option<f64>,
    /// How many seconds the service may take for a request.
    within_seconds: Option<u64>,
    /// Why it is not available.
    unavailable: Option<String>,
}

/// What the routes are compared by.
struct RouteAdvice<'a> {
    job: &'a Job,
    name: &'a str,
    facts: ModelInfo,
    outlook: &'a Outlook,
    chosen: &'static str,
}

/// The route of the job.
fn chosen(job: &Job) -> &'static str {
    match job.model.tier {
        ServiceTier::BatchChat => CHAT,
        ServiceTier::Standard if job.batch.is_some() => FILE,
        ServiceTier::Standard => LIVE,
    }
}

/// All routes, the usual one first. None for rows that bring models of their own, and when there is nothing to send.
pub(super) fn routes(job: &Job, outlook: &Outlook) -> Vec<RouteOutlook> {
    let Some(name) = job.model.name.as_deref().filter(|_| outlook.to_send > 0) else { return Vec::new() };
    let advice = RouteAdvice { job, name, facts: job.model.book.of(name), outlook, chosen: chosen(job) };
    vec![advice.live(), advice.live_cached(), advice.batch_chat(), advice.batch()]
}

/// One line for each route, where there is more than one to choose from.
pub(super) fn lines(job: &Job, outlook: &Outlook) -> Vec<String> {
    let routes = routes(job, outlook);
    let is_the_vendors =
        job.model.name.as_deref().is_some_and(|name| job.model.book.of(name).region.is_some());
    if !is_the_vendors || outlook.expected.is_none() || routes.is_empty() {
        return Vec::new();
    }
    let line = |route: &RouteOutlook| format!("  {}", route.line(outlook));
    std::iter::once("routes:".to_owned()).chain(routes.iter().map(line)).collect()
}

impl RouteAdvice<'_> {
    /// A route, with what is known of it if it is the job's own.
    fn route(&self, route: &'static str) -> RouteOutlook {
        let chosen = self.chosen == route;
        RouteOutlook {
            route,
            chosen,
            expected: self.outlook.expected.filter(|_| chosen),
            seconds: self.outlook.seconds.filter(|_| chosen),
            within_seconds: None,
            unavailable: None,
        }
    }

    /// What this costs at the usual price, by what it costs at the job's. `None` if that does not follow from what is known.
    fn usual(&self, cost: f64) -> Option<f64> {
        let share = match self.chosen {
            CHAT if !self.job.own_price => self.facts.batch_chat.share?,
            FILE if !self.job.own_price => self.facts.batch_file.share?,
            _ => 1.0,
        };
        (share > 0.0).then(|| rounded(cost / share))
    }

    fn live(&self) -> RouteOutlook {
        let expected = self.outlook.expected.and_then(|cost| self.usual(cost));
        RouteOutlook { expected, ..self.route(LIVE) }
    }

    /// The usual route, if the beginning that all prompts have in common comes from the cache.
    fn live_cached(&self) -> RouteOutlook {
        let fixed = self.job.prompt.as_ref().map_or(0.0, fixed_tokens).floor();
        let prompts = self.outlook.prompt_tokens as f64;
        let share = (fixed * self.outlook.to_send as f64 / prompts.max(1.0)).min(1.0);
        let saved = self.outlook.cache.1 * share;
        let cost = self.outlook.cache.0.map(|cost| rounded((cost - saved).max(0.0)));
        RouteOutlook { seconds: self.live().seconds, ..self.route(CACHED) }.with(cost, self.uncached(fixed))
    }

    /// Why the cache is of no use.
    fn uncached(&self, fixed: f64) -> Option<String> {
        if fixed < CACHED_FROM {
            let fixed = counted(fixed as u64, "token");
            let least = count(CACHED_FROM as u64);
            Some(format!(
                "the prompts have their first {fixed} in common, and the cache takes {least} or more"
            ))
        } else if self.chosen != LIVE {
            Some(
                "the job's own route has no discount for cached input, by which it could be known".to_owned(),
            )
        } else if self.outlook.cache.1 <= 0.0 {
            Some(format!("no lower price of cached input is known for {}", self.name))
        } else {
            None
        }
    }

    fn batch_chat(&self) -> RouteOutlook {
        self.slower((CHAT, "Batch Chat"), LONGEST_CHAT, &self.facts.batch_chat)
    }

    fn batch(&self) -> RouteOutlook {
        let window = self.job.batch.map(|batch| batch.window_length().as_secs());
        let longest = window.unwrap_or(LONGEST_FILE);
        // The limits are those of live requests.
        RouteOutlook {
            seconds: None,
            ..self.slower((FILE, "the Batch API"), longest, &self.facts.batch_file)
        }
    }

    fn slower(
        &self,
        (route, words): (&'static str, &str),
        longest: u64,
        facts: &CheaperRoute,
    ) -> RouteOutlook {
        let slower = RouteOutlook { within_seconds: Some(longest), ..self.route(route) };
        match slower.chosen {
            true => slower,
            false => slower.with(self.at_share(facts), self.missing(words, facts)),
        }
    }

    /// What the requests cost by a route: a figure of the job's own is what it is everywhere.
    fn at_share(&self, route: &CheaperRoute) -> Option<f64> {
        let usual = self.outlook.cache.0.and_then(|cost| self.usual(cost))?;
        match self.job.own_price {
            true => Some(rounded(usual)),
            false => Some(rounded(usual * route.share?)),
        }
    }

    /// Why a route does not have the model.
    fn missing(&self, route: &str, facts: &CheaperRoute) -> Option<String> {
        let name = self.name;
        match (facts.offered, self.facts.region) {
            (Some(true), _) => None,
            (_, None) => Some(format!("it is not known whether this address offers {route}")),
            (None, _) if facts.regions.is_empty() => {
                Some(format!("it is not known whether {route} has {name}"))
            }
            (_, Some(_)) if facts.regions.is_empty() => Some(format!("{name} is not offered by {route}")),
            (_, Some(here)) => {
                let there = facts.regions.join(" and ");
                Some(format!("{route} has {name} in {there}, and the address is in {here}"))
            }
        }
    }
}

impl RouteOutlook {
    /// A route that costs this, unless it is not available.
    fn with(self, expected: Option<f64>, unavailable: Option<String>) -> Self {
        match unavailable {
            None => Self { expected, ..self },
            unavailable => Self { expected: None, seconds: None, within_seconds: None, unavailable, ..self },
        }
    }

    fn line(&self, outlook: &Outlook) -> String {
        let name = match self.route {
            CACHED => "live, with a cached prefix",
            CHAT => "batch-chat",
            route => route,
        };
        if let Some(why) = &self.unavailable {
            return format!("{name}: not available: {why}");
        }
        let cost = self.expected.map_or_else(|| "cost not known".to_owned(), |cost| outlook.amount(cost));
        let least = self.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let least = least.map_or_else(String::new, |least| format!(", at least {}", shown(least)));
        let most = match self.within_seconds {
            Some(LONGEST_CHAT) if self.route == CHAT => ", each request within an hour".to_owned(),
            Some(window) => format!(", within {} hours", window / 3600),
            None if least.is_empty() => ", as soon as the service answers".to_owned(),
            None => String::new(),
        };
        let chosen = if self.chosen { " (this job)" } else { "" };
        format!("{name}: {cost}{least}{most}{chosen}")
    }
}

/// The tokens at the beginning of every prompt that do not depend on its row.
fn fixed_tokens(prompt: &Prompt) -> f64 {
    let turns = prompt.turns.iter().map(|turn| &turn.content);
    let mut tokens = 0.0;
    for text in prompt.system.iter().chain(turns).chain(&prompt.user) {
        let source = text.source.as_str();
        let fixed = ["{{", "{%", "{#"].iter().filter_map(|mark| source.find(mark)).min();
        tokens += text_tokens(&source[..fixed.unwrap_or(source.len())]);
        if fixed.is_some() {
            break;
        }
    }
    tokens
}
