//! Route templates inferred from paths.

use std::borrow::Cow;

const MIN_HEX_DIGITS: usize = 16;

/// Puts `{id}` in place of each segment that names one thing of many.
pub(super) fn template_of(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(is_id) {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment });
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}

fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    bytes.iter().any(u8::is_ascii_digit) && (bytes.iter().all(u8::is_ascii_digit) || is_long_hex(bytes))
        || is_uuid(bytes)
}

fn is_long_hex(segment: &[u8]) -> bool {
    segment.len() >= MIN_HEX_DIGITS && segment.iter().all(u8::is_ascii_hexdigit)
}

fn is_uuid(segment: &[u8]) -> bool {
    segment.len() == 36
        && segment.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_uuids_and_long_hex_are_ids() {
        for (path, template) in [
            ("/users/7", "/users/{id}"),
            ("/users/7/posts/2015", "/users/{id}/posts/{id}"),
            ("/o/67e55044-10b1-426f-9247-bb680e5fe0c8", "/o/{id}"),
            ("/o/ABCDEFAB-ABCD-ABCD-ABCD-ABCDEFABCDEF", "/o/{id}"),
            ("/commit/da39a3ee5e6b4b0d", "/commit/{id}"),
            ("/7/", "/{id}/"),
        ] {
            assert_eq!(template_of(path), template);
        }
    }

    #[test]
    fn everything_else_stays() {
        for path in [
            "/",
            "",
            "*",
            "/a//b",
            "/v2/users",
            "/2015-05-17",
            "/da39a3ee5e6b4b0",
            "/deadbeefdeadbeef",
            "/caf%C3%A9",
            "/67e55044x10b1-426f-9247-bb680e5fe0c8",
        ] {
            assert_eq!(template_of(path), path);
        }
    }
}
