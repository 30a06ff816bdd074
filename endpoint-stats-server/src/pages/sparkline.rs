//! [`sparkline`]: the hits of one endpoint over time, as small as a word.
//!
//! Drawn here and not by charts-rs: a hundred of them stand on a page, and each is one path.

use std::fmt::Write;

use endpoint_stats_core::window::Timestamp;

use super::steps::Steps;

/// The height of the drawing; its width is one less than the number of steps.
const HEIGHT: u64 = 20;

/// The path of a line through the hits of every step, the highest at the top.
pub(super) fn sparkline(hits_by_step: &[(Timestamp, u64)], steps: Steps) -> String {
    let mut hits = vec![0; steps.count];
    for (start, more) in hits_by_step {
        if let Some(index) = steps.index(*start) {
            hits[index] = *more;
        }
    }
    let top = hits.iter().copied().max().unwrap_or(0).max(1);
    let height = |hits: u64| {
        let of_top = u128::from(hits) * u128::from(HEIGHT) / u128::from(top);
        HEIGHT - u64::try_from(of_top).unwrap_or(HEIGHT)
    };
    let mut path = String::with_capacity(4 * hits.len());
    for (i, hits) in hits.iter().enumerate() {
        let _ = write!(path, "{}{i} {}", if i == 0 { 'M' } else { 'L' }, height(*hits));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_step_reaches_the_top_and_an_empty_one_the_ground() {
        let steps = Steps { first: 0, secs: 60, count: 3 };
        let at = Timestamp::from_unix;

        assert_eq!(sparkline(&[(at(0), 5), (at(120), u64::MAX)], steps), "M0 20L1 20L2 0");
        assert_eq!(sparkline(&[], steps), "M0 20L1 20L2 20");
    }
}
