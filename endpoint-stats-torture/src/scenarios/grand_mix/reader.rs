//! [`Reader`]: asks every server all the time, and compares what it says with what the oracle knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::oracle::{Heard, Oracle};
use crate::parts::server::get;
use crate::writer::SERVICE;

type Hits = BTreeMap<String, u64>;

/// Asks until it is stopped.
#[derive(Debug)]
pub(super) struct Reader {
    stop: watch::Sender<bool>,
    reading: Vec<JoinHandle<Reads>>,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) answered: u64,
    /// By reason.
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) violations: Vec<String>,
}

impl Reader {
    pub(super) fn start(servers: Vec<SocketAddr>, oracle: &Oracle) -> Self {
        let (stop, stopped) = watch::channel(false);
        let read = |server| tokio::spawn(read(server, oracle.heard(), stopped.clone()));
        Self { reading: servers.into_iter().map(read).collect(), stop }
    }

    pub(super) async fn stop(self) -> Reads {
        _ = self.stop.send(true);
        let mut all = Reads::default();
        for reading in self.reading {
            let Ok(reads) = reading.await else {
                all.violations.push("a reader panicked".to_owned());
                continue;
            };
            all.answered += reads.answered;
            for (reason, reads) in reads.failed {
                *all.failed.entry(reason).or_default() += reads;
            }
            all.violations.extend(reads.violations);
        }
        all
    }
}

async fn read(server: SocketAddr, heard: Arc<Heard>, stopped: watch::Receiver<bool>) -> Reads {
    let mut ticks = interval(Duration::from_millis(200));
    let (mut reads, mut last) = (Reads::default(), Hits::new());
    while !*stopped.borrow() {
        ticks.tick().await;
        let acknowledged = heard.ledger().acknowledged.clone();
        let there = match hits_of(server).await {
            Ok(there) => there,
            Err(error) => {
                *reads.failed.entry(reason(&error)).or_default() += 1;
                continue;
            }
        };
        let attempted = heard.ledger().attempted.clone();
        reads.answered += 1;
        reads.violations.extend(outside(&there, &acknowledged, &attempted).map(|what| format!("{server}: {what}")));
        reads
            .violations
            .extend(outside(&there, &last, &attempted).map(|what| format!("{server}, than before: {what}")));
        last = there;
    }
    reads
}

fn reason(error: &anyhow::Error) -> String {
    let reason = format!("{error:#}");
    reason.split(['{', '(']).next().unwrap_or_default().trim_end_matches([' ', ':']).to_owned()
}

/// What lies outside of its bounds.
fn outside<'a>(there: &'a Hits, least: &'a Hits, most: &'a Hits) -> impl Iterator<Item = String> + 'a {
    let of = |hits: &Hits, route: &str| hits.get(route).copied().unwrap_or_default();
    least.keys().chain(there.keys()).filter_map(move |route| {
        let (hits, least, most) = (of(there, route), of(least, route), of(most, route));
        (hits < least || hits > most).then(|| format!("{route} has {hits} hits, and not {least} to {most}"))
    })
}

/// All hits of all time, by route.
async fn hits_of(server: SocketAddr) -> anyhow::Result<Hits> {
    let path = format!("/v1/endpoints?service={SERVICE}&from=1971-01-01&to=2105-01-01&limit=1000&sort=name");
    let answer = get(server, &path).await?;
    let rows = answer["endpoints"].as_array().context("no endpoints")?;
    let hits = rows.iter().map(|row| Some((row["route"].as_str()?.to_owned(), row["hits"].as_u64()?)));
    hits.collect::<Option<_>>().context("a row without a route or hits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_below_what_was_acknowledged_or_above_what_was_attempted_is_outside() {
        let hits = |hits| Hits::from([("/a".to_owned(), hits)]);
        let seen = |there: &Hits| outside(there, &hits(3), &hits(5)).count();

        assert_eq!([seen(&hits(3)), seen(&hits(5))], [0, 0]);
        assert!(seen(&hits(2)) > 0 && seen(&hits(6)) > 0 && seen(&Hits::new()) > 0);
    }
}
