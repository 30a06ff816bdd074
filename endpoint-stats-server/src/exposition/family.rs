//! [`Family`]: a metric and its series, read from the text that the facade's exporter renders.
//!
//! The exporter writes protobuf, too, but needs a compiler of protobuf on every machine that builds it.

/// A metric and its series.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) samples: Vec<Sample>,
}

/// A line with a value.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    /// The name of the family, or one with `_bucket`, `_sum` or `_count` behind it.
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// Reads exposition format 0.0.4; lines that are none of it are left out.
pub(super) fn parse(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            note(&mut families, comment);
        } else if let (Some(sample), Some(family)) = (Sample::parse(line), families.last_mut()) {
            family.samples.push(sample);
        }
    }
    families
}

/// Takes in what a comment says of a family, which begins with its first comment.
fn note(families: &mut Vec<Family>, comment: &str) {
    let mut words = comment.splitn(3, ' ');
    let (Some(what), Some(name)) = (words.next(), words.next()) else { return };
    let said = words.next().unwrap_or_default().to_owned();
    if families.last().is_none_or(|family| family.name != name) {
        families.push(Family { name: name.to_owned(), ..Family::default() });
    }
    let Some(family) = families.last_mut() else { return };
    match what {
        "HELP" => family.help = said,
        "TYPE" => family.kind = said,
        _ => {}
    }
}

// === impl Sample ===

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}')?)?),
            None => (series, Vec::new()),
        };
        Some(Self { name: name.to_owned(), labels, value: value.parse().ok()? })
    }

    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

fn parse_labels(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = unquote(after)?;
        labels.push((name.trim_start_matches(',').to_owned(), value));
        rest = after;
    }
    Some(labels)
}

/// A value up to its closing quote, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_exporter_renders_is_read_back() {
        let recorder =
            metrics_exporter_prometheus::PrometheusBuilder::new().set_buckets(&[0.1, 1.0]).unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::describe_counter!("hits_total", "Hits of all kinds");
            metrics::counter!("hits_total", "a" => "x,y=\"z\"} \\ \n", "b" => "").increment(7);
            metrics::gauge!("up").set(0.5);
            metrics::histogram!("took_seconds").record(0.5);
        });

        let families = parse(&recorder.handle().render());

        let family = |name: &str| families.iter().find(|family| family.name == name).unwrap();
        let hits = family("hits_total");
        assert_eq!((hits.kind.as_str(), hits.help.as_str()), ("counter", "Hits of all kinds"));
        assert_eq!(hits.samples[0].label("a"), Some("x,y=\"z\"} \\ \n"));
        assert_eq!((hits.samples[0].label("b"), hits.samples[0].value), (Some(""), 7.0));
        assert_eq!((family("up").kind.as_str(), family("up").samples[0].value), ("gauge", 0.5));
        let buckets: Vec<_> = family("took_seconds").samples.iter().filter_map(|sample| sample.label("le")).collect();
        assert_eq!(buckets, ["0.1", "1", "+Inf"]);
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        assert_eq!(parse("a 1\n# x\n# TYPE b gauge\nb{c=\"d 1\nb{c} 1\nb one\n")[0].samples, []);
    }
}
