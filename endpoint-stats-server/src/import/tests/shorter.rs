//! A shorter copy of a log that was counted counts nothing; another log does, however similar it starts.

use std::io::{self, Cursor, Read};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Imports a log in every way, and says what was counted and what was counted before.
async fn import_each_way(text: &[u8], store: &Arc<WatchedStore>) -> [(u64, u64); 4] {
    let packed = packed(str::from_utf8(text).unwrap());
    let summaries = [
        import_bytes(text, store).await,
        import_bytes(&packed, store).await,
        import_pipe(text, store).await,
        import_pipe(&packed, store).await,
    ];
    summaries.map(|summary| summary.map(|summary| (summary.counted, summary.already_counted)).unwrap())
}

#[tokio::test]
async fn a_shorter_copy_counts_nothing_in_any_way() {
    let text = lines(0..300);
    let store = WatchedStore::new();
    import_bytes(&text, &store).await.unwrap();
    let batches = store.batches();

    let first_line = line(0).len();
    for end in [first_line - 1, first_line, first_line + 1, 4_095, 4_096, 4_097, 4_608, 8_192, text.len() - 1] {
        let copy = &text[..end];
        let lines = copy.lines().count() as u64;
        assert_eq!(import_each_way(copy.as_bytes(), &store).await, [(0, lines); 4], "the first {end} bytes");
    }

    assert_eq!(store.batches(), batches);
    assert_eq!(import_each_way(text.as_bytes(), &store).await, [(0, 300); 4]);
}

#[tokio::test]
async fn a_shorter_copy_of_a_log_that_was_interrupted_and_has_grown_counts_nothing() {
    let store = WatchedStore::failing(&[watched_store::Failure::Rejected(9)]);
    let log = Log::new(lines(0..200));
    import_file(log.path(), &store).await.unwrap_err();
    import_file(log.path(), &store).await.unwrap();
    log.append(&lines(200..300));
    import_file(log.path(), &store).await.unwrap();

    for end in [2, 30, 100, 199, 200, 201, 299] {
        assert_eq!(import_each_way(lines(0..end).as_bytes(), &store).await, [(0, end.into()); 4]);
    }
}

#[tokio::test]
async fn a_shorter_log_with_the_same_first_line_counts() {
    for count in [1, 10, 90] {
        for text in
            [line(0) + lines(500..500 + count).as_str(), line(0) + line(1).as_str() + lines(500..500 + count).as_str()]
        {
            let store = WatchedStore::new();
            import_bytes(lines(0..300), &store).await.unwrap();

            let lines = text.lines().count() as u64;

            let [first, again @ ..] = import_each_way(text.as_bytes(), &store).await;
            assert_eq!((first, again), ((lines, 0), [(0, lines); 3]));
        }
    }
}

#[tokio::test]
async fn lines_of_another_log_in_the_last_eighth_are_taken_for_the_same() {
    let store = WatchedStore::new();
    import_bytes(lines(0..300), &store).await.unwrap();
    let same = (1..300).find(|count| lines(0..*count).len() > 9_216).unwrap();

    let summary = import_bytes(lines(0..same) + lines(500..502).as_str(), &store).await.unwrap();

    assert_eq!((summary.counted, summary.already_counted), (0, u64::from(same) + 2));
}

#[tokio::test]
async fn of_a_damaged_copy_nothing_counts_and_the_damage_is_told() {
    let store = WatchedStore::new();
    import_bytes(lines(0..2_000), &store).await.unwrap();
    let whole = packed(&lines(0..1_500));
    let damaged = &whole[..whole.len() / 2];

    for imported in [import_bytes(damaged, &store).await, import_pipe(damaged, &store).await] {
        let error = imported.unwrap_err();
        let summary = error.summary().unwrap();
        assert_eq!((error.kind(), summary.counted), (ImportErrorKind::Read, 0));
        assert!(summary.already_counted > 0);
    }
}

/// Fails when it was read to its end.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("broken")),
            read => Ok(read),
        }
    }
}

#[tokio::test]
async fn a_pipe_that_breaks_before_it_is_recognised_is_told() {
    let store = WatchedStore::new();
    import_bytes(lines(0..300), &store).await.unwrap();

    for (text, counted) in [(lines(0..100), 0), (line(0) + lines(500..590).as_str(), 91)] {
        let pipe = Broken(Cursor::new(text.into_bytes()));
        let input = Input::of_pipe("pipe".into(), &LineFormat::combined(), pipe, Duration::from_mins(1)).unwrap();
        let error = import_input(input, &options(), store.clone(), &mut |_| {}).await.unwrap_err();

        assert_eq!(error.kind(), ImportErrorKind::Read);
        assert_eq!(error.summary().unwrap().counted, counted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn starts_of_a_log_in_any_order_count_each_line_once(
        ends in proptest::collection::vec((0..300_u32, 0..4_usize), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let longest = ends.iter().map(|(end, _)| *end).max().unwrap_or(0);

        let hits = runtime.block_on(async {
            let store = WatchedStore::new();
            for (end, way) in ends {
                let text = lines(0..end);
                match way {
                    0 => import_bytes(&text, &store).await,
                    1 => import_bytes(packed(&text), &store).await,
                    2 => import_pipe(&text, &store).await,
                    _ => import_pipe(packed(&text), &store).await,
                }
                .unwrap();
            }
            report(&store).await.totals.counts.hits()
        });

        prop_assert_eq!(hits, u64::from(longest));
    }

    #[test]
    fn a_fork_before_the_last_eighth_counts_whole(length in 2..250_u32, at: Index) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let same = 1 + u32::try_from(at.index(length as usize - 1)).unwrap();
        let text = lines(0..same) + lines(500..500 + length - same).as_str();
        let is_in_last_eighth = text.len() > 4_096 && lines(0..same + 1).len() > text.len() * 7 / 8;

        let counted = runtime.block_on(async {
            let store = WatchedStore::new();
            import_bytes(lines(0..300), &store).await.unwrap();
            import_bytes(&text, &store).await.unwrap().counted
        });

        prop_assert!(counted == u64::from(length) || is_in_last_eighth && counted == 0, "{} {}", same, counted);
    }
}
