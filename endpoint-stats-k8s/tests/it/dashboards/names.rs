//! Names in the texts of a dashboard: variables of Grafana's, and dashboards that are linked.

/// A query with durations and names in place of Grafana's variables.
pub(super) fn without_variables(query: &str) -> String {
    let text = query.replace("$__rate_interval", "5m").replace("$__range", "3h");
    variables(query).into_iter().fold(text, |text, name| text.replace(&format!("${name}"), "x"))
}

/// The names of Grafana's variables in a text: `$name`, `${name}`, `${name:format}`, `${name.field}`.
pub(super) fn variables(text: &str) -> Vec<&str> {
    let begins = text.match_indices('$').map(|(at, _)| text[at + 1..].trim_start_matches('{'));
    let end = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let names = begins.map(|rest| &rest[..end(rest)]);
    // `$1` and `${1}` are groups of label_replace, `$` alone ends a pattern.
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')).collect()
}

/// The dashboard that a link leads to.
pub(super) fn linked_uid(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("/d/")?;
    Some(&rest[..rest.find(['?', '/']).unwrap_or(rest.len())])
}

#[test]
fn variables_are_told_from_groups_of_a_pattern() {
    assert_eq!(variables("$a ${b:regex} ${c.text} $1 ${1} x$"), ["a", "b", "c"]);
}
