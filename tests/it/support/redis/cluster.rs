//! [`RedisCluster`]: three masters that share the keys, each a [`RedisServer`].

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use super::{Builder, RedisServer};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
/// Between two looks at a cluster; it says nothing when all of it is well.
const LOOK: Duration = Duration::from_millis(50);
/// A cluster that is not well after so many looks, a minute's worth and more, stays ill.
const LOOKS: usize = 600;

/// Three masters without replicas on `127.0.0.1`, which end as [`RedisServer`]s do.
#[derive(Debug)]
pub(crate) struct RedisCluster {
    masters: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts a cluster of servers as [`RedisServer::start`] makes them.
    pub(crate) fn start() -> Self {
        Self::of(&RedisServer::builder())
    }

    /// Starts a cluster of such servers, and returns when it answers.
    pub(crate) fn of(server: &Builder) -> Self {
        let start = || {
            let server = server.clone().setting("cluster-enabled", "yes").setting("cluster-config-file", "nodes.conf");
            // The rest of the cluster goes on without a master that is down.
            let server = server.setting("cluster-node-timeout", "1000").setting("cluster-require-full-coverage", "no");
            server.start()
        };
        let masters: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..MASTERS).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().expect("a panic is shown there")).collect()
        });
        let cluster = Self { masters };
        cluster.join();
        cluster.wait_until_ok();
        cluster
    }

    /// The URL of the cluster, with all of its masters.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self.masters.iter().map(|master| master.addr().to_string()).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// One of the masters.
    pub(crate) fn master(&self, index: usize) -> &RedisServer {
        &self.masters[index]
    }

    /// Kills a master with SIGKILL.
    pub(crate) fn kill_9(&mut self, index: usize) {
        self.masters[index].kill_9();
    }

    /// Starts a master that was killed, on the same data and the same port.
    pub(crate) fn start_again(&mut self, index: usize) {
        self.masters[index].start_again();
    }

    /// Waits until every master takes commands and knows who has which slot.
    pub(crate) fn wait_until_ok(&self) {
        for _ in 0..LOOKS {
            if self.masters.iter().all(is_ok) {
                return;
            }
            thread::park_timeout(LOOK);
        }
        panic!("the cluster is not well: {:#?}", self.masters.iter().map(info).collect::<Vec<_>>());
    }

    /// The index of the master that has the slot of a key.
    pub(crate) fn owner_of(&self, key: &str) -> usize {
        self.owner(&self.masters[0].cli(&["CLUSTER", "KEYSLOT", key]))
    }

    /// Moves up to so many of the slots that hold keys to the next master each, one key at a time, while the cluster
    /// is in use; returns how many there were.
    pub(crate) fn move_slots(&self, most: usize) -> usize {
        let slots: BTreeSet<_> = self.masters.iter().flat_map(slots_with_keys).collect();
        let moved: Vec<_> = slots.into_iter().take(most).collect();
        for slot in &moved {
            self.move_slot(slot);
        }
        moved.len()
    }

    fn join(&self) {
        for (index, master) in self.masters.iter().enumerate() {
            let [first, end] = [index, index + 1].map(|part| part * SLOTS / MASTERS);
            master.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]);
            master.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (index, master) in self.masters.iter().enumerate() {
            for other in &self.masters[index + 1..] {
                let [port, bus_port] = [other.port, other.bus_port].map(|port| port.to_string());
                master.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]);
            }
        }
    }

    fn owner(&self, slot: &str) -> usize {
        let slot: usize = slot.parse().expect("a slot is a number");
        let has_it = |master: &RedisServer| {
            let ranges = master.cli(&["CLUSTER", "NODES"]);
            let own = ranges.lines().find(|line| line.contains("myself")).expect("a node knows itself");
            own.split(' ').skip(8).filter(|range| !range.starts_with('[')).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                (first.parse().unwrap_or(SLOTS)..=last.parse().unwrap_or(0)).contains(&slot)
            })
        };
        self.masters.iter().position(has_it).unwrap_or_else(|| panic!("nobody has slot {slot}"))
    }

    fn move_slot(&self, slot: &str) {
        let owner = self.owner(slot);
        let (source, target) = (&self.masters[owner], &self.masters[(owner + 1) % MASTERS]);
        let [source_id, target_id] = [source, target].map(|master| master.cli(&["CLUSTER", "MYID"]));
        target.cli(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &source_id]);
        source.cli(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &target_id]);
        loop {
            let key = source.cli(&["CLUSTER", "GETKEYSINSLOT", slot, "1"]);
            if key.is_empty() {
                break;
            }
            source.cli(&["MIGRATE", "127.0.0.1", &target.port.to_string(), &key, "0", "5000"]);
        }
        let mut others: Vec<_> = self.masters.iter().collect();
        // The target first: if only the source knew, nobody would have the slot.
        others.sort_by_key(|master| master.port != target.port);
        for master in others {
            master.cli(&["CLUSTER", "SETSLOT", slot, "NODE", &target_id]);
        }
    }
}

fn info(master: &RedisServer) -> String {
    master.try_cli(&["CLUSTER", "INFO"]).unwrap_or_else(|error| error)
}

fn is_ok(master: &RedisServer) -> bool {
    let (info, slots) = (info(master), format!("cluster_slots_ok:{SLOTS}"));
    let masters = format!("cluster_size:{MASTERS}");
    ["cluster_state:ok", &slots, &masters].iter().all(|part| info.contains(part))
}

/// The slots of a master's keys.
fn slots_with_keys(master: &RedisServer) -> BTreeSet<String> {
    let keys = master.cli(&["KEYS", "*"]);
    // What is in the first braces decides.
    let tag = |key: &str| key.find('{').and_then(|from| Some(key[from..].split_once('}')?.0.to_owned() + "}"));
    let tags: BTreeSet<_> = keys.lines().map(|key| tag(key).unwrap_or_else(|| key.to_owned())).collect();
    tags.iter().filter(|tag| !tag.is_empty()).map(|tag| master.cli(&["CLUSTER", "KEYSLOT", tag])).collect()
}
