//! How many rows fit into one request: as many as use up the limits of requests and of tokens together.

use super::marks::MARK_TOKENS;
use crate::job::pack::{PackRows, PackSettings};

/// What one request may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackRoom {
    /// Tokens, in and out.
    pub tokens: f64,
    /// Rows.
    pub rows: usize,
}

/// The estimated tokens of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowSize {
    /// Those that it shares with the rows of its request: the turn of the system, options, terms.
    pub shared: f64,
    /// Its text and its answer.
    pub own: f64,
}

impl PackRoom {
    /// The room that a job's settings give, where one request may have this many tokens so that requests and tokens are used
    /// up together; `None`: tokens are not limited.
    pub fn new(settings: &PackSettings, tokens_each: Option<f64>) -> Self {
        let most = PackSettings::MOST_ROWS;
        let rows = match settings.rows {
            PackRows::Auto => most,
            PackRows::AtMost(rows) => rows.min(most),
        };
        let tokens = (settings.max_tokens as f64).min(tokens_each.unwrap_or(f64::INFINITY));
        Self { tokens, rows: rows as usize }
    }

    /// The room for one row.
    pub const ONE: Self = Self { tokens: 0.0, rows: 1 };

    /// How many of these rows, from the first one on, travel together; at least one.
    pub fn takes(&self, sizes: impl IntoIterator<Item = RowSize>) -> usize {
        let mut used = 0.0;
        let mut taken = 0;
        for size in sizes.into_iter().take(self.rows) {
            let shared = if taken == 0 { size.shared } else { 0.0 };
            used += shared + size.own + (2 * MARK_TOKENS) as f64;
            if taken > 0 && used > self.tokens {
                break;
            }
            taken += 1;
        }
        taken.max(1)
    }
}

/// What packing makes of a job's rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackForecast {
    /// Requests in which the rows travel.
    pub requests: u64,
    /// Their tokens, in and out.
    pub tokens: f64,
    /// The tokens of the marks among them, half of which are in the prompts and half in the answers.
    pub marks: f64,
    /// How long they take at the limits; `None` if neither requests nor tokens are limited.
    pub minutes: Option<f64>,
}

impl PackForecast {
    /// So many requests and tokens, with those of marks among them, under limits in requests and tokens a minute.
    pub fn at_limits(
        requests: u64,
        (tokens, marks): (f64, f64),
        requests_a_minute: Option<f64>,
        tokens_a_minute: Option<f64>,
    ) -> Self {
        let by_requests = requests_a_minute.map(|limit| requests as f64 / limit);
        let by_tokens = tokens_a_minute.map(|limit| tokens / limit);
        let minutes = by_requests.into_iter().chain(by_tokens).reduce(f64::max);
        Self { requests, tokens, marks, minutes }
    }
}

/// What becomes of these rows, all of which may travel together, under limits in requests and tokens a minute. Without settings
/// each goes alone.
pub fn forecast(
    sizes: impl IntoIterator<Item = RowSize>,
    settings: Option<&PackSettings>,
    requests_a_minute: Option<f64>,
    tokens_a_minute: Option<f64>,
) -> PackForecast {
    let each = requests_a_minute.zip(tokens_a_minute).map(|(requests, tokens)| tokens / requests);
    // Where only tokens are limited, nothing is gained by packing.
    let only_tokens = requests_a_minute.is_none() && tokens_a_minute.is_some();
    let room =
        settings.filter(|_| !only_tokens).map_or(PackRoom::ONE, |settings| PackRoom::new(settings, each));
    let mut sizes = sizes.into_iter().peekable();
    let (mut requests, mut tokens, mut all_marks) = (0_u64, 0.0, 0.0);
    while let Some(first) = sizes.next() {
        let mut used = first.shared + first.own;
        let marks = (2 * MARK_TOKENS) as f64;
        let mut rows = 1;
        while rows < room.rows
            && let Some(next) =
                sizes.next_if(|next| used + marks * (rows + 1) as f64 + next.own <= room.tokens)
        {
            used += next.own;
            rows += 1;
        }
        requests += 1;
        let of_marks = if rows > 1 { marks * rows as f64 } else { 0.0 };
        all_marks += of_marks;
        tokens += used + of_marks;
    }
    PackForecast::at_limits(requests, (tokens, all_marks), requests_a_minute, tokens_a_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PackSettings = PackSettings { rows: PackRows::Auto, max_tokens: 1_600 };
    const SHORT: RowSize = RowSize { shared: 10.0, own: 105.0 };

    #[test]
    fn a_request_takes_what_uses_up_requests_and_tokens_together_and_no_more_than_it_may() {
        let taken = |settings: &PackSettings, each, size| {
            PackRoom::new(settings, each).takes(std::iter::repeat_n(size, 1_000))
        };
        assert_eq!(taken(&SETTINGS, Some(100_000.0 / 60.0), SHORT), 13);
        assert_eq!(taken(&SETTINGS, None, SHORT), 13);
        assert_eq!(taken(&SETTINGS, Some(500.0), SHORT), 4);
        // Tokens are what is limited.
        assert_eq!(taken(&SETTINGS, Some(120.0), SHORT), 1);
        let three = PackSettings { rows: PackRows::AtMost(3), ..SETTINGS };
        assert_eq!(taken(&three, None, SHORT), 3);
        assert_eq!(taken(&SETTINGS, None, RowSize { shared: 0.0, own: 2_000.0 }), 1);
        assert_eq!(taken(&PackSettings { max_tokens: 1 << 40, ..SETTINGS }, None, SHORT), 100);
    }

    #[test]
    fn packing_saves_hours_where_requests_are_limited_and_nothing_where_tokens_are() {
        let of = |rows, size, settings: Option<&PackSettings>, requests, tokens| {
            forecast(std::iter::repeat_n(size, rows), settings, requests, tokens)
        };
        let alone = of(10_000, SHORT, None, Some(60.0), Some(100_000.0));
        assert_eq!((alone.requests, alone.minutes.map(f64::ceil)), (10_000, Some(167.0)));
        let packed = of(10_000, SHORT, Some(&SETTINGS), Some(60.0), Some(100_000.0));
        assert_eq!((packed.requests, packed.minutes.map(f64::ceil)), (770, Some(13.0)));
        let long = RowSize { shared: 0.0, own: 1_680.0 };
        let packed = of(100, long, Some(&SETTINGS), Some(60.0), Some(100_000.0));
        assert_eq!((packed.requests, packed.minutes), (100, Some(1.68)));
        assert_eq!(of(100, SHORT, Some(&SETTINGS), None, Some(1_000.0)).requests, 100);
        assert_eq!(of(100, SHORT, Some(&SETTINGS), None, None).minutes, None);
    }
}
