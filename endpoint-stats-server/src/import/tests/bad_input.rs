//! Bad input is named and counted, and stops nothing that is good.

use super::*;

async fn import_error(path: PathBuf) -> ImportError {
    import_file(path, &WatchedStore::new()).await.unwrap_err()
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let error = import_error("/does/not/exist.log".into()).await;

    assert_eq!(error.kind(), ImportErrorKind::Input);
    assert_eq!(error.to_string(), "failed to open /does/not/exist.log");
}

#[tokio::test]
async fn a_directory_is_refused() {
    let error = import_error(tempfile::tempdir().unwrap().path().into()).await;

    assert_eq!(error.kind(), ImportErrorKind::Input);
}

#[tokio::test]
async fn a_binary_file_is_refused() {
    let error = import_error(Log::new([0, 1, 2, 3, 0, 10].repeat(1_000)).path()).await;

    assert_eq!(error.kind(), ImportErrorKind::Input);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "it is a binary file");
}

#[tokio::test]
async fn a_log_with_a_nul_in_it_is_no_binary_file() {
    let store = WatchedStore::new();
    let text = lines(0..9).replacen("/page-0/", "/pa\0ge/", 1);

    let summary = import_bytes(text, &store).await.unwrap();

    assert_eq!(summary.counted, 9);
    assert!(report(&store).await.endpoints.iter().any(|found| found.endpoint.route().as_str() == "/pa%00ge/{id}"));
}

#[tokio::test]
async fn an_empty_file_counts_nothing() {
    assert_eq!(import_bytes("", &WatchedStore::new()).await.unwrap(), ImportSummary::default());
    assert_eq!(import_bytes(packed(""), &WatchedStore::new()).await.unwrap(), ImportSummary::default());
    assert_eq!(import_pipe("", &WatchedStore::new()).await.unwrap(), ImportSummary::default());
}

#[tokio::test]
async fn a_rejected_line_is_shown_with_its_number() {
    let store = WatchedStore::new();
    let text = format!("{}what is this\n{}\n{}", lines(0..40), line(40), lines(41..80));

    let summary = import_bytes(text, &store).await.unwrap();

    assert_eq!((summary.counted, summary.rejected), (80, 2));
    let shown: Vec<_> = summary.rejected_lines.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["line 41: no time in brackets: what is this", "line 43: empty: "]);
}

#[tokio::test]
async fn rejected_lines_are_shown_in_their_order() {
    let text: String = (0..300).map(|number| if number % 3 == 0 { "x\n".into() } else { line(number) }).collect();

    let summary = import_bytes(text, &WatchedStore::new()).await.unwrap();

    let numbers: Vec<_> = summary.rejected_lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (0..20).map(|number| number * 3 + 1).collect::<Vec<_>>());
    assert_eq!((summary.rejected, summary.reasons[&RejectReason::NoTime]), (100, 100));
}

#[tokio::test]
async fn a_line_without_an_end_is_rejected_and_the_next_one_counts() {
    let text = format!("{}{}\n{}", lines(0..5), "x".repeat(100_000), lines(5..9));

    let summary = import_bytes(text, &WatchedStore::new()).await.unwrap();

    assert_eq!((summary.counted, summary.rejected), (9, 1));
    assert_eq!(summary.rejected_lines[0].number, 6);
    assert_eq!(summary.rejected_lines[0].reason, RejectReason::TooLong);
}

#[tokio::test]
async fn unreadable_requests_and_long_paths_are_folded() {
    let store = WatchedStore::new();
    let start = "192.0.2.7 - - [17/May/2015:10:05:03 +0000]";
    let text = format!(
        "{start} \"-\" 408 0\n{start} \"\\x16\\x03\\x01\" 400 226\n{start} \"GET /{} HTTP/1.1\" 414 7\n",
        "a".repeat(700)
    );

    let summary = import_bytes(text, &store).await.unwrap();

    let report = report(&store).await;
    let endpoints: Vec<_> = report.endpoints.iter().map(|found| found.endpoint.to_string()).collect();
    assert_eq!(endpoints, ["shop GET _REFUSED", "shop _OTHER _UNMATCHED"]);
    assert_eq!((summary.counted, summary.folded, report.totals.counts.response_bytes), (3, 3, 233));
}

#[tokio::test]
async fn endpoints_beyond_the_limit_are_folded_and_totals_stay_exact() {
    let store = WatchedStore::new();
    let text: String = (0..500).map(|number| line(number).replace("page-", &format!("p{number}-"))).collect();

    let options = options().with_max_endpoints(100);
    let summary = import(Source::File(Log::new(text).path()), &options, store.clone(), &mut |_| {}).await.unwrap();

    assert_eq!((summary.counted, summary.folded), (500, 400));
    assert_eq!(report(&store).await.totals.counts.hits(), 500);
    assert_eq!(report(&store).await.endpoints.len(), 101);
}

#[tokio::test]
async fn a_damaged_archive_counts_up_to_the_damage_and_goes_on_when_repaired() {
    let text = lines(0..2_000);
    let whole = packed(&text);
    for cut in [whole.len() / 2, whole.len() - 4] {
        let store = WatchedStore::new();
        let log = Log::new(&whole[..cut]);

        let error = import_file(log.path(), &store).await.unwrap_err();
        let counted = error.summary().unwrap().counted;
        assert_eq!(error.kind(), ImportErrorKind::Read);
        assert!(error.to_string().contains("behind byte"), "{error}");
        assert!(counted > 0);

        std::fs::write(log.path(), &whole).unwrap();
        let rest = import_file(log.path(), &store).await.unwrap();

        assert_eq!(rest.already_counted, counted);
        assert_eq!(report(&store).await, report_of(&text).await);
    }
}

#[tokio::test]
async fn progress_reaches_the_end() {
    let log = Log::new(lines(0..100));
    let mut last = Progress::default();

    let summary =
        import(Source::File(log.path()), &options(), WatchedStore::new(), &mut |progress| last = progress).await;

    let bytes = summary.unwrap().bytes;
    assert_eq!(last, Progress { bytes, bytes_total: Some(bytes), lines: 100 });
}
