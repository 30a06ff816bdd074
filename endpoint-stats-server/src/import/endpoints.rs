//! [`Endpoints`]: the endpoints of one import, numbered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use foldhash::fast::RandomState;

use super::{Request, RouteTemplates};

const CACHED_PATHS: usize = 100_000;

/// Longer paths are not remembered, so that the memory of a cache has a bound.
const MAX_CACHED_BYTES: usize = 1_024;

/// The endpoints of one import, each with a number, shared by the threads that read lines.
///
/// There are at most `max` of them; a new one beyond that is counted as [`Route::overflow`] with its method, so that
/// totals stay exact. Which ones come first is the order of the lines, but for those that two threads meet at the
/// same moment.
#[derive(Debug)]
pub(super) struct Endpoints {
    service: ServiceName,
    routes: RouteTemplates,
    max: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<(Method, Route), u32, RandomState>,
    endpoints: Vec<Endpoint>,
    folds: usize,
}

/// A thread's memory of the endpoints behind paths; forgets all of them when it holds 100,000.
#[derive(Debug)]
pub(super) struct EndpointCache {
    endpoints: Arc<Endpoints>,
    by_path: HashMap<Box<[u8]>, ByMethod, RandomState>,
    unreadable: ByMethod,
}

type ByMethod = [Option<u32>; Method::ALL.len()];

// === impl Endpoints ===

impl Endpoints {
    pub(super) fn new(service: ServiceName, routes: RouteTemplates, max: usize) -> Self {
        Self { service, routes, max, known: Mutex::default() }
    }

    /// The endpoint with a number.
    pub(super) fn get(&self, id: u32) -> Endpoint {
        self.known().endpoints[id as usize].clone()
    }

    fn id_of(&self, request: Request<'_>) -> u32 {
        let route = self.routes.route_of(request.method, request.path);
        self.known().id_of(&self.service, request.method, route, self.max)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn id_of(&mut self, service: &ServiceName, method: Method, route: Route, max: usize) -> u32 {
        let mut key = (method, route);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        if !key.1.is_reserved() && self.endpoints.len() - self.folds >= max {
            key.1 = Route::overflow();
            if let Some(id) = self.ids.get(&key) {
                return *id;
            }
        }
        let id = u32::try_from(self.endpoints.len()).expect("there are fewer than 2^32 endpoints");
        self.folds += usize::from(key.1.is_reserved());
        self.endpoints.push(Endpoint::new(service.clone(), method, key.1.clone()));
        self.ids.insert(key, id);
        id
    }
}

// === impl EndpointCache ===

impl EndpointCache {
    pub(super) fn new(endpoints: Arc<Endpoints>) -> Self {
        Self { endpoints, by_path: HashMap::default(), unreadable: ByMethod::default() }
    }

    /// The number of the endpoint that a request is counted for.
    #[inline]
    pub(super) fn id_of(&mut self, request: Request<'_>) -> u32 {
        let known = match request.path {
            None => self.unreadable[request.method as usize],
            Some(path) => self.by_path.get(path).and_then(|ids| ids[request.method as usize]),
        };
        known.unwrap_or_else(|| self.learn(request))
    }

    #[cold]
    fn learn(&mut self, request: Request<'_>) -> u32 {
        let id = self.endpoints.id_of(request);
        match request.path {
            None => self.unreadable[request.method as usize] = Some(id),
            Some(path) if path.len() <= MAX_CACHED_BYTES => {
                self.remember(path)[request.method as usize] = Some(id);
            }
            Some(_) => {}
        }
        id
    }

    fn remember(&mut self, path: &[u8]) -> &mut ByMethod {
        if self.by_path.len() >= CACHED_PATHS {
            self.by_path.clear();
        }
        self.by_path.entry(path.into()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(max: usize) -> EndpointCache {
        let service = ServiceName::new("shop").unwrap();
        EndpointCache::new(Arc::new(Endpoints::new(service, RouteTemplates::inferred(), max)))
    }

    fn route(cache: &mut EndpointCache, line: &str) -> String {
        let id = cache.id_of(Request::from_line(line.as_bytes()));
        cache.endpoints.get(id).to_string()
    }

    #[test]
    fn paths_of_one_template_are_one_endpoint() {
        let mut cache = cache(10);

        let one = cache.id_of(Request::from_line(b"GET /users/7"));
        let other = cache.id_of(Request::from_line(b"GET /users/8"));

        assert_eq!(one, other);
        assert_eq!(cache.endpoints.get(one).to_string(), "shop GET /users/{id}");
    }

    #[test]
    fn two_threads_give_an_endpoint_the_same_number() {
        let mut one = cache(10);
        let mut other = EndpointCache::new(Arc::clone(&one.endpoints));
        one.id_of(Request::from_line(b"GET /a"));

        let id = other.id_of(Request::from_line(b"GET /b"));

        assert_eq!(one.id_of(Request::from_line(b"GET /b")), id);
    }

    #[test]
    fn a_new_endpoint_beyond_the_limit_overflows_and_known_ones_stay() {
        let mut cache = cache(2);
        route(&mut cache, "GET /a");
        route(&mut cache, "-");
        route(&mut cache, "GET /b");

        assert_eq!(route(&mut cache, "GET /c"), "shop GET _OVERFLOW");
        assert_eq!(route(&mut cache, "POST /a"), "shop POST _OVERFLOW");
        assert_eq!(route(&mut cache, "GET /a"), "shop GET /a");
        assert_eq!(route(&mut cache, "-"), "shop _OTHER _UNMATCHED");
    }

    #[test]
    fn a_million_paths_do_not_grow_the_cache() {
        let mut cache = cache(10);
        for id in 0..250_000 {
            cache.id_of(Request::from_line(format!("GET /users/{id}").as_bytes()));
        }

        assert!(cache.by_path.len() <= CACHED_PATHS);
        assert_eq!(cache.endpoints.known().endpoints.len(), 1);
    }

    #[test]
    fn a_long_path_is_not_remembered() {
        let mut cache = cache(10);
        let path = [b"/".to_vec(), vec![b'a'; 100_000]].concat();

        cache.id_of(Request { method: Method::Get, path: Some(&path) });

        assert!(cache.by_path.is_empty());
    }
}
