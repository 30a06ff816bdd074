//! Each line counts once.

use super::watched_store::Failure;
use super::*;
use crate::import::checkpoint::Checkpoint;

#[tokio::test]
async fn what_is_counted_does_not_depend_on_threads_and_batches() {
    let text = lines(0..500);
    let one = WatchedStore::new();
    let single = ImportOptions::new(ServiceName::new("shop").unwrap()).with_threads(1);
    import(Source::File(Log::new(&text).path()), &single, one.clone(), &mut |_| {}).await.unwrap();

    let report = report_of(&text).await;

    assert_eq!(report, super::report(&one).await);
    assert_eq!(report.totals.counts.hits(), 500);
    assert_eq!(report.totals.counts.response_bytes, (0..500).sum::<u64>());
    assert_eq!(report.totals.counts.callers.count(), 7);
    assert_eq!(report.endpoints.len(), 13);
}

#[tokio::test]
async fn batches_follow_each_other_without_a_gap() {
    let store = WatchedStore::new();

    import_bytes(lines(0..500), &store).await.unwrap();

    let (mut lines, mut offset) = (0, 0);
    let batches = store.batches();
    assert!(batches.len() > 10, "{}", batches.len());
    for (batch, seq) in batches.iter().zip(1..) {
        let checkpoint = Checkpoint::decode(batch.checkpoint.as_ref().unwrap()).unwrap();
        assert_eq!(batch.seq, seq);
        assert_eq!(batch.hits(), checkpoint.lines - lines);
        assert!(checkpoint.offset > offset);
        (lines, offset) = (checkpoint.lines, checkpoint.offset);
    }
    assert_eq!(offset, super::lines(0..500).len() as u64);
}

#[tokio::test]
async fn the_same_file_counts_once() {
    let store = WatchedStore::new();
    let first = import_bytes(lines(0..200), &store).await.unwrap();

    let again = import_bytes(lines(0..200), &store).await.unwrap();

    assert_eq!((first.counted, first.already_counted), (200, 0));
    assert_eq!((again.counted, again.already_counted, again.bytes), (0, 200, 0));
    assert_eq!(report(&store).await, report_of(&lines(0..200)).await);
}

#[tokio::test]
async fn of_a_grown_file_only_the_new_lines_count() {
    let store = WatchedStore::new();
    let log = Log::new(lines(0..100));
    import_file(log.path(), &store).await.unwrap();

    log.append(&format!("{}wrong\n", lines(100..150)));
    let grown = import_file(log.path(), &store).await.unwrap();

    assert_eq!((grown.counted, grown.already_counted, grown.rejected), (50, 100, 1));
    assert_eq!(grown.rejected_lines[0].number, 151);
    assert_eq!(report(&store).await, report_of(&lines(0..150)).await);
}

#[tokio::test]
async fn a_compressed_file_is_the_same_file() {
    let store = WatchedStore::new();
    import_bytes(lines(0..100), &store).await.unwrap();

    let again = import_bytes(packed(&lines(0..120)), &store).await.unwrap();

    assert_eq!((again.counted, again.already_counted), (20, 100));
    assert_eq!(report(&store).await, report_of(&lines(0..120)).await);
}

#[tokio::test]
async fn members_of_a_compressed_file_are_read_one_after_the_other() {
    let store = WatchedStore::new();

    import_bytes([packed(&lines(0..60)), packed(&lines(60..100))].concat(), &store).await.unwrap();

    assert_eq!(report(&store).await, report_of(&lines(0..100)).await);
}

#[tokio::test]
async fn a_pipe_is_the_same_file() {
    let store = WatchedStore::new();
    import_bytes(lines(0..100), &store).await.unwrap();

    let plain = import_pipe(lines(0..120), &store).await.unwrap();
    let packed = import_pipe(packed(&lines(0..130)), &store).await.unwrap();

    assert_eq!((plain.counted, plain.already_counted), (20, 100));
    assert_eq!((packed.counted, packed.already_counted), (10, 120));
    assert_eq!(report(&store).await, report_of(&lines(0..130)).await);
}

#[tokio::test]
async fn what_a_silent_pipe_gave_is_counted() {
    let store = WatchedStore::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let into = store.clone();
    let task = tokio::spawn(async move {
        let opened =
            spawn_blocking(|| Input::of_pipe("pipe".into(), &LineFormat::combined(), reader, Duration::from_millis(1)));
        import_input(opened.await.unwrap().unwrap(), &options(), into, &mut |_| {}).await
    });

    for numbers in [0..10, 10..25] {
        writer.write_all(lines(numbers.clone()).as_bytes()).unwrap();
        store.wait_for_hits(numbers.end.into()).await;
    }
    drop(writer);

    assert_eq!(task.await.unwrap().unwrap().counted, 25);
}

#[tokio::test]
async fn files_with_the_same_first_line_are_told_apart() {
    let texts = [lines(0..100), line(0) + lines(200..290).as_str(), line(0) + lines(300..420).as_str()];
    let store = WatchedStore::new();
    for text in &texts {
        assert_eq!(import_bytes(text, &store).await.unwrap().already_counted, 0);
    }

    for text in &texts {
        assert_eq!(import_bytes(text, &store).await.unwrap().counted, 0);
        assert_eq!(import_bytes(packed(text), &store).await.unwrap().counted, 0);
        assert_eq!(import_pipe(text, &store).await.unwrap().counted, 0);
    }
}

#[tokio::test]
async fn a_pipe_with_a_known_first_line_counts_whole() {
    for text in [line(0) + lines(200..220).as_str(), line(0) + lines(200..400).as_str()] {
        let store = WatchedStore::new();
        import_bytes(lines(0..100), &store).await.unwrap();

        let other = import_pipe(&text, &store).await.unwrap();

        assert_eq!(other.counted, text.lines().count() as u64);
        assert_eq!(report(&store).await.totals.counts.hits(), 100 + other.counted);
    }
}

#[tokio::test]
async fn a_file_counts_for_each_service() {
    let store = WatchedStore::new();
    let log = Log::new(lines(0..100));
    import_file(log.path(), &store).await.unwrap();

    let other = ImportOptions::new(ServiceName::new("admin").unwrap());
    let summary = import(Source::File(log.path()), &other, store.clone(), &mut |_| {}).await.unwrap();

    assert_eq!(summary.counted, 100);
}

#[tokio::test]
async fn an_import_that_was_interrupted_goes_on() {
    let text = lines(0..300);
    let whole = report_of(&text).await;
    for seq in [1, 2, 7, 20] {
        let store = WatchedStore::failing(&[Failure::Rejected(seq)]);

        let error = import_bytes(&text, &store).await.unwrap_err();
        let rest = import_bytes(&text, &store).await.unwrap();

        assert_eq!(error.kind(), ImportErrorKind::Store);
        assert_eq!(error.summary().unwrap().counted, rest.already_counted);
        assert_eq!(rest.already_counted + rest.counted, 300);
        assert_eq!(report(&store).await, whole);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_has_each_batch_once() {
    let failures = [Failure::Unavailable(2), Failure::Unavailable(2), Failure::ReplyLost(3), Failure::ReplyLost(3)];
    let store = WatchedStore::failing(&failures);

    let summary = import_bytes(lines(0..300), &store).await.unwrap();

    assert_eq!(summary.counted, 300);
    assert_eq!(report(&store).await, report_of(&lines(0..300)).await);
}

#[tokio::test]
async fn a_second_import_of_the_same_file_at_once_stops() {
    let store = WatchedStore::new();
    let log = Log::new(lines(0..300));
    let input = || Input::open(&Source::File(log.path()), Duration::ZERO, &LineFormat::combined()).unwrap();
    let first_line = input().first_line().to_owned();
    let candidates = Candidates::find(&*store, &Retry::some_times(), &options().service, &first_line).await.unwrap();
    let (_, resumption) = input().resume(&candidates).unwrap();
    import_file(log.path(), &store).await.unwrap();

    let endpoints = Arc::new(Endpoints::new(options().service, RouteTemplates::inferred(), 10));
    let late = Pipeline {
        options: &options(),
        store: store.clone(),
        endpoints,
        last_line: LastLine::Counts,
        retry: Retry::some_times(),
        bytes_read: Arc::default(),
        bytes_total: None,
    };
    let stream = Box::new(std::io::Cursor::new(lines(0..300)));
    let error = late.run("log", stream, &resumption, &mut |_| {}).await.unwrap_err();

    assert_eq!(error.kind(), ImportErrorKind::Conflict);
    assert_eq!(report(&store).await, report_of(&lines(0..300)).await);
}

#[tokio::test]
async fn the_rest_of_a_line_that_was_counted_is_not_a_line() {
    let store = WatchedStore::new();
    let text = lines(0..10);
    let log = Log::new(text.strip_suffix("\"agent\"\n").unwrap());
    import_file(log.path(), &store).await.unwrap();

    log.append(&format!("\"agent\"\n{}", line(10)));
    let grown = import_file(log.path(), &store).await.unwrap();

    assert_eq!((grown.counted, grown.rejected, grown.already_counted), (1, 0, 10));
}

#[tokio::test]
async fn a_file_without_a_readable_line_can_be_imported_again_in_its_format() {
    let store = WatchedStore::new();
    let log = Log::new("[17/May/2015:10:05:03 +0000]|/a|200|0.25\n".repeat(100));
    let rejected = import_file(log.path(), &store).await.unwrap();

    let format = "%t|%U|%>s|%T".parse().unwrap();
    let summary = import(Source::File(log.path()), &options().with_format(format), store.clone(), &mut |_| {}).await;

    assert_eq!((rejected.rejected, summary.unwrap().counted), (100, 100));
    assert_eq!(report(&store).await.totals.counts.duration.count(), 100);
}
