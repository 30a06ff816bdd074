//! [`Fleet`]: the parts of the mix, and what is wrong with them at the moment.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::Fault;
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::oracle::said::Told;
use crate::parts::server::Server;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::scenarios::Run;
use crate::support::proxy::{Direction, Proxy};

const SERVERS: usize = 3;
const WRITERS: usize = 8;
/// Without a byte for so long, a reply has been swallowed whole.
const QUIET: Duration = Duration::from_millis(30);

/// Three servers over a store, six writers behind them and two beside them, with a network between every pair.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) kind: Kind,
    database: Database,
    servers: Vec<Server>,
    pub(super) writers: Vec<Writer>,
    proxies: Vec<Proxy>,
    ailing: Vec<(Instant, Ailment)>,
    /// Servers that ended because their store was away when they started.
    pub(super) restarts: u64,
}

/// What has to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ailment {
    WriterDead(usize),
    WriterFrozen(usize),
    ClockWrong(usize),
    ServerDead(usize),
    ServerFrozen(usize),
    StoreDead,
    StoreFrozen,
    Network(usize),
}

impl Fleet {
    pub(super) async fn start(run: &Run, oracle: &Oracle) -> anyhow::Result<Self> {
        let kind = *run.dice.split("store").one(&[Kind::Postgres, Kind::Postgres, Kind::Redis, Kind::Sqlite]);
        let database = Database::start(kind).await?;
        let mut fleet = Self {
            kind,
            database,
            servers: Vec::new(),
            writers: Vec::new(),
            proxies: Vec::new(),
            ailing: Vec::new(),
            restarts: 0,
        };
        for index in 0..SERVERS {
            let url = fleet.way_to_the_store().await;
            fleet.servers.push(Server::start(&format!("server {index}"), &run.server, &url, &[])?);
        }
        for index in 0..WRITERS {
            let url = match fleet.servers.get(index % (SERVERS + 1)).map(Server::address) {
                Some(server) => format!("http://{}", fleet.way_to(server).await),
                None => fleet.way_to_the_store().await,
            };
            let options = ["--interval-millis", "250", "--rate", "400", "--drain-millis", "60000"].map(str::to_owned);
            let writer = Writer::new(format!("w{index}"), &url, &options)?;
            fleet.writers.push(if has_spool(index) { writer.with_spool() } else { writer });
        }
        try_join_all(fleet.writers.iter_mut().map(|writer| writer.start(oracle))).await?;
        Ok(fleet)
    }

    async fn way_to_the_store(&mut self) -> String {
        match self.database.address() {
            Some(address) => {
                let proxy = self.way_to(address).await;
                self.database.url_by_way_of(proxy)
            }
            None => self.database.url(),
        }
    }

    async fn way_to(&mut self, part: SocketAddr) -> SocketAddr {
        let proxy = Proxy::to(part).await;
        let address = proxy.addr();
        self.proxies.push(proxy);
        address
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    pub(super) fn spooled_writers(&self) -> impl Iterator<Item = &Writer> {
        self.writers.iter().enumerate().filter(|(index, _)| has_spool(*index)).map(|(_, writer)| writer)
    }

    /// Does something; false if that part is ill already, or the store has no process.
    pub(super) async fn strike(&mut self, fault: Fault, dice: &mut Dice, oracle: &Oracle) -> anyhow::Result<bool> {
        let (writer, server, proxy) =
            (dice.index(self.writers.len()), dice.index(self.servers.len()), dice.index(self.proxies.len()));
        let ailment = match fault {
            Fault::KillWriter => Ailment::WriterDead(writer),
            Fault::FreezeWriter => Ailment::WriterFrozen(writer),
            Fault::TurnClock => Ailment::ClockWrong(writer),
            Fault::KillServer | Fault::TerminateServer => Ailment::ServerDead(server),
            Fault::FreezeServer => Ailment::ServerFrozen(server),
            Fault::KillStore | Fault::StopStoreImmediately => Ailment::StoreDead,
            Fault::FreezeStore => Ailment::StoreFrozen,
            _ => Ailment::Network(proxy),
        };
        let has_no_process = self.kind == Kind::Sqlite && matches!(ailment, Ailment::StoreDead | Ailment::StoreFrozen);
        if has_no_process || self.ailing.iter().any(|(_, other)| other.is_of_the_part_of(ailment)) {
            return Ok(false);
        }
        match fault {
            Fault::KillWriter => self.writers[writer].kill_9(oracle).await?,
            Fault::FreezeWriter => self.writers[writer].signal("STOP")?,
            Fault::TurnClock => self.turn_clock(writer, dice, oracle).await?,
            Fault::KillServer => self.servers[server].kill_9().await?,
            Fault::TerminateServer => drop(self.servers[server].terminate(Duration::from_mins(1)).await?),
            Fault::FreezeServer => self.servers[server].signal("STOP")?,
            Fault::KillStore => self.database.kill_9(),
            Fault::StopStoreImmediately => self.database.stop_immediately(),
            Fault::FreezeStore => self.database.signal("STOP")?,
            _ => self.break_network(fault, proxy, dice).await,
        }
        self.ailing.push((Instant::now() + Duration::from_millis(dice.of(100..2_500)), ailment));
        Ok(true)
    }

    async fn turn_clock(&self, writer: usize, dice: &mut Dice, oracle: &Oracle) -> anyhow::Result<()> {
        let wrong_by = *dice.one(&[-86_400 * 365, -86_400, -3_600, -1, 1, 3_600, 86_400, 10 * 365 * 86_400]);
        self.writers[writer].tell(oracle, Told::Clock(wrong_by)).await
    }

    async fn break_network(&self, fault: Fault, proxy: usize, dice: &mut Dice) {
        let proxy = &self.proxies[proxy];
        let direction = *dice.one(&[Direction::ToServer, Direction::ToClient]);
        match fault {
            Fault::Cut => proxy.cut().await,
            Fault::Reset => proxy.reset().await,
            Fault::CutLater => proxy.cut_after(direction, dice.of(0..4_096)),
            Fault::BlackHole => proxy.black_hole(),
            Fault::Refuse => proxy.refuse().await,
            Fault::Delay => proxy.delay(direction, Duration::from_millis(dice.of(1..1_000))),
            Fault::Slice => {
                let bytes = usize::try_from(dice.of(1..200)).unwrap_or(1);
                proxy.slice(direction, bytes, Duration::from_millis(1));
            }
            _ => proxy.drop_replies_to(b"/e/", QUIET),
        }
    }

    /// Mends what has been ill for long enough.
    pub(super) async fn heal_what_is_due(&mut self, oracle: &Oracle) -> anyhow::Result<()> {
        for (index, server) in self.servers.iter_mut().enumerate() {
            let is_down = self.ailing.iter().any(|(_, ailment)| *ailment == Ailment::ServerDead(index));
            if !is_down && server.supervise().await? {
                self.restarts += 1;
            }
        }
        let now = Instant::now();
        let due: Vec<_> = self.ailing.extract_if(.., |(at, _)| *at <= now).map(|(_, ailment)| ailment).collect();
        for ailment in due {
            self.mend(ailment, oracle).await?;
        }
        Ok(())
    }

    /// Mends everything.
    pub(super) async fn heal(&mut self, oracle: &Oracle) -> anyhow::Result<()> {
        self.ailing.sort_by_key(|(_, ailment)| *ailment != Ailment::StoreDead);
        for (_, ailment) in std::mem::take(&mut self.ailing) {
            self.mend(ailment, oracle).await?;
        }
        for proxy in &self.proxies {
            proxy.pass().await;
        }
        for server in &mut self.servers {
            server.until_ready().await?;
        }
        Ok(())
    }

    async fn mend(&mut self, ailment: Ailment, oracle: &Oracle) -> anyhow::Result<()> {
        tracing::info!(?ailment, "mends");
        match ailment {
            Ailment::WriterDead(writer) => self.writers[writer].start(oracle).await?,
            Ailment::WriterFrozen(writer) => self.writers[writer].signal("CONT")?,
            Ailment::ClockWrong(writer) => self.writers[writer].tell(oracle, Told::Clock(0)).await?,
            // A server waits for its store, so nobody waits for it.
            Ailment::ServerDead(server) => self.servers[server].begin_again()?,
            Ailment::ServerFrozen(server) => self.servers[server].signal("CONT")?,
            Ailment::StoreDead => self.database.start_again(),
            Ailment::StoreFrozen => self.database.signal("CONT")?,
            Ailment::Network(proxy) => self.proxies[proxy].pass().await,
        }
        Ok(())
    }
}

impl Ailment {
    fn is_of_the_part_of(self, other: Self) -> bool {
        use Ailment::{
            ClockWrong, Network, ServerDead, ServerFrozen, StoreDead, StoreFrozen, WriterDead, WriterFrozen,
        };
        match (self, other) {
            (WriterDead(a) | WriterFrozen(a) | ClockWrong(a), WriterDead(b) | WriterFrozen(b) | ClockWrong(b))
            | (ServerDead(a) | ServerFrozen(a), ServerDead(b) | ServerFrozen(b))
            | (Network(a), Network(b)) => a == b,
            (StoreDead | StoreFrozen, StoreDead | StoreFrozen) => true,
            _ => false,
        }
    }
}

/// Half of them: of those that send to each server one, and one of those that write to the store themselves.
fn has_spool(writer: usize) -> bool {
    writer > SERVERS
}
