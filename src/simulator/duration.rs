//! Durations as people write them: `50ms`, `2s`, `1.5s`, `5m`, `7h`.

use std::time::Duration;

/// Longer spans than this are taken for a slip of the pen.
const LONGEST_SECONDS: f64 = 31_622_400.0;

/// Reads a duration, a number and its unit; `0` needs none.
///
/// The error is a sentence that names the text.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_start = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_start);
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{text}` is not a duration: write 50ms, 2s, 5m or 7h")),
    };
    let seconds = number.trim().parse::<f64>().map(|number| number * scale);
    match seconds {
        Ok(seconds) if (0.0..=LONGEST_SECONDS).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) => Err(format!("`{text}` is out of range: a duration is between 0 and a year")),
        Err(_) => Err(format!("`{text}` is not a duration: `{number}` is not a number")),
    }
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
        assert!(parse_duration("s").unwrap_err().contains("not a number"));
        assert!(parse_duration("-1s").unwrap_err().contains("out of range"));
        assert!(parse_duration("NaNs").is_err());
    }
}
