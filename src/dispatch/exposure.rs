//! What may be in flight: before a request is sent, the journal records how much all requests in flight may cost together,
//! so that the next run can count it after a kill.

use crate::reserve::Reserve;

/// By which factor the amount must be smaller before a lower one is recorded.
const MUCH_LESS: u64 = 4;

/// The possible cost of requests whose ends are not yet in the journal.
#[derive(Debug, Default)]
pub(super) struct Exposure {
    out: Reserve,
    rows: usize,
    /// The recorded amount, and the amount sent to the journal.
    known: Reserve,
    announced: Reserve,
    is_pending: bool,
    /// The request that could not be sent because it exceeds the recorded amount.
    refused: Option<Reserve>,
}

impl Exposure {
    /// Whether another request is within the recorded amount. If not, it decides the next amount.
    pub(super) fn covers(&mut self, one: Reserve) -> bool {
        let covers = (self.out + one).fits(self.known.least(self.announced));
        self.refused = (!covers).then_some(one);
        covers
    }

    /// For how many rows requests have ends that are not yet in the journal.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A request is sent, of so many rows. Each of them has its share when its end is stored.
    pub(super) fn leaves(&mut self, worst: Reserve, rows: usize) {
        self.out += worst;
        self.rows += rows;
    }

    /// Its end is stored for a row.
    pub(super) fn stored(&mut self, worst: Reserve) {
        self.rows = self.rows.saturating_sub(1);
        self.out = if self.rows == 0 { Reserve::NOTHING } else { self.out.minus(worst) };
    }

    /// The amount that the journal should record now, if it is time: enough for `requests` more like the next one, as far
    /// as the caps permit. `lowers`: whether a lower amount should be recorded when far less may be in flight.
    pub(super) fn announce(
        &mut self,
        next: Reserve,
        requests: usize,
        left: Reserve,
        lowers: bool,
    ) -> Option<Reserve> {
        // The request that could not be sent decides, whichever row is next: otherwise nothing would be sent any more.
        let one = self.refused.take().unwrap_or(next);
        let requests = requests.max(1) as u64;
        let more = one.times(requests).least(left).most(one);
        let all = self.out + more;
        // A record for each request would mean one commit for each; half of the amount is a good point for the next.
        let half = self.out + one.times(requests.div_ceil(2)).least(more);
        let is_less = lowers && all.times(MUCH_LESS).fits(self.announced);
        let is_time = !half.fits(self.announced) || is_less;
        (is_time && !self.is_pending && all != self.announced).then(|| {
            (self.announced, self.is_pending) = (all, true);
            all
        })
    }

    /// The journal has recorded an amount.
    pub(super) fn on_disk(&mut self, known: Reserve) {
        (self.known, self.is_pending) = (known, false);
    }

    /// The amount still in flight at the end of a pass, if the journal has recorded another.
    pub(super) fn at_the_end(&self) -> Option<Reserve> {
        (self.announced != self.out).then_some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Reserve = Reserve { cost: 0.1, tokens: 100 };
    const ALL: Reserve = Reserve { cost: f64::MAX, tokens: u64::MAX };

    #[test]
    fn nothing_leaves_beyond_what_the_journal_knows() {
        let mut exposure = Exposure::default();
        assert!(!exposure.covers(ONE));
        let announced = exposure.announce(ONE, 4, ALL, true).expect("four");
        assert_eq!(announced.tokens, 400);
        assert!(!exposure.covers(ONE), "announced, and not on disk");
        exposure.on_disk(announced);
        for _ in 0..4 {
            assert!(exposure.covers(ONE));
            exposure.leaves(ONE, 1);
        }
        assert!(!exposure.covers(ONE));
        exposure.stored(ONE);
        assert!(exposure.covers(ONE));
    }

    #[test]
    fn the_amount_is_announced_again_when_half_is_used_up_and_when_far_less_is_in_flight() {
        let mut exposure = Exposure::default();
        let announced = exposure.announce(ONE, 8, ALL, true).expect("eight");
        exposure.on_disk(announced);
        assert_eq!(exposure.announce(ONE, 8, ALL, true), None);
        (0..4).for_each(|_| exposure.leaves(ONE, 1));
        assert_eq!(exposure.announce(ONE, 8, ALL, true), None, "four are left, which is half of eight");
        exposure.leaves(ONE, 1);
        assert_eq!(exposure.announce(ONE, 8, ALL, true).map(|announced| announced.tokens), Some(1_300));
        (0..5).for_each(|_| exposure.stored(ONE));
        exposure.on_disk(Reserve { cost: 1.3, tokens: 1_300 });
        assert_eq!(exposure.announce(ONE, 1, ALL, true).map(|announced| announced.tokens), Some(100));
        assert_eq!(exposure.at_the_end(), Some(Reserve::NOTHING));
    }

    #[test]
    fn a_request_that_could_not_be_sent_is_announced_whatever_comes_next() {
        let mut exposure = Exposure::default();
        let announced = exposure.announce(ONE, 8, ALL, true).expect("eight");
        exposure.on_disk(announced);
        let large = ONE.times(1_000);
        assert!(!exposure.covers(large));
        let announced = exposure.announce(ONE, 1, ALL, true).expect("the large one");
        exposure.on_disk(announced);
        assert!(exposure.covers(large));
        assert_eq!(exposure.announce(large, 1, ALL, true), None);
        assert_eq!(
            exposure.announce(ONE, 1, ALL, false),
            None,
            "without a cap nothing is gained by telling less"
        );
        assert_eq!(exposure.announce(ONE, 1, ALL, true).map(|announced| announced.tokens), Some(100));
    }

    #[test]
    fn no_more_is_announced_than_the_caps_leave() {
        let mut exposure = Exposure::default();
        let left = Reserve { cost: f64::MAX, tokens: 250 };
        assert_eq!(exposure.announce(ONE, 8, left, true).map(|announced| announced.tokens), Some(250));
    }
}
