//! The Kubernetes package of endpoint-stats, held against itself and against the server by tests.
//!
//! The package is what lies beside this file: folders of manifests for Kustomize. A mistake in them shows when a cluster
//! takes them, or later, when a node is drained or a pod should be refused. So they are rendered here as `kubectl apply -k`
//! would ([`Package`]) and asked for everything that a cluster does not say ([`CHECKS`](checks::CHECKS)): each check is a
//! function from what was [`Rendered`] to its [`Finding`]s, so that the tests can also break the manifests in memory and
//! see whether it is noticed.

pub mod checks;
mod container;
mod finding;
pub mod network;
mod object;
mod package;
mod pod;
mod rendered;
mod secrets;
mod selector;
pub mod tools;

pub use self::container::Container;
pub use self::finding::Finding;
pub use self::object::Object;
pub use self::package::{Applied, Folder, Package};
pub use self::pod::Pod;
pub use self::rendered::Rendered;
pub use self::secrets::{SECRETS, has_key};
pub use self::selector::selects;
