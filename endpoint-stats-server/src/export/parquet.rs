//! [`ParquetRows`]: an export as Parquet.

use std::fmt;
use std::io;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::columns::{COLUMNS, Cells};
use super::{Output, Row, RowWriter, flushed};

/// Rows that are written together; they are held in memory, a cell as 8 bytes.
const ROWS_A_GROUP: usize = 32_768;

/// Writes columns, compressed with Snappy: times as timestamps in UTC, durations in seconds, nulls for what is not
/// known.
pub struct ParquetRows {
    file: SerializedFileWriter<Output>,
    columns: Vec<Buffer>,
    rows: usize,
}

/// The cells of a column that are not written yet.
enum Buffer {
    Text(Vec<ByteArray>),
    Number(Vec<i64>),
    // A level of 1 says that there is a value, 0 that there is none.
    Secs { levels: Vec<i16>, values: Vec<f64> },
}

// === impl ParquetRows ===

impl ParquetRows {
    /// Writes the head of the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn new(output: Output) -> io::Result<Self> {
        let schema = parse_message_type(&schema()).map_err(as_io)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties)).map_err(as_io)?;
        Ok(Self { file, columns: COLUMNS.iter().map(|column| Buffer::new(&column.cells)).collect(), rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let mut writer =
                group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl RowWriter for ParquetRows {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        for (buffer, column) in self.columns.iter_mut().zip(&COLUMNS) {
            buffer.push(&column.cells, row);
        }
        self.rows += 1;
        if self.rows == ROWS_A_GROUP { self.write_group().map_err(as_io) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<Output> {
        if self.rows > 0 {
            self.write_group().map_err(as_io)?;
        }
        flushed(self.file.into_inner().map_err(as_io)?)
    }
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("rows", &self.rows).finish_non_exhaustive()
    }
}

// === impl Buffer ===

impl Buffer {
    fn new(cells: &Cells) -> Self {
        match cells {
            Cells::Text(_) => Self::Text(Vec::new()),
            Cells::Time(_) | Cells::Number(_) => Self::Number(Vec::new()),
            Cells::Secs(_) => Self::Secs { levels: Vec::new(), values: Vec::new() },
        }
    }

    fn push(&mut self, cells: &Cells, row: &Row) {
        match (self, cells) {
            (Self::Text(values), Cells::Text(text)) => values.push(text(row).into()),
            (Self::Number(values), Cells::Time(at)) => values.push(at(row).as_unix().saturating_mul(1_000)),
            (Self::Number(values), Cells::Number(number)) => {
                values.push(i64::try_from(number(row)).unwrap_or(i64::MAX));
            }
            (Self::Secs { levels, values }, Cells::Secs(secs)) => {
                let secs = secs(row);
                levels.push(secs.is_some().into());
                values.extend(secs.map(|found| found.as_secs_f64()));
            }
            _ => unreachable!("a buffer is made for its column"),
        }
    }

    /// Writes the cells and forgets them.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, None, None)?;
                values.clear();
            }
            Self::Number(values) => {
                writer.typed::<Int64Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Self::Secs { levels, values } => {
                writer.typed::<DoubleType>().write_batch(values, Some(levels), None)?;
                levels.clear();
                values.clear();
            }
        }
        Ok(())
    }
}

fn schema() -> String {
    let columns: String = COLUMNS
        .iter()
        .map(|column| match column.cells {
            Cells::Text(_) => format!("required binary {} (STRING);", column.name),
            Cells::Time(_) => format!("required int64 {} (TIMESTAMP(MILLIS, true));", column.name),
            Cells::Number(_) => format!("required int64 {};", column.name),
            Cells::Secs(_) => format!("optional double {};", column.name),
        })
        .collect();
    format!("message endpoint_stats {{ {columns} }}")
}

fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    }
}
