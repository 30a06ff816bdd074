//! `healthcheck`: is the server well?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Failure, print};
use crate::cli::HealthcheckArgs;
use crate::healthcheck::{self, Health};
use crate::settings;

pub(super) async fn run(args: &HealthcheckArgs) -> Result<(), Failure> {
    let patience = settings::duration("--timeout-secs", args.timeout_secs, 0.01..=300.0)?;
    let address = reachable(args.admin_listen.unwrap_or(args.listen));
    let path = if args.ready { "/ready" } else { "/health" };
    let asked = tokio::time::timeout(patience, healthcheck::ask(address, path)).await;
    let unwell = |problem: String| Err(Failure::from(anyhow::anyhow!("http://{address}{path}: {problem}")));
    match asked {
        Ok(Ok(Health { status: 200, body })) => {
            print(body.trim_end().to_owned() + "\n");
            Ok(())
        }
        Ok(Ok(Health { status, body })) => unwell(format!("{status} {}", body.trim_end())),
        Ok(Err(error)) => unwell(error.to_string()),
        Err(_) => unwell(format!("no answer within {} s", patience.as_secs_f64())),
    }
}

/// Where a server that listens on all addresses is found from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_the_local_one() {
        for (listen, asked) in [
            ("0.0.0.0:9999", "127.0.0.1:9999"),
            ("[::]:9999", "[::1]:9999"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
