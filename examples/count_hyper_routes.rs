//! Counts the routes of a plain hyper server, and prints what it counted.
//!
//! Run it with `cargo run --example count_hyper_routes`. Without a router that says which template matched, a closure
//! does; it must never return the raw path.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use endpoint_stats_core::middleware::CallerHasher;
use endpoint_stats_core::middleware::{CallerKey, PeerAddress};
use endpoint_stats_core::store::StatsQuery;
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{EndpointStats, ServiceName, clock::SystemClock};
use http_body::Body;
use hyper::server::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// The service itself; it takes any request body, so it neither knows nor cares that the body is counted.
async fn answer<B: Body>(request: Request<B>) -> Result<Response<String>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/" => (StatusCode::OK, "welcome"),
        path if path.starts_with("/users/") => (StatusCode::OK, "Ada"),
        _ => (StatusCode::NOT_FOUND, "nothing here"),
    };
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stats = EndpointStats::builder(ServiceName::new("greeter")?).start();
    let layer = stats
        .layer_fn(|request| match request.uri().path() {
            "/" => Some("/".into()),
            path if path.starts_with("/users/") => Some("/users/{id}".into()),
            _ => None,
        })
        .with_callers(CallerKey::peer_address(), CallerHasher::random(&SystemClock)?.into());
    let service = ServiceBuilder::new().layer(layer).service(service_fn(answer));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone().map_request(move |mut request: Request<_>| {
                request.extensions_mut().insert(PeerAddress(peer));
                request
            });
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            tokio::spawn(connection);
        }
    });

    for path in ["/", "/users/1", "/users/2", "/.env"] {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
            .await?;
        stream.read_to_end(&mut Vec::new()).await?;
    }
    server.abort();

    let store = stats.store().clone();
    stats.shutdown(Duration::from_secs(5)).await;
    for found in store.query(&StatsQuery::over(TimeRange::ALL)).await?.endpoints {
        let counts = &found.summary.counts;
        println!("{:28} hits {}  callers {}", found.endpoint.to_string(), counts.hits(), counts.callers.count());
    }
    Ok(())
}
