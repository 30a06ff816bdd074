//! The process between a test and its server that sees to it that the server does not outlive the test.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::command::run;
use super::log::Log;

/// Holds none of the server's output open, so that the end of that is the end of the server. The server's process id
/// is not given away before the `wait`.
const SCRIPT: &str = r#"
folder=$1
signal=$2
shift 2
"$@" </dev/null >&2 &
exec >/dev/null 2>&1
read -r order
kill -s "$signal" "$!"
wait
test "$order" = keep || rm -rf -- "$folder"
"#;

/// Ends the server and removes its folder when it is dropped, and when the process that holds it is gone.
#[derive(Debug)]
pub(super) struct Guardian(Child);

impl Guardian {
    /// Starts the server, whose output goes to `log`, and which ends at once on the signal `end_on`.
    pub(super) fn start(mut shell: Command, server: &Command, end_on: &str, folder: &Path, log: &Arc<Log>) -> Self {
        shell.args(["-c", SCRIPT, "guardian"]).arg(folder).arg(end_on);
        shell.arg(server.get_program()).args(server.get_args());
        // In a group of its own: what kills the group of the test must not kill the one who cleans up.
        let pipes = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        log.follow(child.stderr.take().expect("piped above"));
        Self(child)
    }

    /// Lets go of a server that has ended, and leaves its folder.
    pub(super) fn release(mut self) {
        // A guardian that cannot read this has ended, and the drop sees that.
        drop(self.0.stdin.as_mut().expect("piped until the drop").write_all(b"keep\n"));
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Sends a signal to a process.
pub(super) fn signal(name: &str, process: u32) {
    run(Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &process.to_string()]));
}
