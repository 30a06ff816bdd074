//! [`TimeReader`]: reads `17/May/2015:10:05:03 +0000`.

use endpoint_stats_core::window::Timestamp;

/// How long a time is, in bytes.
pub(super) const TIME_BYTES: usize = 26;

const MINUTE_BYTES: usize = 18;

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Reads times, and remembers the last minute: the next line is mostly of the same.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeReader {
    // `17/May/2015:10:05:` and ` +0000`, as they stand in the line.
    minute: [u8; MINUTE_BYTES],
    zone: [u8; 6],
    starts_at: i64,
}

impl TimeReader {
    /// Reads a time; `None` when it does not exist, or is of before 1970.
    ///
    /// A leap second, `:60`, is taken for the second before it.
    pub(super) fn read(&mut self, text: &[u8; TIME_BYTES]) -> Option<Timestamp> {
        if text[..MINUTE_BYTES] != self.minute || text[20..] != self.zone {
            self.starts_at = minute_of(text)?;
            self.minute.copy_from_slice(&text[..MINUTE_BYTES]);
            self.zone.copy_from_slice(&text[20..]);
        }
        let second = match number(&text[18..20])? {
            60 => 59,
            second @ 0..60 => second,
            _ => return None,
        };
        Some(Timestamp::from_unix(self.starts_at + second))
    }
}

fn minute_of(text: &[u8; TIME_BYTES]) -> Option<i64> {
    let separators = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if separators.iter().any(|(at, byte)| text[*at] != *byte) {
        return None;
    }
    let year = number(&text[7..11]).filter(|year| *year >= 1970)?;
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == &text[3..6])?.0;
    let day = number(&text[..2]).filter(|day| (1..=days_of(year, month)).contains(day))?;
    let hour = number(&text[12..14]).filter(|hour| *hour < 24)?;
    let minute = number(&text[15..17]).filter(|minute| *minute < 60)?;
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 - zone_secs(&text[21..])?)
}

fn zone_secs(zone: &[u8]) -> Option<i64> {
    let hours = number(&zone[1..3]).filter(|hours| *hours < 24)?;
    let minutes = number(&zone[3..5]).filter(|minutes| *minutes < 60)?;
    match zone[0] {
        b'+' => Some(hours * 3_600 + minutes * 60),
        b'-' => Some(-hours * 3_600 - minutes * 60),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `days_from_civil` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", for years from 1970 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<i64> {
        TimeReader::default().read(text.as_bytes().try_into().unwrap()).map(Timestamp::as_unix)
    }

    #[test]
    fn a_time_is_read_in_its_zone() {
        assert_eq!(read("17/May/2015:10:05:03 +0000"), Some(1_431_857_103));
        assert_eq!(read("17/May/2015:12:05:03 +0200"), Some(1_431_857_103));
        assert_eq!(read("17/May/2015:04:35:03 -0530"), Some(1_431_857_103));
    }

    #[test]
    fn the_first_and_the_last_year_are_read() {
        assert_eq!(read("01/Jan/1970:00:00:00 +0000"), Some(0));
        assert_eq!(read("31/Dec/9999:23:59:59 +0000"), Some(253_402_300_799));
    }

    #[test]
    fn a_leap_second_is_the_second_before_it() {
        assert_eq!(read("31/Dec/2016:23:59:60 +0000"), read("31/Dec/2016:23:59:59 +0000"));
        assert_eq!(read("31/Dec/2016:23:59:61 +0000"), None);
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused() {
        for text in ["31/Feb/2015", "29/Feb/2015", "29/Feb/1900", "00/May/2015", "31/Apr/2015", "01/May/1969"] {
            assert_eq!(read(&format!("{text}:10:05:03 +0000")), None, "{text}");
        }
        assert!(read("29/Feb/2000:10:05:03 +0000").is_some());
        assert!(read("29/Feb/2016:10:05:03 +0000").is_some());
    }

    #[test]
    fn another_zone_in_the_same_minute_is_another_time() {
        let mut times = TimeReader::default();

        let utc = times.read(b"17/May/2015:10:05:03 +0000").unwrap();
        let east = times.read(b"17/May/2015:10:05:03 +0100").unwrap();

        assert_eq!(utc.as_unix() - east.as_unix(), 3_600);
    }

    #[test]
    fn a_refused_time_does_not_change_the_next_one() {
        let mut times = TimeReader::default();

        assert_eq!(times.read(b"17/May/2015:25:05:03 +0000"), None);
        assert_eq!(times.read(b"17/May/2015:25:05:03 +0000"), None);
        assert!(times.read(b"17/May/2015:10:05:03 +0000").is_some());
    }

    proptest! {
        #[test]
        fn every_day_follows_the_day_before(days in 0_i64..2_932_896) {
            let (mut year, mut rest) = (1970, days);
            while rest >= 365 + (days_of(year, 2) - 28) {
                rest -= 365 + (days_of(year, 2) - 28);
                year += 1;
            }
            let mut month = 1;
            while rest >= days_of(year, month) {
                rest -= days_of(year, month);
                month += 1;
            }

            prop_assert_eq!(days_since_1970(year, month, rest + 1), days);
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::array::uniform26(any::<u8>())) {
            TimeReader::default().read(&text);
        }
    }
}
