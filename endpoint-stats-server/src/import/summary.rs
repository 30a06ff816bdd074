//! [`ImportSummary`]: what became of every line.

use std::collections::BTreeMap;
use std::fmt;

/// Rejected lines that are shown; the others are only counted.
pub(super) const MAX_SHOWN: usize = 20;

const SHOWN_BYTES: usize = 80;

/// What became of every line of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Lines that this import counted.
    pub counted: u64,
    /// Of those, lines that fell under one of the keys `_UNMATCHED`, `_REFUSED` and `_OVERFLOW`.
    pub folded: u64,
    /// Lines that are in no known shape, and were not counted.
    pub rejected: u64,
    /// How many lines were rejected for each reason.
    pub reasons: BTreeMap<RejectReason, u64>,
    /// The first 20 of the rejected lines.
    pub rejected_lines: Vec<RejectedLine>,
    /// Lines that an earlier import had read already.
    pub already_counted: u64,
    /// Bytes of log that this import read, decompressed.
    pub bytes: u64,
}

/// A line that was not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// The line's number, the first is 1.
    pub number: u64,
    /// Why it was not counted.
    pub reason: RejectReason,
    /// How the line starts, with everything but printable ASCII escaped.
    pub start: String,
}

/// Why a line is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RejectReason {
    /// Nothing stands on the line.
    Empty,
    /// The line is longer than 1 MiB.
    TooLong,
    /// No time stands in brackets.
    NoTime,
    /// The time in brackets does not exist, or is not written `17/May/2015:10:05:03 +0000`.
    BadTime,
    /// No request in quotes follows the time.
    NoRequest,
    /// The status is not a number from 100 to 999.
    BadStatus,
    /// A size is neither a number nor `-`.
    BadSize,
    /// A duration is neither a number nor `-`.
    BadDuration,
    /// The text between the fields of a custom format is another one.
    OtherFormat,
}

// === impl ImportSummary ===

impl ImportSummary {
    pub(super) fn reject(&mut self, reason: RejectReason, lines: u64) {
        self.rejected += lines;
        *self.reasons.entry(reason).or_default() += lines;
    }

    pub(super) fn show(&mut self, line: RejectedLine) {
        if self.rejected_lines.len() < MAX_SHOWN {
            self.rejected_lines.push(line);
        }
    }

    /// Adds the summary of another input.
    pub fn merge(&mut self, other: &Self) {
        self.counted += other.counted;
        self.folded += other.folded;
        self.already_counted += other.already_counted;
        self.bytes += other.bytes;
        for (reason, lines) in &other.reasons {
            self.reject(*reason, *lines);
        }
        for line in &other.rejected_lines {
            self.show(line.clone());
        }
    }
}

// === impl RejectedLine ===

impl RejectedLine {
    pub(super) fn new(number: u64, reason: RejectReason, line: &[u8]) -> Self {
        let start = line[..line.len().min(SHOWN_BYTES)].escape_ascii().to_string();
        Self { number, reason, start }
    }
}

impl fmt::Display for RejectedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.number, self.reason, self.start)
    }
}

// === impl RejectReason ===

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::TooLong => "longer than 1 MiB",
            Self::NoTime => "no time in brackets",
            Self::BadTime => "not a time",
            Self::NoRequest => "no request in quotes",
            Self::BadStatus => "not a status from 100 to 999",
            Self::BadSize => "not a size",
            Self::BadDuration => "not a duration",
            Self::OtherFormat => "not in the stated format",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_line_is_shown_in_printable_ascii() {
        let line = RejectedLine::new(7, RejectReason::NoTime, b"\x1b[2J\xff\0\"");

        assert_eq!(line.to_string(), r#"line 7: no time in brackets: \x1b[2J\xff\x00\""#);
    }

    #[test]
    fn the_first_20_rejected_lines_are_shown_and_all_are_counted() {
        let mut summary = ImportSummary::default();
        for number in 1..=30 {
            summary.reject(RejectReason::Empty, 1);
            summary.show(RejectedLine::new(number, RejectReason::Empty, b""));
        }

        assert_eq!(summary.rejected, 30);
        assert_eq!(summary.reasons[&RejectReason::Empty], 30);
        assert_eq!(summary.rejected_lines.last().map(|line| line.number), Some(20));
    }
}
