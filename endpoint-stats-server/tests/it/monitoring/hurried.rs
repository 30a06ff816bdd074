//! Rules and routes as they are, only that their time runs faster.
//!
//! Each duration of a file, be it an interval, a `for` or a range in an expression, is divided by [`TIMES`]; none becomes
//! shorter than [`SHORTEST_MS`], which holds four scrapes. Thresholds stay what they are: rates are by the second and
//! shares have no unit. Only increases that are summed up from rates, of which each stands for a minute, come out larger.
//! The server's own clocks are not hurried: it asks its store every few seconds, and waits longer after each failed flush.

/// How much faster time runs.
const TIMES: u64 = 60;

const SHORTEST_MS: u64 = 2_000;

/// The duration, hurried.
///
/// # Panics
///
/// If it is none, as in `1h30m`.
pub(super) fn duration(text: &str) -> String {
    let millis = millis(text).unwrap_or_else(|| panic!("{text:?} is no duration"));
    let hurried = if millis == 0 { 0 } else { (millis / TIMES).max(SHORTEST_MS) };
    format!("{hurried}ms")
}

/// The expression, its ranges and offsets hurried.
pub(super) fn expression(text: &str) -> String {
    let mut hurried = String::new();
    let mut rest = text;
    while let Some((before, range, after)) = next_range(rest) {
        hurried += before;
        hurried += &range.split(':').map(if_given).collect::<Vec<_>>().join(":");
        rest = after;
    }
    hurried + rest
}

fn if_given(part: &str) -> String {
    if part.is_empty() { String::new() } else { duration(part.trim()) }
}

/// What stands before, in and after the next brackets, strings passed over.
fn next_range(text: &str) -> Option<(&str, &str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'' | '`') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '[') => {
                let (range, after) = text[at + 1..].split_once(']')?;
                return Some((&text[..=at], range, &text[text.len() - after.len() - 1..]));
            }
            _ => {}
        }
    }
    None
}

fn millis(text: &str) -> Option<u64> {
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        total += number.parse::<u64>().ok()? * millis_of(&unit[..end])?;
        rest = &unit[end..];
    }
    Some(total)
}

fn millis_of(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    })
}

#[test]
fn durations_run_sixty_times_faster_but_not_too_fast() {
    assert_eq!(duration("5m"), "5000ms");
    assert_eq!(duration("1h30m"), "90000ms");
    assert_eq!(duration("15s"), "2000ms");
    assert_eq!(duration("0s"), "0ms");
}

#[test]
fn ranges_are_hurried_and_names_in_strings_are_not() {
    let hurried = expression(r#"max_over_time(rate(a{b="[1h]"}[5m])[1h:1m]) > 0.5 or c"#);

    assert_eq!(hurried, r#"max_over_time(rate(a{b="[1h]"}[5000ms])[60000ms:2000ms]) > 0.5 or c"#);
}
