//! Who reaches whom: the network policies, asked as the cluster's network would.
//!
//! A connection passes when the sender's side lets it out and the receiver's side lets it in. A side that no policy of
//! that direction selects lets everything through; else one rule of one policy must allow the other side and the port.

mod actor;
mod flow;
mod policies;

pub(crate) use self::actor::ports;
pub use self::actor::{Actor, Place, actors};
pub use self::flow::{Flow, Protocol, flows};
pub use self::policies::permits;
