//! What a run is told while it goes on: other limits, other caps, to send nothing for now, that its time is up.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::job::limits::{Caps, EffectiveLimits};

/// Where a run hears of the terms that it keeps to at present.
pub type LiveLimits = watch::Receiver<EffectiveLimits>;

/// When the cap on time is reached, of a run that began then and came after others.
pub(super) fn ends_at(began: Instant, spent: Duration, caps: Caps) -> Option<Instant> {
    caps.duration.map(|cap| began + cap.saturating_sub(spent))
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
