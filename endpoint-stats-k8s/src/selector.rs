//! Label selectors.

use serde_json::Value;

/// Whether a label selector selects something with these labels; an empty one selects everything.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let pairs = selector["matchLabels"].as_object();
    let expressions = selector["matchExpressions"].as_array();
    pairs.is_none_or(|pairs| has_pairs(&Value::Object(pairs.clone()), labels))
        && expressions.is_none_or(|all| all.iter().all(|expression| holds(expression, labels)))
}

/// Whether all of these pairs are among the labels.
pub(crate) fn has_pairs(pairs: &Value, labels: &Value) -> bool {
    pairs.as_object().is_some_and(|pairs| pairs.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

fn holds(expression: &Value, labels: &Value) -> bool {
    let found = expression["key"].as_str().and_then(|key| labels.get(key));
    let values = expression["values"].as_array().map_or(&[][..], Vec::as_slice);
    match expression["operator"].as_str() {
        Some("In") => found.is_some_and(|found| values.contains(found)),
        Some("NotIn") => found.is_none_or(|found| !values.contains(found)),
        Some("Exists") => found.is_some(),
        Some("DoesNotExist") => found.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_selector_selects_everything() {
        assert!(selects(&json!({}), &json!({ "a": "1" })));
    }

    #[test]
    fn pairs_and_expressions_must_all_hold() {
        let selector = json!({
            "matchLabels": { "a": "1" },
            "matchExpressions": [{ "key": "b", "operator": "In", "values": ["2", "3"] }],
        });

        assert!(selects(&selector, &json!({ "a": "1", "b": "3" })));
        assert!(!selects(&selector, &json!({ "a": "1", "b": "4" })));
        assert!(!selects(&selector, &json!({ "b": "3" })));
    }

    #[test]
    fn an_unknown_operator_selects_nothing() {
        let selector = json!({ "matchExpressions": [{ "key": "a", "operator": "in", "values": ["1"] }] });

        assert!(!selects(&selector, &json!({ "a": "1" })));
    }
}
