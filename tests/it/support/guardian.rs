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
echo "process $!" >&2
exec >/dev/null 2>&1
read -r order
kill -s "$signal" "$!"
wait "$!"
code=$?
test "$order" = keep || rm -rf -- "$folder"
exit "$code"
"#;

/// Ends the server and removes its folder when it is dropped, and when the process that holds it is gone.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    process: u32,
}

impl Guardian {
    /// Starts the server, whose output goes to `log`, and which ends at once on the signal `end_on`.
    pub(crate) fn start(mut shell: Command, server: &Command, end_on: &str, folder: &Path, log: &Arc<Log>) -> Self {
        shell.args(["-c", SCRIPT, "guardian"]).arg(folder).arg(end_on);
        shell.arg(server.get_program()).args(server.get_args());
        // In a group of its own: what kills the group of the test must not kill the one who cleans up.
        let pipes = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let before = log.len();
        let mut shell = pipes.spawn().unwrap();
        log.follow(shell.stderr.take().expect("piped above"));
        let process = log.number_after(before, "process ").expect("the script says which process it started");
        Self { shell, process }
    }

    /// Lets go of a server that has ended, and leaves its folder; the exit code, or `None` if a signal ended it.
    pub(crate) fn release(mut self) -> Option<i32> {
        // A guardian that cannot read this has ended, and the wait sees that.
        drop(self.shell.stdin.take().expect("piped until the drop").write_all(b"keep\n"));
        let code = self.shell.wait().ok().and_then(|status| status.code());
        code.filter(|code| *code < 128)
    }

    /// The server's process, which is nobody else's before the release.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// Sends a signal to a process that may have ended.
pub(crate) fn signal_if_there(name: &str, process: u32) {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$1" "$2" 2>/dev/null"#, "sh", name, &process.to_string()]);
    drop(kill.status());
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, process: u32) {
    run(Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &process.to_string()]));
}
