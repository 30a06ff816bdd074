//! [`KnownTokens`]: the tokens of a file, ready to be looked up.

use std::collections::HashMap;

use endpoint_stats_core::window::Timestamp;

use super::refusal::Refusal;
use super::{FileTime, Principal, SecretHash, Token, TokenEntry, TokenId, TokenList};

/// The tokens that a server knows, by their ids.
#[derive(Debug, Default)]
pub struct KnownTokens(HashMap<TokenId, KnownToken>);

/// What a token is checked against, and what it stands for.
#[derive(Debug)]
pub(super) struct KnownToken {
    hash: SecretHash,
    pub(super) principal: Principal,
    expires: Option<Timestamp>,
    is_revoked: bool,
}

impl KnownTokens {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id that a text claims, if there is a token with it.
    pub(super) fn claimed(&self, text: &str) -> Option<TokenId> {
        let (id, _) = Token::taken_apart(text)?;
        self.0.contains_key(&id).then_some(id)
    }

    /// Checks a token's text; an unknown id is hashed and compared like a known one.
    pub(super) fn check(&self, text: &str, now: Timestamp) -> Result<(TokenId, &Principal), Refusal> {
        let (id, secret) = Token::taken_apart(text).map_or((None, text), |(id, secret)| (Some(id), secret));
        let known = id.and_then(|id| self.0.get_key_value(&id));
        let hash = known.map_or(SecretHash::OF_NOTHING, |(_, token)| token.hash);
        let is_right = hash == SecretHash::of(secret);
        match known.filter(|_| is_right) {
            None => Err(Refusal::Unknown),
            Some((_, token)) if token.is_revoked => Err(Refusal::Revoked),
            Some((_, token)) if token.expires.is_some_and(|expires| expires <= now) => Err(Refusal::Expired),
            Some((id, token)) => Ok((*id, &token.principal)),
        }
    }
}

impl From<&TokenList> for KnownTokens {
    fn from(list: &TokenList) -> Self {
        Self(list.entries().iter().map(|entry| (entry.id, entry.into())).collect())
    }
}

impl From<&TokenEntry> for KnownToken {
    fn from(entry: &TokenEntry) -> Self {
        let principal = Principal::new(&entry.name, entry.scopes.iter().copied());
        Self {
            hash: entry.hash,
            principal: match &entry.services {
                Some(services) => principal.bound_to(services.iter().cloned()),
                None => principal,
            },
            expires: entry.expires.map(|FileTime(time)| time),
            is_revoked: entry.revoked.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::ServiceName;

    use super::*;
    use crate::access::{NewToken, Scope};

    const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

    fn list_with(token: NewToken) -> (TokenList, String) {
        let mut list = TokenList::default();
        let text = list.create(token, NOW).unwrap().to_string();
        (list, text)
    }

    fn reader() -> NewToken {
        NewToken { name: "a".to_owned(), scopes: [Scope::Read].into(), services: None, expires: None }
    }

    #[test]
    fn a_token_stands_for_its_name_its_scopes_and_its_services() {
        let shop = ServiceName::new("shop").unwrap();
        let (list, text) = list_with(NewToken { services: Some([shop.clone()].into()), ..reader() });

        let known = KnownTokens::from(&list);
        let (_, principal) = known.check(&text, NOW).unwrap();

        assert_eq!(principal, &Principal::new("a", [Scope::Read]).bound_to([shop]));
    }

    #[test]
    fn a_wrong_secret_and_an_unknown_id_are_refused_alike() {
        let (list, text) = list_with(reader());
        let known = KnownTokens::from(&list);
        let other = Token::generate().unwrap().to_string();
        let wrong_secret = format!("{}0", text.rsplit_once('_').unwrap().0);

        for text in [other.as_str(), &wrong_secret, &text[..text.len() - 1], "es_", ""] {
            assert_eq!(known.check(text, NOW).unwrap_err(), Refusal::Unknown, "{text}");
        }
    }

    #[test]
    fn an_expired_and_a_revoked_token_are_refused() {
        let (mut list, text) = list_with(NewToken { expires: Some(NOW), ..reader() });

        assert!(KnownTokens::from(&list).check(&text, NOW.minus_secs(1)).is_ok());
        assert_eq!(KnownTokens::from(&list).check(&text, NOW).unwrap_err(), Refusal::Expired);
        list.revoke("a", NOW).unwrap();
        assert_eq!(KnownTokens::from(&list).check(&text, NOW.minus_secs(1)).unwrap_err(), Refusal::Revoked);
    }
}
