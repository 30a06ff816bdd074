//! [`Traffic`]: hits at a rate.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use endpoint_stats_core::aggregate::Aggregator;
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::{Hit, Method, Outcome};

use super::WriterArguments;
use super::line::Line;
use crate::dice::Dice;
use crate::oracle::said::Said;

/// Counts hits, and says so before.
#[derive(Debug)]
pub(super) struct Traffic {
    recorder: Aggregator,
    line: Line,
    dice: Dice,
    routes: Range<u64>,
    rate: u64,
    // Hits that are due, in thousandths.
    due: u64,
}

impl Traffic {
    pub(super) fn new(recorder: Aggregator, line: Line, arguments: &WriterArguments) -> Self {
        let routes = arguments.first_route..arguments.first_route + arguments.routes;
        let dice = Dice::new(arguments.seed).split("routes");
        Self { recorder, line, dice, routes, rate: arguments.rate, due: 0 }
    }

    pub(super) fn set_rate(&mut self, rate: u64) {
        self.rate = rate;
    }

    /// Counts what is due after so long.
    pub(super) fn tick(&mut self, passed: Duration) {
        self.due += self.rate * u64::try_from(passed.as_millis()).unwrap_or_default();
        let hits = self.due / 1000;
        self.due %= 1000;
        self.count(hits);
    }

    pub(super) fn count(&mut self, hits: u64) {
        let mut by_route = BTreeMap::<u64, u64>::new();
        for _ in 0..hits {
            *by_route.entry(self.dice.of(self.routes.clone())).or_default() += 1;
        }
        if by_route.is_empty() {
            return;
        }
        let by_route: Vec<_> = by_route.into_iter().map(|(route, hits)| (format!("/e/{route}"), hits)).collect();
        self.line.say(&Said::Counting(by_route.clone()));
        for (route, hits) in &by_route {
            (0..*hits).for_each(|_| self.hit(route));
        }
    }

    fn hit(&mut self, route: &str) {
        let millis = self.dice.of(1..200);
        let arrival = Arrival { method: Method::Get, route: Some(route), consumer: None };
        let hit = Hit {
            outcome: Outcome::Status(*self.dice.one(&[200, 200, 200, 404, 503])),
            latency: Some(Duration::from_millis(millis).into()),
            duration: Some(Duration::from_millis(millis + 1).into()),
            response_bytes: millis,
            caller: None,
        };
        self.recorder.begin(arrival).expect("an aggregator counts everything").end(&hit);
    }
}
