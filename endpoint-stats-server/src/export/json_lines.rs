//! [`JsonLines`]: an export as JSON, an object a line.

use std::io::{self, BufWriter, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::columns::{COLUMNS, Cells};
use super::{Output, Row, RowWriter, flushed};
use crate::report::rfc_3339;

/// Writes an object a row: times in RFC 3339, durations in seconds, `null` for what is not known.
#[derive(Debug)]
pub struct JsonLines(BufWriter<Output>);

/// A row, serialized column by column.
struct Object<'r>(&'r Row);

impl JsonLines {
    /// Writes to a file or standard output.
    pub fn new(output: Output) -> Self {
        Self(BufWriter::new(output))
    }
}

impl RowWriter for JsonLines {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &Object(row))?;
        self.0.write_all(b"\n")
    }

    fn finish(self: Box<Self>) -> io::Result<Output> {
        flushed(self.0.into_inner().map_err(io::IntoInnerError::into_error)?)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row) = self;
        let mut fields = serializer.serialize_map(Some(COLUMNS.len()))?;
        for column in &COLUMNS {
            match &column.cells {
                Cells::Text(text) => fields.serialize_entry(column.name, text(row))?,
                Cells::Time(at) => fields.serialize_entry(column.name, &rfc_3339(at(row)))?,
                Cells::Number(number) => fields.serialize_entry(column.name, &number(row))?,
                Cells::Secs(secs) => {
                    fields.serialize_entry(column.name, &secs(row).map(|found| found.as_secs_f64()))?;
                }
            }
        }
        fields.end()
    }
}
