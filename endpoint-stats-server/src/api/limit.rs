//! [`Limit`]: how many rows an answer has at most.

use serde::{Deserialize, Serialize};

const MAX: u16 = 1_000;

/// How many rows an answer has at most: 1 to 1,000, 100 without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Limit(u16);

impl Limit {
    pub(super) fn rows(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rows = text.parse().ok().filter(|rows| (1..=MAX).contains(rows));
        rows.map(Self).ok_or_else(|| format!("expected a whole number from 1 to {MAX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_to_a_thousand() {
        let read = |text: &str| Limit::try_from(text.to_owned());

        assert_eq!(read("1000").unwrap().rows(), 1_000);
        for wrong in ["0", "1001", "1e9", "-1", "", "10000000000000000000000", "1.5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
