//! Who may read, and who may not.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::symlink;

use crate::command::{Server, program, run, stderr, url};
use crate::http::{self, Response};
use crate::token::Tokens;

/// A request that comes from elsewhere, as far as anybody can tell.
const FORWARDED: &str = "x-forwarded-for: 192.0.2.1";

fn serve(tokens: &Tokens, arguments: &[&str]) -> Server {
    Server::start_with(tokens.folder.path(), &[&["--tokens-file", &tokens.file()], arguments].concat())
}

fn get_as(server: &Server, path: &str, authorization: &str) -> Response {
    let authorization = format!("authorization: {authorization}");
    http::get_with(server.address, path, &["host: localhost", FORWARDED, &authorization]).expect("the server answers")
}

fn status_as(server: &Server, path: &str, token: &str) -> u16 {
    get_as(server, path, &format!("Bearer {token}")).status
}

/// Asks until the answer is this one.
fn wait_for_status(server: &Server, token: &str, status: u16) {
    let seen = (0..100_000).any(|_| status_as(server, "/stats", token) == status);
    assert!(seen, "{status} never came");
}

#[test]
fn reading_is_open_to_this_machine_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    for path in ["/", "/stats", "/live", "/metrics"] {
        let with = |lines: &[&str]| http::get_with(server.address, path, lines).unwrap();
        assert_eq!(with(&["host: localhost"]).status, 200, "{path}");
        assert_eq!(with(&["host: localhost", FORWARDED]).status, 401, "{path}");
        assert_eq!(with(&["host: evil.example"]).status, 401, "{path}");
        assert!(with(&["host: evil.example"]).head.contains("www-authenticate: Bearer, Basic"), "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(http::get_with(server.address, path, &["host: evil.example", FORWARDED]).unwrap().status, 200);
    }
}

#[test]
fn another_address_of_this_machine_is_another_machine() {
    let Some(address) = outward_address() else { return };
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);
    let mut command = program(&["serve", "--listen", "0.0.0.0:0", "--database-url", &url(tokens.folder.path())]);
    command.args(["--tokens-file", &tokens.file()]);
    let mut server = Server::spawn(command);
    let port = server.address.port();

    server.address = SocketAddr::new(address, port);
    assert_eq!(server.get("/stats").status, 401);
    assert_eq!(status_as(&server, "/stats", &token), 200);
    server.address = ([127, 0, 0, 1], port).into();
    assert_eq!(server.get("/stats").status, 200);
}

/// Where packets to elsewhere would leave; none is sent.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn what_needs_no_token_is_a_setting() {
    let statuses = |setting| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(folder.path(), &["--without-token", setting]);
        let from = |lines: &[&str]| http::get_with(server.address, "/stats", lines).unwrap().status;
        [from(&["host: localhost"]), from(&["host: localhost", FORWARDED])]
    };

    assert_eq!(statuses("nothing"), [401, 401]);
    assert_eq!(statuses("read-on-loopback"), [200, 401]);
    assert_eq!(statuses("read"), [200, 200]);
    assert_eq!(statuses("everything"), [200, 200]);
}

#[test]
fn a_token_does_what_its_scopes_and_services_allow() {
    let tokens = Tokens::new();
    let [reads, sends, admin] =
        ["read", "ingest", "admin"].map(|scope| tokens.create(&format!("{scope}-all"), &["--scope", scope]));
    let bound = tokens.create("bound", &["--scope", "read", "--service", "shop"]);
    let server = serve(&tokens, &[]);

    for path in ["/", "/stats", "/live", "/metrics"] {
        assert_eq!(status_as(&server, path, &reads), 200, "{path}");
        assert_eq!(status_as(&server, path, &admin), 200, "{path}");
        assert_eq!(status_as(&server, path, &sends), 403, "{path}");
    }
    for path in ["/", "/stats", "/metrics"] {
        assert_eq!(status_as(&server, path, &bound), 403, "{path} adds up every service");
    }
    assert_eq!(status_as(&server, "/live", &bound), 200);
}

#[test]
fn browsers_send_the_token_as_a_password() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);
    let server = serve(&tokens, &[]);
    let basic = |password: &str| {
        let output = std::process::Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", FORWARDED, "-u"])
            .args([format!("anybody:{password}"), format!("http://{}/stats", server.address)])
            .output();
        String::from_utf8(output.expect("curl is installed").stdout).unwrap()
    };

    assert_eq!(basic(&token), "200");
    assert_eq!(basic("wrong"), "401");
}

/// What an error says, without the id of its request.
fn told(answer: &Response) -> serde_json::Value {
    let mut error = answer.json();
    assert!(error["error"].as_object_mut().unwrap().remove("request_id").is_some());
    error
}

#[test]
fn every_token_that_is_not_valid_gets_the_same_answer() {
    let tokens = Tokens::new();
    let expired = tokens.create("expired", &["--scope", "read", "--expires", "2999-01-01"]);
    let revoked = tokens.create("revoked", &["--scope", "read"]);
    let text = fs::read_to_string(tokens.path()).unwrap();
    fs::write(tokens.path(), text.replace("2999", "2001")).unwrap();
    tokens.revoke("revoked");
    let server = serve(&tokens, &[]);

    let without = http::get_with(server.address, "/stats", &["host: localhost", FORWARDED]).unwrap();

    assert_eq!(without.status, 401);
    let wrong_secret = format!("{}{}", &expired[..16], "0".repeat(64));
    for token in [expired.as_str(), &revoked, &wrong_secret, "es_000000000000_0", "x", ""] {
        let answer = get_as(&server, "/stats", &format!("Bearer {token}"));
        assert_eq!((answer.status, told(&answer)), (401, told(&without)), "{token}");
    }
}

#[test]
fn a_revoked_and_an_expired_token_are_refused_without_a_restart() {
    let tokens = Tokens::new();
    let [revoked, expired] =
        ["a", "b"].map(|name| tokens.create(name, &["--scope", "read", "--expires", "2999-01-01"]));
    let server = serve(&tokens, &[]);
    assert_eq!(status_as(&server, "/stats", &revoked), 200);
    assert_eq!(status_as(&server, "/stats", &expired), 200);

    tokens.revoke("a");
    wait_for_status(&server, &revoked, 401);
    assert_eq!(status_as(&server, "/stats", &expired), 200);

    let text = fs::read_to_string(tokens.path()).unwrap();
    fs::write(tokens.path(), text.replace("2999", "2001")).unwrap();
    wait_for_status(&server, &expired, 401);
}

#[test]
fn a_file_behind_a_link_that_moves_is_read_again() {
    let tokens = Tokens::new();
    let folder = tokens.folder.path();
    let publish = |version| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::copy(tokens.path(), folder.join(version).join("tokens.json")).unwrap();
    };
    let first = tokens.create("first", &["--scope", "read"]);
    publish("..1");
    let second = tokens.create("second", &["--scope", "read"]);
    publish("..2");
    // As Kubernetes does it: the file is a link into a folder that is a link to a version.
    fs::remove_file(tokens.path()).unwrap();
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/tokens.json", tokens.path()).unwrap();
    let server = serve(&tokens, &["--wrong-tokens-per-minute", "0"]);
    assert_eq!((status_as(&server, "/stats", &first), status_as(&server, "/stats", &second)), (200, 401));

    symlink("..2", folder.join("..data_new")).unwrap();
    fs::rename(folder.join("..data_new"), folder.join("..data")).unwrap();

    wait_for_status(&server, &second, 200);
}

#[test]
fn a_changed_file_that_is_wrong_leaves_the_tokens_as_they_were() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);
    let server = serve(&tokens, &[]);
    let valid = |value| server.get("/metrics").body.contains(&format!("endpoint_stats_tokens_file_valid {value}"));
    let good = fs::read(tokens.path()).unwrap();
    assert!(valid(1));

    fs::write(tokens.path(), "{").unwrap();
    let line = server.wait_for("the tokens stay as they were");
    assert!(line.contains(&tokens.file()), "{line}");
    assert_eq!(status_as(&server, "/stats", &token), 200);
    assert!(valid(0));

    fs::remove_file(tokens.path()).unwrap();
    server.wait_for("the tokens stay as they were");
    assert_eq!(status_as(&server, "/stats", &token), 200);

    fs::write(tokens.path(), good).unwrap();
    server.wait_for("read the changed tokens file");
    assert!(valid(1));
    assert!(!server.stop_and_read_log().contains("tokens"), "a wrong file is logged once");
}

#[test]
fn a_file_that_is_wrong_at_the_start_is_refused() {
    let tokens = Tokens::new();
    for text in [None, Some("{")] {
        if let Some(text) = text {
            fs::write(tokens.path(), text).unwrap();
        }

        let output = run(&["serve", "--database-url", "memory:", "--tokens-file", &tokens.file()]);

        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(&tokens.file()), "{}", stderr(&output));
    }
}

#[test]
fn ten_thousand_wrong_tries_are_slowed_down_and_hold_nobody_else_up() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);
    let server = serve(&tokens, &[]);
    let wrong = |more| format!("GET /stats HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer es_x\r\n{more}\r\n");
    let hundred = wrong("").repeat(99) + wrong("connection: close\r\n").as_str();

    let (mut unauthorized, mut slowed_down) = (0, 0);
    for _ in 0..100 {
        let answers = http::send(server.address, &hundred).unwrap();
        let text = answers.head + answers.body.as_str();
        unauthorized += text.matches("HTTP/1.1 401").count();
        slowed_down += text.matches("HTTP/1.1 429").count();
        assert_eq!(text.matches("retry-after: ").count(), text.matches("HTTP/1.1 429").count());
    }

    assert_eq!(unauthorized + slowed_down, 10_000);
    assert!((20..1_000).contains(&unauthorized), "{unauthorized} were looked at");
    assert_eq!(status_as(&server, "/stats", &token), 200);
    let metrics = server.get("/metrics").body;
    assert!(
        metrics.contains(&format!("endpoint_stats_access_total{{result=\"unknown\"}} {unauthorized}")),
        "{metrics}"
    );
    assert!(metrics.contains(&format!("endpoint_stats_access_total{{result=\"too_many_wrong\"}} {slowed_down}")));
}

#[test]
fn a_token_that_is_used_too_often_is_slowed_down() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "read"]);
    let server = serve(&tokens, &["--token-rate", "1"]);

    let mut answers = (0..1_000).map(|_| get_as(&server, "/stats", &format!("Bearer {token}")));
    let answer = answers.find(|answer| answer.status == 429).expect("two requests came within a second");

    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    assert_eq!(answer.json()["error"]["code"], "rate_limited");
}

#[test]
fn a_token_is_never_repeated() {
    let tokens = Tokens::new();
    let token = tokens.create("a", &["--scope", "ingest"]);
    let wrong = format!("{}{}", &token[..16], "5ec2e7".repeat(11));
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url(tokens.folder.path())]);
    command.args(["--tokens-file", &tokens.file()]).env("RUST_LOG", "trace");
    let server = Server::spawn(command);

    let mut said = String::new();
    for token in [&token, &wrong] {
        for path in ["/stats", &format!("/nowhere/{token}"), &format!("/stats?token={token}"), &format!("/?q={token}")]
        {
            let answer = get_as(&server, path, &format!("Bearer {token}"));
            assert_eq!(answer.status == 400, path.contains('?'), "{path}");
            said += &(answer.head + answer.body.as_str());
        }
    }
    said += &server.get("/stats").body;
    said += &server.get("/metrics").body;
    said += &server.stop_and_read_log();

    assert!(said.contains("token_in_query"));
    for token in [&token, &wrong] {
        assert!(!said.contains(token.rsplit('_').next().unwrap()), "{said}");
    }
}

#[test]
fn metrics_on_a_listener_of_their_own_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--admin-listen", "127.0.0.1:0", "--without-token", "nothing"]);
    let admin = server.wait_for_address("health and metrics on http://");

    assert_eq!(http::get(admin, "/metrics").unwrap().status, 200);
    assert_eq!(server.get("/stats").status, 401);
    assert_eq!(server.get("/metrics").status, 401, "whoever is not let in learns no routes");
}
