//! What may be out: the journal knows before a request leaves how much all that are out may cost together, so that after a
//! kill the next run can count it.

use crate::reserve::Reserve;

/// By how much less is told, when far less may be out than the journal knows.
const MUCH_LESS: u64 = 4;

/// What requests may cost whose ends the journal does not know yet.
#[derive(Debug, Default)]
pub(super) struct Exposure {
    out: Reserve,
    requests: usize,
    /// What the journal knows, and what it was told.
    known: Reserve,
    told: Reserve,
    is_told: bool,
    /// The request that could not leave because it is beyond what the journal knows.
    refused: Option<Reserve>,
}

impl Exposure {
    /// Whether another request is within what the journal knows. One that is not is told of next.
    pub(super) fn covers(&mut self, one: Reserve) -> bool {
        let covers = self.out.plus(one).fits(self.known.least(self.told));
        self.refused = (!covers).then_some(one);
        covers
    }

    /// Requests whose ends the journal does not know yet.
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// A request leaves.
    pub(super) fn leaves(&mut self, worst: Reserve) {
        self.out = self.out.plus(worst);
        self.requests += 1;
    }

    /// Its end is stored.
    pub(super) fn stored(&mut self, worst: Reserve) {
        self.requests = self.requests.saturating_sub(1);
        self.out = if self.requests == 0 { Reserve::NOTHING } else { self.out.minus(worst) };
    }

    /// What the journal is to be told, if it is time: that so many requests like the next may leave, as far as the caps let
    /// them. `lowers`: whether it matters that the journal knows of less again, when far less may be out.
    pub(super) fn tell(
        &mut self,
        next: Reserve,
        requests: usize,
        left: Reserve,
        lowers: bool,
    ) -> Option<Reserve> {
        // What could not leave decides, whichever row is looked at now: nothing would go any more otherwise.
        let one = self.refused.take().unwrap_or(next);
        let requests = requests.max(1) as u64;
        let more = one.times(requests).least(left).most(one);
        let all = self.out.plus(more);
        // Asking for each request anew would be one commit for each; a half used up is a good time to ask.
        let half = self.out.plus(one.times(requests.div_ceil(2)).least(more));
        let is_less = lowers && all.times(MUCH_LESS).fits(self.told);
        let is_time = !half.fits(self.told) || is_less;
        (is_time && !self.is_told && all != self.told).then(|| {
            (self.told, self.is_told) = (all, true);
            all
        })
    }

    /// The journal knows.
    pub(super) fn on_disk(&mut self, known: Reserve) {
        (self.known, self.is_told) = (known, false);
    }

    /// What is still out at the end of a pass, where the journal knows of another sum.
    pub(super) fn at_the_end(&self) -> Option<Reserve> {
        (self.told != self.out).then_some(self.out)
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
        let told = exposure.tell(ONE, 4, ALL, true).expect("four");
        assert_eq!(told.tokens, 400);
        assert!(!exposure.covers(ONE), "told, and not on disk");
        exposure.on_disk(told);
        for _ in 0..4 {
            assert!(exposure.covers(ONE));
            exposure.leaves(ONE);
        }
        assert!(!exposure.covers(ONE));
        exposure.stored(ONE);
        assert!(exposure.covers(ONE));
    }

    #[test]
    fn it_is_told_anew_when_half_is_used_up_and_when_far_less_is_out() {
        let mut exposure = Exposure::default();
        let told = exposure.tell(ONE, 8, ALL, true).expect("eight");
        exposure.on_disk(told);
        assert_eq!(exposure.tell(ONE, 8, ALL, true), None);
        (0..4).for_each(|_| exposure.leaves(ONE));
        assert_eq!(exposure.tell(ONE, 8, ALL, true), None, "four are left, which is half of eight");
        exposure.leaves(ONE);
        assert_eq!(exposure.tell(ONE, 8, ALL, true).map(|told| told.tokens), Some(1_300));
        (0..5).for_each(|_| exposure.stored(ONE));
        exposure.on_disk(Reserve { cost: 1.3, tokens: 1_300 });
        assert_eq!(exposure.tell(ONE, 1, ALL, true).map(|told| told.tokens), Some(100));
        assert_eq!(exposure.at_the_end(), Some(Reserve::NOTHING));
    }

    #[test]
    fn a_request_that_could_not_leave_is_told_of_whatever_comes_next() {
        let mut exposure = Exposure::default();
        let told = exposure.tell(ONE, 8, ALL, true).expect("eight");
        exposure.on_disk(told);
        let large = ONE.times(1_000);
        assert!(!exposure.covers(large));
        let told = exposure.tell(ONE, 1, ALL, true).expect("the large one");
        exposure.on_disk(told);
        assert!(exposure.covers(large));
        assert_eq!(exposure.tell(large, 1, ALL, true), None);
        assert_eq!(
            exposure.tell(ONE, 1, ALL, false),
            None,
            "without a cap nothing is gained by telling less"
        );
        assert_eq!(exposure.tell(ONE, 1, ALL, true).map(|told| told.tokens), Some(100));
    }

    #[test]
    fn no_more_is_told_than_the_caps_leave() {
        let mut exposure = Exposure::default();
        let left = Reserve { cost: f64::MAX, tokens: 250 };
        assert_eq!(exposure.tell(ONE, 8, left, true).map(|told| told.tokens), Some(250));
    }
}
