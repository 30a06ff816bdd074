//! [`Format`]: in which of the two formats a scraper wants its answer.

use axum::http::{HeaderMap, HeaderValue, header};

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// In which format metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// Prometheus' protobuf, each family after its length: the only one with native histograms.
    Protobuf,
}

/// One of the things that a client would take.
struct Wish<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

// === impl Format ===

impl Format {
    /// What a scraper likes best: protobuf only if it names it, and nothing better that is text.
    pub fn of(headers: &HeaderMap) -> Self {
        let wishes = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wishes: Vec<Wish<'_>> = wishes.flat_map(|value| value.split(',')).map(Wish::parse).collect();
        let protobuf = best(wishes.iter().filter(|wish| wish.is_protobuf()));
        let text = best(wishes.iter().filter(|wish| wish.is_text()));
        if protobuf > 0.0 && protobuf >= text { Self::Protobuf } else { Self::Text }
    }

    /// What an answer in this format is labelled with.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => TEXT,
            Self::Protobuf => PROTOBUF,
        })
    }
}

fn best<'a>(wishes: impl Iterator<Item = &'a Wish<'a>>) -> f32 {
    wishes.map(Wish::weight).fold(0.0, f32::max)
}

// === impl Wish ===

impl<'a> Wish<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('='));
        Self { media, parameters: parameters.map(|(name, value)| (name.trim(), value.trim())).collect() }
    }

    fn is_protobuf(&self) -> bool {
        let has = |name: &str, value: &str| self.parameters.contains(&(name, value));
        self.media.eq_ignore_ascii_case("application/vnd.google.protobuf")
            && has("proto", "io.prometheus.client.MetricFamily")
            && has("encoding", "delimited")
    }

    fn is_text(&self) -> bool {
        ["text/plain", "text/*"].iter().any(|text| self.media.eq_ignore_ascii_case(text))
    }

    fn weight(&self) -> f32 {
        let given = self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("q"));
        given.map_or(1.0, |(_, weight)| weight.parse().unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(accept: &'static str) -> Format {
        Format::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn a_prometheus_that_knows_native_histograms_gets_protobuf() {
        let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                      application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

        assert_eq!(format(accept), Format::Protobuf);
    }

    #[test]
    fn others_get_text() {
        for accept in [
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0",
            "text/plain,application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5",
            ";;=,,q=x",
        ] {
            assert_eq!(format(accept), Format::Text, "{accept}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), Format::Text);
    }
}
