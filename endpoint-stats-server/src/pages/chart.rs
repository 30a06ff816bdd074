//! [`Chart`]: numbers over time, drawn by charts-rs.
//!
//! The drawing has no style of its own that the policy of the pages would refuse: its colours are attributes, and the
//! style sheet replaces each of [`COLOURS`] by one that fits a light or a dark page.

use std::fmt::Write;
use std::iter;

use charts_rs::{AxisType, Color, LineChart, Series, Symbol};
use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::SeriesPoint;

use super::steps::Steps;
use super::{axis, numbers};
use crate::report::shown_sketch;

/// The drawing's size, in its own units.
pub(super) const WIDTH: f32 = 440.0;
const HEIGHT: f32 = 160.0;
/// Where the plot begins and ends.
pub(super) const LEFT: f32 = 44.0;
pub(super) const RIGHT: f32 = 8.0;

const FONT_SIZE: f32 = 11.0;
/// How a value is drawn that has no neighbours.
const DOT: Symbol = Symbol::Circle(1.0, None);

/// Colours of lines and areas, in the order of the classes `c0`, `c1`, … of the style sheet.
const COLOURS: [[u8; 3]; 9] = [
    [0x10, 0x00, 0x01],
    [0x10, 0x00, 0x02],
    [0x10, 0x00, 0x03],
    [0x10, 0x00, 0x04],
    [0x10, 0x00, 0x05],
    [0x10, 0x00, 0x06],
    [0x10, 0x00, 0x07],
    [0x10, 0x00, 0x08],
    [0x10, 0x00, 0x09],
];
const TEXT: [u8; 3] = [0x20, 0x00, 0x01];
const GRID: [u8; 3] = [0x20, 0x00, 0x02];

/// The ways a hit may end, as they are shown, each with its colour.
const CLASSES: [&str; 6] = ["2xx", "3xx", "4xx", "5xx", "failed", "aborted"];
const PERCENTILES: [(&str, f64, usize); 3] = [("p50", 0.5, 6), ("p95", 0.95, 7), ("p99", 0.99, 8)];

/// A drawing, what it says in words, and its numbers for who points at it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) words: String,
    pub(super) lines: Vec<Line>,
    pub(super) unit: &'static str,
    pub(super) steps: Steps,
}

/// One line or area of a drawing.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) colour: usize,
    pub(super) name: &'static str,
    /// Over the whole range.
    pub(super) whole: String,
    /// Step by step, with commas between; nothing where there is no number.
    pub(super) values: String,
    data: Vec<Option<f32>>,
}

impl Chart {
    /// Where the plot begins and ends, in thousandths of the width.
    pub(super) const PLOT: (f32, f32) = (1_000.0 * LEFT / WIDTH, 1_000.0 * (WIDTH - RIGHT) / WIDTH);

    /// Hits over time, one area for each class of outcomes that occurs.
    pub(super) fn of_hits(series: &[SeriesPoint], totals: &Counts, steps: Steps) -> Self {
        let whole = by_class(totals);
        let mut hits = vec![[0; CLASSES.len()]; steps.count];
        for point in series {
            if let Some(index) = steps.index(point.start) {
                hits[index] = by_class(&point.counts);
            }
        }
        let lines = (0..CLASSES.len()).filter(|class| whole[*class] > 0).map(|class| {
            let values = hits.iter().map(|hits| Some(hits[class] as f64)).collect();
            Line::new(class, CLASSES[class], numbers::count(whole[class]), values)
        });
        let lines: Vec<_> = lines.collect();
        let all = |hits: &[u64; CLASSES.len()]| hits.iter().fold(0_u64, |sum, more| sum.saturating_add(*more));
        let top = axis::whole_top(hits.iter().map(all).max().unwrap_or(0));
        Self { svg: draw(&lines, steps, top, true), words: words("Hits over time", &lines), lines, unit: "", steps }
    }

    /// Percentiles of latency over time.
    pub(super) fn of_latency(series: &[SeriesPoint], totals: &Counts, steps: Steps) -> Self {
        let top = series.iter().filter_map(|point| shown_sketch(&point.counts).quantile(0.99)).max();
        let (unit, factor) = unit_for(top.unwrap_or_default().as_secs_f64());
        let lines = PERCENTILES.map(|(name, q, colour)| {
            let mut values = vec![None; steps.count];
            for point in series {
                if let Some(index) = steps.index(point.start) {
                    values[index] = shown_sketch(&point.counts).quantile(q).map(|value| value.as_secs_f64() * factor);
                }
            }
            Line::new(colour, name, numbers::duration(shown_sketch(totals).quantile(q)), values)
        });
        let top = axis::top(top.unwrap_or_default().as_secs_f64() * factor);
        let svg = draw(&lines, steps, top, false);
        Self { svg, words: words("Latency over time", &lines), lines: lines.into(), unit, steps }
    }
}

impl Line {
    fn new(colour: usize, name: &'static str, whole: String, values: Vec<Option<f64>>) -> Self {
        let mut text = String::new();
        for (i, value) in values.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = match value {
                Some(value) if value.fract() == 0.0 || *value >= 1_000.0 => write!(text, "{comma}{value:.0}"),
                Some(value) if *value >= 1.0 => write!(text, "{comma}{value:.2}"),
                Some(value) => write!(text, "{comma}{value:.4}"),
                None => write!(text, "{comma}"),
            };
        }
        #[expect(clippy::cast_possible_truncation, reason = "a drawing has fewer digits")]
        let data = values.into_iter().map(|value| value.map(|value| value as f32)).collect();
        Self { colour, name, whole, values: text, data }
    }

    /// The values between two gaps, which a line does not show.
    fn lone(&self) -> Option<Vec<Option<f32>>> {
        let is_gap = |index: Option<usize>| index.and_then(|index| self.data.get(index)?.as_ref()).is_none();
        let is_lone = |index: usize| is_gap(index.checked_sub(1)) && is_gap(Some(index + 1));
        let lone: Vec<_> = (0..self.data.len()).map(|index| self.data[index].filter(|_| is_lone(index))).collect();
        lone.iter().any(Option::is_some).then_some(lone)
    }
}

fn by_class(counts: &Counts) -> [u64; CLASSES.len()] {
    let mut hits = [0_u64; CLASSES.len()];
    for (outcome, more) in counts.outcomes.iter() {
        let class = match outcome {
            Outcome::Status(..300) => 0,
            Outcome::Status(300..400) => 1,
            Outcome::Status(400..500) => 2,
            Outcome::Status(500..) => 3,
            Outcome::Failed | Outcome::Panicked => 4,
            Outcome::Aborted => 5,
        };
        hits[class] = hits[class].saturating_add(more);
    }
    hits
}

/// The unit that a duration is read in, and how many of them a second has.
fn unit_for(top_secs: f64) -> (&'static str, f64) {
    match top_secs {
        secs if secs >= 1.0 => ("s", 1.0),
        secs if secs >= 0.001 => ("ms", 1e3),
        _ => ("µs", 1e6),
    }
}

fn words(title: &str, lines: &[Line]) -> String {
    let parts: Vec<_> = lines.iter().map(|line| format!("{} {}", line.name, line.whole)).collect();
    format!("{title}. In all: {}.", parts.join(", "))
}

fn draw(lines: &[Line], steps: Steps, top: f64, is_stacked: bool) -> String {
    let series = lines.iter().flat_map(|line| {
        let drawn = Series {
            name: line.name.to_owned(),
            data: line.data.clone(),
            index: Some(line.colour),
            stack: is_stacked.then(String::new),
            ..Series::default()
        };
        let lone = line.lone().filter(|_| !is_stacked);
        let dots = lone.map(|data| Series { data, symbol: Some(DOT), ..drawn.clone() });
        iter::once(drawn).chain(dots)
    });
    let mut chart = LineChart::new(series.collect(), Vec::new());
    (chart.width, chart.height, chart.compact) = (WIDTH, HEIGHT, true);
    chart.background_color = Color::transparent();
    chart.margin = (4.0).into();
    (chart.margin.top, chart.margin.right) = (10.0, 0.0);
    chart.legend.show = Some(false);
    chart.series.colors = COLOURS.map(colour).into();
    chart.series.fill = is_stacked;
    chart.series.fill_opacity = Some(1.0);
    chart.series.stroke_width = if is_stacked { 0.5 } else { 1.8 };
    chart.series.symbol = Some(Symbol::None);
    chart.grid.stroke_color = colour(GRID);
    (chart.grid.left, chart.grid.right) = (Some(LEFT), Some(RIGHT));
    set_time_axis(&mut chart, steps);
    set_value_axis(&mut chart, top);
    // The drawing fails only without memory; the page is of use without it.
    chart.svg().unwrap_or_default()
}

fn set_time_axis(chart: &mut LineChart, steps: Steps) {
    let axis = &mut chart.x_axis;
    (axis.font.size, axis.font.color, axis.stroke_color) = (FONT_SIZE, colour(TEXT), colour(GRID));
    axis.height = 22.0;
    axis.kind = AxisType::Time;
    axis.formatter = Some(axis::pattern(steps).to_owned());
    axis.values = steps.starts().map(|start| start as f64).collect();
}

fn set_value_axis(chart: &mut LineChart, top: f64) {
    for axis in &mut chart.y_axis_configs {
        (axis.font.size, axis.font.color, axis.stroke_color) = (FONT_SIZE, colour(TEXT), colour(GRID));
        axis.split_number = axis::PARTS;
        axis.min = Some(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a drawing has fewer digits")]
        let top = top as f32;
        axis.max = Some(top);
    }
}

fn colour([r, g, b]: [u8; 3]) -> Color {
    (r, g, b).into()
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::window::Timestamp;

    use super::*;

    const STEPS: Steps = Steps { first: 0, secs: 60, count: 3 };

    fn point(start: i64, outcomes: &[(Outcome, u64)]) -> SeriesPoint {
        let counts = Counts { outcomes: outcomes.iter().copied().collect(), ..Counts::default() };
        SeriesPoint { start: Timestamp::from_unix(start), counts }
    }

    #[test]
    fn only_classes_that_occur_are_drawn() {
        let series = [point(0, &[(Outcome::Status(201), 5)]), point(120, &[(Outcome::Panicked, 2)])];
        let mut totals = series[0].counts.clone();
        totals.merge(&series[1].counts);

        let chart = Chart::of_hits(&series, &totals, STEPS);

        let lines: Vec<_> = chart.lines.iter().map(|line| (line.name, line.values.as_str())).collect();
        assert_eq!(lines, [("2xx", "5,0,0"), ("failed", "0,0,2")]);
        assert_eq!(chart.words, "Hits over time. In all: 2xx 5, failed 2.");
    }

    #[test]
    fn a_step_without_a_hit_has_no_latency() {
        let mut slow = point(60, &[(Outcome::Status(200), 1)]);
        slow.counts.latency.record(std::time::Duration::from_secs(4));

        let chart = Chart::of_latency(&[slow.clone()], &slow.counts, STEPS);

        assert_eq!((chart.unit, chart.lines.len()), ("s", 3));
        assert!(chart.lines[0].values.starts_with(",3.9") || chart.lines[0].values.starts_with(",4.0"), "{chart:?}");
        assert!(chart.lines[0].values.ends_with(','));
        assert_eq!(chart.svg.matches("<circle").count(), 3, "a value without neighbours is a dot: {}", chart.svg);
    }

    #[test]
    fn a_drawing_has_no_style_and_only_colours_of_the_style_sheet() {
        let series = [point(0, &[(Outcome::Status(200), 5), (Outcome::Status(404), 3)])];
        let svg = Chart::of_hits(&series, &series[0].counts, STEPS).svg;
        let sheet = include_str!("../../assets/dashboard.css");

        assert!(svg.starts_with("<svg") && !svg.contains("<style") && !svg.contains("style="), "{svg}");
        for value in svg.split(['"']).filter(|value| value.starts_with('#')) {
            assert!(sheet.contains(&format!("\"{value}\"")), "{value} is a colour without a rule");
        }
    }
}
