//! What the tests rely on, tested: the private servers and the breakable network.

mod monitoring;
mod postgres;
mod proxy;
mod redis;

use std::process::Command;

/// Whether there is such a process.
fn is_alive(process: u32) -> bool {
    Command::new("sh")
        .args(["-c", r#"kill -0 "$1" 2>/dev/null"#, "sh", &process.to_string()])
        .status()
        .unwrap()
        .success()
}
