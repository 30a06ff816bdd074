//! The runbook has a section for each alert, and the alerts lead to it.

use std::collections::BTreeSet;
use std::fs;

use endpoint_stats_k8s::tools;

use super::panics_with;
use super::rule::Rule;

const URL: &str = "https://github.com/endpoint-stats/endpoint-stats/blob/main/Runbook.md#";
const CHAPTER: &str = "## Alerts";

/// What each section tells.
const PARTS: [&str; 4] = ["- **Meaning:** ", "- **Impact:** ", "- **Look:** ", "- **Mend:** "];

fn runbook() -> String {
    fs::read_to_string(tools::repository().join("Runbook.md")).unwrap()
}

/// The headings outside of blocks of code.
fn headings(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let is_heading = |line: &&str| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    };
    text.lines().filter(is_heading).collect()
}

/// As GitHub makes them: lower case, without punctuation, with hyphens for spaces, and numbered where one is there already.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in headings(text) {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let plain: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|number| format!("{plain}-{number}"));
        let anchor = std::iter::once(plain.clone()).chain(numbered).find(|anchor| !anchors.contains(anchor));
        anchors.extend(anchor);
    }
    anchors
}

/// The sections about alerts, each with its lines.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let chapter = text.split_once(&format!("\n{CHAPTER}\n")).expect("a chapter about alerts").1;
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    chapter.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, ""))).collect()
}

/// Alerts without a section, and sections without an alert.
fn unmatched(text: &str) -> Vec<String> {
    let alerts = Rule::alerts();
    let alerts: BTreeSet<_> = alerts.iter().map(Rule::name).collect();
    let sections: BTreeSet<_> = sections(text).into_iter().map(|(name, _)| name).collect();
    let untold = alerts.difference(&sections).map(|name| format!("{name}: expected a section in Runbook.md"));
    let gone = sections.difference(&alerts).map(|name| format!("Runbook.md: {name}: expected an alert of this name"));
    untold.chain(gone).collect()
}

#[test]
fn every_alert_has_a_section_and_every_section_an_alert() {
    panics_with(&unmatched(&runbook()));
}

#[test]
fn a_section_that_is_renamed_is_found() {
    let renamed = runbook().replace("### EndpointStatsNoData\n", "### EndpointStatsNothing\n");

    assert_eq!(unmatched(&renamed).len(), 2);
}

#[test]
fn every_alert_leads_to_its_section() {
    let anchors = anchors(&runbook());

    let wrong = Rule::alerts().into_iter().filter_map(|alert| {
        let expected = format!("{URL}{}", alert.name().to_lowercase());
        let found = alert.text("/annotations/runbook_url");
        let leads = found.strip_prefix(URL).is_some_and(|anchor| anchors.iter().any(|known| known == anchor));
        (found != expected || !leads)
            .then(|| format!("{}: expected {expected}, and its heading; found {found}", alert.name()))
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_section_tells_what_an_alert_means_what_it_harms_where_to_look_and_what_to_do() {
    let text = runbook();

    let wrong = sections(&text).into_iter().flat_map(|(name, lines)| {
        let missing = PARTS.iter().filter(|part| !lines.lines().any(|line| line.starts_with(*part)));
        missing.map(|part| format!("{name}: expected {part}")).collect::<Vec<_>>()
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# How do I, and `why`?\n## A_b – c\n```\n# no heading\n```\n## Same\n## Same\n";

    assert_eq!(anchors(text), ["how-do-i-and-why", "a_b--c", "same", "same-1"]);
}
