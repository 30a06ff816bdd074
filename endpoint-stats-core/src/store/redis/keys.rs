//! [`Keys`]: what is called how.

use crate::store::WriterId;
use crate::window::{Timestamp, Width, Window};

/// The layout of what is stored; another layout has other keys.
const LAYOUT: &str = "es1";

/// The keys of one shard. They share a hash tag, so that a cluster keeps them on one node and a script may use them
/// together.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    tag: String,
}

impl Keys {
    pub(super) fn of(namespace: &str, shard: usize) -> Self {
        Self { tag: format!("{{{LAYOUT}:{namespace}:{shard}}}") }
    }

    /// A hash: the last batch of a writer.
    pub(super) fn writer(&self, writer: WriterId) -> String {
        let hex = writer.as_bytes().iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"));
        format!("{}:w:{hex}", self.tag)
    }

    /// A list: batches that were taken and are not settled in windows yet.
    pub(super) fn arrivals(&self) -> String {
        format!("{}:arrivals", self.tag)
    }

    /// A hash: endpoints, and what is known of each over all time.
    pub(super) fn endpoints(&self) -> String {
        format!("{}:endpoints", self.tag)
    }

    /// A set: the windows that there are, see [`window_name`].
    pub(super) fn windows(&self) -> String {
        format!("{}:windows", self.tag)
    }

    /// A hash: rows of a window, by the number of their endpoint.
    pub(super) fn window(&self, window: Window) -> String {
        format!("{}:window:{}", self.tag, window_name(window))
    }

    /// Random bytes, others after each change of windows and endpoints.
    pub(super) fn version(&self) -> String {
        format!("{}:version", self.tag)
    }

    /// A list: what cannot be read, with the reason.
    pub(super) fn dead(&self) -> String {
        format!("{}:dead", self.tag)
    }

    /// Who settles.
    pub(super) fn turn(&self) -> String {
        format!("{}:turn", self.tag)
    }

    /// Written to find out whether Redis takes anything.
    pub(super) fn health(&self) -> String {
        format!("{}:health", self.tag)
    }
}

/// A window's width and start, in seconds.
pub(super) fn window_name(window: Window) -> String {
    format!("{}:{}", window.width().secs(), window.start().as_unix())
}

/// What [`window_name`] wrote.
pub(super) fn window_of(name: &str) -> Option<Window> {
    let (width, start) = name.split_once(':')?;
    let (width, start) = (Width::from_secs(width.parse().ok()?)?, Timestamp::from_unix(start.parse().ok()?));
    let window = Window::containing(start, width);
    (window.start() == start).then_some(window)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_found_again_by_its_name(
            at in any::<i64>(),
            width in prop::sample::select(Width::ALL.to_vec()),
        ) {
            let window = Window::containing(Timestamp::from_unix(at), width);

            prop_assert_eq!(window_of(&window_name(window)), Some(window));
        }
    }

    #[test]
    fn what_names_no_window_is_none() {
        for name in ["", "10", "10:5", "11:0", "10:x"] {
            assert_eq!(window_of(name), None, "{name}");
        }
    }
}
