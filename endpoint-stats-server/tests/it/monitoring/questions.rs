//! What Prometheus answers to an expression.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::wait::wait_for;
use crate::http;
use crate::support::percent_encoding::percent_encoded;
use crate::support::prometheus::Prometheus;

/// One series of an answer.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) labels: BTreeMap<String, String>,
    /// A whole histogram has none.
    pub(super) value: Option<f64>,
}

impl Series {
    /// Is there something to see on a dashboard?
    fn says_something(&self) -> bool {
        self.value.is_none_or(|value| !value.is_nan())
    }
}

/// The series of an answer, or why there is no answer.
pub(super) fn ask(prometheus: &Prometheus, expression: &str) -> Result<Vec<Series>, String> {
    let data = get(prometheus, &format!("/api/v1/query?query={}", percent_encoded(expression)))?;
    let result = data["result"].as_array().ok_or("an answer without a result")?;
    Ok(match data["resultType"].as_str() {
        Some("scalar") => vec![Series { labels: BTreeMap::new(), value: number(&result[1]) }],
        _ => result.iter().map(series).collect(),
    })
}

/// Does an expression have an answer that says something?
pub(super) fn has_data(prometheus: &Prometheus, expression: &str) -> Result<bool, String> {
    Ok(ask(prometheus, expression)?.iter().any(Series::says_something))
}

/// The only number of an answer, as soon as there is one.
pub(super) fn number_of(prometheus: &Prometheus, expression: &str) -> f64 {
    wait_for(|| match &ask(prometheus, expression)?[..] {
        [Series { value: Some(value), .. }] => Ok(*value),
        other => Err(format!("{expression} is {other:?}")),
    })
}

/// The numbers of an answer by one of its labels.
pub(super) fn by_label(
    prometheus: &Prometheus,
    label: &str,
    expression: &str,
) -> Result<BTreeMap<String, f64>, String> {
    let named = |series: Series| Some((series.labels.get(label)?.clone(), series.value?));
    Ok(ask(prometheus, expression)?.into_iter().filter_map(named).collect())
}

/// The names of all metrics that Prometheus has met.
pub(super) fn metric_names(prometheus: &Prometheus) -> BTreeSet<String> {
    let names = get(prometheus, "/api/v1/label/__name__/values").expect("Prometheus answers");
    names.as_array().unwrap().iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Waits until every target was scraped.
pub(super) fn wait_for_targets(prometheus: &Prometheus) {
    wait_for(|| {
        let targets = get(prometheus, "/api/v1/targets")?;
        let down = |target: &&Value| target["health"] != "up";
        match targets["activeTargets"].as_array().into_iter().flatten().find(down) {
            None => Ok(()),
            Some(target) => Err(target.to_string()),
        }
    });
}

fn get(prometheus: &Prometheus, path: &str) -> Result<Value, String> {
    // Of a client of HTTP/1.0, Prometheus does not expect that it can put chunks together.
    let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    let answer = http::send(prometheus.address(), &request).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    if answer["status"] != "success" {
        return Err(answer["error"].to_string());
    }
    Ok(answer["data"].take())
}

fn series(series: &Value) -> Series {
    let labels = series["metric"].as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    Series { labels, value: number(&series["value"][1]) }
}

fn number(text: &Value) -> Option<f64> {
    text.as_str()?.parse().ok()
}
