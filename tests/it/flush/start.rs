//! Processes that are started together on a file that is not there yet.

use endpoint_stats_core::store::SqliteStore;

#[tokio::test]
async fn stores_that_race_for_a_new_file_all_open_it() {
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stats.db");

        let racing: Vec<_> = (0..6).map(|_| tokio::spawn(SqliteStore::open(file.clone()))).collect();

        for store in racing {
            let opened = store.await.unwrap();
            assert!(opened.is_ok(), "round {round}: {opened:?}");
        }
    }
}
