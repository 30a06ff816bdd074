//! Refusals of `POST /v1/metrics` by the real program, as OTLP has them.

use crate::command::Server;
use crate::http;

fn post(server: &Server, content_type: &str, body: &str) -> http::Response {
    let head = format!(
        "POST /v1/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: r-1\r\n\
         content-type: {content_type}\r\ncontent-length: {}",
        body.len()
    );
    http::send(server.address, &format!("{head}\r\n\r\n{body}")).expect("the server answers")
}

#[test]
fn whoever_refuses_tells_it_as_otlp_does() {
    let folder = tempfile::tempdir().unwrap();
    let open = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let closed_folder = tempfile::tempdir().unwrap();
    let closed = Server::start(closed_folder.path());

    let by_the_route = post(&open, "application/json", "{");
    let by_its_type = post(&open, "text/plain", "");
    let at_the_gate = post(&closed, "application/json", "{}");
    let in_protobuf = post(&closed, "application/x-protobuf", "");

    for (answer, status, code) in [
        (by_the_route, 400, "bad_json: "),
        (by_its_type, 415, "unsupported_type: "),
        (at_the_gate, 401, "unauthorized: "),
    ] {
        let told = answer.json();
        let message = told["message"].as_str().unwrap();
        assert_eq!((answer.status, told.as_object().unwrap().len()), (status, 1), "{told}");
        assert!(message.starts_with(code) && message.ends_with(" (request r-1)"), "{message}");
    }
    assert_eq!(in_protobuf.status, 401);
    assert!(in_protobuf.head.contains("content-type: application/x-protobuf"), "{}", in_protobuf.head);
    assert!(in_protobuf.head.contains("www-authenticate: Bearer"), "{}", in_protobuf.head);
    assert!(in_protobuf.body.contains("unauthorized: "), "{}", in_protobuf.body);
}

#[test]
fn another_route_tells_it_as_the_api_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);

    let answer = http::get_with(server.address, "/v1/totals?from=never", &["host: localhost"]).unwrap();

    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("bad_query")));
}
