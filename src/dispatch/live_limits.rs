//! Changes to an active run: other limits, other caps, a pause, or the end of its time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::job::limits::{Caps, EffectiveLimits};

/// The channel on which a run receives its current terms.
pub type LiveLimits = watch::Receiver<EffectiveLimits>;

/// When the cap on time is reached, for a run that began at `began` after others had used up `spent`.
pub(super) fn ends_at(began: Instant, spent: Duration, caps: Caps) -> Option<Instant> {
    caps.duration.map(|cap| began + cap.saturating_sub(spent))
}

/// Waits for other terms; forever if there is no channel, or its sender is gone.
pub(super) async fn turned(live_limits: &mut Option<LiveLimits>) {
    if let Some(changes) = live_limits
        && changes.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
