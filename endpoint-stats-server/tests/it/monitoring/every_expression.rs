//! Every expression of the repository's rules and dashboards, asked of a Prometheus that watches a server under load.

use std::collections::{BTreeMap, BTreeSet};

use super::dashboards;
use super::empty_answers::Excuses;
use super::questions::{has_data, metric_names, wait_for_targets};
use super::receiver::Receiver;
use super::rule_files::{hurried_files, rules};
use super::selectors::{Selector, selectors};
use super::wait::wait_for_within;
use super::watched::Watched;
use super::{alertmanager_file, load};
use crate::support::alertmanager::Alertmanager;
use crate::support::exporters::Exporter;
use crate::support::prometheus::Prometheus;

/// What dashboards that tell of alerts have something to tell of.
const AN_ALERT: &str = "groups: [{ name: test, rules: [{ alert: EndpointStatsTested, expr: vector(1) }] }]";

/// Requests and questions in turn, until everything has data: the slowest rule needs what another one recorded.
const ROUNDS: usize = 40;

/// What rules and dashboards ask, and what is wrong with the answers.
struct Examination<'a> {
    prometheus: &'a Prometheus,
    excuses: Excuses,
    names: BTreeSet<String>,
    // Many expressions ask for the same.
    answered: BTreeMap<Selector, bool>,
    findings: Vec<String>,
}

#[test]
fn every_expression_has_an_answer_and_no_alert_fires_while_all_is_well() {
    let watched = Watched::start(2);
    let receiver = Receiver::start();
    let alertmanager = Alertmanager::start(&alertmanager_file::telling(&receiver));
    let exporters = (Exporter::of_postgres(&watched.database_url, &[]), Exporter::of_redis(&watched.redis, &[]));
    let prometheus = watched
        .prometheus()
        .rules(hurried_files())
        .job("alertmanager", &[alertmanager.address()])
        .job("postgres-exporter", &[exporters.0.address()])
        .job("redis-exporter", &[exporters.1.address()])
        .alertmanager(alertmanager.address())
        .rules([AN_ALERT.to_owned()])
        .scraping_itself()
        .start();
    wait_for_targets(&prometheus);

    let mut round = 0;
    wait_for_within(ROUNDS, || {
        round += 1;
        load::call(&watched.servers);
        for server in &watched.servers {
            load::send_every_outcome(server, round);
        }
        let findings = Examination::of(&prometheus);
        if findings.is_empty() { Ok(()) } else { Err(format!("\n{}", findings.join("\n"))) }
    });
}

// === impl Examination ===

impl<'a> Examination<'a> {
    /// What is wrong with the answers of now.
    fn of(prometheus: &'a Prometheus) -> Vec<String> {
        let (excuses, names) = (Excuses::new(), metric_names(prometheus));
        let mut examination = Self { prometheus, excuses, names, answered: BTreeMap::new(), findings: Vec::new() };
        for rule in rules() {
            let examine = if rule.is_alert { Self::examine_alert } else { Self::examine };
            examine(&mut examination, &rule.place, &rule.expression);
        }
        match dashboards::questions(prometheus) {
            Ok(questions) => questions.iter().for_each(|asked| examination.examine(&asked.place, &asked.expression)),
            Err(error) => examination.findings.push(error),
        }
        let stale =
            examination.excuses.stale().into_iter().map(|excuse| format!("nothing needs the excuse of {excuse}"));
        examination.findings.into_iter().chain(stale).collect()
    }

    /// An expression that should have data.
    fn examine(&mut self, place: &str, expression: &str) {
        let is_fed = self.has_all_series(place, expression) && !self.excuses.is_seldom_there(expression);
        match has_data(self.prometheus, expression) {
            Ok(has_data) if has_data || !is_fed || self.excuses.may_be_empty(expression) => {}
            Ok(_) => self.findings.push(format!("{place}: no data for {expression}")),
            Err(error) => self.findings.push(format!("{place}: {error}: {expression}")),
        }
    }

    /// An expression that should have none, although there are its series.
    fn examine_alert(&mut self, place: &str, expression: &str) {
        self.has_all_series(place, expression);
        match has_data(self.prometheus, expression) {
            Ok(false) => {}
            Ok(true) => self.findings.push(format!("{place}: fires")),
            Err(error) => self.findings.push(format!("{place}: {error}: {expression}")),
        }
    }

    /// Are there series for each selector of an expression? What is missing without an excuse is noted.
    fn has_all_series(&mut self, place: &str, expression: &str) -> bool {
        let mut all = true;
        for selector in selectors(expression) {
            if self.has_series(&selector) {
                continue;
            }
            all = false;
            let is_known = selector.metric.is_empty() || self.names.contains(&selector.metric);
            if !is_known && !self.excuses.is_elsewhere(&selector.metric) {
                self.findings.push(format!("{place}: nobody exports {}", selector.metric));
            } else if is_known && !self.excuses.may_be_empty(&selector.text) {
                self.findings.push(format!("{place}: no series is {}", selector.text));
            }
        }
        all
    }

    fn has_series(&mut self, selector: &Selector) -> bool {
        let ask = || has_data(self.prometheus, &selector.text).unwrap_or(false);
        *self.answered.entry(selector.clone()).or_insert_with(ask)
    }
}
