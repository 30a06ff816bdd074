//! [`Link`]: a relative link, built pair by pair.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What stands for itself in no value of a query string.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'\'').add(b'+').add(b'<').add(b'=').add(b'>');

/// A link to another page of ours, with its query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link(String);

impl Link {
    pub(super) fn to(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Adds a parameter; one without a value is left out.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.push(if self.0.contains('?') { '&' } else { '?' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.extend(utf8_percent_encode(value, ENCODED));
        }
        self
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_become_another_parameter() {
        let link = Link::to("endpoint").with("from", None).with("route", Some("/a?b=c&d#e")).with("to", Some("-1h"));

        assert_eq!(link.to_string(), "endpoint?route=/a?b%3Dc%26d%23e&to=-1h");
    }
}
