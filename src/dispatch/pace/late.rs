//! For tests: when requests pass a limit, with a timer that is late.

use std::time::Duration;

use tokio::time::Instant;

/// When requests passed within a span, with a timer that is up to a few milliseconds late each time.
pub(super) fn passes(
    from: Instant,
    span: Duration,
    mut pass: impl FnMut(Instant) -> Result<(), Instant>,
) -> Vec<Instant> {
    let (mut now, mut passed) = (from, Vec::new());
    while now < from + span {
        match pass(now) {
            Ok(()) => passed.push(now),
            Err(when) => now = when + Duration::from_micros(700 * (passed.len() as u64 % 5)),
        }
    }
    passed
}

/// Asserts over twenty seconds that none exceeds its limit, and that nearly all of it was used.
pub(super) fn assert_every_second_is_used_and_none_exceeded(
    amount: f64,
    from: Instant,
    pass: impl FnMut(Instant) -> Result<(), Instant>,
) {
    let passed = passes(from, Duration::from_secs(20), pass);
    for (index, at) in passed.iter().enumerate() {
        let within =
            passed[index..].iter().take_while(|later| **later < *at + Duration::from_secs(1)).count();
        assert!(within as f64 <= amount, "{within} in a second of {amount}");
    }
    assert!(passed.len() as f64 >= 0.985 * amount * 20.0, "{} of {}", passed.len(), amount * 20.0);
}
