//! How many requests may be in flight: just enough to keep up the rate at the observed latency.

use std::time::Duration;

use crate::job::limits::Concurrency;

/// The default when neither a rate nor a concurrency is set.
const WITHOUT_A_RATE: usize = 64;

/// The minimum that is fitted to a rate.
const FEWEST: usize = 16;

/// The maximum that is fitted to a rate, for a service whose own is not known.
const MOST: usize = 1024;

/// How many files the process needs besides its connections.
const OTHER_FILES: u64 = 64;

/// Before the first answer, a reply within this time counts as quicker than any answer.
const QUICK: Duration = Duration::from_secs(1);

/// The number of places among the requests in flight.
#[derive(Debug)]
pub(crate) struct Window {
    concurrency: Concurrency,
    rate: Option<f64>,
    most: usize,
    fitted: usize,
    latency: Option<f64>,
    shortest: Duration,
}

impl Window {
    /// Places for a job at this rate (requests per second), in a process that may open this many files.
    pub(crate) fn new(concurrency: Concurrency, rate: Option<f64>, open_files: u64) -> Self {
        let by_files = open_files.saturating_sub(OTHER_FILES).max(1).min(usize::MAX as u64) as usize;
        Self { concurrency, rate, most: by_files, fitted: MOST, latency: None, shortest: QUICK * 2 }
    }

    /// The places for a service that takes this many requests at once.
    pub(crate) fn within(self, most_in_flight: Option<usize>) -> Self {
        let most = self.most.min(most_in_flight.unwrap_or(usize::MAX));
        Self { most, fitted: most_in_flight.unwrap_or(MOST), ..self }
    }

    /// Changes the number of places. The observed latency is kept.
    pub(crate) fn change(&mut self, concurrency: Concurrency, rate: Option<f64>) {
        (self.concurrency, self.rate) = (concurrency, rate);
    }

    /// Whether a reply came well before any answer could.
    pub(crate) fn is_quick(&self, latency: Duration) -> bool {
        latency < self.shortest / 2
    }

    /// Learns from a request that was answered.
    pub(crate) fn observe(&mut self, latency: Duration) {
        self.shortest = self.shortest.min(latency);
        let latency = latency.as_secs_f64();
        let known = self.latency.get_or_insert(latency);
        *known += (latency - *known) * 0.1;
    }

    /// The requests a second that the places allow at the observed latency; `None` before the first answer.
    pub(crate) fn requests_each_second(&self) -> Option<f64> {
        self.latency.map(|latency| self.places(Duration::ZERO) as f64 / latency.max(0.001))
    }

    /// The current number of places. A request that is in flight for longer than any before it is evidence of the latency
    /// too: `oldest` is its age.
    pub(crate) fn places(&self, oldest: Duration) -> usize {
        let wanted = match (self.concurrency, self.rate) {
            (Concurrency::Fixed(places), _) => return places.min(self.most),
            (Concurrency::Auto, None) => WITHOUT_A_RATE,
            (Concurrency::Auto, Some(rate)) => {
                let latency = self.latency.unwrap_or(1.0).max(oldest.as_secs_f64());
                // Half as many again, because latencies vary.
                ((rate * latency * 1.5).ceil() as usize + 4).max(FEWEST).min(self.fitted)
            }
        };
        wanted.min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_is_what_comes_in_less_than_half_the_time_of_the_quickest_answer() {
        let mut window = Window::new(Concurrency::Auto, None, 80);
        let millis = Duration::from_millis;
        assert!(window.is_quick(millis(900)) && !window.is_quick(millis(1_000)));
        window.observe(millis(400));
        window.observe(millis(9_000));
        assert!(window.is_quick(millis(199)) && !window.is_quick(millis(200)));
    }

    #[test]
    fn auto_fits_rate_times_latency_and_the_open_files() {
        let mut window = Window::new(Concurrency::Auto, Some(10.0), 1024);
        assert_eq!(window.places(Duration::ZERO), 19);
        assert_eq!(window.places(Duration::from_secs(30)), 454);
        for _ in 0..100 {
            window.observe(Duration::from_secs(10));
        }
        assert!((150..160).contains(&window.places(Duration::ZERO)));
        assert_eq!(Window::new(Concurrency::Auto, None, 80).places(Duration::ZERO), 16);
        assert_eq!(Window::new(Concurrency::Fixed(500), None, 64).places(Duration::ZERO), 1);
    }

    #[test]
    fn a_queue_that_takes_thousands_is_filled_as_far_as_it_goes() {
        let places = |concurrency, open_files, oldest| {
            let window = Window::new(concurrency, Some(1_000.0), open_files).within(Some(10_000));
            window.places(Duration::from_secs(oldest))
        };
        assert_eq!(places(Concurrency::Auto, u64::MAX, 1), 1_504);
        assert_eq!(places(Concurrency::Auto, u64::MAX, 1_800), 10_000);
        assert_eq!(places(Concurrency::Auto, 4_096, 1_800), 4_032);
        assert_eq!(places(Concurrency::Fixed(20_000), u64::MAX, 1_800), 10_000);
    }
}
