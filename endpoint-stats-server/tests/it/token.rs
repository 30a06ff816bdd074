//! The contract of `token`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::Output;
use std::thread;

use tempfile::TempDir;

use crate::command::{run, stderr, stdout};

/// A file of tokens in a folder of its own.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) folder: TempDir,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.json")
    }

    pub(crate) fn file(&self) -> String {
        self.path().display().to_string()
    }

    /// Runs `token` with the file.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(&[&["token"], arguments, &["--tokens-file", &self.file()]].concat())
    }

    /// Makes a token, and gives its text.
    pub(crate) fn create(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.run(&[&["create", "--name", name], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).trim().to_owned()
    }

    pub(crate) fn revoke(&self, name_or_id: &str) {
        let output = self.run(&["revoke", name_or_id]);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    fn list(&self) -> serde_json::Value {
        let output = self.run(&["list", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// The command is refused with exit code 2, one line that holds the texts, and the file as it was.
    fn assert_refused(&self, arguments: &[&str], expected: &[&str]) {
        let before = fs::read(self.path()).ok();

        let output = self.run(arguments);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(expected.iter().all(|text| said.contains(text)), "{expected:?} are not in {said:?}");
        assert_eq!(fs::read(self.path()).ok(), before);
    }
}

#[test]
fn a_token_is_printed_once_and_kept_as_a_hash() {
    let tokens = Tokens::new();

    let output = tokens.run(&["create", "--name", "checkout", "--scope", "ingest", "--service", "shop"]);

    let printed = stdout(&output);
    let token = printed.strip_suffix('\n').unwrap();
    assert!(token.starts_with("es_") && !token.contains(char::is_whitespace), "{token}");
    assert!(stderr(&output).contains("shown once"), "{}", stderr(&output));
    let secret = token.rsplit('_').next().unwrap();
    let file = fs::read_to_string(tokens.path()).unwrap();
    let listed = stdout(&tokens.run(&["list"])) + stdout(&tokens.run(&["list", "--json"])).as_str();
    assert!(!file.contains(secret) && !listed.contains(secret));
    assert!(file.contains("\"hash\"") && !listed.contains("hash"));
}

#[test]
fn the_file_belongs_to_its_owner_alone() {
    let tokens = Tokens::new();
    tokens.create("a", &["--scope", "read"]);
    let mode = || fs::metadata(tokens.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);

    fs::set_permissions(tokens.path(), fs::Permissions::from_mode(0o644)).unwrap();
    tokens.create("b", &["--scope", "read"]);

    assert_eq!(mode(), 0o600);
}

#[test]
fn the_file_keeps_its_owner() {
    let tokens = Tokens::new();
    tokens.create("a", &["--scope", "read"]);
    // Only root may give a file away.
    let _ = chown(tokens.path(), Some(12_345), Some(12_345));
    let owner = || fs::metadata(tokens.path()).map(|metadata| (metadata.uid(), metadata.gid())).unwrap();
    let before = owner();

    tokens.revoke("a");

    assert_eq!(owner(), before);
}

#[test]
fn what_a_token_may_do_is_listed() {
    let tokens = Tokens::new();
    tokens.create("a", &["--scope", "read", "--scope", "ingest", "--service", "shop", "--service", "cart"]);
    tokens.create("b", &["--scope", "admin", "--expires", "2999-01-31"]);
    tokens.revoke("a");

    let list = tokens.list();
    let table = stdout(&tokens.run(&["list"]));

    assert_eq!(list[0]["scopes"], serde_json::json!(["ingest", "read"]));
    assert_eq!(list[0]["services"], serde_json::json!(["cart", "shop"]));
    assert_eq!(list[0]["state"], "revoked");
    assert_eq!(list[1]["services"], serde_json::Value::Null);
    assert_eq!(list[1]["expires"], "2999-01-31T00:00:00Z");
    assert_eq!(list[1]["state"], "valid");
    assert!(table.contains("ingest, read") && table.contains("cart, shop") && table.contains("never"), "{table}");
}

#[test]
fn a_token_is_revoked_by_its_id_too() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);

    tokens.revoke(token.split('_').nth(1).unwrap());

    assert_eq!(tokens.list()[0]["state"], "revoked");
}

#[test]
fn many_writers_lose_no_token() {
    let tokens = Tokens::new();

    thread::scope(|scope| {
        for writer in 0..8 {
            let tokens = &tokens;
            scope.spawn(move || tokens.create(&format!("writer-{writer}"), &["--scope", "ingest"]));
        }
    });

    assert_eq!(tokens.list().as_array().unwrap().len(), 8);
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let tokens = Tokens::new();
    let target = tokens.folder.path().join("target.json");
    tokens.create("a", &["--scope", "read"]);
    fs::rename(tokens.path(), &target).unwrap();
    symlink(&target, tokens.path()).unwrap();

    tokens.create("b", &["--scope", "read"]);

    assert!(tokens.path().is_symlink());
    assert!(fs::read_to_string(target).unwrap().contains("\"b\""));
}

#[test]
fn what_is_asked_for_wrongly_is_refused() {
    let tokens = Tokens::new();
    let create = ["create", "--scope", "read", "--name"];
    let with = |more: &[&'static str]| [&create[..], more].concat();
    tokens.create("a", &["--scope", "read"]);

    tokens.assert_refused(&with(&["a"]), &["\"a\"", "two tokens"]);
    tokens.assert_refused(&with(&["a b"]), &["\"a b\"", "a-z"]);
    tokens.assert_refused(&with(&[""]), &["no name of a token"]);
    tokens.assert_refused(&with(&["b", "--service", "My Shop"]), &["`--service`", "My Shop"]);
    tokens.assert_refused(&with(&["b", "--expires", "2001-01-01"]), &["`--expires`", "90d"]);
    tokens.assert_refused(&with(&["b", "--expires", "99999999d"]), &["`--expires`"]);
    tokens.assert_refused(&["create", "--name", "b"], &["--scope"]);
    tokens.assert_refused(&["create", "--name", "b", "--scope", "write"], &["write", "ingest, read, admin"]);
    tokens.assert_refused(&["revoke", "b"], &["\"b\""]);
}

#[test]
fn a_file_that_is_not_understood_is_left_as_it_is() {
    let tokens = Tokens::new();
    for (text, expected) in [
        (r#"{"version": 2, "tokens": []}"#, "version is 2"),
        (r#"{"version": 1, "tokens": [], "more": 1}"#, "unknown field `more`"),
        ("", "no list of tokens"),
    ] {
        fs::write(tokens.path(), text).unwrap();

        tokens.assert_refused(&["list"], &[expected, &tokens.file()]);
        tokens.assert_refused(&["create", "--name", "a", "--scope", "read"], &[expected, &tokens.file()]);
        tokens.assert_refused(&["revoke", "a"], &[expected, &tokens.file()]);
    }
}

#[test]
fn a_missing_file_is_made_by_create_only() {
    let tokens = Tokens::new();

    tokens.assert_refused(&["list"], &["failed to read", "tokens.json"]);
    tokens.assert_refused(&["revoke", "a"], &["failed to read", "tokens.json"]);
    tokens.create("a", &["--scope", "read"]);

    let nowhere = run(&["token", "create", "--name", "a", "--scope", "read", "--tokens-file", "/nonexistent/tokens"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("/nonexistent/tokens"), "{}", stderr(&nowhere));
}
