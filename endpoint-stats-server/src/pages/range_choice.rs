//! [`RangeChoice`]: the range of time of a page, and others to choose.

use endpoint_stats_core::window::TimeRange;

use super::asked::Asked;
use super::link::Link;
use super::numbers;

const PRESETS: [(&str, &str); 6] =
    [("1 h", "-1h"), ("6 h", "-6h"), ("24 h", "-24h"), ("7 d", "-7d"), ("30 d", "-30d"), ("90 d", "-90d")];

/// The range of a page that says nothing.
const DEFAULT: &str = "-24h";

/// Presets to follow, and the two ends as fields to fill.
#[derive(Clone, Debug)]
pub(super) struct RangeChoice {
    pub(super) presets: Vec<Preset>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) words: String,
    /// What a form must say besides, to stay where it is.
    pub(super) hidden: Vec<(&'static str, String)>,
}

/// A range up to now.
#[derive(Clone, Debug)]
pub(super) struct Preset {
    pub(super) label: &'static str,
    pub(super) href: Link,
    pub(super) is_chosen: bool,
}

impl RangeChoice {
    pub(super) fn new(asked: &Asked, path: &str, range: TimeRange) -> Self {
        let chosen = asked.to.is_none().then(|| asked.from.as_deref().unwrap_or(DEFAULT));
        let kept = [
            ("service", &asked.service),
            ("method", &asked.method),
            ("route", &asked.route),
            ("search", &asked.search),
            ("sort", &asked.sort),
            ("order", &asked.order),
        ];
        let kept: Vec<_> = kept.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        let link = |from| {
            let link = Link::to(path).with("from", Some(from));
            kept.iter().fold(link, |link, (name, value)| link.with(name, Some(value)))
        };
        let presets =
            PRESETS.map(|(label, from)| Preset { label, href: link(from), is_chosen: chosen == Some(from) }).into();
        Self {
            presets,
            from: numbers::field_time(range.from),
            to: numbers::field_time(range.to),
            words: numbers::range(range),
            hidden: kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::window::Timestamp;

    use super::*;

    fn chosen(asked: &Asked) -> Vec<&'static str> {
        let range = TimeRange::new(Timestamp::EPOCH, Timestamp::from_unix(60));
        let choice = RangeChoice::new(asked, "./", range);
        choice.presets.into_iter().filter(|preset| preset.is_chosen).map(|preset| preset.label).collect()
    }

    #[test]
    fn a_day_is_chosen_when_nothing_is_said() {
        assert_eq!(chosen(&Asked::default()), ["24 h"]);
        assert_eq!(chosen(&Asked { from: Some("-7d".to_owned()), ..Asked::default() }), ["7 d"]);
    }

    #[test]
    fn a_free_range_is_no_preset() {
        let free = Asked { from: Some("-7d".to_owned()), to: Some("-1d".to_owned()), ..Asked::default() };

        assert_eq!(chosen(&free), [""; 0]);
    }

    #[test]
    fn another_range_keeps_what_else_was_asked() {
        let asked = Asked { service: Some("shop".to_owned()), page: Some("3".to_owned()), ..Asked::default() };
        let range = TimeRange::new(Timestamp::EPOCH, Timestamp::from_unix(60));

        let choice = RangeChoice::new(&asked, "./", range);

        assert_eq!(choice.presets[0].href.to_string(), "./?from=-1h&service=shop");
        assert_eq!(choice.hidden, [("service", "shop".to_owned())]);
    }
}
