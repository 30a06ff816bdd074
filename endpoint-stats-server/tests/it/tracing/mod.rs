//! What a server tells of its own work: its traces, at a collector, and the ids in its log lines.

mod collector;
mod decisions;
mod log_ids;
mod outage;
mod requests;
mod secrets;
mod settings;
mod shutdown;
mod work;

use std::path::Path;

use self::collector::Collector;
use crate::command::Server;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A server that sends its spans to a collector.
fn server_for(folder: &Path, collector: &Collector, arguments: &[&str]) -> Server {
    let url = collector.url();
    Server::start_with(folder, &[&["--trace-otlp-endpoint", url.as_str()], arguments].concat())
}

/// The header of a client whose trace is sampled, or is not.
fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-{flags}")
}
