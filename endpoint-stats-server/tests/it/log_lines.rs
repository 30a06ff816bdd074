//! Lines as a web server writes them.

/// A line of the combined format: one hit of a path, at a second of 17 May 2015.
pub(crate) fn line(secs: u32, path: &str, status: u16) -> String {
    let (minute, second) = (secs / 60 % 60, secs % 60);
    format!(
        "192.0.2.{} - - [17/May/2015:10:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" {status} 100 \"-\" \"curl/8\"\n",
        secs % 250
    )
}

/// So many lines.
pub(crate) fn lines(count: u32) -> String {
    (0..count).map(|i| line(i, &format!("/users/{i}?page=2"), if i % 10 == 0 { 500 } else { 200 })).collect()
}
