//! The axes of drawings: where the values end, and which times are told.

use endpoint_stats_core::window::Timestamp;

use super::numbers;
use super::steps::Steps;

/// Parts of an axis of values.
pub(super) const PARTS: usize = 4;

const DAY_SECS: i64 = 86_400;

/// Times on an axis at most, and what may lie between two of them, in seconds.
const MOST_TIMES: i64 = 8;
const BETWEEN_TIMES: [i64; 11] =
    [10, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, DAY_SECS, 7 * DAY_SECS, 30 * DAY_SECS];

/// The smallest number above that splits into parts that are easy to read; one decimal is enough for them.
pub(super) fn top(most: f64) -> f64 {
    let part = (most / PARTS as f64).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(part.log10().floor());
    let round = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .find(|round| round * power >= part && (power >= 1.0 || round.fract() == 0.0))
        .unwrap_or(10.0);
    if most > 0.0 { round * power * PARTS as f64 } else { PARTS as f64 }
}

/// The same for numbers of things, whose parts are whole.
pub(super) fn whole_top(most: u64) -> f64 {
    top(most.div_ceil(PARTS as u64) as f64 * PARTS as f64)
}

/// How a time is written: by its hour, or its day where steps are long.
pub(super) fn pattern(steps: Steps) -> &'static str {
    if has_days(steps) { "%d %b" } else { "%H:%M" }
}

/// The steps in which a time begins that people read with ease, and that time.
pub(super) fn times(steps: Steps) -> impl Iterator<Item = (usize, String)> {
    let length = steps.starts().last().unwrap_or(steps.first) - steps.first;
    let least = if has_days(steps) { DAY_SECS } else { steps.secs };
    let fits = |between: &i64| *between >= least && length / between <= MOST_TIMES;
    let between = BETWEEN_TIMES.into_iter().find(fits).unwrap_or(365 * DAY_SECS);
    let is_first = move |start: i64| start.div_euclid(between) > (start - steps.secs).div_euclid(between);
    let begins = steps.starts().enumerate().filter(move |(_, start)| is_first(*start));
    begins.map(move |(step, start)| (step, numbers::format(Timestamp::from_unix(start), pattern(steps))))
}

fn has_days(steps: Steps) -> bool {
    steps.secs >= 10_800
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_number_that_splits_well() {
        let tops = [0.0, 1.0, 4.0, 4.1, 95.0, 2_600.0].map(|most| format!("{:.1}", top(most)));

        assert_eq!(tops, ["4.0", "1.2", "4.0", "6.0", "100.0", "3200.0"]);
    }

    #[test]
    fn the_parts_of_whole_numbers_are_whole() {
        for most in (0..1_000).chain([u64::MAX]) {
            let top = whole_top(most);

            assert!(top >= most as f64 && (top / PARTS as f64).fract() == 0.0, "{most}: {top}");
        }
    }

    #[test]
    fn times_stand_where_they_begin() {
        let of = |first, secs, count| times(Steps { first, secs, count }).collect::<Vec<_>>();
        let nine_o_clock = 20_000 * DAY_SECS + 9 * 3_600;

        let week = of(nine_o_clock, 10_800, 56);
        assert_eq!((week.len(), &week[0]), (7, &(5, "05 Oct".to_owned())));
        let day = of(nine_o_clock + 1_800, 1_800, 48);
        assert_eq!((day.len(), &day[0]), (8, &(5, "12:00".to_owned())));
        assert!((2..=9).contains(&of(nine_o_clock, DAY_SECS, 90).len()));
    }
}
