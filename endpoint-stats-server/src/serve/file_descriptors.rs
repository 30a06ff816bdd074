//! [`raise_for`]: as many open files as the operating system allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store, the log and the listeners need beside connections.
const OTHERS: usize = 128;

/// Raises the process's limit of open files to what the operating system allows, and says so when that is less than
/// `connections` need.
pub fn raise_for(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let needed = connections + OTHERS;
    if let Some(allowed) = allowed.filter(|allowed| usize::try_from(*allowed).is_ok_and(|allowed| allowed < needed)) {
        tracing::warn!(allowed, needed, "open files are limited: fewer connections than allowed can be served");
    }
}
