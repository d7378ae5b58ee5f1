//! Dates and times of a spreadsheet: a number of days, and what it is shown as.

use jiff::ToSpan;
use jiff::civil::date;

/// How many milliseconds a day has.
const DAY: i64 = 86_400_000;

/// The first day that spreadsheets do not have: 1 January 10000.
const END: f64 = 2_958_466.0;

/// The day between the two calendars: 1904 begins so many days after 1900.
const DAYS_TO_1904: f64 = 1462.0;

/// A date or time of a spreadsheet's cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SheetTime {
    /// Days since the day before 1 January 1900, by the calendar of spreadsheets, which has a 29 February 1900.
    pub serial: f64,
    /// What it is.
    pub form: SheetTimeForm,
}

/// What a number of days is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetTimeForm {
    /// A day.
    Date,
    /// A day and the time on it.
    DateTime,
    /// The time on no day.
    Time,
    /// A time span, of any number of hours.
    Elapsed,
}

impl SheetTime {
    /// The time of a cell with this number; `is_elapsed` says that the cell shows a time span, and `is_1904` that days are counted
    /// from 1904. `None` for a number that is not a day of the calendar.
    pub fn of_serial(serial: f64, is_elapsed: bool, is_1904: bool) -> Option<Self> {
        if !serial.is_finite() || serial.abs() >= END {
            return None;
        }
        if is_elapsed {
            return Some(Self { serial, form: SheetTimeForm::Elapsed });
        }
        let moved = if is_1904 && serial >= 1.0 { serial + DAYS_TO_1904 } else { serial };
        let (days, rest) = Self::parts(moved);
        let form = match (days, rest) {
            (..0, _) => return None,
            (0, _) => SheetTimeForm::Time,
            (_, 0) => SheetTimeForm::Date,
            _ => SheetTimeForm::DateTime,
        };
        Some(Self { serial: moved, form })
    }

    /// The whole days, and the milliseconds beyond.
    fn parts(serial: f64) -> (i64, i64) {
        // Times are fractions of a day, and exact only when rounded.
        #[expect(clippy::cast_possible_truncation, reason = "a day of the calendar has few digits")]
        let milliseconds = (serial * DAY as f64).round() as i64;
        (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY))
    }

    /// Its text by ISO 8601: `2026-11-30`, `2026-11-30T14:30:00`, `14:30:00`; a time span as hours, minutes and seconds.
    pub fn text(self) -> String {
        let (days, rest) = Self::parts(self.serial);
        match self.form {
            SheetTimeForm::Date => day(days),
            SheetTimeForm::DateTime => format!("{}T{}", day(days), clock(rest)),
            SheetTimeForm::Time => clock(rest),
            SheetTimeForm::Elapsed => {
                let total = days * DAY + rest;
                let sign = if total < 0 { "-" } else { "" };
                format!("{sign}{}", clock(total.abs()))
            }
        }
    }
}

fn day(days: i64) -> String {
    let first = match days {
        60 => return "1900-02-29".to_owned(),
        ..60 => date(1899, 12, 31),
        _ => date(1899, 12, 30),
    };
    first.checked_add(days.days()).map(|day| day.to_string()).unwrap_or_default()
}

fn clock(milliseconds: i64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { whole } else { format!("{whole}.{rest:03}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_days_are_dates_and_times_by_iso_8601() {
        let text = |serial| SheetTime::of_serial(serial, false, false).map(SheetTime::text);
        for (serial, expected) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (60.0, "1900-02-29"),
            (61.0, "1900-03-01"),
            (45_351.0, "2024-02-29"),
            (46_356.604_166_666_664, "2026-11-30T14:30:00"),
            (46_356.999_999_999_9, "2026-12-01"),
            (46_356.000_005_787_037, "2026-11-30T00:00:00.500"),
            (2_958_465.0, "9999-12-31"),
            (0.0, "00:00:00"),
            (0.5, "12:00:00"),
            (0.999_988_425_925_926, "23:59:59"),
        ] {
            assert_eq!(text(serial).as_deref(), Some(expected), "{serial}");
        }
        for none in [-1.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
            assert_eq!(text(none), None, "{none}");
        }
    }

    #[test]
    fn days_of_1904_are_the_same_days_and_time_spans_have_any_number_of_hours() {
        let of_1904 = |serial| SheetTime::of_serial(serial, false, true).expect("a time");
        assert_eq!(of_1904(44_894.5).text(), "2026-11-30T12:00:00");
        assert_eq!((of_1904(44_894.5).serial, of_1904(0.25).text().as_str()), (46_356.5, "06:00:00"));
        let span = |serial| SheetTime::of_serial(serial, true, false).expect("a time").text();
        assert_eq!(
            [span(1.520_833_333_333_333_3), span(-0.5), span(0.0)],
            ["36:30:00", "-12:00:00", "00:00:00"]
        );
    }
}
