//! [`Finding`]: one thing that is wrong.

use std::fmt;

/// One thing that is wrong: where it stands, what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The object, as `Deployment/api`.
    pub object: String,
    /// The field, as `spec.template.spec.containers[api].image`.
    pub field: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// Says what is wrong.
    pub fn new(
        object: impl Into<String>,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        Self { object: object.into(), field: field.into(), expected: expected.into(), found: found.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, field, expected, found } = self;
        write!(f, "{object}: {field}: expected {expected}; found {found}")
    }
}
