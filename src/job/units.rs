//! Durations and sizes as people write them: `50ms`, `2s`, `5m`, `7h`, `16MB`.

use std::time::Duration;

/// The longest sensible duration: ten years.
const LONGEST_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;

/// Reads a duration: a number and `ms`, `s`, `m`, `h` or `d`, also several in a row (`1h30m`). Our own, because jiff's
/// friendly format refuses `1.5d`, and accepts `1:30` and `1h ago`.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write 50ms, 2s, 5m, 7h or 1h30m");
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let seconds = match &rest[..letters] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        total += number * seconds;
        rest = rest[letters..].trim_start();
    }
    match total {
        0.0..=LONGEST_SECONDS => Duration::try_from_secs_f64(total).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Reads a size in bytes: a number, or a number with `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write 65536, 16MB or 64MiB");
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let number: f64 = text[..digits].replace('_', "").parse().map_err(|_| wrong())?;
    let unit: f64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    // Sizes are far below 2^53, up to which a float represents every byte.
    Ok((number * unit).round() as u64)
}

/// A size as a job file would have it: `64MiB`, `1000 bytes`.
pub fn size_shown(bytes: u64) -> String {
    let units =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KiB", 1 << 10)];
    let unit = units.into_iter().find(|(_, one)| bytes >= *one && bytes.is_multiple_of(*one));
    unit.map_or_else(|| format!("{bytes} bytes"), |(name, one)| format!("{}{name}", bytes / one))
}

/// A duration for people: `340ms`, `12s`, `4m 10s`, `7h 05m`.
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..=9 if duration.subsec_millis() >= 100 => format!("{:.1}s", duration.as_secs_f64()),
        1..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("2.5s"), Ok(Duration::from_millis(2500)));
        for wrong in ["", "5", "m", "5 weeks", "-1s", "1e400s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("65536"), Ok(65_536));
        for text in ["64MiB", "16MB", "1GiB", "900 bytes"] {
            assert_eq!(size(text.trim_end_matches("ytes")).map(size_shown).as_deref(), Ok(text));
        }
        assert_eq!(size("16MB"), Ok(16_000_000));
        assert_eq!(size("1 MiB"), Ok(1_048_576));
        assert!(size("many").is_err());
    }
}
