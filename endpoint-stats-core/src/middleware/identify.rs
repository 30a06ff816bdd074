//! [`IdentifyEndpoint`]: which endpoint a request is for.

use std::borrow::Cow;

use super::RequestHead;
use super::hooks::hook;

/// Finds the route template of a request.
pub trait IdentifyEndpoint: Send + Sync + 'static {
    /// The route template that matched; `None` when no route did, which counts the request as unmatched.
    ///
    /// A template is one of a fixed number of texts. The raw path is not one: it would make a key of every path a
    /// scanner tries.
    fn identify<'a>(&self, request: &RequestHead<'a>) -> Option<Cow<'a, str>>;
}

/// Identifies endpoints with a closure.
#[derive(Clone, Copy, Debug)]
pub struct IdentifyFn<F>(pub(super) F);

impl<F> IdentifyEndpoint for IdentifyFn<F>
where
    F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
{
    #[inline]
    fn identify<'a>(&self, request: &RequestHead<'a>) -> Option<Cow<'a, str>> {
        hook(|| (self.0)(request))
    }
}

/// Identifies endpoints by the path that axum's router matched.
///
/// Add the layer with `Router::layer`, which runs it after routing. The fallback of a router counts as unmatched.
#[cfg(feature = "axum")]
#[derive(Clone, Copy, Debug, Default)]
pub struct AxumRoutes;

#[cfg(feature = "axum")]
impl IdentifyEndpoint for AxumRoutes {
    #[inline]
    fn identify<'a>(&self, request: &RequestHead<'a>) -> Option<Cow<'a, str>> {
        let matched = request.extensions().get::<axum::extract::MatchedPath>()?;
        Some(Cow::Borrowed(matched.as_str()))
    }
}
