//! A slow reader of combined lines, written from the format's description: the fast one has to agree with it.

use endpoint_stats_core::Method;

use crate::import::Line;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fields {
    caller: Vec<u8>,
    at: i64,
    method: Method,
    path: Option<Vec<u8>>,
    status: u16,
    bytes: u64,
}

impl From<&Line<'_>> for Fields {
    fn from(line: &Line<'_>) -> Self {
        Self {
            caller: line.caller.to_vec(),
            at: line.at.as_unix(),
            method: line.request.method,
            path: line.request.path.map(<[u8]>::to_vec),
            status: line.status,
            bytes: line.response_bytes,
        }
    }
}

/// Reads a line byte by byte.
pub(super) fn read(line: &[u8]) -> Option<Fields> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let caller = line.split(|byte| *byte == b' ').next()?;
    let (at, rest) = (caller.len()..line.len()).find_map(|start| {
        let bracketed = line.get(start..start + 28)?;
        let text = std::str::from_utf8(bracketed).ok()?.strip_prefix('[')?.strip_suffix(']')?;
        Some((read_time(text)?, &line[start + 28..]))
    })?;
    let (request, rest) = quoted(rest.strip_prefix(b" \"")?)?;
    let mut fields = rest.strip_prefix(b" ")?.split(|byte| *byte == b' ');
    let status = number(fields.next()?).filter(|_| rest.get(4) == Some(&b' ') || rest.len() == 4)?;
    let bytes = match fields.next()? {
        b"-" => 0,
        digits => number(digits)?,
    };
    let (method, path) = read_request(&request);
    let status = u16::try_from(status).ok().filter(|status| (100..=999).contains(status))?;
    Some(Fields { caller: caller.to_vec(), at, method, path, status, bytes })
}

/// Writes a second since 1970 in a zone; `None` when it is not within the years 1970 to 9999 there.
pub(super) fn written_time(at: i64, zone_minutes: i64) -> Option<String> {
    let local = at + zone_minutes * 60;
    let (mut year, mut days) = (1970, local.div_euclid(86_400));
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    let mut month = 0;
    while days >= month_days(year, month) {
        days -= month_days(year, month);
        month += 1;
    }
    let (secs, sign) = (local.rem_euclid(86_400), if zone_minutes < 0 { '-' } else { '+' });
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    let zone = zone_minutes.abs() / 60 * 100 + zone_minutes.abs() % 60;
    let is_writable = local >= 0 && year <= 9999;
    let month = MONTHS[month];
    is_writable.then(|| format!("{:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} {sign}{zone:04}", days + 1))
}

fn read_time(text: &str) -> Option<i64> {
    let (date, zone) = text.split_once(' ')?;
    let [day, month, rest] = date.split('/').collect::<Vec<_>>().try_into().ok()?;
    let [year, hour, minute, second] = rest.split(':').collect::<Vec<_>>().try_into().ok()?;
    let two = |digits: &str| number(digits.as_bytes()).filter(|_| digits.len() == 2).map(u64::cast_signed);
    let (day, hour, minute, second) = (two(day)?, two(hour)?, two(minute)?, two(second)?);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = number(year.as_bytes()).filter(|found| year.len() == 4 && *found >= 1970)?.cast_signed();
    if !(1..=month_days(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = (1970..year).map(year_days).sum::<i64>() + (0..month).map(|month| month_days(year, month)).sum::<i64>();
    Some((days + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second.min(59) - read_zone(zone)?)
}

fn read_zone(zone: &str) -> Option<i64> {
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits = number(&zone.as_bytes()[1..]).filter(|_| zone.len() == 5)?.cast_signed();
    (digits / 100 < 24 && digits % 100 < 60).then_some(sign * (digits / 100 * 3_600 + digits % 100 * 60))
}

fn year_days(year: i64) -> i64 {
    (0..12).map(|month| month_days(year, month)).sum()
}

fn month_days(year: i64, month: usize) -> i64 {
    let is_leap = if year % 100 == 0 { year % 400 == 0 } else { year % 4 == 0 };
    [31, 28 + i64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
}

fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some((text[..at].to_vec(), &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn read_request(request: &[u8]) -> (Method, Option<Vec<u8>>) {
    let words: Vec<&[u8]> = request.split(|byte| *byte == b' ').collect();
    let is_method_byte = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if words.len() < 2 || words[0].is_empty() || !words[0].iter().all(is_method_byte) {
        return (Method::Other, None);
    }
    let has_protocol = words.len() > 2 && words[words.len() - 1].starts_with(b"HTTP/");
    let target = words[1..words.len() - usize::from(has_protocol)].join(&b' ');
    (Method::from_bytes(words[0]), read_path(&target))
}

fn read_path(target: &[u8]) -> Option<Vec<u8>> {
    if target == b"*" {
        return Some(target.to_vec());
    }
    let mut path = target.to_vec();
    if !target.starts_with(b"/") {
        let scheme = target.windows(3).position(|bytes| bytes == b"://").filter(|scheme| *scheme > 0)?;
        if !target[..scheme].iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        path.drain(..scheme + 3);
        let authority = path.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(path.len());
        path.drain(..authority);
        if !path.starts_with(b"/") {
            path.insert(0, b'/');
        }
    }
    Some(path.into_iter().take_while(|byte| !b"?#".contains(byte)).collect())
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if is_number { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}
