//! Exports: what each endpoint did in each step of time, as rows.
//!
//! The rows of an export add up to what a report over the same range says. A window that a store keeps is never cut:
//! where the store has windows wider than the step, a row covers such a window, and says so by its start and end.
//! Windows lie whole in days, hours and minutes, so an [`Exporter`] asks for a day, and for the hours of a day only if
//! no window of a whole day lies there, and so on. It holds one answer of the store at a time.

mod columns;
mod csv;
mod error;
mod exporter;
mod json_lines;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod widths;

use std::io::{self, Write};

use endpoint_stats_core::Endpoint;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::window::TimeRange;

pub use self::csv::CsvRows;
pub use self::error::ExportError;
pub use self::exporter::Exporter;
pub use self::json_lines::JsonLines;
pub use self::output::Output;
#[cfg(feature = "parquet")]
pub use self::parquet::ParquetRows;
pub use self::widths::Widths;

/// What one endpoint did in one step.
#[derive(Clone, Debug)]
pub struct Row {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The step, or the wider window that the store has there.
    pub window: TimeRange,
    /// What was counted.
    pub counts: Counts,
}

/// Writes rows in some format.
pub trait RowWriter {
    /// Writes a row.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn write(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what is left, and gives back what was written to.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn finish(self: Box<Self>) -> io::Result<Output>;
}

/// Flushes what a format has buffered.
fn flushed(mut output: Output) -> io::Result<Output> {
    output.flush()?;
    Ok(output)
}
