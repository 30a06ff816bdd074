//! [`parent_of`]: the trace that a request continues, by W3C Trace Context.

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Characters of `traceparent` in version 00; later versions may add to them.
const TRACEPARENT_LEN: usize = 55;

/// A longer `tracestate` is not taken over; the specification asks for 512 characters at least.
const MAX_TRACESTATE_LEN: usize = 4_096;

/// The client's span, if the headers name one as <https://www.w3.org/TR/trace-context/> says; invalid ones are ignored.
pub(crate) fn parent_of(headers: &HeaderMap) -> Option<SpanContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (given.next(), given.next()) else {
        return None;
    };
    let (trace, span, flags) = traceparent(parent.to_str().ok()?)?;
    Some(SpanContext::new(trace, span, flags, true, tracestate(headers).unwrap_or_default()))
}

fn traceparent(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, later) = text.split_at_checked(TRACEPARENT_LEN)?;
    let parts: Vec<_> = known.split('-').collect();
    let &[version, trace, span, flags] = &parts[..] else {
        return None;
    };
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let has_its_form =
        [version, trace, span, flags].map(str::len) == [2, 32, 16, 2] && parts.iter().all(|part| is_hex(part));
    let ends_rightly = later.is_empty() || (version != "00" && later.starts_with('-'));
    if !has_its_form || !ends_rightly || version == "ff" {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

fn tracestate(headers: &HeaderMap) -> Option<TraceState> {
    let lines: Option<Vec<_>> = headers.get_all(TRACESTATE).iter().map(|line| line.to_str().ok()).collect();
    let list = lines?.join(",");
    if list.len() > MAX_TRACESTATE_LEN {
        return None;
    }
    let members = list.split(',').map(str::trim).filter(|member| !member.is_empty());
    let members: Option<Vec<_>> = members.map(|member| member.split_once('=')).collect();
    TraceState::from_key_value(members?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parent(lines: &[(HeaderName, &str)]) -> Option<SpanContext> {
        parent_of(&lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
    }

    fn parent_with_state(states: &[&str]) -> SpanContext {
        let line = format!("00-{TRACE}-{SPAN}-01");
        let states = states.iter().map(|state| (TRACESTATE, *state));
        parent(&[(TRACEPARENT, line.as_str())].into_iter().chain(states).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_client_names_its_trace_its_span_and_whether_it_is_sampled() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("ff", true), ("02", false)] {
            let found = parent(&[(TRACEPARENT, &format!("00-{TRACE}-{SPAN}-{flags}"))]).unwrap();

            assert_eq!(
                (found.trace_id().to_string(), found.span_id().to_string()),
                (TRACE.to_owned(), SPAN.to_owned())
            );
            assert_eq!((found.is_sampled(), found.is_remote()), (is_sampled, true), "{flags}");
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(parent(&[(TRACEPARENT, &format!("01-{TRACE}-{SPAN}-01"))]).is_some());
        assert!(parent(&[(TRACEPARENT, &format!("cc-{TRACE}-{SPAN}-01-what-the-future-is-like"))]).is_some());
    }

    #[test]
    fn an_invalid_parent_is_none() {
        let upper = TRACE.to_ascii_uppercase();
        for line in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01x"),
            format!("cc-{TRACE}-{SPAN}-01x"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-001"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{TRACE}0-{}-01", &SPAN[1..]),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{}é-01", &SPAN[2..]),
        ] {
            assert_eq!(parent(&[(TRACEPARENT, &line)]), None, "{line}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let line = format!("00-{TRACE}-{SPAN}-01");

        assert_eq!(parent(&[(TRACEPARENT, &line), (TRACEPARENT, &line)]), None);
    }

    #[test]
    fn a_state_may_come_in_several_lines() {
        assert_eq!(
            parent_with_state(&["rojo=1, congo=t61 ,", "tenant@vendor=x"]).trace_state().header(),
            "rojo=1,congo=t61,tenant@vendor=x"
        );
    }

    #[test]
    fn an_invalid_state_is_left_out_and_the_parent_stays() {
        for state in ["no equals sign", "UPPER=1", "a=b=c", &format!("a={}", "x".repeat(5_000))] {
            assert_eq!(parent_with_state(&[state]).trace_state().header(), "", "{state}");
        }
    }
}
