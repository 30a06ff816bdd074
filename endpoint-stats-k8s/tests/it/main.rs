//! Facts about the Kubernetes package.

mod applied;
mod discovery;
mod dashboards;
mod layout;
mod mutations;
mod program;
mod promises;
mod server_agrees;
mod server_checks;
mod tool_checks;
