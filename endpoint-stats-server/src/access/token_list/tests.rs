use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

fn new(name: &str) -> NewToken {
    NewToken { name: name.to_owned(), scopes: [Scope::Ingest].into(), services: None, expires: None }
}

/// A file with one token, some text of it replaced.
fn error_with(text: &str, replacement: &str) -> String {
    let file = r#"{"version": 1, "tokens": [{"id": "00000000000a", "name": "a", "hash": "HASH", "scopes": ["read"],
        "services": ["shop"], "created": "2026-01-01T00:00:00Z"}]}"#;
    let file = file.replace("HASH", &"0".repeat(64));
    assert!(TokenList::parse(&file).is_ok());

    let error = TokenList::parse(&file.replacen(text, replacement, 1)).unwrap_err();

    format!("{:#}", anyhow::Error::new(error))
}

#[test]
fn a_list_is_read_as_it_was_written() {
    let mut list = TokenList::default();
    let services = Some([ServiceName::new("shop").unwrap()].into());
    list.create(NewToken { services, expires: Some(NOW.plus_secs(60)), ..new("checkout") }, NOW).unwrap();
    list.create(new("other"), NOW).unwrap();
    list.revoke("other", NOW).unwrap();

    let read = TokenList::parse(&list.render()).unwrap();

    assert_eq!(read.render(), list.render());
    assert!(read.render().contains(r#""expires": "2023-11-14T22:14:20Z""#), "{}", read.render());
}

#[test]
fn the_file_holds_no_secret() {
    let mut list = TokenList::default();
    let token = list.create(new("a"), NOW).unwrap().to_string();

    let (_, secret) = Token::taken_apart(&token).unwrap();

    assert!(!list.render().contains(secret));
}

#[test]
fn a_newer_version_is_refused_by_its_number() {
    assert!(error_with("1", "2").contains("its version is 2; this program knows version 1 only"));
}

#[test]
fn an_unknown_field_is_refused_by_its_name() {
    assert!(error_with(r#""name""#, r#""nmae": 1, "name""#).contains("unknown field `nmae`"));
    assert!(error_with(r#""tokens""#, r#""tokns": 1, "tokens""#).contains("unknown field `tokns`"));
}

#[test]
fn a_wrong_value_is_refused() {
    assert!(error_with(r#""read""#, r#""raed""#).contains("unknown variant `raed`"));
    assert!(error_with(r#"["read"]"#, "[]").contains("has no scope"));
    assert!(error_with(r#"["shop"]"#, "[]").contains("is bound to no service"));
    assert!(error_with(r#""shop""#, r#""My Shop""#).contains("line 2"));
    assert!(error_with(r#""a""#, r#""a b""#).contains("is no name of a token"));
    assert!(error_with("00000000000a", "a").contains("12 hexadecimal digits"));
    assert!(error_with("2026-01-01", "soon").contains("line 2"));
    assert!(error_with("{", "").contains("this is no list of tokens"));
}

#[test]
fn a_wrong_hash_is_not_shown() {
    let error = error_with(&"0".repeat(64), "s3cret");

    assert!(error.contains("64 hexadecimal digits") && !error.contains("s3cret"), "{error}");
}

#[test]
fn a_name_is_given_once() {
    let mut list = TokenList::default();
    let id = list.create(new("a"), NOW).unwrap().id().to_string();

    assert!(list.clone().create(new("a"), NOW).unwrap_err().to_string().contains("\"a\""));
    assert!(list.create(new(&id), NOW).is_err(), "a name that is an id");
}

#[test]
fn a_token_is_revoked_by_its_name_or_its_id_and_keeps_the_first_time() {
    let mut list = TokenList::default();
    let id = list.create(new("a"), NOW).unwrap().id().to_string();

    list.revoke("a", NOW).unwrap();
    let again = list.revoke(&id, NOW.plus_secs(9)).unwrap();

    assert_eq!(again.revoked, Some(FileTime(NOW)));
    assert!(list.revoke("b", NOW).unwrap_err().to_string().contains("\"b\""));
}

#[test]
fn a_token_expires_at_the_second_that_it_names() {
    let mut list = TokenList::default();
    list.create(NewToken { expires: Some(NOW), ..new("a") }, NOW).unwrap();

    assert_eq!(list.entries()[0].state(NOW.minus_secs(1)), "valid");
    assert_eq!(list.entries()[0].state(NOW), "expired");
}
