//! [`Report`]: what was promised and what was seen.

use std::fmt::{self, Write};
use std::time::Duration;

/// What one scenario saw.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    rows: Vec<Row>,
    violations: Vec<String>,
}

#[derive(Debug)]
struct Row {
    what: String,
    seen: String,
    limit: String,
    is_kept: bool,
}

/// What all scenarios saw.
#[derive(Debug)]
pub(crate) struct Report {
    seed: u64,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    name: String,
    took: Duration,
    result: Result<Findings, String>,
}

// === impl Findings ===

impl Findings {
    /// Something that was counted, and need not be anything.
    pub(crate) fn note(&mut self, what: &str, seen: impl fmt::Display) {
        self.rows.push(Row { what: what.to_owned(), seen: seen.to_string(), limit: String::new(), is_kept: true });
    }

    /// Something that must be so.
    pub(crate) fn check(&mut self, what: &str, seen: impl fmt::Display, limit: &str, is_kept: bool) {
        self.rows.push(Row { what: what.to_owned(), seen: seen.to_string(), limit: limit.to_owned(), is_kept });
    }

    /// Something of which there must be none.
    pub(crate) fn none(&mut self, what: &str, found: &[String]) {
        self.check(what, found.len(), "0", found.is_empty());
        self.violations.extend_from_slice(found);
    }

    fn are_good(&self) -> bool {
        self.rows.iter().all(|row| row.is_kept)
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, sections: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, took: Duration, result: anyhow::Result<Findings>) {
        let result = result.map_err(|error| format!("{error:#}"));
        self.sections.push(Section { name: name.to_owned(), took, result });
    }

    pub(crate) fn is_good(&self) -> bool {
        self.sections.iter().all(|section| section.result.as_ref().is_ok_and(Findings::are_good))
    }
}

/// A table, in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Seed {}.\n\n| scenario | what | seen | promised | |\n|---|---|---|---|---|", self.seed)?;
        for section in &self.sections {
            section.fmt_rows(f)?;
        }
        for section in &self.sections {
            section.fmt_violations(f)?;
        }
        Ok(())
    }
}

impl Section {
    fn fmt_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{} ({} s)", self.name, self.took.as_secs());
        match &self.result {
            Ok(findings) => findings.rows.iter().try_for_each(|row| {
                let Row { what, seen, limit, is_kept } = row;
                writeln!(f, "| {name} | {what} | {seen} | {limit} | {} |", if *is_kept { "" } else { "**broken**" })
            }),
            Err(_) => writeln!(f, "| {name} | came to its end | no | yes | **broken** |"),
        }
    }

    fn fmt_violations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 20;
        let mut text = String::new();
        match &self.result {
            Ok(findings) => {
                for violation in findings.violations.iter().take(MOST) {
                    writeln!(text, "- {violation}")?;
                }
                if findings.violations.len() > MOST {
                    writeln!(text, "- and {} more", findings.violations.len() - MOST)?;
                }
            }
            Err(error) => writeln!(text, "{error}")?,
        }
        if text.is_empty() {
            return Ok(());
        }
        write!(f, "\n{}:\n\n{text}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_good_when_every_promise_is_kept() {
        let mut report = Report::new(1);
        let mut findings = Findings::default();
        findings.check("doubled", 0, "0", true);
        report.add("a", Duration::ZERO, Ok(findings));
        assert!(report.is_good());

        let mut findings = Findings::default();
        findings.none("lost", &["a batch".to_owned()]);
        report.add("b", Duration::ZERO, Ok(findings));

        assert!(!report.is_good());
        assert!(report.to_string().contains("| b (0 s) | lost | 1 | 0 | **broken** |"), "{report}");
        assert!(report.to_string().ends_with("b:\n\n- a batch\n"), "{report}");
    }

    #[test]
    fn a_scenario_that_breaks_off_is_not_good() {
        let mut report = Report::new(1);

        report.add("a", Duration::ZERO, Err(anyhow::anyhow!("no port")));

        assert!(!report.is_good());
        assert!(report.to_string().contains("no port"), "{report}");
    }
}
