//! [`Hooks`]: what a layer was given.

use std::borrow::Cow;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{CallerHasher, CallerKey, RequestHead};
use crate::stripes::Striped;

/// What a layer was given, and all its services share.
pub(super) struct Hooks<R, I> {
    pub(super) recorder: R,
    pub(super) identify: Arc<I>,
    pub(super) callers: Option<(CallerKey, Arc<CallerHasher>)>,
    pub(super) consumer: Option<ConsumerFn>,
}

type ConsumerFn = Arc<dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync>;

/// A service's hold on its hooks.
///
/// Frameworks clone a service for each request, axum for one. A reference count that all cores write to would then cost
/// more than the counting, so a service that is cloned gives each thread's clones a reference count of their own.
pub(super) enum HooksHandle<R, I> {
    ForAll(Arc<Stripes<R, I>>),
    ForOne(Arc<OneStripe<R, I>>),
}

/// The hooks, once a stripe.
pub(super) type Stripes<R, I> = Striped<Arc<OneStripe<R, I>>>;

// Two cache lines of its own, as processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct OneStripe<R, I>(Arc<Hooks<R, I>>);

impl<R: Clone, I> Clone for Hooks<R, I> {
    fn clone(&self) -> Self {
        Self {
            recorder: self.recorder.clone(),
            identify: Arc::clone(&self.identify),
            callers: self.callers.clone(),
            consumer: self.consumer.clone(),
        }
    }
}

impl<R, I> Hooks<R, I> {
    pub(super) fn stripes(self: &Arc<Self>) -> Arc<Stripes<R, I>> {
        Arc::new(Striped::new(|_| Arc::new(OneStripe(Arc::clone(self)))))
    }
}

impl<R, I> Clone for HooksHandle<R, I> {
    #[inline]
    fn clone(&self) -> Self {
        Self::ForOne(Arc::clone(match self {
            Self::ForAll(stripes) => stripes.of_this_thread(),
            Self::ForOne(stripe) => stripe,
        }))
    }
}

impl<R, I> Deref for HooksHandle<R, I> {
    type Target = Hooks<R, I>;

    #[inline]
    fn deref(&self) -> &Hooks<R, I> {
        match self {
            Self::ForAll(stripes) => &stripes.of_this_thread().0,
            Self::ForOne(stripe) => &stripe.0,
        }
    }
}

/// Calls a closure of the user; one that panics has found nothing, and the request goes on.
#[inline]
pub(super) fn hook<T>(call: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(None)
}
