//! Tables as CSV.

use super::measured::{EndpointTotals, Totals};
use super::{Report, UnusedEndpoint};

/// What has columns and rows.
pub trait Table {
    /// The names of the columns.
    fn columns(&self) -> Vec<&'static str>;

    /// The rows, a cell a column.
    fn rows(&self) -> Vec<Vec<String>>;
}

/// Writes a row an endpoint, under a row of names.
///
/// # Errors
///
/// When the text cannot be put together, which takes more memory than there is.
pub fn render(report: &Report, only_unused: bool) -> Result<String, csv::Error> {
    if only_unused {
        let unused: Vec<_> = report.unused.iter().map(UnusedEndpoint::from).collect();
        return text(&unused[..]);
    }
    let endpoints: Vec<_> = report.stats.endpoints.iter().map(EndpointTotals::from).collect();
    text(&endpoints[..])
}

/// Writes a table under a row of names. Cells that a spreadsheet would run are prefixed with `'`.
///
/// # Errors
///
/// When the text cannot be put together, which takes more memory than there is.
pub fn text(table: &(impl Table + ?Sized)) -> Result<String, csv::Error> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(table.columns())?;
    for row in table.rows() {
        rows.write_record(row.iter().map(|cell| guarded(cell)))?;
    }
    let bytes = rows.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps a spreadsheet from taking a name for a formula (OWASP, "CSV Injection").
pub(crate) fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

impl Table for [EndpointTotals] {
    fn columns(&self) -> Vec<&'static str> {
        [&["service", "method", "route"][..], &Totals::columns()].concat()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let cells = |found: &EndpointTotals| {
            [vec![found.service.clone(), found.method.clone(), found.route.clone()], found.totals.cells()].concat()
        };
        self.iter().map(cells).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_shown_as_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(guarded(formula), format!("'{formula}"));
        }
        assert_eq!(guarded("/users/{id}"), "/users/{id}");
    }
}
