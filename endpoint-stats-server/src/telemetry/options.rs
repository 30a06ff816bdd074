//! [`Options`]: which traces are recorded, and who gets them.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use super::otlp::{Collector, Headers};
use crate::cli::TraceArgs;
use crate::settings::SettingError;

const ENDPOINT: &str = "--trace-otlp-endpoint";

/// Where a collector takes spans, unless its URL says otherwise.
const PATH: &str = "/v1/traces";

/// Which traces are recorded, and who gets them.
#[derive(Debug)]
pub(crate) struct Options {
    pub(super) collector: Option<Collector>,
    pub(super) sample_ratio: f64,
}

impl Options {
    /// Takes what the flags say.
    ///
    /// # Errors
    ///
    /// When the URL is none, the file of headers cannot be used, or the ratio is no part of one.
    pub(crate) fn from_args(args: &TraceArgs) -> Result<Self, SettingError> {
        let sample_ratio = args.trace_sample_ratio;
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(SettingError::new("--trace-sample-ratio", &sample_ratio.to_string(), "a number from 0 to 1"));
        }
        let headers = args.trace_otlp_headers_file.clone().map(Headers::in_file).transpose()?;
        let collector = match &args.trace_otlp_endpoint {
            Some(url) => Some(Collector::new(endpoint(url)?, headers)),
            None => None,
        };
        Ok(Self { collector, sample_ratio })
    }
}

fn endpoint(url: &str) -> Result<Uri, SettingError> {
    let wrong =
        || SettingError::new(ENDPOINT, url, "http://HOST:4318 or https://HOST:4318, without a user or a password");
    let mut parts = url.parse::<Uri>().map_err(|_| wrong())?.into_parts();
    let is_http = parts.scheme.as_ref().is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str()));
    let is_plain = parts.authority.as_ref().is_some_and(|authority| !authority.as_str().contains('@'));
    if !is_http || !is_plain {
        return Err(wrong());
    }
    if parts.path_and_query.as_ref().is_none_or(|path| path.as_str() == "/") {
        parts.path_and_query = Some(PathAndQuery::from_static(PATH));
    }
    Uri::from_parts(parts).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_means_where_collectors_take_spans() {
        for (url, meant) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://collector/", "https://collector/v1/traces"),
            ("https://otlp.example/otlp/v1/traces", "https://otlp.example/otlp/v1/traces"),
        ] {
            assert_eq!(endpoint(url).unwrap().to_string(), meant);
        }
    }

    #[test]
    fn what_is_no_url_of_a_collector_is_refused_without_its_secret() {
        for url in ["", "collector:4318", "grpc://collector:4317", "http://", "http://ann:s3cret@collector:4318"] {
            let refusal = endpoint(url).unwrap_err().to_string();

            assert!(refusal.contains("--trace-otlp-endpoint") && !refusal.contains("s3cret"), "{refusal}");
        }
    }
}
