//! The locks and atomics of the request path, named in one place: `tests/models` puts loom's here.

pub(crate) use std::sync::{Mutex, OnceLock, atomic};
