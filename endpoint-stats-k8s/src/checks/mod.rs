//! What is asked of everything that can be applied.

mod access;
mod disruption;
mod exceptions;
mod flows;
mod identity;
mod images;
mod jobs;
mod mounts;
mod pod_security;
mod probes;
mod references;
mod resources;
mod selectors;
mod services;

use crate::{Finding, Rendered};

/// Finds what is wrong with the objects of a folder.
pub type Check = fn(&Rendered) -> Vec<Finding>;

/// Each check, with the promise it keeps.
pub const CHECKS: [(&str, Check); 13] = [
    ("objects have a namespace, names and labels", identity::check),
    ("images have versions", images::check),
    ("pods satisfy Pod Security `restricted`", pod_security::check),
    ("containers have requests and limits", resources::check),
    ("probes tell alive from ready", probes::check),
    ("jobs end", jobs::check),
    ("selectors select", selectors::check),
    ("references resolve", references::check),
    ("volumes, mounts and keys fit", mounts::check),
    ("services lead to ports", services::check),
    ("pods can be moved and scaled", disruption::check),
    ("nobody has rights without need", access::check),
    ("the network lets through what is listed, and nothing else", flows::check),
];
