//! [`Headers`]: what a collector wants to see besides the spans.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::settings::SettingError;

const SETTING: &str = "--trace-otlp-headers-file";

/// A larger file is a mistake.
const MAX_BYTES: usize = 64 * 1024;

/// The headers in a file, read anew for each request: a secret that is changed there needs no restart.
#[derive(Clone, Debug)]
pub(crate) struct Headers(PathBuf);

impl Headers {
    /// Refuses a file that cannot be used now.
    pub(crate) fn in_file(path: PathBuf) -> Result<Self, SettingError> {
        let wrong = |problem| SettingError::new(SETTING, &path.display().to_string(), problem);
        read(&path).map_err(wrong)?;
        Ok(Self(path))
    }

    /// What the file says now, or what was expected of it.
    pub(super) async fn read(&self) -> Result<HeaderMap, String> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        read.map_err(|error| error.to_string())?
    }
}

fn read(path: &Path) -> Result<HeaderMap, String> {
    let text = fs::read_to_string(path).map_err(|_| "a file that can be read")?;
    if text.len() > MAX_BYTES {
        return Err(format!("a file of headers, at most {MAX_BYTES} bytes long"));
    }
    parse(&text)
}

/// A line is not quoted when it is wrong: it holds a secret.
fn parse(text: &str) -> Result<HeaderMap, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let headers = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    headers.map(|(n, line)| header(line).ok_or_else(|| format!("`name: value` in its line {}", n + 1))).collect()
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_stands_on_a_line() {
        let headers = parse("# who we are\nAuthorization: Bearer a:b\n\n  x-tenant:shop \n").unwrap();

        assert_eq!(
            (headers.len(), &headers["authorization"], &headers["x-tenant"]),
            (2, &HeaderValue::from_static("Bearer a:b"), &HeaderValue::from_static("shop"))
        );
    }

    #[test]
    fn a_wrong_line_is_named_and_not_quoted() {
        for wrong in ["s3cret", "two words: s3cret", ": s3cret", "a: s3cret\u{7f}"] {
            assert_eq!(parse(&format!("a: b\n{wrong}\n")).unwrap_err(), "`name: value` in its line 2", "{wrong}");
        }
    }
}
