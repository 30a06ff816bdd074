//! [`Faults`]: what goes wrong, and when, as a seed says.

use std::time::Duration;

use turmoil::Sim;

use crate::random::Random;

/// Things go wrong for so long.
const TROUBLED_MILLIS: u64 = 25_000;

/// Whom crashes and cuts happen to.
pub(super) const STORE: &str = "store";
pub(super) const SERVERS: [&str; 2] = ["server-a", "server-b"];
pub(super) const WRITERS: [&str; 3] = ["writer-a", "writer-b", "writer-c"];

/// Two that talk to each other.
type Link = (&'static str, &'static str);

const LINKS: [Link; 8] = [
    (SERVERS[0], STORE),
    (SERVERS[1], STORE),
    (WRITERS[0], SERVERS[0]),
    (WRITERS[0], SERVERS[1]),
    (WRITERS[1], SERVERS[0]),
    (WRITERS[1], SERVERS[1]),
    (WRITERS[2], SERVERS[0]),
    (WRITERS[2], SERVERS[1]),
];

/// What kinds of things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Network,
    Crashes,
    Both,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What is said is dropped, until the link is mended.
    Cut(Link),
    /// What one says to the other is dropped: requests arrive and answers do not, or no request arrives.
    CutOneWay(&'static str, &'static str),
    /// What is said waits, and arrives when the link is mended.
    Hold(Link),
    /// A link works again.
    Mend(Link),
    /// A process is killed.
    Crash(&'static str),
    /// A process is killed and started again, or only started.
    Restart(&'static str),
}

/// A list of faults by their time, and how far it has come.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    plan: Vec<(Duration, Fault)>,
    happened: usize,
}

impl Faults {
    pub(super) fn of_seed(seed: u64, trouble: Trouble) -> Self {
        let mut random = Random::of_seed(seed);
        let number = 8 + random.below(25);
        let mut some = || (Duration::from_millis(random.below(TROUBLED_MILLIS)), Fault::any(trouble, &mut random));
        let mut plan: Vec<_> = (0..number).map(|_| some()).collect();
        plan.sort_by_key(|(at, _)| *at);
        Self { plan, happened: 0 }
    }

    pub(super) fn number(&self) -> usize {
        self.plan.len()
    }

    /// Whether all have happened.
    pub(super) fn are_over(&self) -> bool {
        self.happened == self.plan.len()
    }

    /// Does what is due.
    pub(super) fn happen(&mut self, network: &mut Sim<'_>) {
        while let Some((at, fault)) = self.plan.get(self.happened) {
            if *at > network.elapsed() {
                return;
            }
            fault.happen(network);
            self.happened += 1;
        }
    }

    /// Mends every link, and starts whoever does not run.
    pub(super) fn heal(network: &mut Sim<'_>) {
        for link in LINKS {
            Fault::Mend(link).happen(network);
        }
        for host in [STORE].into_iter().chain(SERVERS).chain(WRITERS) {
            if !network.is_host_running(host) {
                Fault::Restart(host).happen(network);
            }
        }
    }
}

impl Fault {
    fn any(trouble: Trouble, random: &mut Random) -> Self {
        let is_crash = trouble == Trouble::Crashes || trouble == Trouble::Both && random.below(4) == 0;
        if is_crash { Self::of_a_process(random) } else { Self::of_the_network(random) }
    }

    fn of_the_network(random: &mut Random) -> Self {
        let (one, other) = random.one_of(&LINKS);
        match random.below(9) {
            0 | 1 => Self::Cut((one, other)),
            2 => Self::CutOneWay(one, other),
            3 => Self::CutOneWay(other, one),
            4 | 5 => Self::Hold((one, other)),
            _ => Self::Mend((one, other)),
        }
    }

    fn of_a_process(random: &mut Random) -> Self {
        let host = any_host(random);
        if random.below(3) == 0 { Self::Crash(host) } else { Self::Restart(host) }
    }

    fn happen(self, network: &mut Sim<'_>) {
        match self {
            Self::Cut((one, other)) => network.partition(one, other),
            Self::CutOneWay(from, to) => network.partition_oneway(from, to),
            Self::Hold((one, other)) => network.hold(one, other),
            Self::Mend((one, other)) => {
                network.release(one, other);
                network.repair(one, other);
            }
            Self::Crash(host) => network.crash(host),
            Self::Restart(host) => network.bounce(host),
        }
    }
}

/// Each kind of host as often as the others.
fn any_host(random: &mut Random) -> &'static str {
    match random.below(3) {
        0 => STORE,
        1 => random.one_of(&SERVERS),
        _ => random.one_of(&WRITERS),
    }
}
