//! [`TracedText`] and [`TracedJson`]: log lines that name the trace and the span they belong to.
//!
//! The names are those of <https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/>.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Lines for people, with `trace_id` and `span_id` at their end.
#[derive(Debug)]
pub(super) struct TracedText(Format<Full>);

/// Lines of JSON, with `trace_id` and `span_id` as their first members.
#[derive(Debug)]
pub(super) struct TracedJson(Format<Json>);

impl TracedText {
    pub(super) fn new(is_terminal: bool) -> Self {
        Self(Format::default().with_ansi(is_terminal))
    }
}

impl Default for TracedJson {
    fn default() -> Self {
        Self(Format::default().json())
    }
}

impl<S, N> FormatEvent<S, N> for TracedText
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = written(&self.0, context, event)?;
        match current_span() {
            Some(span) => {
                let line = line.trim_end_matches('\n');
                writeln!(writer, "{line} trace_id={} span_id={}", span.trace_id(), span.span_id())
            }
            None => writer.write_str(&line),
        }
    }
}

impl<S, N> FormatEvent<S, N> for TracedJson
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = written(&self.0, context, event)?;
        match (current_span(), line.strip_prefix('{')) {
            (Some(span), Some(members)) => {
                write!(writer, r#"{{"trace_id":"{}","span_id":"{}",{members}"#, span.trace_id(), span.span_id())
            }
            _ => writer.write_str(&line),
        }
    }
}

fn written<S, N>(
    format: &impl FormatEvent<S, N>,
    context: &FmtContext<'_, S, N>,
    event: &Event<'_>,
) -> Result<String, fmt::Error>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let mut line = String::new();
    format.format_event(context, Writer::new(&mut line), event)?;
    Ok(line)
}

fn current_span() -> Option<SpanContext> {
    Context::map_current(|context| Some(context.span().span_context().clone()).filter(SpanContext::is_valid))
}
