//! [`HeatMap`]: how many hits took how long, over time.
//!
//! Drawn here and not by charts-rs, whose heat map is an element and a fixed colour for each cell: some 150 kB, and one
//! palette. Here it is one path for each shade.

use std::fmt::Write;

use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::store::SeriesPoint;

use super::chart::{LEFT, RIGHT, WIDTH};
use super::steps::Steps;
use super::{axis, numbers};
use crate::report::shown_sketch;

/// Shades there are, from few hits to many.
const SHADES: usize = 6;

/// Bounds of the rows within one power of ten, from fine to coarse.
const BOUNDS: [&[f64]; 3] = [&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0]];

const MOST_ROWS: usize = 20;
/// The height of all rows together, about.
const ROWS_HEIGHT: usize = 140;
/// Above the rows, and below for the times.
const HEAD: usize = 4;
const FOOT: usize = 20;

/// A drawing of cells: a column for each step, a row for each stretch of latency, the longest at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeatMap {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Where the plot begins and ends.
    pub(super) left: usize,
    pub(super) right: usize,
    /// The cells of each shade, as one path.
    pub(super) shades: Vec<String>,
    /// The lower bound of a row, and where it is written.
    pub(super) bounds: Vec<(String, usize)>,
    /// Times below the rows, and where they are written.
    pub(super) times: Vec<(String, usize)>,
    pub(super) words: String,
}

/// Rows with a bound on each side.
struct Rows {
    bounds: Vec<f64>,
}

impl HeatMap {
    /// Draws the latency of each step; `None` when no hit has one.
    pub(super) fn of(series: &[SeriesPoint], steps: Steps) -> Option<Self> {
        let mut all = LatencySketch::default();
        for point in series {
            all.merge(shown_sketch(&point.counts));
        }
        let rows = Rows::of(&all)?;
        let mut cells = vec![vec![0_u64; rows.len()]; steps.count];
        for point in series {
            let Some(index) = steps.index(point.start) else { continue };
            for (bucket, hits) in shown_sketch(&point.counts).buckets() {
                let cell = &mut cells[index][rows.index(middle_secs(bucket))];
                *cell = cell.saturating_add(hits);
            }
        }
        Some(Self::draw(&cells, &rows, steps))
    }

    fn draw(cells: &[Vec<u64>], rows: &Rows, steps: Steps) -> Self {
        let (left, right) = (whole(LEFT), whole(WIDTH - RIGHT));
        let columns = cells.len();
        let filled = || cells.iter().flatten().copied().filter(|hits| *hits > 0);
        let (least, most) = (filled().min().unwrap_or(1), filled().max().unwrap_or(1));
        let x = |column: usize| left + column * (right - left) / columns;
        let row_height = (ROWS_HEIGHT / rows.len()).min(ROWS_HEIGHT / 4);
        let y = |row: usize| (rows.len() - 1 - row) * row_height + HEAD;
        let mut shades = vec![String::new(); SHADES];
        for (column, cells) in cells.iter().enumerate() {
            for (row, hits) in cells.iter().enumerate().filter(|(_, hits)| **hits > 0) {
                let width = x(column + 1) - x(column);
                let path = &mut shades[shade(*hits, least, most)];
                let _ = write!(path, "M{} {}h{width}v{row_height}h-{width}z", x(column), y(row));
            }
        }
        let every = rows.len().div_ceil(10);
        let bounds = (0..rows.len()).step_by(every).map(|row| (rows.label(row), y(row) + row_height)).collect();
        let times = axis::times(steps).map(|(column, label)| (label, x(column))).collect();
        let words = format!("Hits by latency over time, from {} to {}.", rows.label(0), rows.label(rows.len()));
        Self {
            width: whole(WIDTH),
            height: HEAD + rows.len() * row_height + FOOT,
            left,
            right,
            shades,
            bounds,
            times,
            words,
        }
    }
}

impl Rows {
    /// The finest rows that are not too many.
    fn of(sketch: &LatencySketch) -> Option<Self> {
        let (first, _) = sketch.buckets().next()?;
        let (last, _) = sketch.buckets().last()?;
        let rows = BOUNDS.map(|bounds| Self::between(middle_secs(first), middle_secs(last), bounds));
        let [.., coarsest] = &rows;
        let coarsest = Self { bounds: coarsest.bounds.clone() };
        Some(rows.into_iter().find(|rows| rows.len() <= MOST_ROWS).unwrap_or(coarsest))
    }

    fn between(low: f64, high: f64, in_a_power: &[f64]) -> Self {
        let powers = (-10..=6).map(|power| 10_f64.powi(power));
        let all: Vec<_> = powers.flat_map(|power| in_a_power.iter().map(move |bound| bound * power)).collect();
        let first = all.partition_point(|bound| *bound <= low).saturating_sub(1);
        let last = all.partition_point(|bound| *bound <= high).min(all.len() - 1);
        Self { bounds: all[first..=last].to_vec() }
    }

    fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    fn index(&self, secs: f64) -> usize {
        self.bounds.partition_point(|bound| *bound <= secs).saturating_sub(1).min(self.len() - 1)
    }

    fn label(&self, bound: usize) -> String {
        let nanos = (self.bounds[bound] * 1e9).round();
        numbers::duration(std::time::Duration::try_from_secs_f64(nanos * 1e-9).ok())
    }
}

/// The middle of a bucket, in seconds: buckets are 32 to a factor of two.
fn middle_secs(bucket: i32) -> f64 {
    ((f64::from(bucket) + 0.5) / 32.0).exp2()
}

/// Shades follow the logarithm: a cell of ten hits can be told from one of a thousand.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the number of shades")]
fn shade(hits: u64, least: u64, most: u64) -> usize {
    if least == most {
        return SHADES - 1;
    }
    let share = (hits as f64 / least as f64).ln() / (most as f64 / least as f64).ln();
    ((share * SHADES as f64) as usize).min(SHADES - 1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
fn whole(number: f32) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use endpoint_stats_core::aggregate::Counts;
    use endpoint_stats_core::window::Timestamp;

    use super::*;

    const STEPS: Steps = Steps { first: 0, secs: 60, count: 2 };

    fn point(start: i64, latencies: &[Duration]) -> SeriesPoint {
        let mut counts = Counts::default();
        for latency in latencies {
            counts.latency.record(*latency);
        }
        SeriesPoint { start: Timestamp::from_unix(start), counts }
    }

    #[test]
    fn no_latency_is_no_drawing() {
        assert_eq!(HeatMap::of(&[point(0, &[])], STEPS), None);
    }

    #[test]
    fn rows_are_at_most_twenty_however_far_latencies_lie_apart() {
        for longest in [Duration::from_millis(3), Duration::from_secs(1), Duration::from_secs(200_000)] {
            let map =
                HeatMap::of(&[point(0, &[Duration::from_nanos(1), Duration::from_millis(2), longest])], STEPS).unwrap();
            let rows =
                map.shades.iter().flat_map(|path| path.split('M').filter_map(|cell| cell.split([' ', 'h']).nth(1)));
            assert!(rows.collect::<BTreeSet<_>>().len() <= MOST_ROWS, "{longest:?}: {map:?}");
            assert!(map.height <= HEAD + ROWS_HEIGHT + FOOT, "{longest:?}: {map:?}");
        }
    }

    #[test]
    fn a_cell_of_the_most_hits_has_the_darkest_shade() {
        let fast = vec![Duration::from_millis(4); 1_000];
        let map = HeatMap::of(&[point(0, &fast), point(60, &[Duration::from_millis(40)])], STEPS).unwrap();

        let cells: Vec<_> = map.shades.iter().map(|path| path.matches('M').count()).collect();
        assert_eq!(cells, [1, 0, 0, 0, 0, 1]);
        assert_eq!(map.words, "Hits by latency over time, from 3 ms to 50 ms.");
    }
}
