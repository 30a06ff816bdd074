//! What a real Prometheus, a real Alertmanager and the exporters make of real servers under load.

mod alertmanager_file;
mod alerts;
mod counts;
mod dashboards;
mod empty_answers;
mod every_expression;
mod hurried;
mod lint;
mod load;
mod native_histograms;
mod package;
mod questions;
mod receiver;
mod rule_files;
mod selectors;
mod wait;
mod watched;
