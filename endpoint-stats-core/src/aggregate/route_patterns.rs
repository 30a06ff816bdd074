//! [`RoutePatterns`]: which route templates are ignored, and which are counted as one.

use std::fmt;

use crate::endpoint::Route;

/// Route templates that are not counted, or counted under another template.
///
/// Patterns are written as axum writes routes and are matched against route templates, not against paths:
/// `/static/{*rest}` takes `/static/css/{file}`. They are looked at once a template, when it is first seen.
#[derive(Clone, Debug, Default)]
pub struct RoutePatterns {
    actions: matchit::Router<Action>,
}

#[derive(Clone, Debug)]
enum Action {
    Ignore,
    CountAs(Route),
}

/// Says why a pattern is not one.
#[derive(Debug)]
pub struct InvalidPattern {
    pattern: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What becomes of a route template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Treatment<'a> {
    Count,
    CountAs(&'a Route),
    Ignore,
}

impl RoutePatterns {
    /// Ignores the templates that match a pattern: their hits are not counted at all.
    ///
    /// # Errors
    ///
    /// When the pattern cannot be read, or overlaps an earlier one ambiguously.
    pub fn with_ignored(self, pattern: &str) -> Result<Self, InvalidPattern> {
        self.with(pattern, Action::Ignore)
    }

    /// Counts the templates that match a pattern as one.
    ///
    /// # Errors
    ///
    /// When the pattern or the template cannot be read, or the pattern overlaps an earlier one ambiguously.
    pub fn with_group(self, pattern: &str, template: &str) -> Result<Self, InvalidPattern> {
        let template = Route::new(template).map_err(|error| InvalidPattern::new(template, error))?;
        self.with(pattern, Action::CountAs(template))
    }

    fn with(mut self, pattern: &str, action: Action) -> Result<Self, InvalidPattern> {
        self.actions.insert(pattern, action).map_err(|error| InvalidPattern::new(pattern, error))?;
        Ok(self)
    }

    pub(super) fn treatment(&self, template: &str) -> Treatment<'_> {
        match self.actions.at(template).map(|matched| matched.value) {
            Ok(Action::Ignore) => Treatment::Ignore,
            Ok(Action::CountAs(route)) => Treatment::CountAs(route),
            Err(_) => Treatment::Count,
        }
    }
}

impl InvalidPattern {
    fn new(pattern: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { pattern: pattern.to_owned(), source: source.into() }
    }
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid route pattern {:?}: expected a form like \"/static/{{*rest}}\"", self.pattern)
    }
}

impl std::error::Error for InvalidPattern {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_matched_against_the_template() {
        let patterns =
            RoutePatterns::default().with_ignored("/health").unwrap().with_group("/static/{*rest}", "/static").unwrap();

        assert_eq!(patterns.treatment("/health"), Treatment::Ignore);
        assert_eq!(patterns.treatment("/static/{dir}/{file}"), Treatment::CountAs(&Route::new("/static").unwrap()));
        assert_eq!(patterns.treatment("/users/{id}"), Treatment::Count);
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        let error = RoutePatterns::default().with_ignored("/a/{").unwrap_err();

        assert!(error.to_string().contains(r#""/a/{""#), "{error}");
    }
}
