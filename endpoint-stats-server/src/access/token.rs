//! [`Token`]: what a client shows, and [`SecretHash`]: what is kept of it.
//!
//! A token is `es_ID_SECRET`: an id of 48 bits, which is no secret, and 256 random bits that are. Nobody guesses those,
//! so a fast hash keeps them as safe as a slow one would keep a password; and one is made for every request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const PREFIX: &str = "es_";
const ID_DIGITS: usize = 12;

/// Names a token; 12 hexadecimal digits, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(u64);

/// What is kept of a token's secret; comparing two takes the same time wherever they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash(blake3::Hash);

/// A new token; its text is shown once, by [`Display`](fmt::Display).
pub struct Token {
    id: TokenId,
    secret: String,
}

/// Says why a text is no id or no hash, without the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHexError(&'static str);

// === impl TokenId ===

impl FromStr for TokenId {
    type Err = NotHexError;

    fn from_str(text: &str) -> Result<Self, NotHexError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let id = (text.len() == ID_DIGITS && text.bytes().all(is_digit)).then(|| u64::from_str_radix(text, 16));
        id.and_then(Result::ok).map(Self).ok_or(NotHexError("an id is 12 hexadecimal digits in lower case"))
    }
}

impl TryFrom<String> for TokenId {
    type Error = NotHexError;

    fn try_from(text: String) -> Result<Self, NotHexError> {
        text.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0ID_DIGITS$x}", self.0)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

// === impl SecretHash ===

impl SecretHash {
    /// Stands in where there is no token, so that an unknown id takes as long as a known one.
    pub const OF_NOTHING: Self = Self(blake3::Hash::from_bytes([0; 32]));

    /// Hashes a secret.
    pub fn of(secret: &str) -> Self {
        Self(blake3::hash(secret.as_bytes()))
    }
}

impl TryFrom<String> for SecretHash {
    type Error = NotHexError;

    fn try_from(text: String) -> Result<Self, NotHexError> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| NotHexError("a hash is 64 hexadecimal digits"))
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hash.0.to_hex().to_string()
    }
}

// === impl Token ===

impl Token {
    /// Makes a token of the operating system's random bytes.
    ///
    /// # Errors
    ///
    /// When the operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let id = getrandom::u64()? >> (64 - 4 * ID_DIGITS);
        Ok(Self { id: TokenId(id), secret: blake3::Hash::from_bytes(secret).to_hex().to_string() })
    }

    /// Its id.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// What may be kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    /// Takes a token's text apart into its id and its secret.
    pub fn taken_apart(text: &str) -> Option<(TokenId, &str)> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some((id.parse().ok()?, secret))
    }

    /// Whether a token stands somewhere in a text.
    pub fn is_in(text: &str) -> bool {
        text.match_indices(PREFIX).any(|(at, _)| Self::taken_apart(&text[at..]).is_some())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

// === impl NotHexError ===

impl fmt::Display for NotHexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotHexError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_as_it_was_put_together() {
        let token = Token::generate().unwrap();
        let text = token.to_string();

        let (id, secret) = Token::taken_apart(&text).unwrap();

        assert_eq!(id, token.id());
        assert_eq!(SecretHash::of(secret), token.hash());
        assert_eq!(text.len(), "es_".len() + 12 + "_".len() + 64);
    }

    #[test]
    fn two_tokens_differ_in_all_they_have() {
        let (a, b) = (Token::generate().unwrap(), Token::generate().unwrap());

        assert_ne!(a.id(), b.id());
        assert_ne!(a.hash(), b.hash());
    }

    #[test]
    fn debug_output_keeps_the_secret() {
        let token = Token::generate().unwrap();

        assert!(!format!("{token:?}").contains(&token.secret));
    }

    #[test]
    fn an_id_is_twelve_digits_in_lower_case() {
        assert_eq!("00000000000a".parse::<TokenId>().unwrap().to_string(), "00000000000a");
        for text in ["", "00000000000", "0000000000000", "00000000000A", "+0000000000a", "0000000000é"] {
            assert!(text.parse::<TokenId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_found_inside_a_text() {
        assert!(Token::is_in("es_x=1&q=es_00000000000a_ff"));
        assert!(!Token::is_in("service=es_shop&es_"));
    }
}
