//! The file fails while the server runs: it goes on serving, keeps what it counted, and says so.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::command::{Server, file, sqlite3};

/// Another process that holds the write lock until it is dropped.
pub(crate) struct Lock(Child);

impl Lock {
    pub(crate) fn take(database: &Path) -> Self {
        let mut child = Command::new("sqlite3")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sqlite3 is installed by setup.sh");
        let script = ".timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 'locked';\n";
        child.stdin.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
        let mut said = [0; 7];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(&said, b"locked\n");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_locked_file_costs_no_hit() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--flush-secs", "0.1"]);
    let lock = Lock::take(&file(folder.path()));

    for expected in 1..=50 {
        assert_eq!(server.access_count("/"), expected);
    }
    let ready = server.get("/ready");
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert_eq!(server.get("/health").status, 200);
    server.wait_for("flush failed, hits are kept");
    drop(lock);

    assert!(server.stop().success());
    assert_eq!(sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'"), "50");
}
