//! What legitimately has no data in a test, and why.

use std::cell::Cell;

/// Exact names of metrics that nobody here exports.
const ELSEWHERE: [(&str, &str); 4] = [
    ("kube_cronjob_created", KUBERNETES),
    ("kube_cronjob_status_last_successful_time", KUBERNETES),
    ("kube_pod_container_resource_limits", KUBERNETES),
    ("kube_pod_container_status_restarts_total", KUBERNETES),
];

const KUBERNETES: &str = "kube-state-metrics speaks of a cluster, and here is none";

/// Series and expressions without data, by a part of them.
const EMPTY: [(&str, &str); 1] =
    [("endpoint_stats_roll_up_duration_seconds_bucket", "the next roll-up is due in a minute")];

/// The same, where it depends on the moment.
const SELDOM: [(&str, &str); 1] = [("pg_stat_activity_max_tx_duration", "a transaction is open for a moment only")];

/// Something that has no data, and why that is so.
#[derive(Debug)]
struct Excuse {
    what: &'static str,
    why: &'static str,
    is_needed: Cell<bool>,
}

/// What may have no data.
#[derive(Debug)]
pub(super) struct Excuses {
    elsewhere: Vec<Excuse>,
    empty: Vec<Excuse>,
    seldom: Vec<Excuse>,
}

impl Excuses {
    pub(super) fn new() -> Self {
        let [elsewhere, empty, seldom] = [&ELSEWHERE[..], &EMPTY, &SELDOM]
            .map(|list| list.iter().map(|(what, why)| Excuse { what, why, is_needed: Cell::new(false) }).collect());
        Self { elsewhere, empty, seldom }
    }

    /// May nobody here export this metric? The excuse is needed from now on.
    pub(super) fn is_elsewhere(&self, metric: &str) -> bool {
        needed(&self.elsewhere, |what| metric == what)
    }

    /// May these series, or may this expression, have no data? The excuse is needed from now on.
    pub(super) fn may_be_empty(&self, text: &str) -> bool {
        needed(&self.empty, |what| text.contains(what)) | self.is_seldom_there(text)
    }

    /// Does this have data now and then?
    pub(super) fn is_seldom_there(&self, text: &str) -> bool {
        needed(&self.seldom, |what| text.contains(what))
    }

    /// What nothing needed.
    pub(super) fn stale(&self) -> Vec<String> {
        let all = self.elsewhere.iter().chain(&self.empty).chain(&self.seldom);
        all.filter(|excuse| !excuse.is_needed.get()).map(|excuse| format!("{} ({})", excuse.what, excuse.why)).collect()
    }
}

fn needed(excuses: &[Excuse], fits: impl Fn(&str) -> bool) -> bool {
    let fitting: Vec<_> = excuses.iter().filter(|excuse| fits(excuse.what)).collect();
    for excuse in &fitting {
        excuse.is_needed.set(true);
    }
    !fitting.is_empty()
}
