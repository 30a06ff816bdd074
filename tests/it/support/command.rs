//! Programs that are run for what they print.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// What a command prints.
///
/// # Panics
///
/// With what the command complains of, if it fails.
pub(crate) fn run(command: &mut Command) -> String {
    output(command, "").unwrap_or_else(|error| panic!("{command:?} failed: {error}"))
}

/// What a command prints for an input, without the last line end; what it complains of is the error.
pub(crate) fn output(command: &mut Command, input: &str) -> Result<String, String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().expect("piped above");
    let output = thread::scope(|scope| {
        // A command that ended early takes no more; why it ended is in its output.
        scope.spawn(move || _ = stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    })
    .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
}
