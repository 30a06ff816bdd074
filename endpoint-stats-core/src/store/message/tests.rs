use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::aggregate::any_counts as counts;
use crate::endpoint::{Endpoint, Method, Route, ServiceName};

prop_compose! {
    pub(super) fn endpoint()(
        service in "[a-z.-]{1,9}",
        method in prop::sample::select(Method::ALL.to_vec()),
        route in "/[a-zü{}]{0,20}",
    ) -> Endpoint {
        Endpoint::new(ServiceName::new(&service).unwrap(), method, Route::new(&route).unwrap())
    }
}

pub(super) fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix)
}

prop_compose! {
    fn summary()(counts in counts(), first_at in option::of(at()), last_at in option::of(at())) -> Summary {
        Summary { counts, first_at, last_at }
    }
}

prop_compose! {
    fn report()(
        covered in option::of((at(), at())),
        totals in summary(),
        endpoints in vec((endpoint(), summary(), vec((at(), any::<u64>()), 0..3)), 0..4),
        series in vec((at(), counts()), 0..4),
    ) -> StatsReport {
        StatsReport {
            covered: covered.map(|(from, to)| TimeRange::new(from, to)),
            totals,
            endpoints: endpoints
                .into_iter()
                .map(|(endpoint, summary, hits_by_step)| EndpointReport { endpoint, summary, hits_by_step })
                .collect(),
            series: series.into_iter().map(|(start, counts)| SeriesPoint { start, counts }).collect(),
        }
    }
}

prop_compose! {
    fn status()(
        endpoint in endpoint(),
        hits: u64,
        registered_at in option::of(at()),
        first_seen in option::of(at()),
        last_called in option::of(at()),
    ) -> EndpointStatus {
        EndpointStatus { endpoint, hits, registered_at, first_seen, last_called }
    }
}

pub(super) fn encoded(message: &impl Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out, usize::MAX).unwrap();
    out
}

proptest! {
    #[test]
    fn a_report_is_read_back_as_it_was(report in report()) {
        prop_assert_eq!(StatsReport::decode(&encoded(&report)), Ok(report));
    }

    #[test]
    fn a_list_of_endpoints_is_read_back_as_it_was(statuses in vec(status(), 0..6)) {
        prop_assert_eq!(Vec::decode(&encoded(&statuses)), Ok(statuses));
    }

    #[test]
    fn an_answer_that_is_cut_is_refused(report in report(), at in any::<prop::sample::Index>()) {
        let bytes = encoded(&report);

        prop_assert!(StatsReport::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn damaged_bytes_never_panic(report in report(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encoded(&report);
        let at = at.index(bytes.len());
        bytes[at] = byte;

        if let Ok(read) = StatsReport::decode(&bytes) {
            prop_assert_eq!(StatsReport::decode(&encoded(&read)), Ok(read));
        }
        drop(Vec::<EndpointStatus>::decode(&bytes));
    }

    #[test]
    fn an_answer_past_the_limit_is_given_up(report in report()) {
        let len = encoded(&report).len();

        prop_assert!(report.encode(&mut Vec::new(), len).is_some());
        prop_assert!(report.encode(&mut Vec::new(), len - 1).is_none());
    }
}
