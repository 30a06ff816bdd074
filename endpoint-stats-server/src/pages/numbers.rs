//! Numbers as people read them.

use std::time::Duration;

use endpoint_stats_core::window::{TimeRange, Timestamp};

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// A count with its thousands set apart: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count short enough for a heading: exact below 100,000, else three digits.
pub(super) fn short_count(number: u64) -> String {
    if number < 100_000 {
        count(number)
    } else {
        scaled(number as f64, 1_000.0, &["", " k", " M", " G", " T", " P", " E"])
    }
}

/// Bytes in powers of a thousand: `12.3 MB`.
pub(super) fn bytes(number: u64) -> String {
    scaled(number as f64, 1_000.0, &[" B", " kB", " MB", " GB", " TB", " PB", " EB"])
}

/// A duration with three digits: `850 µs`, `12.3 ms`, `1.24 s`; from two minutes on in minutes.
pub(super) fn duration(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return NONE.to_owned() };
    match duration.as_secs_f64() {
        secs if secs >= 7_200.0 => format!("{:.1} h", secs / 3_600.0),
        secs if secs >= 120.0 => format!("{:.1} min", secs / 60.0),
        secs if secs >= 1.0 => format!("{} s", three_digits(secs)),
        secs => scaled(secs * 1e9, 1_000.0, &[" ns", " µs", " ms", " s"]),
    }
}

/// A share in per cent: `0.12 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NONE.to_owned();
    }
    match 100.0 * part as f64 / whole as f64 {
        share if part > 0 && share < 0.01 => "< 0.01 %".to_owned(),
        share if part < whole && share > 99.99 => "> 99.99 %".to_owned(),
        share if part == 0 || part == whole => format!("{share:.0} %"),
        share if share < 10.0 => format!("{share:.2} %"),
        share => format!("{share:.1} %"),
    }
}

/// A second of the calendar, in UTC: `23 Nov 2026, 08:20`.
pub(super) fn time(at: Timestamp) -> String {
    format(at, "%-d %b %Y, %H:%M")
}

/// The same as a computer reads it.
pub(super) fn machine_time(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// A second as an input field of the kind `datetime-local` takes it.
pub(super) fn field_time(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M")
}

/// A range, with its day named once when both ends lie in it.
pub(super) fn range(range: TimeRange) -> String {
    let day = |at| format(at, "%-d %b %Y");
    let to = if day(range.from) == day(range.to) { format(range.to, "%H:%M") } else { time(range.to) };
    format!("{} to {to} UTC", time(range.from))
}

/// How long ago a second was: `5 min ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.as_unix().saturating_sub(at.as_unix()) {
        secs if secs < 5 => "just now".to_owned(),
        secs if secs < 120 => format!("{secs} s ago"),
        secs if secs < 7_200 => format!("{} min ago", secs / 60),
        secs if secs < 172_800 => format!("{} h ago", secs / 3_600),
        secs => format!("{} d ago", secs / 86_400),
    }
}

/// A length of time in its largest whole unit: `30 min`.
pub(super) fn length(secs: i64) -> String {
    match secs {
        secs if secs % 86_400 == 0 => format!("{} d", secs / 86_400),
        secs if secs % 3_600 == 0 => format!("{} h", secs / 3_600),
        secs if secs % 60 == 0 => format!("{} min", secs / 60),
        secs => format!("{secs} s"),
    }
}

/// A second by a pattern of `strftime`, in UTC.
pub(super) fn format(at: Timestamp, pattern: &str) -> String {
    jiff::Timestamp::from_second(at.as_unix())
        .map_or_else(|_| at.as_unix().to_string(), |time| time.strftime(pattern).to_string())
}

fn scaled(mut number: f64, factor: f64, units: &[&str]) -> String {
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    // What would be shown as 1000 is shown as 1 of the next unit.
    while number >= factor - 0.5 && units.peek().is_some() {
        number /= factor;
        unit = units.next().copied().unwrap_or_default();
    }
    format!("{}{unit}", three_digits(number))
}

fn three_digits(number: f64) -> String {
    if number >= 99.95 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number >= 9.995 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_its_thousands_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([99_999, 1_234_567, u64::MAX].map(short_count), ["99,999", "1.23 M", "18.4 E"]);
    }

    #[test]
    fn a_number_that_rounds_up_takes_the_next_unit() {
        assert_eq!([0, 999, 999_600, 12_345_678].map(bytes), ["0 B", "999 B", "1.00 MB", "12.3 MB"]);
    }

    #[test]
    fn a_duration_is_shown_in_the_unit_that_fits() {
        let nanos = [850_000, 12_345_678, 1_240_000_000, 180_000_000_000, 7_200_000_000_000];
        let shown = nanos.map(|nanos| duration(Some(Duration::from_nanos(nanos))));
        assert_eq!(shown, ["850 µs", "12.3 ms", "1.24 s", "3.0 min", "2.0 h"]);
        assert_eq!(duration(None), NONE);
    }

    #[test]
    fn a_small_share_is_not_shown_as_none() {
        assert_eq!(percent(0, 0), NONE);
        assert_eq!(percent(0, 5), "0 %");
        assert_eq!(percent(1, 1_000_000), "< 0.01 %");
        assert_eq!(percent(999_999, 1_000_000), "> 99.99 %");
        assert_eq!([percent(1, 800), percent(1, 3), percent(4, 4)], ["0.12 %", "33.3 %", "100 %"]);
    }

    #[test]
    fn a_time_that_no_calendar_has_is_a_number() {
        assert_eq!(time(Timestamp::from_unix(1_700_000_000)), "14 Nov 2023, 22:13");
        assert_eq!(time(Timestamp::from_unix(i64::MAX)), i64::MAX.to_string());
    }

    #[test]
    fn a_range_within_a_day_names_the_day_once() {
        let at = Timestamp::from_unix;
        let hour = TimeRange::new(at(1_700_000_000), at(1_700_003_600));
        assert_eq!(range(hour), "14 Nov 2023, 22:13 to 23:13 UTC");
    }

    #[test]
    fn what_lies_ahead_is_just_now() {
        let now = Timestamp::from_unix(1_000_000);
        assert_eq!(ago(now.plus_secs(60), now), "just now");
        assert_eq!(
            [30, 300, 10_800, 864_000].map(|secs| ago(now.minus_secs(secs), now)),
            ["30 s ago", "5 min ago", "3 h ago", "10 d ago"]
        );
    }
}
