//! The series that an expression asks for.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::CharIndices;

/// Words that are followed by labels in parentheses.
const BEFORE_LABELS: [&str; 6] = ["by", "group_left", "group_right", "ignoring", "on", "without"];

/// Words that are neither names of metrics nor, always, followed by a parenthesis.
const WORDS: [&str; 25] = [
    "and",
    "atan2",
    "avg",
    "bool",
    "bottomk",
    "count",
    "count_values",
    "end",
    "group",
    "inf",
    "max",
    "min",
    "nan",
    "offset",
    "or",
    "quantile",
    "start",
    "stddev",
    "stdvar",
    "sum",
    "topk",
    "unless",
    "Inf",
    "NaN",
    "e",
];

/// A metric and what its labels must be, as they are written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Selector {
    /// Empty where none is named.
    pub(super) metric: String,
    pub(super) text: String,
}

/// Each selector of an expression once.
pub(super) fn selectors(expression: &str) -> BTreeSet<Selector> {
    let mut reader = Reader { expression, chars: expression.char_indices().peekable() };
    let mut found = BTreeSet::new();
    while let Some((at, c)) = reader.chars.next() {
        match c {
            '"' | '\'' | '`' => reader.pass(c),
            '#' => reader.pass('\n'),
            '[' => reader.pass(']'),
            '{' => _ = found.insert(reader.selector(at, "")),
            '0'..='9' => _ = reader.word(at),
            _ if is_of_name(c) => found.extend(reader.name(at)),
            _ => {}
        }
    }
    found
}

/// Where a look through an expression is.
struct Reader<'a> {
    expression: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Reader<'a> {
    /// A selector that begins with a name, if it is that of a metric.
    fn name(&mut self, at: usize) -> Option<Selector> {
        let name = self.word(at);
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        match self.chars.peek() {
            Some((_, '(')) if BEFORE_LABELS.contains(&name) => self.pass(')'),
            Some((_, '(')) => {}
            _ if WORDS.contains(&name) || BEFORE_LABELS.contains(&name) => {}
            Some((_, '{')) => {
                self.chars.next();
                return Some(self.selector(at, name));
            }
            _ => return Some(Selector { metric: name.to_owned(), text: name.to_owned() }),
        }
        None
    }

    /// A selector from `at` on, whose brace has been opened.
    fn selector(&mut self, at: usize, metric: &str) -> Selector {
        while let Some((_, c)) = self.chars.next().filter(|(_, c)| *c != '}') {
            if ['"', '\'', '`'].contains(&c) {
                self.pass(c);
            }
        }
        Selector { metric: metric.to_owned(), text: self.expression[at..self.position()].to_owned() }
    }

    /// The letters and digits from `at` on.
    fn word(&mut self, at: usize) -> &'a str {
        while self.chars.next_if(|(_, c)| is_of_name(*c) || c.is_ascii_digit()).is_some() {}
        &self.expression[at..self.position()]
    }

    /// Passes over everything to a character, and what is escaped by a backslash.
    fn pass(&mut self, end: char) {
        while let Some((_, c)) = self.chars.next().filter(|(_, c)| *c != end) {
            if c == '\\' && end != '`' {
                self.chars.next();
            }
        }
    }

    fn position(&mut self) -> usize {
        self.chars.peek().map_or(self.expression.len(), |(at, _)| *at)
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

#[test]
fn metrics_are_told_from_functions_words_labels_and_numbers() {
    let expression = r#"
        # a comment that names nothing
        sum by (le, route) (rate(a_total{b="}", c=~"x|y"}[5m] offset 1h))
          / on (route) group_left (pod) clamp_max(job:d:rate5m, 1e3) > bool 0.5
        unless max without (x) (e_f) and {job="g"} or vector(1) == 5m
    "#;

    let found: Vec<_> = selectors(expression).into_iter().map(|selector| selector.text).collect();

    assert_eq!(found, [r#"{job="g"}"#, r#"a_total{b="}", c=~"x|y"}"#, "e_f", "job:d:rate5m"]);
}
