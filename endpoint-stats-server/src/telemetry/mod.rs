//! Telemetry: what the server says of its own work, as log lines and as spans.
//!
//! A request is one span, `request`, which continues the trace that its client has begun, or begins one; the work for it
//! is spans below that one. Log lines name the trace and the span they belong to, whether or not spans are sent anywhere.
//! With a collector the spans of some traces go to it, in batches, from a queue that drops what does not fit: nobody who
//! is served waits for a collector.

mod log_lines;
mod options;
mod otlp;
mod request_span;
mod sampling;
mod trace_context;

use std::io::{self, IsTerminal};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};
use uuid::Uuid;

use self::log_lines::{TracedJson, TracedText};
pub(crate) use self::options::Options;
use self::otlp::Export;
pub(crate) use self::request_span::RequestSpan;
use self::sampling::Sampling;
pub(crate) use self::trace_context::parent_of;
use crate::cli::LogFormat;

/// The names that our own spans and log lines begin with; those of the libraries are theirs.
const OURS: &str = "endpoint_stats";

/// Log lines to standard error, and spans to a collector if there is one.
#[derive(Debug)]
pub(crate) struct Telemetry {
    export: Option<Export>,
}

impl Telemetry {
    /// Starts both for this process.
    ///
    /// `RUST_LOG` selects the log lines, by default those of level info and above.
    pub(crate) fn start(service: &str, format: LogFormat, options: Options) -> Self {
        let sampling = options.collector.as_ref().map_or(Sampling::Nothing, |_| Sampling::ratio(options.sample_ratio));
        let export = options.collector.map(|collector| Export::start(collector, &resource(service)));
        let mut provider = SdkTracerProvider::builder().with_sampler(sampling);
        if let Some(export) = &export {
            provider = provider.with_span_processor(export.queue());
        }
        let tracer = provider.build().tracer(env!("CARGO_PKG_NAME"));
        let deepest = if export.is_some() { Level::DEBUG } else { Level::INFO };
        let subscriber = Registry::default().with(log(format)).with(spans(tracer).with_filter(ours(deepest)));
        // Another one is only there when a test has set it, which is then to stay.
        let _ = subscriber.try_init();
        Self { export }
    }

    /// Sends the spans that wait, as far as the time allows.
    pub(crate) async fn finish(self, within: Duration) {
        if let Some(export) = self.export {
            export.finish(within).await;
        }
    }
}

/// Who sends the spans; `OTEL_RESOURCE_ATTRIBUTES` may say more, such as a pod's name.
fn resource(service: &str) -> Resource {
    Resource::builder()
        .with_service_name(service.to_owned())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
        ])
        .build()
}

fn log<S>(format: LogFormat) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(is_terminal);
    let lines = match format {
        LogFormat::Text => lines.event_format(TracedText::new(is_terminal)).boxed(),
        LogFormat::Json => lines.json().event_format(TracedJson::default()).boxed(),
    };
    lines.with_filter(filter)
}

fn spans<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

/// Our spans down to a level, and our log lines of level info and above, which become events of their span.
fn ours(deepest: Level) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    let is_ours = move |metadata: &Metadata<'_>| {
        let deepest = if metadata.is_span() { deepest } else { Level::INFO };
        *metadata.level() <= deepest && metadata.target().starts_with(OURS)
    };
    filter_fn(is_ours).with_max_level_hint(LevelFilter::from_level(deepest))
}
