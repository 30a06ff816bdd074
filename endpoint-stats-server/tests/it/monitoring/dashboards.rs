//! The repository's dashboards, as Grafana asks for them.

use serde_json::Value;

use super::package;
use super::questions::by_label;
use crate::support::prometheus::Prometheus;

/// What Grafana puts in for its own variables, in a panel of the last quarter of an hour; longer names first.
const BUILT_IN: [(&str, &str); 6] = [
    ("__rate_interval", "1m"),
    ("__interval_ms", "15000"),
    ("__interval", "15s"),
    ("__range_ms", "900000"),
    ("__range_s", "900"),
    ("__range", "15m"),
];

/// An expression of a panel, a variable or an annotation.
#[derive(Debug)]
pub(super) struct Question {
    /// For whoever reads a failure.
    pub(super) place: String,
    pub(super) expression: String,
}

/// Every expression of every dashboard, its variables replaced by what Prometheus knows.
///
/// # Errors
///
/// What cannot be asked.
pub(super) fn questions(prometheus: &Prometheus) -> Result<Vec<Question>, String> {
    let mut questions = Vec::new();
    for file in package::files("grafana/dashboards", "json") {
        let mut variables = Vec::new();
        for variable in file.content["templating"]["list"].as_array().into_iter().flatten() {
            let place = format!("variable {} in {}", variable["name"], file.name);
            let values = label_values(variable).map(|(series, label)| (replaced(series, &variables), label));
            let value = value_of(prometheus, variable, values.as_ref()).map_err(|error| format!("{place}: {error}"))?;
            variables.push((variable["name"].as_str().unwrap_or_default().to_owned(), value));
            questions.extend(values.map(|(expression, _)| Question { place, expression }));
        }
        for (place, expression) in expressions(&file.content) {
            let expression = replaced(expression, &variables);
            questions.push(Question { place: format!("{place} in {}", file.name), expression });
        }
    }
    Ok(questions)
}

/// Every panel's targets and every annotation's expression.
fn expressions(dashboard: &Value) -> Vec<(String, &str)> {
    let annotations = dashboard["annotations"]["list"].as_array().into_iter().flatten();
    let annotations = annotations.filter_map(|a| Some((format!("annotation {}", a["name"]), a["expr"].as_str()?)));
    let targets = panels(dashboard).into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.filter_map(|target| Some((format!("panel {}", panel["title"]), target["expr"].as_str()?)))
    });
    annotations.chain(targets).collect()
}

/// The panels of a dashboard, those of its rows included.
fn panels(of: &Value) -> Vec<&Value> {
    of["panels"].as_array().into_iter().flatten().flat_map(|panel| [vec![panel], panels(panel)].concat()).collect()
}

/// The series and the label that a variable takes its values from: `label_values(SERIES, LABEL)`.
fn label_values(variable: &Value) -> Option<(&str, &str)> {
    let query = variable["query"]["query"].as_str().or(variable["query"].as_str())?;
    let (series, label) = query.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
    Some((series, label.trim()))
}

/// What stands for a variable: everything, if it may; else the last of its values.
fn value_of(prometheus: &Prometheus, variable: &Value, values: Option<&(String, &str)>) -> Result<String, String> {
    if variable["includeAll"] == true || variable["multi"] == true {
        return Ok(".*".to_owned());
    }
    let Some((series, label)) = values else {
        return Ok(variable["current"]["value"].as_str().unwrap_or_default().to_owned());
    };
    let values = by_label(prometheus, label, &format!("group by ({label}) ({series})"))?;
    values.into_keys().next_back().ok_or_else(|| format!("{series} has no {label}"))
}

/// The expression, with its variables replaced.
fn replaced(expression: &str, variables: &[(String, String)]) -> String {
    let built_in = BUILT_IN.iter().map(|(name, value)| (*name, *value));
    let of_dashboard = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    of_dashboard.chain(built_in).fold(expression.to_owned(), |expression, (name, value)| {
        let bare = expression.replace(&format!("${{{name}}}"), value);
        ["regex", "pipe", "raw"]
            .iter()
            .fold(bare, |text, format| text.replace(&format!("${{{name}:{format}}}"), value))
            .replace(&format!("${name}"), value)
    })
}

#[test]
fn variables_are_replaced_however_they_are_written() {
    let variables = [("pod".to_owned(), ".*".to_owned())];

    let replaced = replaced(r#"rate(a{b=~"$pod",c=~"${pod:regex}",d=~"${pod}"}[$__rate_interval])"#, &variables);

    assert_eq!(replaced, r#"rate(a{b=~".*",c=~".*",d=~".*"}[1m])"#);
}
