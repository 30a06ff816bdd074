//! Facts about the Kubernetes package.

mod applied;
mod dashboards;
mod discovery;
mod layout;
mod mutations;
mod program;
mod promises;
mod promql;
mod rules;
mod server_agrees;
mod server_checks;
mod tool_checks;
