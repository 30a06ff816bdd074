//! [`Question`]: what is asked, as a key and a time to live.

use std::time::Duration;

use super::own_writes::Generation;
use super::value::LAYOUT;
use crate::store::StatsQuery;
use crate::window::{TimeRange, Timestamp};

/// What tells one question from another.
pub(super) type Digest = [u8; 16];

/// A range that ended so long ago is closed: what still comes for it is late.
const CLOSED_AFTER_SECS: i64 = 60;

/// How long an answer about a closed range is kept: late batches and roll-ups may still change it.
const CLOSED_TTL: Duration = Duration::from_secs(30);

/// How long any other answer is kept.
const OPEN_TTL: Duration = Duration::from_secs(1);

/// Something that is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) digest: Digest,
    pub(super) ttl: Duration,
}

impl Question {
    /// [`StatsStore::query`](crate::store::StatsStore::query).
    pub(super) fn about(query: &StatsQuery, generation: Option<Generation>, now: Timestamp) -> Self {
        let mut content = Content::of(b'q', generation);
        content.number(query.range.from.as_unix());
        content.number(query.range.to.as_unix());
        content.option(query.step_secs, Content::number);
        let filter = &query.filter;
        content.option(filter.service.as_ref(), |content, service| content.text(service.as_str()));
        content.option(filter.method, |content, method| content.text(method.as_str()));
        content.option(filter.route.as_ref(), |content, route| content.text(route.as_str()));
        Self { digest: content.digest(), ttl: ttl(query.range, now) }
    }

    /// [`StatsStore::endpoints`](crate::store::StatsStore::endpoints).
    pub(super) fn about_endpoints(generation: Option<Generation>) -> Self {
        Self { digest: Content::of(b'e', generation).digest(), ttl: OPEN_TTL }
    }

    /// The name of the answer in Redis.
    pub(super) fn key(&self, namespace: &str) -> String {
        let hex = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
        format!("es{LAYOUT}:{namespace}:q:{}", self.digest.iter().fold(String::with_capacity(32), hex))
    }
}

fn ttl(range: TimeRange, now: Timestamp) -> Duration {
    if range.to.plus_secs(CLOSED_AFTER_SECS) <= now { CLOSED_TTL } else { OPEN_TTL }
}

/// What a question says, so that no two say the same.
struct Content(blake3::Hasher);

impl Content {
    fn of(kind: u8, generation: Option<Generation>) -> Self {
        let mut content = Self(blake3::Hasher::new());
        content.0.update(&[LAYOUT, kind]);
        content.option(generation, |content, generation| {
            content.0.update(generation.process.as_bytes());
            content.0.update(&generation.number.to_le_bytes());
        });
        content
    }

    fn number(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, some: impl FnOnce(&mut Self, T)) {
        self.0.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            some(self, value);
        }
    }

    fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        self.0.finalize_xof().fill(&mut digest);
        digest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;
    use crate::endpoint::{Method, Route, ServiceName};
    use crate::store::EndpointFilter;

    const NOW: Timestamp = Timestamp::from_unix(1_700_049_600);

    fn until(to: Timestamp) -> StatsQuery {
        StatsQuery::over(TimeRange::new(Timestamp::EPOCH, to))
    }

    #[test]
    fn only_a_range_that_ended_a_minute_ago_is_closed() {
        let ttl = |secs| Question::about(&until(NOW.minus_secs(secs)), None, NOW).ttl;

        assert_eq!(ttl(60), Duration::from_secs(30));
        assert_eq!(ttl(59), Duration::from_secs(1));
        assert_eq!(ttl(-5), Duration::from_secs(1));
        assert_eq!(Question::about(&StatsQuery::over(TimeRange::ALL), None, NOW).ttl, Duration::from_secs(1));
    }

    #[test]
    fn no_two_questions_have_one_key() {
        let filter = |service: Option<&str>, method, route: Option<&str>| EndpointFilter {
            service: service.map(|name| ServiceName::new(name).unwrap()),
            method,
            route: route.map(|route| Route::new(route).unwrap()),
        };
        let query = until(NOW);
        let queries = [
            query.clone(),
            until(NOW.plus_secs(1)),
            query.clone().with_step_secs(10),
            query.clone().with_step_secs(60),
            query.clone().with_filter(filter(Some("get"), None, None)),
            query.clone().with_filter(filter(None, Some(Method::Get), None)),
            query.clone().with_filter(filter(None, None, Some("GET"))),
            query.clone().with_filter(filter(Some("get"), Some(Method::Get), Some("GET"))),
        ];
        let generations = [(0, 1), (0, 2), (1, 1)]
            .map(|(process, number)| Some(Generation { process: Uuid::from_u128(process), number }));

        let mut keys = HashSet::new();
        for generation in generations.into_iter().chain([None]) {
            keys.insert(Question::about_endpoints(generation).key("a"));
            keys.extend(queries.iter().map(|query| Question::about(query, generation, NOW).key("a")));
        }

        assert_eq!(keys.len(), 4 * (1 + queries.len()));
    }

    #[test]
    fn a_key_tells_layout_and_namespace() {
        let key = Question { digest: [0xab; 16], ttl: OPEN_TTL }.key("shop");

        assert_eq!(key, format!("es1:shop:q:{}", "ab".repeat(16)));
    }
}
