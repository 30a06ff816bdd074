//! A Prometheus, an Alertmanager and exporters of a test's own, and their end.

use std::net::{SocketAddr, TcpStream};

use crate::support::alertmanager::Alertmanager;
use crate::support::exporters::Exporter;
use crate::support::postgres::PostgresServer;
use crate::support::prometheus::{Prometheus, lints};
use crate::support::redis::RedisServer;

fn answers(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_program_answers_as_soon_as_it_is_started_and_not_once_it_is_dropped() {
    let alertmanager = Alertmanager::start(r#"{"route":{"receiver":"nobody"},"receivers":[{"name":"nobody"}]}"#);
    let prometheus = Prometheus::builder().alertmanager(alertmanager.address()).scraping_itself().start();
    let addresses = [alertmanager.address(), prometheus.address()];

    assert!(addresses.into_iter().all(answers));
    drop((alertmanager, prometheus));

    assert!(!addresses.into_iter().any(answers));
}

#[test]
fn an_exporter_is_gone_once_it_is_dropped() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let exporters = [Exporter::of_postgres(&postgres.url(), &[]), Exporter::of_redis(&redis, &[])];
    let addresses = exporters.each_ref().map(Exporter::address);

    drop(exporters);

    assert!(!addresses.into_iter().any(answers));
}

#[test]
#[should_panic(expected = "did not start")]
fn a_configuration_that_is_refused_is_told() {
    Alertmanager::start(r#"{"route":{"receiver":"missing"},"receivers":[]}"#);
}

#[test]
fn promtool_names_what_it_finds_wrong() {
    let well = "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n";

    assert_eq!(lints(well), Vec::<String>::new());
    assert_eq!(lints(&well.replace("a_total", "a")), [r#"a counter metrics should have "_total" suffix"#]);
}
