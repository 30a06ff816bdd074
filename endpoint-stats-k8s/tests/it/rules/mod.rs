//! Rules of Prometheus and Alertmanager, asked of their own programs: they are well formed, each alert fires when it
//! should and not when it nearly should, reaches whom it should, and has a section in the runbook.

mod alertmanager;
mod inhibition;
mod notified;
mod operator;
mod prometheus;
mod rule;
mod rule_test;
mod runbook;

use std::process::Command;

use endpoint_stats_k8s::tools;

fn panics_with(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} findings:\n  {}", wrong.len(), wrong.join("\n  "));
}

fn program(name: &str) -> Command {
    Command::new(tools::system_program(name).unwrap())
}
