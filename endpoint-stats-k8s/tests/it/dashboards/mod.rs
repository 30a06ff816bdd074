//! The dashboards for Grafana: they have the fields it needs, name metrics that exist, and ask Prometheus what it understands.

mod dashboard;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use self::dashboard::Dashboard;
use crate::promql::Expression;

const UIDS: [(&str, &str); 4] = [
    ("books.json", "endpoint-stats-books"),
    ("endpoint.json", "endpoint-stats-endpoint"),
    ("fleet.json", "endpoint-stats-fleet"),
    ("stores.json", "endpoint-stats-stores"),
];

/// The schema of Grafana 12.1; a later Grafana brings it up to date where it shows it.
const SCHEMA: u64 = 41;

/// Names of units that Grafana knows, as far as they are used.
const UNITS: [&str; 9] = ["Bps", "bytes", "cps", "ops", "percentunit", "reqps", "rowsps", "s", "short"];

/// Variables that Grafana sets.
const BUILT_IN: [&str; 5] = ["__all", "__data", "__range", "__rate_interval", "__url_time_range"];

fn panics_with(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} findings:\n  {}", wrong.len(), wrong.join("\n  "));
}

/// The findings of a question asked of every dashboard, each with its file.
fn found(ask: impl Fn(&Dashboard) -> Vec<String>) -> Vec<String> {
    let found = |dashboard: &Dashboard| {
        let findings = ask(dashboard).into_iter();
        findings.map(|finding| format!("{}: {finding}", dashboard.file)).collect::<Vec<_>>()
    };
    Dashboard::all().iter().flat_map(found).collect()
}

/// A finding unless a field is what is expected.
fn expected(value: &Value, field: &str, wanted: &Value) -> Option<String> {
    let found = &value[field];
    (found != wanted).then(|| format!("{field}: expected {wanted}; found {found}"))
}

#[test]
fn the_four_dashboards_keep_their_uids() {
    let dashboards = Dashboard::all();

    let uids: Vec<_> = dashboards.iter().map(|dashboard| (dashboard.file.as_str(), dashboard.uid())).collect();

    assert_eq!(uids, UIDS);
}

#[test]
fn a_dashboard_has_the_fields_that_grafana_needs() {
    let wrong = found(|dashboard| {
        let json = &dashboard.json;
        let text = |field: &&str| json[*field].as_str().is_none_or(str::is_empty);
        let missing = ["title", "description", "refresh"].into_iter().filter(text);
        let mut wrong: Vec<_> = missing.map(|field| format!("{field}: expected a text")).collect();
        wrong.extend(expected(json, "schemaVersion", &json!(SCHEMA)));
        wrong.extend(expected(json, "tags", &json!(["endpoint-stats"])));
        wrong.extend(expected(json, "timezone", &json!("browser")));
        wrong.extend(expected(json, "annotations", &json!({"list": []})));
        wrong.extend(expected(&json["time"], "to", &json!("now")));
        wrong
    });

    panics_with(&wrong);
}

/// They are Grafana's: in a file they would hit another dashboard, or hide an edit.
#[test]
fn a_dashboard_has_no_id_and_no_version() {
    let wrong = found(|dashboard| {
        let fields = ["id", "version", "iteration", "gnetId"].into_iter();
        let named = fields.filter(|field| !dashboard.json[*field].is_null());
        named.map(|field| format!("{field}: expected none")).collect()
    });

    panics_with(&wrong);
}

#[test]
fn panels_have_ids_of_their_own() {
    let wrong = found(|dashboard| {
        let mut seen = BTreeSet::new();
        let repeated =
            dashboard.panels().filter(|panel| !panel["id"].as_u64().is_some_and(|id| id > 0 && seen.insert(id)));
        repeated.map(|panel| format!("{}: id {}: expected one of its own", panel["title"], panel["id"])).collect()
    });

    panics_with(&wrong);
}

#[test]
fn panels_fill_the_grid_and_none_covers_another() {
    let wrong = found(|dashboard| {
        let mut cells: BTreeMap<(u64, u64), &Value> = BTreeMap::new();
        let mut wrong = Vec::new();
        for panel in dashboard.panels() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or_default());
            if w == 0 || h == 0 || x + w > 24 {
                wrong.push(format!(
                    "{}: expected a place within 24 columns; found {}",
                    panel["title"], panel["gridPos"]
                ));
            }
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (y, x))) {
                if let Some(other) = cells.insert(cell, panel) {
                    wrong.push(format!("{} covers {} at {cell:?}", panel["title"], other["title"]));
                }
            }
        }
        let height = cells.keys().next_back().map_or(0, |(y, _)| y + 1);
        let holes = (0..height).flat_map(|y| (0..24).map(move |x| (y, x))).filter(|cell| !cells.contains_key(cell));
        wrong.extend(holes.take(1).map(|(y, x)| format!("nothing at column {x}, row {y}")));
        wrong
    });

    panics_with(&wrong);
}

#[test]
fn a_panel_says_what_it_shows_and_in_which_unit() {
    let wrong = found(|dashboard| {
        let mut wrong = Vec::new();
        for panel in dashboard.charts() {
            let title = panel["title"].as_str().unwrap_or_default();
            let mut is_wrong = |what: &str| wrong.push(format!("{title:?}: {what}"));
            if title.is_empty() {
                is_wrong("expected a title");
            }
            if !panel["description"].as_str().is_some_and(|text| text.ends_with('.')) {
                is_wrong("description: expected a sentence");
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            if !defaults["unit"].as_str().is_some_and(|unit| UNITS.contains(&unit)) {
                is_wrong(&format!("unit: expected one of {UNITS:?}; found {}", defaults["unit"]));
            }
            let steps = defaults["thresholds"]["steps"].as_array().map_or(&[][..], Vec::as_slice);
            let values: Vec<_> = steps.iter().map(|step| step["value"].as_f64()).collect();
            if values.first() != Some(&None) || !values.is_sorted() {
                is_wrong("thresholds: expected a base without a value, then rising ones");
            }
        }
        wrong
    });

    panics_with(&wrong);
}

#[test]
fn a_query_asks_the_data_source_that_was_chosen() {
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});

    let wrong = found(|dashboard| {
        let variables = dashboard.variables().filter(|variable| variable["type"] == "query");
        let asking = dashboard.charts().chain(dashboard.charts().flat_map(dashboard::targets)).chain(variables);
        let mut wrong: Vec<_> = asking.filter_map(|asking| expected(asking, "datasource", &chosen)).collect();
        let first = dashboard.variables().next().map(|variable| (&variable["name"], &variable["query"]));
        if first != Some((&json!("datasource"), &json!("prometheus"))) {
            wrong.push(format!("expected the variable datasource of type prometheus first; found {first:?}"));
        }
        wrong
    });

    panics_with(&wrong);
}

#[test]
fn the_queries_of_a_panel_are_told_apart() {
    let wrong = found(|dashboard| {
        let mut wrong = Vec::new();
        for panel in dashboard.charts() {
            let mut seen = BTreeSet::new();
            let targets = dashboard::targets(panel);
            if targets.is_empty() {
                wrong.push(format!("{}: expected a query", panel["title"]));
            }
            for target in targets {
                if !target["refId"].as_str().is_some_and(|id| !id.is_empty() && seen.insert(id)) {
                    wrong.push(format!("{}: refId {}: expected one of its own", panel["title"], target["refId"]));
                }
                if targets.len() > 1 && target["legendFormat"].as_str().is_none_or(str::is_empty) {
                    wrong.push(format!("{}: {}: expected a legend", panel["title"], target["refId"]));
                }
            }
        }
        wrong
    });

    panics_with(&wrong);
}

#[test]
fn every_variable_is_declared_and_used() {
    let wrong = found(|dashboard| {
        let declared: BTreeSet<_> = dashboard.variables().filter_map(|variable| variable["name"].as_str()).collect();
        let used: BTreeSet<_> = dashboard.texts().into_iter().flat_map(names::variables).collect();
        let is_known = |name: &&str| declared.contains(*name) || BUILT_IN.contains(name);
        let unknown =
            used.iter().copied().filter(|name| !is_known(name)).map(|name| format!("${name}: is not declared"));
        unknown.chain(declared.difference(&used).map(|name| format!("${name}: is not used"))).collect()
    });

    panics_with(&wrong);
}

#[test]
fn links_lead_to_the_dashboards() {
    let wrong = found(|dashboard| {
        let linked: BTreeSet<_> = dashboard.texts().into_iter().filter_map(names::linked_uid).collect();
        let unknown = linked.iter().filter(|uid| !UIDS.iter().any(|(_, known)| known == *uid));
        let mut wrong: Vec<_> = unknown.map(|uid| format!("/d/{uid}: is none of the dashboards")).collect();
        let others = UIDS.iter().filter(|(_, uid)| *uid != dashboard.uid() && !linked.contains(uid));
        wrong.extend(others.map(|(_, uid)| format!("expected a link to /d/{uid}")));
        wrong
    });

    panics_with(&wrong);
}

#[test]
fn every_metric_and_label_is_known() {
    let wrong = found(|dashboard| {
        let queries = dashboard.expressions().into_iter().chain(dashboard.variable_queries());
        queries.flat_map(|text| Expression::new(text).unknown()).collect()
    });

    panics_with(&wrong);
}

#[test]
fn prometheus_understands_every_expression() {
    let dashboards = Dashboard::all();
    let texts: Vec<_> = dashboards.iter().flat_map(Dashboard::expressions).collect();
    let rules: Vec<_> =
        texts.iter().map(|text| json!({"record": "a:b", "expr": names::without_variables(text)})).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    fs::write(&file, json!({"groups": [{"name": "dashboards", "rules": rules}]}).to_string()).unwrap();

    let command = &mut Command::new("promtool");
    let output = command.args(["check", "rules", "--lint=none"]).arg(&file).output().expect("promtool is installed");

    assert!(output.status.success(), "promtool check rules:\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(texts.len() > 100, "there are {} expressions", texts.len());
}
