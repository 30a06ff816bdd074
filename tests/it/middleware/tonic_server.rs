//! A real gRPC server: calls succeed with their trailers, and are counted.

use std::net::SocketAddr;

use endpoint_stats_core::Outcome;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::server::AbortOnDrop;
use crate::recording::{Recording, soon};

async fn serve(recording: &Recording) -> (SocketAddr, AbortOnDrop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let serve =
        Server::builder().layer(recording.layer()).add_service(health).serve_with_incoming(TcpIncoming::from(listener));
    (address, AbortOnDrop(tokio::spawn(async { serve.await.unwrap() })))
}

async fn client(address: SocketAddr) -> HealthClient<tonic::transport::Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(soon(endpoint.connect()).await.unwrap())
}

fn check(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn a_call_succeeds_and_counts_the_bytes_of_both_messages() {
    let recording = Recording::new();
    let (address, _server) = serve(&recording).await;

    let answer = soon(client(address).await.check(check(""))).await.unwrap();
    recording.ended(1).await;
    recording.request_bytes(1).await;

    assert_eq!(answer.get_ref().status, 1, "serving");
    assert_eq!(answer.metadata().get("grpc-status").unwrap(), "0");
    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(Outcome::Status(200)), 1);
    // A frame of gRPC is 5 bytes and the message; that of an empty service name has none.
    assert_eq!((counts.request_bytes, counts.response_bytes), (5, 7));
}

#[tokio::test]
async fn a_call_that_fails_keeps_its_status() {
    let recording = Recording::new();
    let (address, _server) = serve(&recording).await;

    let status = soon(client(address).await.check(check("nobody"))).await.unwrap_err();
    recording.ended(1).await;

    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(recording.lines(), ["POST /grpc.health.v1.Health/Check 200"]);
}

#[tokio::test]
async fn a_stream_that_the_client_leaves_counts_as_aborted() {
    let recording = Recording::new();
    let (address, _server) = serve(&recording).await;
    let mut client = client(address).await;

    let mut updates = soon(client.watch(check(""))).await.unwrap().into_inner();
    soon(updates.message()).await.unwrap().expect("the first update");
    drop(updates);
    recording.ended(1).await;

    assert_eq!(recording.lines(), ["POST /grpc.health.v1.Health/Watch aborted"]);
}
