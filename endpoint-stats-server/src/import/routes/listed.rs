//! [`ListedRoutes`]: route templates from a list.

use std::collections::BTreeMap;
use std::fmt;

use endpoint_stats_core::{Method, Route};
use matchit::Router;

use crate::import::{ImportError, ImportErrorKind};

/// A list of route templates, matched as axum matches them.
#[derive(Clone, Default)]
pub(super) struct ListedRoutes {
    router: Router<Listed>,
}

#[derive(Clone, Debug)]
struct Listed {
    route: Route,
    // `None` takes every method.
    methods: Vec<Option<Method>>,
    line: usize,
}

// === impl ListedRoutes ===

impl ListedRoutes {
    /// Reads a list, one template a line.
    pub(super) fn from_list(text: &str) -> Result<Self, ImportError> {
        let mut listed = BTreeMap::<&str, Listed>::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (method, template) =
                split(line).ok_or_else(|| wrong(number, "expected a path or a method and a path"))?;
            let route = Route::new(template).map_err(|source| wrong(number, "not a template").with_source(source))?;
            let entry = listed.entry(template).or_insert(Listed { route, methods: Vec::new(), line: number });
            entry.methods.push(method);
        }
        let mut routes = Self::default();
        for (template, listed) in listed {
            let line = listed.line;
            let inserted = routes.router.insert(template, listed);
            inserted.map_err(|source| wrong(line, "not a template").with_source(source))?;
        }
        Ok(routes)
    }

    /// The template that a request matches.
    pub(super) fn route_of(&self, method: Method, path: &str) -> Option<Route> {
        let found = self.router.at(path).ok()?.value;
        found.methods.iter().any(|listed| takes(*listed, method)).then(|| found.route.clone())
    }
}

impl fmt::Debug for ListedRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedRoutes").finish_non_exhaustive()
    }
}

fn takes(listed: Option<Method>, method: Method) -> bool {
    match listed {
        None => true,
        Some(Method::Get) => matches!(method, Method::Get | Method::Head),
        Some(listed) => listed == method,
    }
}

fn split(line: &str) -> Option<(Option<Method>, &str)> {
    let (method, template) = match line.split_once(char::is_whitespace) {
        None => (None, line),
        Some((method, template)) => (Some(Method::from_bytes(method.as_bytes())), template.trim_start()),
    };
    (method != Some(Method::Other) && template.starts_with('/')).then_some((method, template))
}

fn wrong(line: usize, what: &str) -> ImportError {
    ImportError::new(ImportErrorKind::Setting, format!("read the route templates: line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(list: &str, method: Method, path: &str) -> Option<String> {
        ListedRoutes::from_list(list).unwrap().route_of(method, path).map(|route| route.as_str().to_owned())
    }

    #[test]
    fn a_path_has_the_template_that_axum_would_find() {
        let list = "# users\n/users/{id}\n/users/me\n\n/static/{*rest}\n";

        assert_eq!(route(list, Method::Get, "/users/7").as_deref(), Some("/users/{id}"));
        assert_eq!(route(list, Method::Get, "/users/me").as_deref(), Some("/users/me"));
        assert_eq!(route(list, Method::Put, "/static/a/b.css").as_deref(), Some("/static/{*rest}"));
        assert_eq!(route(list, Method::Get, "/users/7/posts"), None);
    }

    #[test]
    fn a_template_with_a_method_takes_only_that_one() {
        let list = "GET /users/{id}\nPUT  /users/{id}";

        assert!(route(list, Method::Put, "/users/7").is_some());
        assert!(route(list, Method::Head, "/users/7").is_some());
        assert_eq!(route(list, Method::Post, "/users/7"), None);
    }

    #[test]
    fn a_wrong_template_is_named_by_its_line() {
        for list in ["\nusers", "\nBREW /pot", "\n/users/{id", "/users/{id}\n/users/{name}"] {
            let error = ListedRoutes::from_list(list).unwrap_err();

            assert_eq!(error.kind(), ImportErrorKind::Setting);
            assert!(error.to_string().starts_with("failed to read the route templates: line 2: "), "{error}");
        }
    }
}
