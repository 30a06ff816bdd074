//! Steps of time series.

use endpoint_stats_core::window::TimeRange;

use crate::api_error::ApiError;
use crate::settings;

/// Points of a series at most.
pub const MAX_POINTS: i64 = 1_500;

/// An automatic step gives at most so many points.
const COMFORTABLE_POINTS: i64 = 200;

/// From that long on steps are whole days, of which a database has sums: parts of days take it reading every hour.
const WHOLE_DAYS_FROM: i64 = 14 * 86_400;

/// Steps that people read with ease, in seconds; windows fit into them whole.
const STEPS: [i64; 15] =
    [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000];

/// The shortest step with a comfortable number of points, in seconds.
pub fn automatic_step(range: TimeRange) -> i64 {
    shortest_step(range, COMFORTABLE_POINTS)
}

/// The shortest step that people read with ease and that gives at most so many points, in seconds.
pub fn shortest_step(range: TimeRange, most_points: i64) -> i64 {
    let shortest = if range.to.as_unix().saturating_sub(range.from.as_unix()) < WHOLE_DAYS_FROM { 0 } else { 86_400 };
    let fits = |step: &i64| *step >= shortest && points(range, *step) <= most_points;
    STEPS.into_iter().find(fits).unwrap_or(STEPS[STEPS.len() - 1])
}

/// Reads a step in seconds, or finds one.
///
/// # Errors
///
/// 400 `bad_query` when it is none, not a multiple of ten seconds, or gives too many points.
pub fn step(text: Option<&str>, range: TimeRange) -> Result<i64, ApiError> {
    let Some(text) = text.filter(|text| !matches!(*text, "" | "auto")) else {
        return Ok(automatic_step(range));
    };
    let wrong = |message: String| {
        let hint = format!("leave `step` out, or take at least {} s for this range", automatic_step(range));
        ApiError::bad_query("step", message).with_hint(hint)
    };
    let secs = settings::seconds(text).ok_or_else(|| wrong("`step` is not a step such as 10s, 5m, 1h or 1d".into()))?;
    if secs % 10 != 0 {
        return Err(wrong("`step` is not a multiple of ten seconds".into()));
    }
    let points = points(range, secs);
    if points > MAX_POINTS {
        return Err(wrong(format!("`step` gives {points} points; at most {MAX_POINTS} are answered")));
    }
    Ok(secs)
}

/// The steps that a range touches; steps start at multiples of their length.
fn points(range: TimeRange, step: i64) -> i64 {
    let step_of = |second: i64| second.div_euclid(step);
    step_of(range.to.as_unix().saturating_sub(1)).saturating_sub(step_of(range.from.as_unix())).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::window::Timestamp;

    use super::*;

    fn range(secs: i64) -> TimeRange {
        TimeRange::new(Timestamp::from_unix(0), Timestamp::from_unix(secs))
    }

    #[test]
    fn an_automatic_step_gives_a_comfortable_number_of_points() {
        assert_eq!(automatic_step(range(3_600)), 30);
        assert_eq!(automatic_step(range(86_400)), 600);
        assert_eq!(automatic_step(range(10 * 86_400)), 10_800);
        assert_eq!(automatic_step(range(14 * 86_400)), 86_400);
    }

    #[test]
    fn a_step_that_the_range_touches_is_a_point() {
        let moved = |secs| TimeRange::new(Timestamp::from_unix(secs), Timestamp::from_unix(secs + 3_600));

        assert_eq!(points(moved(0), 3_600), 1);
        assert_eq!(points(moved(10), 3_600), 2);
        assert_eq!(points(moved(-10), 3_600), 2);
    }

    #[test]
    fn too_many_points_are_refused() {
        assert_eq!(step(Some("10s"), range(3_650 * 86_400)).unwrap_err().code(), "bad_query");
        assert_eq!(step(Some("15s"), range(3_600)).unwrap_err().code(), "bad_query");
        assert_eq!(step(Some("1m"), range(3_600)).unwrap(), 60);
        assert_eq!(step(Some("auto"), range(3_600)).unwrap(), 30);
    }
}
