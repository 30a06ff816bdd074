//! [`Fault`]: what can happen to a fleet.

use crate::dice::Dice;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    KillWriter,
    KillServer,
    /// As a rolling update does.
    TerminateServer,
    KillStore,
    StopStoreImmediately,
    FreezeStore,
    FreezeWriter,
    FreezeServer,
    TurnClock,
    Cut,
    Reset,
    CutLater,
    BlackHole,
    Refuse,
    Delay,
    Slice,
    LoseReply,
}

/// Network faults are many and short; a store that is killed takes a second to come back.
const WEIGHED: [(Fault, &str, usize); 17] = [
    (Fault::KillWriter, "writer killed", 4),
    (Fault::KillServer, "server killed", 3),
    (Fault::TerminateServer, "server ended", 2),
    (Fault::KillStore, "store killed", 1),
    (Fault::StopStoreImmediately, "store stopped at once", 1),
    (Fault::FreezeStore, "store frozen", 2),
    (Fault::FreezeWriter, "writer frozen", 2),
    (Fault::FreezeServer, "server frozen", 2),
    (Fault::TurnClock, "clock turned", 2),
    (Fault::Cut, "connections cut", 2),
    (Fault::Reset, "connections reset", 2),
    (Fault::CutLater, "connection cut in the middle", 4),
    (Fault::BlackHole, "black hole", 2),
    (Fault::Refuse, "connections refused", 2),
    (Fault::Delay, "delay", 2),
    (Fault::Slice, "slices", 2),
    (Fault::LoseReply, "reply lost", 5),
];

impl Fault {
    pub(super) fn any(dice: &mut Dice) -> Self {
        let all: Vec<_> = WEIGHED.iter().flat_map(|(fault, _, weight)| std::iter::repeat_n(*fault, *weight)).collect();
        *dice.one(&all)
    }

    pub(super) fn name(self) -> &'static str {
        WEIGHED.iter().find(|(fault, ..)| *fault == self).map_or("", |(_, name, _)| name)
    }
}
