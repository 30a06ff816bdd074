use std::net::SocketAddr;

use axum::http::Request;
use axum::http::request::Builder;
use endpoint_stats_core::window::Timestamp;

use super::*;
use crate::access::{NewToken, TokenList};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
const HERE: &str = "127.0.0.1:1";
const ELSEWHERE: &str = "192.0.2.1:1";

fn from(peer: &str) -> Builder {
    Request::get("/").extension(PeerAddress(peer.parse::<SocketAddr>().unwrap()))
}

fn admitted(access: &Access, request: Builder) -> Result<Principal, Refusal> {
    access.admit(&request.body(()).unwrap().into_parts().0)
}

fn with_token(access: &Access, peer: &str, token: &str) -> Result<Principal, Refusal> {
    admitted(access, from(peer).header("authorization", format!("Bearer {token}")))
}

fn without_token(without_token: WithoutToken) -> AccessOptions {
    AccessOptions { without_token, ..AccessOptions::default() }
}

/// An access that knows two tokens, and their texts.
fn with_two_tokens(options: AccessOptions) -> (Access, [String; 2]) {
    let mut list = TokenList::default();
    let tokens = ["a", "b"].map(|name| {
        let new = NewToken { name: name.to_owned(), scopes: [Scope::Read].into(), services: None, expires: None };
        list.create(new, NOW).unwrap().to_string()
    });
    let (_, known) = watch::channel(KnownTokens::from(&list));
    (Access::new(known, options), tokens)
}

#[test]
fn what_may_be_done_without_a_token_is_a_setting() {
    let may = |allowed, peer| {
        let principal = admitted(&Access::without_tokens(without_token(allowed)), from(peer)).ok()?;
        Some([Scope::Read, Scope::Ingest, Scope::Admin].map(|scope| principal.need(scope).is_ok()))
    };
    let only_read = Some([true, false, false]);

    assert_eq!(may(WithoutToken::Nothing, HERE), None);
    assert_eq!(may(WithoutToken::ReadOnLoopback, HERE), only_read);
    assert_eq!(may(WithoutToken::ReadOnLoopback, ELSEWHERE), None);
    assert_eq!(may(WithoutToken::Read, ELSEWHERE), only_read);
    assert_eq!(may(WithoutToken::Everything, ELSEWHERE), Some([true, true, true]));
}

#[test]
fn another_site_sends_nothing_even_where_everything_is_open() {
    let access = Access::without_tokens(without_token(WithoutToken::Everything));
    let request = Request::post("/").header("host", "localhost").header("origin", "https://evil.example");

    assert_eq!(admitted(&access, request).unwrap_err(), Refusal::CrossSite);
}

#[test]
fn a_wrong_token_is_refused_where_none_is_needed() {
    let access = Access::without_tokens(without_token(WithoutToken::Everything));

    assert_eq!(with_token(&access, HERE, "es_").unwrap_err(), Refusal::Unknown);
}

#[test]
fn wrong_tokens_hold_up_neither_good_ones_nor_other_addresses() {
    let (access, [good, other]) = with_two_tokens(AccessOptions::default());
    let wrong_secret = format!("{other}x");
    for wrong in ["es_", &wrong_secret] {
        (0..20).for_each(|_| assert_eq!(with_token(&access, HERE, wrong).unwrap_err(), Refusal::Unknown));
        assert!(matches!(with_token(&access, HERE, wrong), Err(Refusal::TooManyWrong(_))));
    }

    assert!(matches!(with_token(&access, HERE, &other), Err(Refusal::TooManyWrong(_))), "its secret is looked at");
    assert_eq!(with_token(&access, HERE, &good).unwrap().name(), "a");
    assert_eq!(with_token(&access, ELSEWHERE, &other).unwrap().name(), "b");
}

#[test]
fn a_token_has_a_rate_of_its_own() {
    let (access, [a, b]) = with_two_tokens(AccessOptions { token_rate: 1, ..AccessOptions::default() });

    assert!(with_token(&access, HERE, &a).is_ok());
    assert!(with_token(&access, HERE, &a).is_ok());
    assert!(matches!(with_token(&access, ELSEWHERE, &a), Err(Refusal::TooOften(_))));
    assert!(with_token(&access, HERE, &b).is_ok());
}

#[test]
fn a_rate_of_zero_is_without_limit() {
    let (access, [token, _]) = with_two_tokens(AccessOptions { token_rate: 0, ..AccessOptions::default() });

    assert!((0..100).all(|_| with_token(&access, HERE, &token).is_ok()));
}
