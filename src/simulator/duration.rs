//! Durations as people write them: `50ms`, `2s`, `1.5s`, `5m`, `7h`.

use std::time::Duration;

use jiff::SignedDuration;

/// A longer duration is assumed to be a typing error.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a duration, a number and its unit; `0` needs none.
///
/// The error is a sentence that names the text.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let signed: SignedDuration =
        trimmed.parse().map_err(|_| format!("`{text}` is not a duration: write 50ms, 2s, 5m or 7h"))?;
    let duration = Duration::try_from(signed).ok().filter(|duration| *duration <= LONGEST);
    duration.ok_or_else(|| format!("`{text}` is out of range: a duration is between 0 and a year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_duration_without_a_unit_or_number_is_refused() {
        assert!(parse_duration("5").unwrap_err().contains("50ms"));
        assert!(parse_duration("s").unwrap_err().contains("not a duration"));
        assert!(parse_duration("-1s").unwrap_err().contains("out of range"));
        assert!(parse_duration("NaNs").is_err());
    }
}
