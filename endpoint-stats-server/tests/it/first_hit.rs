//! The first page as long as nothing is there: what it says is done as it says.

use std::path::Path;
use std::process::{Command, Output};

use crate::command::{Server, reported, stderr, stdout, url};
use crate::support::certificates::issue;
use crate::token::Tokens;

/// Runs what a page says, with the program at hand and a folder to be in.
fn shell(folder: &Path, script: &str, token: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_endpoint-stats-server")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("TOKEN", token)
        .env("CURL_CA_BUNDLE", folder.join("authority.pem"))
        .output()
        .expect("there is a shell")
}

/// The commands of the first page, as a browser shows them.
fn commands(folder: &Path, home: &str) -> Vec<String> {
    let page = shell(folder, &format!("curl --silent --show-error --header 'accept: text/html' {home}"), "");
    assert!(page.status.success(), "{}", stderr(&page));
    let blocks = stdout(&page);
    let blocks = blocks.split("<pre data-copy tabindex=\"0\"><code>").skip(1);
    let blocks = blocks.filter_map(|block| Some(block.split_once("</code>")?.0.to_owned()));
    blocks.map(|block| block.replace("&#34;", "\"").replace("&#39;", "'")).collect()
}

fn assert_taken(folder: &Path, command: &str, token: &str) {
    let answer = shell(folder, command, token);
    assert!(stdout(&answer).contains(r#""accepted":1"#), "{command}: {}{}", stdout(&answer), stderr(&answer));
}

#[test]
fn the_page_tells_how_to_send_the_first_hit_in_plain_and_over_tls() {
    for scheme in ["http", "https"] {
        let tokens = Tokens::new();
        let folder = tokens.folder.path();
        let certificates = issue(folder);
        tokens.create("reader", &["--scope", "read"]);
        let [certificate, key] = [&certificates.server, &certificates.server_key].map(|path| path.to_str().unwrap());
        let file = tokens.file();
        let arguments = ["--tokens-file", &file, "--tls-cert", certificate, "--tls-key", key];
        let server = Server::start_with(folder, if scheme == "https" { &arguments } else { &arguments[..2] });
        let said = commands(folder, &format!("{scheme}://localhost:{}/", server.address.port()));

        let token = shell(folder, &format!("{}\nprintf %s \"$TOKEN\"", said[0]), "");
        server.wait_for("read the changed tokens file");
        assert_taken(folder, &said[1], &stdout(&token));

        assert!(said[2].contains(&format!("from_url(\"{scheme}://localhost:")), "{}", said[2]);
        assert!(server.stop().success());
        assert_eq!(reported(&url(folder), Some("/users/{id}")), 1);
    }
}

#[test]
fn the_page_asks_for_no_token_where_none_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);

    let said = commands(folder.path(), &format!("http://{}/", server.address));

    assert!(said.iter().all(|command| !command.to_lowercase().contains("token")), "{said:?}");
    assert_taken(folder.path(), &said[0], "");
}
