//! Every request has a name: in its answer, in its error, in its log lines.

use crate::command::{Server, program, url};
use crate::http::{self, Response};

fn ask(server: &Server, path: &str, headers: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    http::send(server.address, &request).expect("the server answers")
}

fn server_at(folder: &std::path::Path, log_format: &str) -> Server {
    let url = url(folder);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--database-url", &url, "--log-format", log_format];
    let mut command = program(&arguments);
    command.env("RUST_LOG", "debug");
    Server::spawn(command)
}

#[test]
fn an_error_names_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    let given = ask(&server, "/nowhere", "x-request-id: order-7\r\n");
    let made = ask(&server, "/nowhere", "x-request-id: not a sane name\r\n");

    assert!(given.head.contains("x-request-id: order-7"), "{}", given.head);
    assert_eq!(given.json()["error"]["request_id"], "order-7");
    assert_eq!(given.json()["error"]["code"], "not_found");
    let id = made.json()["error"]["request_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert!(made.head.contains(&format!("x-request-id: {id}")), "{}", made.head);
}

#[test]
fn a_wrong_method_is_told_as_json_with_those_that_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    let refused = http::send(
        server.address,
        "DELETE /stats HTTP/1.1\r\nhost: localhost\r\nx-request-id: r-5\r\nconnection: close\r\n\r\n",
    )
    .unwrap();

    assert_eq!(refused.status, 405);
    assert!(refused.head.contains("allow: GET,HEAD"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["code"], "method_not_allowed");
    assert_eq!(refused.json()["error"]["request_id"], "r-5");
}

#[test]
fn a_request_is_one_log_line_with_its_name_and_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_at(folder.path(), "text");

    let secrets = "authorization: Bearer s3cret\r\ncookie: id=s3cret\r\nx-request-id: r-77\r\n";
    ask(&server, "/stats?user=s3cret", secrets);
    let said = server.last_words();

    let lines: Vec<_> = said.lines().filter(|line| line.contains("r-77")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    for part in ["id=r-77", "GET", "/stats", "status=401"] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_json_log_holds_the_name_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_at(folder.path(), "json");

    ask(&server, "/stats", "x-request-id: r-78\r\n");
    let said = server.last_words();

    let line = said.lines().find(|line| line.contains("r-78")).expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("the line is JSON");
    assert_eq!(line["span"]["id"], "r-78");
    assert_eq!(line["fields"]["status"], 200);
}
