//! [`TokenList`]: the tokens of a file, and the rules they keep.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::window::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Scope, SecretHash, Token, TokenId};
use crate::report::rfc_3339;

/// The version of the file that this program reads and writes.
const VERSION: u64 = 1;
const MAX_NAME: usize = 64;

/// Tokens, in the order they were made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenList {
    version: u64,
    tokens: Vec<TokenEntry>,
}

/// What is kept of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// Its id, a part of its text.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// The services it is bound to; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "services", serialize_with = "service_names")]
    pub services: Option<BTreeSet<ServiceName>>,
    /// When it was made.
    pub created: FileTime,
    /// The first second in which it is not valid any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<FileTime>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<FileTime>,
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name, which no other token has.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// The services it is bound to; `None` is all of them.
    pub services: Option<BTreeSet<ServiceName>>,
    /// The first second in which it is not valid any more.
    pub expires: Option<Timestamp>,
}

/// A second, written in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileTime(pub Timestamp);

/// Says which rule the tokens of a file do not keep.
#[derive(Debug)]
pub struct TokenListError {
    what: String,
    cause: Option<serde_json::Error>,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u64,
}

// === impl TokenList ===

impl TokenList {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// When it is not JSON, is of another version, holds unknown fields, or breaks a rule.
    pub fn parse(text: &str) -> Result<Self, TokenListError> {
        let not_ours = |cause| TokenListError { what: "this is no list of tokens".to_owned(), cause: Some(cause) };
        let VersionOnly { version } = serde_json::from_str(text).map_err(not_ours)?;
        if version != VERSION {
            let what = format!("its version is {version}; this program knows version {VERSION} only");
            return Err(TokenListError::new(what));
        }
        let list: Self = serde_json::from_str(text).map_err(not_ours)?;
        list.check()?;
        Ok(list)
    }

    /// Writes the text of a file.
    #[expect(clippy::missing_panics_doc, reason = "texts, times and lists of them are always JSON")]
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts, times and lists of them are JSON");
        text.push('\n');
        text
    }

    /// The tokens.
    pub fn entries(&self) -> &[TokenEntry] {
        &self.tokens
    }

    /// Makes a token; it alone knows its secret.
    ///
    /// # Errors
    ///
    /// When the name is taken or none, or the operating system has no random bytes.
    pub fn create(&mut self, new: NewToken, now: Timestamp) -> Result<Token, TokenListError> {
        let no_bytes = |error| TokenListError::new(format!("the operating system has no random bytes: {error}"));
        let token = Token::generate().map_err(no_bytes)?;
        self.tokens.push(TokenEntry {
            id: token.id(),
            name: new.name,
            hash: token.hash(),
            scopes: new.scopes,
            services: new.services,
            created: FileTime(now),
            expires: new.expires.map(FileTime),
            revoked: None,
        });
        self.check()?;
        Ok(token)
    }

    /// Revokes a token; what was revoked before stays as it is.
    ///
    /// # Errors
    ///
    /// When no token has this name or id.
    pub fn revoke(&mut self, name_or_id: &str, now: Timestamp) -> Result<TokenEntry, TokenListError> {
        let found = self.tokens.iter_mut().find(|token| token.name == name_or_id || token.id.to_string() == name_or_id);
        let token = found.ok_or_else(|| TokenListError::new(format!("no token has the name or id {name_or_id:?}")))?;
        token.revoked.get_or_insert(FileTime(now));
        Ok(token.clone())
    }

    /// Names and ids share one set, because `revoke` takes either.
    fn check(&self) -> Result<(), TokenListError> {
        let mut taken = HashSet::new();
        for token in &self.tokens {
            token.check()?;
            for name in [token.name.clone(), token.id.to_string()] {
                if !taken.insert(name.clone()) {
                    return Err(TokenListError::new(format!("two tokens have the name or id {name:?}")));
                }
            }
        }
        Ok(())
    }
}

impl Default for TokenList {
    fn default() -> Self {
        Self { version: VERSION, tokens: Vec::new() }
    }
}

// === impl TokenEntry ===

impl TokenEntry {
    /// `valid`, `expired` or `revoked`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (self.revoked, self.expires) {
            (Some(_), _) => "revoked",
            (None, Some(FileTime(expires))) if expires <= now => "expired",
            (None, _) => "valid",
        }
    }

    fn check(&self) -> Result<(), TokenListError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = &self.name;
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_plain) {
            let what = format!("{name:?} is no name of a token: 1 to {MAX_NAME} of a-z, A-Z, 0-9, '-', '_' and '.'");
            return Err(TokenListError::new(what));
        }
        if self.scopes.is_empty() {
            return Err(TokenListError::new(format!("the token {name:?} has no scope: ingest, read or admin")));
        }
        if self.services.as_ref().is_some_and(BTreeSet::is_empty) {
            let what = format!("the token {name:?} is bound to no service; leave `services` out for all of them");
            return Err(TokenListError::new(what));
        }
        Ok(())
    }
}

fn services<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<ServiceName>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names
        .iter()
        .map(|name| ServiceName::new(name).map_err(serde::de::Error::custom))
        .collect::<Result<_, _>>()
        .map(Some)
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
fn service_names<S: Serializer>(services: &Option<BTreeSet<ServiceName>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(services.iter().flatten().map(ServiceName::as_str))
}

// === impl FileTime ===

impl TryFrom<String> for FileTime {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|time| Self(Timestamp::from_unix(time.as_second())))
    }
}

impl From<FileTime> for String {
    fn from(FileTime(time): FileTime) -> Self {
        rfc_3339(time)
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc_3339(self.0))
    }
}

// === impl TokenListError ===

impl TokenListError {
    fn new(what: String) -> Self {
        Self { what, cause: None }
    }
}

impl fmt::Display for TokenListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for TokenListError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests;
