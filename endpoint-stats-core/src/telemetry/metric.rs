//! [`Metric`]: a metric, described once and told from there.

use metrics::{Counter, Gauge, Histogram, SharedString, counter, gauge, histogram};

/// A metric, described once: whoever tells a value names this, and nobody writes its name again.
#[derive(Debug)]
pub struct Metric<const LABELS: usize> {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: [Label; LABELS],
    help: &'static str,
}

/// What is told with each value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// The values there are; none, when they are not known beforehand.
    pub values: &'static [&'static str],
}

/// How the values of a metric go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up, until the process ends.
    Counter,
    /// Up and down.
    Gauge,
    /// How many values fell below each of some bounds.
    Histogram,
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    One,
    /// Seconds; of a moment, since 1970.
    Seconds,
    /// Bytes.
    Bytes,
}

/// What there is to say about a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name, with the unit and `_total` as Prometheus wants them.
    pub name: &'static str,
    /// How its values go on.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// What is told with each value.
    pub labels: &'static [Label],
    /// What it says, in one sentence without a full stop.
    pub help: &'static str,
}

// === impl Label ===

impl Label {
    /// A label whose values are not known beforehand.
    pub const fn any(name: &'static str) -> Self {
        Self { name, values: &[] }
    }

    /// A label that has one of these values.
    pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values }
    }
}

// === impl Metric ===

impl<const LABELS: usize> Metric<LABELS> {
    /// Describes a counter.
    pub const fn new_counter(name: &'static str, labels: [Label; LABELS], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit: Unit::One, labels, help }
    }

    /// Describes a gauge.
    pub const fn new_gauge(name: &'static str, labels: [Label; LABELS], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit: Unit::One, labels, help }
    }

    /// Describes a histogram of seconds.
    pub const fn new_histogram(name: &'static str, labels: [Label; LABELS], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, unit: Unit::Seconds, labels, help }
    }

    /// Measures it in another unit.
    #[must_use]
    pub const fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The values that a label may have; none, when they are not known beforehand.
    pub(crate) fn values_of(&self, label: &str) -> &'static [&'static str] {
        self.labels.iter().find(|it| it.name == label).map_or(&[], |it| it.values)
    }

    /// What there is to say about it.
    pub const fn description(&'static self) -> Description {
        Description { name: self.name, kind: self.kind, unit: self.unit, labels: &self.labels, help: self.help }
    }

    /// The counter with these values of its labels.
    pub fn counter(&self, values: [SharedString; LABELS]) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        counter!(self.name, self.labels_with(values))
    }

    /// The gauge with these values of its labels.
    pub fn gauge(&self, values: [SharedString; LABELS]) -> Gauge {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        gauge!(self.name, self.labels_with(values))
    }

    /// The histogram with these values of its labels.
    pub fn histogram(&self, values: [SharedString; LABELS]) -> Histogram {
        debug_assert_eq!(self.kind, Kind::Histogram, "{}", self.name);
        histogram!(self.name, self.labels_with(values))
    }

    fn labels_with(&self, values: [SharedString; LABELS]) -> Vec<metrics::Label> {
        self.labels.iter().zip(values).map(|(label, value)| metrics::Label::new(label.name, value)).collect()
    }
}

// === impl Description ===

impl Description {
    /// Tells the recorder of the `metrics` facade, if there is one, and that the values known beforehand are 0 so far.
    ///
    /// Without that a counter whose first value is told late seems not to have risen at all.
    pub fn register(&self) {
        let unit = match self.unit {
            Unit::One => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
            Unit::Bytes => metrics::Unit::Bytes,
        };
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, unit, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, unit, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, unit, self.help),
        }
        if self.kind == Kind::Counter {
            self.begin_at_zero();
        }
    }

    fn begin_at_zero(&self) {
        match self.labels {
            [] => counter!(self.name).increment(0),
            [label] => label.values.iter().for_each(|value| counter!(self.name, label.name => *value).increment(0)),
            _ => {}
        }
    }
}

// === impl Kind ===

impl Kind {
    /// What Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

// === impl Unit ===

impl Unit {
    /// What it is called in a name, if that says it.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::One => None,
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
        }
    }
}
