//! A disk that is full below the tables: nothing is acknowledged that is not there, and with room all goes on.
//!
//! The test runs again in a process with a mount namespace, whose server has its tables on a small disk of its own. It
//! fails where `unshare` may not make such a namespace: what it proves cannot be seen there.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{Applied, Batch, Retention, StatsStore, StoreErrorKind, WriterId};

use super::{DATABASE, NOON, delta, shown, total};
use crate::support::postgres::{OWNER, OWNER_PASSWORD, PostgresServer};

const FOLDER: &str = "ENDPOINT_STATS_TEST_FOLDER";

const ROUTES: u64 = 100;

/// Root may mount; who is not root becomes it to mount, and then somebody else again, for PostgreSQL refuses root.
const ON_A_SMALL_DISK: &str = r#"
set -e
mount_and='mount -t tmpfs -o size=48m,mode=755 tmpfs "$ENDPOINT_STATS_TEST_FOLDER"; exec'
if test "$(id -u)" = 0; then
    exec unshare -m sh -ec "$mount_and \"\$@\"" sh "$@"
else
    exec unshare -Urm sh -ec "$mount_and unshare -U --map-user=1000 --map-group=1000 \"\$@\"" sh "$@"
fi
"#;

#[test]
fn a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();

    let output = Command::new("sh")
        .args(["-c", ON_A_SMALL_DISK, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["postgres::disk::on_a_small_disk", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();

    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{error}");
}

/// A database whose files are in a folder of their own; the log of the server stays elsewhere.
async fn migrated_in(folder: &Path, server: &PostgresServer) -> PostgresStore {
    let of_server = fs::metadata(server.folder()).unwrap();
    fs::create_dir(folder).unwrap();
    chown(folder, Some(of_server.uid()), Some(of_server.gid())).unwrap();
    server.psql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", folder.display()));
    server.psql("postgres", &format!("CREATE DATABASE {DATABASE} TABLESPACE small"));
    let options = PostgresOptions::from_url(&server.url_for(OWNER, OWNER_PASSWORD, DATABASE)).unwrap();
    PostgresStore::migrate(options.clone()).await.unwrap();
    PostgresStore::connect(options).await.unwrap()
}

fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
}

fn numbered(writer: WriterId, seq: u64) -> Batch {
    let route = |i| format!("/{:0>400}", seq * ROUTES + i);
    Batch::new(writer, seq, (0..ROUTES).map(|i| delta(&route(i), NOON, 1)).collect())
}

#[ignore = "run by `a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_room`"]
#[tokio::test]
async fn on_a_small_disk() {
    let Some(disk) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let server = PostgresServer::start();
    let store = migrated_in(&disk.join("tables"), &server).await;
    let (writer, filler) = (WriterId::random(), disk.join("filler"));
    assert_eq!(store.apply(&numbered(writer, 1)).await.unwrap(), Applied::Applied);
    fill(&filler);

    let mut acknowledged = 1;
    let error = loop {
        match store.apply(&numbered(writer, acknowledged + 1)).await {
            Ok(answer) => assert_eq!(answer, Applied::Applied),
            Err(error) => break error,
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "nothing ever failed");
    };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("No space left on device"), "{}", shown(&error));
    let next = numbered(writer, acknowledged + 1);
    assert_eq!(store.apply(&next).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let settled = store.roll_up(NOON, &Retention::default()).await;
    assert_eq!(settled.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.writer(writer).await.unwrap().unwrap().last_seq, acknowledged);
    assert_eq!(total(&store).await, acknowledged * ROUTES, "what is stored can still be read");

    fs::remove_file(filler).unwrap();

    assert_eq!(store.apply(&next).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&next).await.unwrap(), Applied::Duplicate);
    store.roll_up(NOON, &Retention::default()).await.unwrap();
    assert_eq!(total(&store).await, (acknowledged + 1) * ROUTES);
    let left =
        "SELECT (SELECT count(*) FROM endpoint_stats.arrival), (SELECT count(*) FROM endpoint_stats.dead_letter)";
    assert_eq!(server.psql(DATABASE, left), "0|0");
}
