//! A real hyper server, without a framework.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::AggregatorHit;
use endpoint_stats_core::middleware::RequestBody;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};

use super::server::AbortOnDrop;
use crate::recording::{Recording, RecordingHit, soon};

type CountedBody = RequestBody<Incoming, RecordingHit<AggregatorHit>>;

async fn echo(request: Request<CountedBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A client that goes away in mid-body is answered all the same; nobody will read it.
    let body = request.into_body().collect().await;
    let bytes = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    Ok(Response::new(Full::new(bytes)))
}

async fn serve(recording: &Recording) -> (SocketAddr, AbortOnDrop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = recording.layer().layer(service_fn(echo));
    let accept = async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The error of a connection cut by its client is what these tests are about.
            tokio::spawn(async move { drop(connection.await) });
        }
    };
    (address, AbortOnDrop(tokio::spawn(accept)))
}

#[tokio::test]
async fn requests_of_a_plain_hyper_server_are_counted_with_both_bodies() {
    let recording = Recording::new();
    let (address, _server) = serve(&recording).await;

    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: shop\r\ncontent-length: 5\r\n\r\nhello\
              POST /echo HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: 6\r\n\r\n world",
        )
        .await
        .unwrap();
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    recording.ended(2).await;

    assert!(answer.ends_with(" world"), "{answer}");
    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(Outcome::Status(200)), 2);
    assert_eq!((counts.request_bytes, counts.response_bytes), (11, 11));
}

#[tokio::test]
async fn an_upload_cut_on_a_plain_hyper_server_is_counted_once_with_its_bytes() {
    let recording = Recording::new();
    let (address, _server) = serve(&recording).await;

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST /echo HTTP/1.1\r\nhost: shop\r\ncontent-length: 50\r\n\r\nhello").await.unwrap();
    recording.begun(1).await;
    drop(client);
    recording.ended(1).await;
    recording.request_bytes(5).await;

    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.request_bytes), (1, 5));
}
