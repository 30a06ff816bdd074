//! [`Tally`]: what the hits of one request add up to.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use endpoint_stats_core::aggregate::{ConsumerName, Delta};
use endpoint_stats_core::clock::Moment;
use endpoint_stats_core::middleware::CallerHasher;
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use foldhash::fast::RandomState;

use super::reading::{BadHit, Reading};
use super::row::Row;
use crate::access::Principal;
use crate::api_error::ApiError;
use crate::ingest::Limits;
use crate::ingest::known::{overflow_of, too_many_services};
use crate::ingest::reception::Reception;
use crate::window_sum::WindowSum;

/// Whose hits are counted, and since when.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) principal: Principal,
    /// The service of rows that name none.
    pub(super) service: Option<ServiceName>,
    pub(super) reception: Reception,
    pub(super) callers: Arc<CallerHasher>,
}

/// What the hits of one request add up to: its size depends on endpoints and windows, never on hits.
#[derive(Debug)]
pub(super) struct Tally {
    sender: Sender,
    limits: Limits,
    moment: Moment,
    services: Vec<OfService>,
    by_name: HashMap<Box<str>, usize, RandomState>,
    endpoints: Vec<Endpoint>,
    sums: HashMap<(u32, Timestamp), WindowSum, RandomState>,
    consumers: HashMap<Box<str>, ConsumerName, RandomState>,
    rows: u64,
    totals: Totals,
}

/// What all rows add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) hits: u64,
    pub(super) clock_corrected: u64,
    pub(super) folded: u64,
    request_bytes: u64,
    response_bytes: u64,
}

/// The endpoints of one service, by route and method.
#[derive(Debug)]
struct OfService {
    name: ServiceName,
    routes: HashMap<Box<str>, ByMethod, RandomState>,
    endpoints: usize,
}

type ByMethod = [Option<u32>; Method::ALL.len()];

// === impl Tally ===

impl Tally {
    pub(super) fn new(sender: Sender, limits: Limits) -> Self {
        Self {
            sender,
            limits,
            moment: Moment::now(),
            services: Vec::new(),
            by_name: HashMap::default(),
            endpoints: Vec::new(),
            sums: HashMap::default(),
            consumers: HashMap::default(),
            rows: 0,
            totals: Totals::default(),
        }
    }

    /// Counts the hits of one row.
    #[inline]
    pub(super) fn count(&mut self, row: &Row<'_>) -> Result<(), ApiError> {
        self.rows += 1;
        let reading = Reading::of(row).map_err(|bad| self.bad_hit(&bad))?;
        let endpoint = self.endpoint_of(row, &reading)?;
        self.add_totals(&reading).map_err(|bad| self.bad_hit(&bad))?;
        self.add(endpoint, row, &reading)
    }

    /// What was counted, and what it adds up to.
    pub(super) fn finish(self) -> (Vec<Delta>, Totals) {
        let delta = |((endpoint, start), sum): ((u32, Timestamp), WindowSum)| {
            sum.into_delta(self.endpoints[endpoint as usize].clone(), Window::containing(start, Width::TenSeconds))
        };
        (self.sums.into_iter().map(delta).collect(), self.totals)
    }

    fn add(&mut self, endpoint: u32, row: &Row<'_>, reading: &Reading) -> Result<(), ApiError> {
        let at = self.time_of(reading);
        let consumer = row.consumer.as_ref().map(|name| self.consumer(&name.0)).transpose()?;
        let key = (endpoint, Window::containing(at, Width::TenSeconds).start());
        if self.sums.len() >= self.limits.windows_per_request && !self.sums.contains_key(&key) {
            return Err(self.too_many_windows());
        }
        let counts = self.sums.entry(key).or_insert_with(|| WindowSum::from(at)).at(at);
        reading.add_to(counts);
        if let Some(caller) = &row.caller {
            counts.callers.insert(self.sender.callers.hash(caller.0.as_bytes(), self.moment));
        }
        if let Some(consumer) = consumer {
            reading.add_to_consumer(counts.consumers.entry(consumer).or_default());
        }
        Ok(())
    }

    fn time_of(&mut self, reading: &Reading) -> Timestamp {
        let reception = self.sender.reception;
        let Some(at) = reading.at else { return reception.at };
        if !reception.believes(at) {
            self.totals.clock_corrected += reading.count;
        }
        reception.believed(at)
    }

    /// Refuses sums that no store can hold; within them, no other sum can overflow.
    fn add_totals(&mut self, reading: &Reading) -> Result<(), BadHit> {
        let sums = [
            ("count", &mut self.totals.hits, reading.count),
            ("request_bytes", &mut self.totals.request_bytes, reading.request_bytes),
            ("response_bytes", &mut self.totals.response_bytes, reading.response_bytes),
        ];
        for (field, sum, more) in sums {
            *sum += more;
            if i64::try_from(*sum).is_err() {
                return Err(BadHit::new(field, "a sum over all rows below 2^63"));
            }
        }
        Ok(())
    }

    fn endpoint_of(&mut self, row: &Row<'_>, reading: &Reading) -> Result<u32, ApiError> {
        let service = self.service_of(row)?;
        let Some(route) = &row.route else {
            return Err(self.bad_hit(&BadHit::new("route", "a route template, such as /users/{id}")));
        };
        let known = self.services[service].routes.get(route.0.as_ref()).and_then(|ids| ids[reading.method as usize]);
        known.map_or_else(|| self.learn(service, reading, &route.0), Ok)
    }

    /// What is folded is not remembered, so it is told here, hit by hit.
    #[cold]
    fn learn(&mut self, service: usize, reading: &Reading, route: &str) -> Result<u32, ApiError> {
        let template = Route::new(route)
            .map_err(|_| self.bad_hit(&BadHit::new("route", "a route template of 1 to 512 bytes without a NUL")))?;
        let of_service = &mut self.services[service];
        let endpoint = Endpoint::new(of_service.name.clone(), reading.method, template);
        let is_reserved = endpoint.route().is_reserved();
        if !is_reserved && of_service.endpoints >= self.limits.endpoints_per_request {
            self.totals.folded += reading.count;
            return Ok(of_service.id_of(overflow_of(&endpoint), &mut self.endpoints));
        }
        of_service.endpoints += usize::from(!is_reserved);
        Ok(of_service.id_of(endpoint, &mut self.endpoints))
    }

    fn service_of(&mut self, row: &Row<'_>) -> Result<usize, ApiError> {
        match (&row.service, self.sender.service.clone()) {
            (Some(name), _) => self.service_named(&name.0),
            (None, Some(service)) => self.service_named(service.as_str()),
            (None, None) => Err(self.bad_hit(&BadHit::new("service", "a service, here or as ?service= in the URL"))),
        }
    }

    #[inline]
    fn service_named(&mut self, name: &str) -> Result<usize, ApiError> {
        // Mostly all hits of a request are of one service.
        if self.services.first().is_some_and(|first| first.name.as_str() == name) {
            return Ok(0);
        }
        match self.by_name.get(name) {
            Some(index) => Ok(*index),
            None => self.learn_service(name),
        }
    }

    #[cold]
    fn learn_service(&mut self, name: &str) -> Result<usize, ApiError> {
        let service = ServiceName::new(name)
            .map_err(|_| self.bad_hit(&BadHit::new("service", "1 to 64 characters of a-z, 0-9, '-', '_' and '.'")))?;
        self.sender.principal.need_service(&service)?;
        let index = self.services.len();
        if index >= self.limits.services {
            return Err(too_many_services(index, &service));
        }
        self.services.push(OfService { name: service, routes: HashMap::default(), endpoints: 0 });
        self.by_name.insert(name.into(), index);
        Ok(index)
    }

    fn consumer(&mut self, name: &str) -> Result<ConsumerName, ApiError> {
        if let Some(known) = self.consumers.get(name) {
            return Ok(known.clone());
        }
        let consumer = ConsumerName::new(name)
            .map_err(|_| self.bad_hit(&BadHit::new("consumer", "a name of 1 to 128 bytes without a NUL")))?;
        if self.consumers.len() >= self.limits.consumers_per_service {
            return Ok(ConsumerName::overflow());
        }
        self.consumers.insert(name.into(), consumer.clone());
        Ok(consumer)
    }

    #[cold]
    fn bad_hit(&self, bad: &BadHit) -> ApiError {
        let message = format!("row {}: `{}` has to be {}", self.rows, bad.field, bad.expected);
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_hit", message)
            .with_field(bad.field)
            .with_hint("nothing was counted: mend the row and send all of them again")
            .with_detail("row", self.rows)
    }

    #[cold]
    fn too_many_windows(&self) -> ApiError {
        let message = format!("more than {} pairs of endpoint and 10 seconds", self.limits.windows_per_request);
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_windows", message)
            .with_field("time")
            .with_hint("nothing was counted: send fewer hits at a time")
            .with_detail("row", self.rows)
    }
}

// === impl OfService ===

impl OfService {
    fn id_of(&mut self, endpoint: Endpoint, endpoints: &mut Vec<Endpoint>) -> u32 {
        let ids = match self.routes.get_mut(endpoint.route().as_str()) {
            Some(ids) => ids,
            None => self.routes.entry(endpoint.route().as_str().into()).or_default(),
        };
        *ids[endpoint.method() as usize].get_or_insert_with(|| {
            endpoints.push(endpoint);
            u32::try_from(endpoints.len() - 1).expect("a body has fewer than 2^32 rows")
        })
    }
}
