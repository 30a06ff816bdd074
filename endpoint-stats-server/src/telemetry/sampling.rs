//! [`Sampling`]: which traces are recorded.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Which traces are recorded.
#[derive(Clone, Debug)]
pub(super) enum Sampling {
    /// None: nobody gets them.
    Nothing,
    /// Those whose client says so, and of the others some part.
    Some(Sampler),
}

/// A request that begins no trace that is worth being kept; in the context of its span.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnlyLooking;

impl Sampling {
    /// Keeps what the client of a trace has decided, and records the given part of the others.
    pub(super) fn ratio(ratio: f64) -> Self {
        Self::Some(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let has_parent = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        let is_looking = parent.is_some_and(|parent| parent.get::<OnlyLooking>().is_some());
        match self {
            Self::Some(sampler) if has_parent || !is_looking => {
                sampler.should_sample(parent, trace_id, name, kind, attributes, links)
            }
            _ => SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: parent
                    .map_or(TraceState::NONE, |parent| parent.span().span_context().trace_state().clone()),
            },
        }
    }
}
