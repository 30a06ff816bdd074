//! [`Stripe`]: the counters that one group of threads writes to.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoint_counters::EndpointCounters;

/// More stripes than this cost memory and gain nothing.
const MAX_STRIPES: usize = 16;

/// One set of counters for every endpoint, made when a thread of the stripe first hits the endpoint.
#[derive(Debug)]
pub(super) struct Stripe {
    endpoints: Box<[OnceLock<Box<EndpointCounters>>]>,
}

impl Stripe {
    pub(super) fn new(capacity: usize) -> Self {
        Self { endpoints: (0..capacity).map(|_| OnceLock::new()).collect() }
    }

    #[inline]
    pub(super) fn counters(&self, endpoint: usize) -> &EndpointCounters {
        self.endpoints[endpoint].get_or_init(|| Box::new(EndpointCounters::new()))
    }

    pub(super) fn counters_if_any(&self, endpoint: usize) -> Option<&EndpointCounters> {
        self.endpoints.get(endpoint)?.get().map(Box::as_ref)
    }
}

/// How many stripes this machine wants: a power of two, one a core up to 16.
pub(super) fn stripes_wanted() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).next_power_of_two().min(MAX_STRIPES)
}

/// A number that threads started one after the other have in ascending order.
#[inline]
pub(super) fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER
        .try_with(|number| {
            if number.get() == usize::MAX {
                number.set(NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1));
            }
            number.get()
        })
        .unwrap_or(0)
}
