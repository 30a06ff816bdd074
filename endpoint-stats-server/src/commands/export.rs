//! `export`: what was counted, as a file of rows.

use std::io;
use std::path::Path;

use super::{Failure, open_existing, print, selection};
use crate::cli::{ExportArgs, ExportFormat};
use crate::export::{CsvRows, ExportError, Exporter, JsonLines, Output, RowWriter, Widths};
use crate::settings::SettingError;

pub(super) async fn run(args: ExportArgs) -> Result<(), Failure> {
    let query = selection::query(&args.selection)?;
    let widths = widths(&args.step)?;
    let format = format(&args)?;
    let store = open_existing(&args.store).await?;
    let output = Output::create(&args.file).map_err(|error| unwritable(&args.file, error))?;
    let is_file = matches!(output, Output::File { .. });
    match write(&Exporter::new(&*store, query, widths), format, output).await {
        Ok(rows) if is_file => print(format!("{}: {rows} rows\n", args.file.display())),
        Ok(_) => {}
        // Whoever closed the pipe does not want to read on.
        Err(ExportError::Write(error)) if !is_file && error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(anyhow::Error::new(error).into()),
    }
    Ok(())
}

/// Writes everything, and only then puts it in its place.
async fn write(exporter: &Exporter<'_>, format: ExportFormat, output: Output) -> Result<u64, ExportError> {
    let mut rows = row_writer(format, output).map_err(ExportError::Write)?;
    let written = exporter.export(&mut *rows).await?;
    rows.finish().and_then(Output::commit).map_err(ExportError::Write)?;
    Ok(written)
}

fn row_writer(format: ExportFormat, output: Output) -> io::Result<Box<dyn RowWriter>> {
    Ok(match format {
        ExportFormat::Csv => Box::new(CsvRows::new(output)?),
        ExportFormat::Jsonl => Box::new(JsonLines::new(output)),
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => Box::new(crate::export::ParquetRows::new(output)?),
        #[cfg(not(feature = "parquet"))]
        ExportFormat::Parquet => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn widths(step: &str) -> Result<Widths, SettingError> {
    let expected = "10s, 30s, 1m, 5m, 15m, 1h, 6h, or whole days: windows fit whole into steps, and steps into days";
    Widths::down_to(selection::step_secs(step)?).ok_or_else(|| SettingError::new("--step", step, expected))
}

/// The format that was asked for, or the one that the file's name tells.
fn format(args: &ExportArgs) -> Result<ExportFormat, Failure> {
    let by_name = args.file.extension().and_then(|ending| match ending.to_str()? {
        "csv" => Some(ExportFormat::Csv),
        "jsonl" | "ndjson" => Some(ExportFormat::Jsonl),
        "parquet" => Some(ExportFormat::Parquet),
        _ => None,
    });
    let Some(format) = args.format.or(by_name) else {
        let file = args.file.display().to_string();
        return Err(
            SettingError::new("FILE", &file, "a name that ends in .csv, .jsonl or .parquet, or --format").into()
        );
    };
    if format == ExportFormat::Parquet {
        check_parquet(&args.file)?;
    }
    Ok(format)
}

fn check_parquet(file: &Path) -> Result<(), SettingError> {
    let wrong = |expected| Err(SettingError::new("--format", "parquet", expected));
    if !cfg!(feature = "parquet") {
        return wrong("csv or jsonl: this program was built without the feature `parquet`");
    }
    if file == Path::new("-") { wrong("csv or jsonl on standard output") } else { Ok(()) }
}

fn unwritable(file: &Path, error: io::Error) -> Failure {
    let wrong = SettingError::new("FILE", &file.display().to_string(), "a file that can be written");
    Failure::setting(anyhow::Error::new(error).context(wrong))
}
