//! [`Expression`]: which metrics and labels a query of Prometheus names.
//!
//! It is cut into words, not parsed: promtool does that.

use std::collections::BTreeSet;

use super::metrics;

/// Words of the language that stand where a metric could.
const KEYWORDS: [&str; 7] = ["and", "bool", "inf", "nan", "offset", "or", "unless"];
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

pub(crate) struct Expression<'a> {
    text: &'a str,
}

/// A piece of an expression.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Mark(char),
}

impl<'a> Expression<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Metrics that nothing exports, and labels that their metrics do not have.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let tokens = tokens(self.text);
        let selected = selected(&tokens);
        let labels = selected.iter().filter_map(|(_, metric)| metrics::labels(metric)).flatten();
        let replaced = replaced(&tokens).into_iter().map(str::to_owned);
        let labels: BTreeSet<_> = labels.chain(replaced).collect();
        let ungrouped = grouped(&tokens).into_iter().filter(|label| !labels.contains(*label));
        let ungrouped = ungrouped.map(|label| format!("no label {label} in {}", self.text));
        let unselected = selected.iter().flat_map(|(at, metric)| unknown_of(metric, matched(&tokens[at + 1..])));
        unselected.chain(ungrouped).collect()
    }
}

/// What is unknown of a metric and the labels that it is selected by.
fn unknown_of(metric: &str, labels: Vec<&str>) -> Vec<String> {
    let Some(own) = metrics::labels(metric) else { return vec![format!("{metric}: nothing exports it")] };
    let unknown = labels.into_iter().filter(|label| !own.iter().any(|known| known == label));
    unknown.map(|label| format!("{metric}: has no label {label}")).collect()
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.$".contains(c);
        let length = if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(first.len_utf8())
        };
        let (token, behind) = rest.split_at(length);
        match first {
            '"' => tokens.push(Token::Text(token.trim_matches('"'))),
            _ if is_part(first) => tokens.push(Token::Word(token)),
            _ if first.is_whitespace() => {}
            _ => tokens.push(Token::Mark(first)),
        }
        rest = behind;
    }
    tokens
}

/// The metrics, with their places: words that begin with a letter, and are no function, keyword, label or duration.
fn selected<'a>(tokens: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let mut depth = 0_i32;
    let mut found = Vec::new();
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        match token {
            Token::Mark('{' | '[') => depth += 1,
            Token::Mark('}' | ']') => depth -= 1,
            Token::Word(word) if depth == 0 && GROUPINGS.contains(word) => {
                position += group(&tokens[position..]).len() - 1;
            }
            Token::Word(word) if depth == 0 && is_metric(word, tokens.get(position + 1)) => {
                found.push((position, *word));
            }
            _ => {}
        }
        position += 1;
    }
    found
}

fn is_metric(word: &str, next: Option<&Token<'_>>) -> bool {
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_aggregation = matches!(next, Some(Token::Word(word)) if GROUPINGS.contains(word));
    is_name && !KEYWORDS.contains(&word) && next != Some(&Token::Mark('(')) && !is_aggregation
}

/// From `by` to the bracket that closes its list.
fn group<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    if tokens.get(1) != Some(&Token::Mark('(')) {
        return &tokens[..1];
    }
    let end = tokens.iter().position(|token| *token == Token::Mark(')')).unwrap_or(tokens.len() - 1);
    &tokens[..=end]
}

fn words<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    tokens.iter().filter_map(|token| if let Token::Word(word) = token { Some(*word) } else { None }).collect()
}

/// The labels between the braces that follow a metric.
fn matched<'a>(behind: &[Token<'a>]) -> Vec<&'a str> {
    if behind.first() != Some(&Token::Mark('{')) {
        return Vec::new();
    }
    let end = behind.iter().position(|token| *token == Token::Mark('}')).unwrap_or(behind.len());
    words(&behind[..end])
}

/// The labels of every `by` and `without`.
fn grouped<'a>(tokens: &[Token<'a>]) -> BTreeSet<&'a str> {
    let begins = |token: &Token<'_>| matches!(token, Token::Word(word) if GROUPINGS.contains(word));
    let groups = (0..tokens.len()).filter(|at| begins(&tokens[*at])).map(|at| group(&tokens[at..]));
    groups.flat_map(|group| words(group).into_iter().skip(1).collect::<Vec<_>>()).collect()
}

/// The labels that `label_replace` makes: the second text that follows a comma without braces is one.
fn replaced<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let argument = |pair: &[Token<'a>]| match pair {
        [Token::Mark(','), Token::Text(text)] => Some(*text),
        _ => None,
    };
    tokens.windows(2).filter_map(argument).collect()
}

#[test]
fn words_of_an_expression_are_told_apart() {
    let text = r#"topk(10, sum by (service, le) (rate(a_total{x=~"b_total"}[$__range]))) / on (service) c > 0 or d * ignoring (le) group_left e"#;
    let tokens = tokens(text);

    let metrics: Vec<_> = selected(&tokens).into_iter().map(|(_, metric)| metric).collect();

    assert_eq!(metrics, ["a_total", "c", "d", "e"]);
    assert_eq!(grouped(&tokens).into_iter().collect::<Vec<_>>(), ["le", "service"]);
}

#[test]
fn metrics_and_labels_that_nobody_exports_are_found() {
    let unknown = |text: &str| Expression::new(text).unknown();

    assert_eq!(unknown("rate(endpoint_stats_hits_totals[5m])"), ["endpoint_stats_hits_totals: nothing exports it"]);
    assert_eq!(
        unknown(r#"endpoint_stats_hits_total{status="500"}"#),
        ["endpoint_stats_hits_total: has no label status"]
    );
    assert_eq!(
        unknown("sum by (le) (endpoint_stats_hits_total)"),
        ["no label le in sum by (le) (endpoint_stats_hits_total)"]
    );
    assert_eq!(
        unknown("service:endpoint_stats_hits:rate7m"),
        ["service:endpoint_stats_hits:rate7m: nothing exports it"]
    );
    assert_eq!(unknown("endpoint_stats_latency_seconds"), ["endpoint_stats_latency_seconds: nothing exports it"]);
    assert!(unknown("sum by (le, pod) (rate(endpoint_stats_latency_seconds_bucket[5m]))").is_empty());
}
