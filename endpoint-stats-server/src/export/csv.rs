//! [`CsvRows`]: an export as CSV.

use std::io;

use super::columns::{COLUMNS, Cells};
use super::{Output, Row, RowWriter, flushed};
use crate::report::csv::guarded;
use crate::report::rfc_3339;

/// Writes a row of names, then the rows; cells that a spreadsheet would run are prefixed with `'`.
#[derive(Debug)]
pub struct CsvRows(csv::Writer<Output>);

impl CsvRows {
    /// Writes the names.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn new(output: Output) -> io::Result<Self> {
        let mut rows = csv::Writer::from_writer(output);
        rows.write_record(COLUMNS.iter().map(|column| column.name))?;
        Ok(Self(rows))
    }
}

impl RowWriter for CsvRows {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        Ok(self.0.write_record(COLUMNS.iter().map(|column| cell(&column.cells, row)))?)
    }

    fn finish(self: Box<Self>) -> io::Result<Output> {
        flushed(self.0.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

fn cell(cells: &Cells, row: &Row) -> String {
    match cells {
        Cells::Text(text) => guarded(text(row)),
        Cells::Time(at) => rfc_3339(at(row)),
        Cells::Number(number) => number(row).to_string(),
        Cells::Secs(secs) => secs(row).map(|found| found.as_secs_f64().to_string()).unwrap_or_default(),
    }
}
