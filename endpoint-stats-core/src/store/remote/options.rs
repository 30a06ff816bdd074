//! [`RemoteOptions`]: where the server is, and who sends.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Uri};

use crate::store::{StoreError, StoreErrorKind, secret_file};

/// Where a server of endpoint-stats is, and how to reach it.
///
/// ```
/// use std::time::Duration;
/// use endpoint_stats_core::store::remote::RemoteOptions;
///
/// let options = RemoteOptions::from_url("https://stats.example:9999")?
///     .with_token_file("/run/secrets/stats-token")
///     .with_request_timeout(Duration::from_secs(5));
/// # Ok::<(), endpoint_stats_core::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct RemoteOptions {
    // Without a slash at its end.
    url: String,
    token: Option<Token>,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) request_timeout: Duration,
    pub(super) connect_timeout: Duration,
}

#[derive(Clone)]
enum Token {
    Text(String),
    File(PathBuf),
}

impl RemoteOptions {
    /// Takes the server's address, `https://host:port` or `http://host:port`, with the prefix it is mounted under if it
    /// has one.
    ///
    /// # Errors
    ///
    /// `Rejected` when this is not such a URL. A token has no place in it.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| not_a_url().with_source(error))?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !is_http || !is_plain || url.contains(['?', '#']) {
            return Err(not_a_url());
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token: None,
            root_certificate: None,
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
        })
    }

    /// Shows the server this token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::Text(token.into()));
        self
    }

    /// Reads the token from a file, anew for each request: a token that is changed there needs no restart.
    #[must_use]
    pub fn with_token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = Some(Token::File(path.into()));
        self
    }

    /// Holds the server's certificate against the roots of a PEM file instead of the system's.
    #[must_use]
    pub fn with_root_certificate(mut self, path: impl Into<PathBuf>) -> Self {
        self.root_certificate = Some(path.into());
        self
    }

    /// How long a request may take, from connecting to the end of its answer. Defaults to 10 seconds.
    #[must_use]
    pub fn with_request_timeout(mut self, time: Duration) -> Self {
        self.request_timeout = time;
        self
    }

    /// How long making a TCP connection may take. Defaults to 5 seconds.
    #[must_use]
    pub fn with_connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// The server's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Refuses a token that can never be sent.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &self.token {
            Some(Token::Text(token)) => bearer(token)
                .map(drop)
                .map_err(|problem| StoreError::new(StoreErrorKind::Rejected, "take the token").with_source(problem)),
            _ => Ok(()),
        }
    }

    /// What to send as `Authorization`, with the token of this moment.
    pub(super) async fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        match &self.token {
            None => Ok(None),
            Some(Token::Text(token)) => bearer(token).map(Some),
            Some(Token::File(path)) => bearer(&secret_file::read_line("token file", path).await?).map(Some),
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty());
    let mut value = value.ok_or("the token is empty, or holds what cannot stand in a header")?;
    value.set_sensitive(true);
    Ok(value)
}

fn not_a_url() -> StoreError {
    StoreError::new(
        StoreErrorKind::Rejected,
        "read the server's address: expected https://host:port or http://host:port, without a token in it",
    )
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_of_the_address_changes_nothing() {
        for url in ["https://stats.example/team", "https://stats.example/team/"] {
            assert_eq!(RemoteOptions::from_url(url).unwrap().url(), "https://stats.example/team");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for url in [
            "",
            "stats.example",
            "stats.example:80",
            "ftp://stats.example",
            "http://s/?token=secret",
            "http://s/#stats",
        ] {
            let error = RemoteOptions::from_url(url).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Rejected, "{url}");
            assert!(error.to_string().contains("expected https://"), "{url}");
        }
    }

    #[test]
    fn the_token_is_in_no_message() {
        let options = RemoteOptions::from_url("https://stats.example").unwrap().with_token("secret\n");

        assert!(!format!("{options:?}").contains("secret"));
        assert!(!format!("{:?}", options.check().unwrap_err()).contains("secret"));
        assert!(!format!("{:?}", bearer("secret")).contains("secret"));
        let in_the_url = RemoteOptions::from_url("https://any:secret@stats.example").unwrap_err();
        assert!(!format!("{in_the_url:?}").contains("secret"));
    }
}
