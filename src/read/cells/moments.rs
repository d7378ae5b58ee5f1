//! Dates, times, timestamps and durations as text, including those beyond the calendar.

use arrow::array::Array;
use arrow::array::cast::AsArray;
use arrow::array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::ArrayFormatter;

const SECONDS_OF_DAY: i64 = 86_400;

/// The text of a value, from the formatter, or, if that has none, computed from the stored number.
pub(super) fn text(array: &dyn Array, formatter: &ArrayFormatter<'_>, index: usize) -> String {
    let text = match array.data_type() {
        DataType::Date64 => None,
        // Arrow knows only offsets, and would need a time zone database even for `UTC`.
        DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => in_utc(array, *unit, index),
        _ => formatter.value(index).try_to_string().ok(),
    };
    text.unwrap_or_else(|| computed(array.data_type(), stored(array, index)))
}

fn in_utc(array: &dyn Array, unit: TimeUnit, index: usize) -> Option<String> {
    let moment = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value_as_datetime(index),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value_as_datetime(index),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value_as_datetime(index),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value_as_datetime(index),
    };
    // Its `Debug` form is ISO 8601, with a `T`.
    moment.map(|moment| format!("{moment:?}Z"))
}

/// The number that a value is stored as.
fn stored(array: &dyn Array, index: usize) -> i64 {
    let data = array.to_data();
    match array.data_type().primitive_width() {
        Some(4) => i64::from(data.buffer::<i32>(0)[index]),
        _ => data.buffer::<i64>(0)[index],
    }
}

fn computed(data_type: &DataType, stored: i64) -> String {
    let (most, per_second) = match data_type {
        DataType::Date32 => (i64::from(i32::MAX), None),
        DataType::Date64 => (i64::MAX, Some(1000)),
        DataType::Time32(unit)
        | DataType::Time64(unit)
        | DataType::Duration(unit)
        | DataType::Timestamp(unit, _) => (i64::MAX, Some(per_second(*unit))),
        _ => return stored.to_string(),
    };
    match (data_type, per_second) {
        (DataType::Time32(_) | DataType::Time64(_), Some(per_second)) => time(stored, per_second),
        (DataType::Duration(_), Some(per_second)) => {
            let sign = if stored < 0 { "-" } else { "" };
            let stored = stored.unsigned_abs();
            let per_second = per_second.unsigned_abs();
            format!("{sign}PT{}{}S", stored / per_second, fraction(stored % per_second, per_second))
        }
        // As DuckDB and PostgreSQL store and write them.
        _ if stored == most => "infinity".to_owned(),
        _ if stored == -most => "-infinity".to_owned(),
        (_, None) => date(stored),
        (_, Some(per_second)) => {
            let seconds = stored.div_euclid(per_second);
            let within = stored - seconds * per_second;
            let (day, second) = (seconds.div_euclid(SECONDS_OF_DAY), seconds.rem_euclid(SECONDS_OF_DAY));
            match data_type {
                DataType::Date64 if second == 0 && within == 0 => date(day),
                DataType::Timestamp(_, Some(_)) => {
                    format!("{}T{}Z", date(day), time(second * per_second + within, per_second))
                }
                _ => format!("{}T{}", date(day), time(second * per_second + within, per_second)),
            }
        }
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Hours, minutes and seconds; there may be more than 24 hours.
fn time(stored: i64, per_second: i64) -> String {
    let sign = if stored < 0 { "-" } else { "" };
    let (stored, per_second) = (stored.unsigned_abs(), per_second.unsigned_abs());
    let (seconds, within) = (stored / per_second, stored % per_second);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{sign}{hours:02}:{minutes:02}:{:02}{}", seconds % 60, fraction(within, per_second))
}

/// The fraction of a second, in three, six or nine digits.
fn fraction(within: u64, per_second: u64) -> String {
    match per_second {
        _ if within == 0 => String::new(),
        1_000 => format!(".{within:03}"),
        1_000_000 => format!(".{within:06}"),
        _ => format!(".{within:09}"),
    }
}

/// The date of a day counted from 1970-01-01, in the calendar of ISO 8601 extended without end. Howard Hinnant's
/// `civil_from_days`.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_reckoned_as_the_calendar_has_them() {
        let told: Vec<String> = [0, -1, 11_016, 19_723, 2_932_897, -719_529].map(date).into();
        let dates = ["1970-01-01", "1969-12-31", "2000-02-29", "2024-01-01", "+10000-01-01", "-0001-12-31"];
        assert_eq!(told, dates);
    }

    #[test]
    fn values_that_arrow_cannot_write_have_a_text_of_their_own() {
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        assert_eq!(computed(&millis, i64::MAX), "infinity");
        assert_eq!(computed(&millis, -i64::MAX), "-infinity");
        assert_eq!(computed(&millis, i64::MAX - 7), "+292278994-08-17T07:12:55.800");
        assert_eq!(computed(&DataType::Time64(TimeUnit::Microsecond), 90_061_000_001), "25:01:01.000001");
        assert_eq!(computed(&DataType::Duration(TimeUnit::Millisecond), -1_500), "-PT1.500S");
    }
}
