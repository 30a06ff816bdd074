//! Lines of every format, and the fast reader held against a slow one.

mod naive;
mod real_lines;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use real_lines::REAL_LINES;

use super::*;
use endpoint_stats_core::Method;

const START: &str = r#"192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1""#;

fn read(line: &[u8]) -> Result<Line<'_>, RejectReason> {
    LineParser::new(LineFormat::combined()).read(line)
}

fn read_custom<'a>(format: &str, line: &'a str) -> Result<Line<'a>, RejectReason> {
    LineParser::new(format.parse().unwrap()).read(line.as_bytes())
}

#[test]
fn every_field_of_a_combined_line_is_read() {
    let line = read(REAL_LINES[0].as_bytes()).unwrap();

    assert_eq!(line.caller, b"192.0.2.1");
    assert_eq!(line.at, Timestamp::from_unix(1_431_857_103));
    assert_eq!(line.request.method, Method::Get);
    assert_eq!(line.request.path, Some(&b"/presentations/logstash-monitorama-2013/images/kibana-search.png"[..]));
    assert_eq!((line.status, line.response_bytes), (200, 203_023));
    assert_eq!((line.request_bytes, line.duration), (0, None));
}

#[test]
fn a_common_line_is_read() {
    let line = format!("{START} 200 17");

    assert_eq!(read(line.as_bytes()).unwrap().response_bytes, 17);
}

#[test]
fn a_line_cut_off_behind_the_bytes_counts() {
    for end in [r#" "http://a/" "Mozilla/5.0 (X"#, r#" "http"#, " ", "\r"] {
        assert!(read(format!("{START} 200 17{end}").as_bytes()).is_ok(), "{end}");
    }
}

#[test]
fn a_dash_is_no_bytes() {
    assert_eq!(read(format!("{START} 304 -").as_bytes()).unwrap().response_bytes, 0);
}

#[test]
fn a_status_outside_of_100_to_999_is_rejected() {
    for status in ["0", "000", "99", "099", "-1", "\"200\"", "2000", "20", "2x0", "-", ""] {
        assert_eq!(read(format!("{START} {status} 17").as_bytes()).unwrap_err(), RejectReason::BadStatus, "{status}");
    }
    assert_eq!(read(format!("{START} 999 17").as_bytes()).unwrap().status, 999);
}

#[test]
fn a_size_that_is_no_number_is_rejected() {
    for size in ["-1", "1.5", "--", "x", "", "18446744073709551616"] {
        assert_eq!(read(format!("{START} 200 {size}").as_bytes()).unwrap_err(), RejectReason::BadSize, "{size}");
    }
    assert_eq!(read(format!("{START} 200 {}", u64::MAX).as_bytes()).unwrap().response_bytes, u64::MAX);
}

#[test]
fn quotes_in_a_request_are_escaped() {
    let line = br#"::1 - - [17/May/2015:10:05:03 +0000] "GET /a\"b\\ HTTP/1.1" 200 17"#;

    assert_eq!(read(line).unwrap().request.path, Some(&br#"/a\"b\\"#[..]));
}

#[test]
fn a_user_may_have_spaces_and_brackets() {
    let line = br#"::1 - John [x] Doe [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 17"#;

    assert_eq!(read(line).unwrap().request.path, Some(&b"/a"[..]));
}

#[test]
fn what_is_missing_is_named() {
    for (line, reason) in [
        ("", RejectReason::Empty),
        ("\r", RejectReason::Empty),
        ("word", RejectReason::NoTime),
        ("192.0.2.7 - - \"GET / HTTP/1.1\" 200 17", RejectReason::NoTime),
        ("192.0.2.7 - - [31/Feb/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 17", RejectReason::BadTime),
        ("192.0.2.7 - - [17/May/2015:10:05:03 +0000] 200 17", RejectReason::NoRequest),
        ("192.0.2.7 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1", RejectReason::NoRequest),
    ] {
        assert_eq!(read(line.as_bytes()).unwrap_err(), reason, "{line}");
    }
}

#[test]
fn a_custom_format_reads_every_directive() {
    let format = r#"%h %l %u %t "%r" %>s %b %D %T %I %O "%{Referer}i" 100%% %v"#;
    let line = read_custom(
        format,
        r#"192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a?b HTTP/1.1" 200 17 1500 0.25 99 117 "a \" b" 100% host"#,
    )
    .unwrap();

    assert_eq!((line.caller, line.status), (&b"192.0.2.7"[..], 200));
    assert_eq!((line.response_bytes, line.request_bytes), (17, 99));
    assert_eq!(line.duration, Some(Duration::from_millis(250)));
    assert_eq!(line.request.path, Some(&b"/a"[..]));
}

#[test]
fn the_combined_format_written_out_reads_the_same() {
    let format = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i""#;
    for line in REAL_LINES {
        assert_eq!(read_custom(format, line), read(line.as_bytes()), "{line}");
    }
}

#[test]
fn method_path_and_query_may_stand_alone() {
    let line = read_custom("%t|%m|%U%q|%s", "[17/May/2015:10:05:03 +0000]|PUT|/a/b?c=d|204").unwrap();

    assert_eq!(line.request, Request { method: Method::Put, path: Some(b"/a/b") });
}

#[test]
fn durations_have_their_unit() {
    for (directive, text, micros) in [
        ("%D", "1500", 1_500),
        ("%T", "2", 2_000_000),
        ("%T", "0.0015", 1_500),
        ("%{ms}T", "1.5", 1_500),
        ("%{us}T", "1500", 1_500),
        ("%T", "0.000001999999999999", 1),
    ] {
        let line = format!("[17/May/2015:10:05:03 +0000] /a 200 {text}");
        let read = read_custom(&format!("%t %U %s {directive}"), &line).unwrap();
        assert_eq!(read.duration.map(|duration| duration.as_micros()), Some(micros), "{directive} {text}");
    }
}

#[test]
fn a_dash_is_no_duration_and_no_bytes() {
    let line = read_custom("%t %U %s %T %I %b", "[17/May/2015:10:05:03 +0000] /a 200 - - -").unwrap();

    assert_eq!((line.duration, line.request_bytes, line.response_bytes), (None, 0, 0));
}

#[test]
fn a_custom_line_of_another_shape_is_rejected_with_its_reason() {
    for (line, reason) in [
        ("x [17/May/2015:10:05:03 +0000] /a 200 1", RejectReason::BadTime),
        ("[17/May/2015:10:05:03 +0000]/a 200 1", RejectReason::OtherFormat),
        ("[17/May/2015:10:05:03 +0000] /a 20 1", RejectReason::BadStatus),
        ("[17/May/2015:10:05:03 +0000] /a 200 x", RejectReason::BadDuration),
        ("[17/May/2015:10:05:03 +0000] /a 200 1.x", RejectReason::BadDuration),
        ("[17/May/2015:10:05:03 +0000] /a 200 18446744073709551615", RejectReason::BadDuration),
        ("[17/May/2015:10:05:03 +0000] /a", RejectReason::OtherFormat),
    ] {
        assert_eq!(read_custom("%t %U %s %T", line).unwrap_err(), reason, "{line}");
    }
}

#[test]
fn a_format_that_cannot_be_read_says_why() {
    for (format, what) in [
        ("%h %X %t", "unsupported directive %X, supported are"),
        ("%t %U %>s %", "unsupported directive %, supported are"),
        ("%t %U %{Foo", "unsupported directive %{Foo, supported are"),
        ("json", "expected at least %t, %>s, and %r or %U"),
        ("%h %t %b", "expected at least %t, %>s, and %r or %U"),
        ("%t %U%s", "two directives stand side by side"),
    ] {
        let error = format.parse::<LineFormat>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("failed to read the line format: {what}")), "{error}");
    }
}

/// Bytes that mean something in a line.
fn telling_byte() -> impl Strategy<Value = u8> {
    prop_oneof![select(b" \"\\[]-?#/:+09aG\r\0\xff".to_vec()), any::<u8>()]
}

/// A real line with some bytes replaced, put in, taken out, or its end cut off.
fn mutated_line() -> impl Strategy<Value = Vec<u8>> {
    let change = (0_u8..4, any::<prop::sample::Index>(), telling_byte());
    (select(REAL_LINES), vec(change, 0..5)).prop_map(|(line, changes)| {
        let mut line = line.as_bytes().to_vec();
        for (how, at, byte) in changes {
            let at = at.index(line.len().max(1)).min(line.len().saturating_sub(1));
            match how {
                0 if !line.is_empty() => line[at] = byte,
                1 if !line.is_empty() => drop(line.remove(at)),
                2 => line.insert(at, byte),
                _ => line.truncate(at.max(60)),
            }
        }
        line.retain(|byte| *byte != b'\n');
        line
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_rejected(line in vec(telling_byte(), 0..300)) {
        let _ = read(&line);
        let _ = read_custom(r#"%h %t "%r" %>s %b %T %m %U"#, &String::from_utf8_lossy(&line));
    }

    #[test]
    fn the_fast_reader_reads_what_the_slow_one_reads(line in mutated_line()) {
        let fast = read(&line).ok();

        prop_assert_eq!(fast.as_ref().map(naive::Fields::from), naive::read(&line));
    }

    #[test]
    fn a_line_that_was_written_is_read_back(
        at in 0_i64..253_402_300_800,
        zone_minutes in -1_439_i64..1_440,
        method in select(Method::ALL.to_vec()),
        path in "/[a-z0-9/%._~-]{0,80}",
        status in 100_u16..1_000,
        bytes: u64,
    ) {
        let time = naive::written_time(at, zone_minutes);
        prop_assume!(time.is_some());
        let time = time.unwrap();
        let text = format!("::1 - - [{time}] \"{method} {path}?q=1 HTTP/1.1\" {status} {bytes} \"-\" \"-\"");

        let line = read(text.as_bytes()).unwrap();

        prop_assert_eq!(line.at.as_unix(), at);
        prop_assert_eq!(line.request, Request { method, path: Some(path.as_bytes()) });
        prop_assert_eq!((line.status, line.response_bytes), (status, bytes));
    }
}
