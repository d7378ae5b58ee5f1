//! What a run is told while it goes on: other limits, other caps, to send nothing for now, that its time is up.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Dispatcher;
use crate::endpoint::Endpoint;
use crate::job::limits::{Caps, EffectiveLimits};

/// Where a run hears of the terms that it keeps to at present.
pub type LiveLimits = watch::Receiver<EffectiveLimits>;

/// When the cap on time is reached, of a run that began then and came after others.
pub(super) fn ends_at(began: Instant, spent: Duration, caps: Caps) -> Option<Instant> {
    caps.duration.map(|cap| began + cap.saturating_sub(spent))
}

impl<E: Endpoint> Dispatcher<'_, E> {
    /// Keeps to the newest terms from now on.
    pub(super) fn take_terms(&mut self, now: Instant) {
        let Some(live_limits) = &mut self.live_limits else { return };
        let terms = *live_limits.borrow_and_update();
        // A clock that is put back begins no period for the second time.
        let terms = EffectiveLimits { since: terms.since.max(self.terms.since), ..terms };
        let before = std::mem::replace(&mut self.terms, terms);
        if terms == before {
            return;
        }
        if terms.quotas != before.quotas {
            self.pace.change(terms.quotas, now);
        }
        self.window.change(terms.concurrency, terms.quotas.requests_each_second());
        self.budget.change(terms.caps);
        if terms.since > before.since {
            self.budget.start_anew();
        }
        self.ends_at = ends_at(self.began, self.spent, terms.caps);
        match (terms.paused, self.paused_since) {
            (true, None) => self.paused_since = Some(now),
            (false, Some(since)) => {
                self.paused_since = None;
                self.health.was_paused(now - since);
            }
            _ => {}
        }
    }

    /// When the service's silence ends the run; never while it is the run that is silent.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.health.patience_ends().filter(|_| !self.terms.paused)
    }
}

/// Waits for other terms. Without a live limits, or when nobody is at it any more, that takes for ever.
pub(super) async fn turned(live_limits: &mut Option<LiveLimits>) {
    if let Some(changes) = live_limits
        && changes.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
