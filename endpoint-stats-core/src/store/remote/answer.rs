//! [`Answer`]: what a server said, and what it means for a call.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::client::Cause;
use crate::store::{Applied, Message, StoreErrorKind};

/// What a server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// An answer that is no good.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: StoreErrorKind,
    pub(super) cause: Cause,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// What became of a batch.
    ///
    /// Only words of a server of endpoint-stats count: whoever else answers on its address has not stored anything.
    pub(super) fn applied(&self, seq: u64) -> Result<Applied, Refusal> {
        let said = self.json();
        if self.is_success() {
            return match said["result"].as_str().filter(|_| said["seq"].as_u64() == Some(seq)) {
                Some("applied") => Ok(Applied::Applied),
                Some("duplicate") => Ok(Applied::Duplicate),
                _ => Err(self.foreign()),
            };
        }
        let error = &said["error"];
        match (self.status, error["code"].as_str(), error["last_seq"].as_u64()) {
            (StatusCode::CONFLICT, Some("gap"), Some(last_seq)) => Ok(Applied::Gap { last_seq }),
            _ => Err(self.refusal()),
        }
    }

    /// Nothing but that it went well.
    pub(super) fn accepted(&self) -> Result<(), Refusal> {
        match self.status {
            StatusCode::NO_CONTENT => Ok(()),
            status if status.is_success() => Err(self.foreign()),
            _ => Err(self.refusal()),
        }
    }

    /// What was asked for.
    pub(super) fn message<M: Message>(&self) -> Result<M, Refusal> {
        if !self.is_success() {
            return Err(self.refusal());
        }
        M::decode(&self.body).map_err(|_| self.foreign())
    }

    /// What cannot be mended by anybody else than the sender is rejected; all else is to be sent again.
    fn refusal(&self) -> Refusal {
        let said = self.json();
        let kind = match (self.status, said["error"]["code"].as_str()) {
            (StatusCode::CONFLICT, Some("seq_conflict")) => StoreErrorKind::Conflict,
            (StatusCode::UNPROCESSABLE_ENTITY, Some("bad_batch")) | (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                StoreErrorKind::Rejected
            }
            _ => StoreErrorKind::Unavailable,
        };
        Refusal { kind, cause: format!("the server answered {}{}", self.status, in_words(&said["error"])).into() }
    }

    fn foreign(&self) -> Refusal {
        let cause = format!(
            "the server answered {} with something else than endpoint-stats does; is the address right?",
            self.status
        );
        Refusal { kind: StoreErrorKind::Unavailable, cause: cause.into() }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The code, the message and the hint of an error, as far as they are there.
fn in_words(error: &Value) -> String {
    let part = |name: &str, before: &str| error[name].as_str().map(|text| format!("{before}{text}"));
    let parts = [part("code", ": "), part("message", ": "), part("hint", "; ")];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WriterState;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn kind(status: u16, body: &str) -> StoreErrorKind {
        answer(status, body).applied(5).unwrap_err().kind
    }

    #[test]
    fn only_the_fate_of_this_very_batch_is_an_acknowledgement() {
        assert_eq!(answer(200, r#"{"result":"applied","seq":5,"hits":1}"#).applied(5).unwrap(), Applied::Applied);
        assert_eq!(answer(200, r#"{"result":"duplicate","seq":5}"#).applied(5).unwrap(), Applied::Duplicate);
        for body in [r#"{"result":"applied","seq":4}"#, r#"{"result":"ok","seq":5}"#, "{}", "[]", "", "<html>welcome"] {
            assert_eq!(kind(200, body), StoreErrorKind::Unavailable, "{body}");
        }
    }

    #[test]
    fn a_gap_says_what_the_server_has() {
        let gap = answer(409, r#"{"error":{"code":"gap","last_seq":3}}"#).applied(5).unwrap();

        assert_eq!(gap, Applied::Gap { last_seq: 3 });
        assert_eq!(kind(409, r#"{"error":{"code":"gap"}}"#), StoreErrorKind::Unavailable);
    }

    #[test]
    fn what_an_operator_can_mend_gives_up_no_hit() {
        for status in [301, 400, 401, 403, 404, 408, 415, 429, 500, 502, 503, 504] {
            assert_eq!(kind(status, r#"{"error":{"code":"bad_batch"}}"#), StoreErrorKind::Unavailable, "{status}");
        }
    }

    #[test]
    fn only_the_server_itself_rejects_a_batch_for_its_content() {
        assert_eq!(kind(422, r#"{"error":{"code":"bad_batch"}}"#), StoreErrorKind::Rejected);
        assert_eq!(kind(422, "somebody else's 422"), StoreErrorKind::Unavailable);
        assert_eq!(kind(413, "<html>too large"), StoreErrorKind::Rejected);
        assert_eq!(kind(409, r#"{"error":{"code":"seq_conflict"}}"#), StoreErrorKind::Conflict);
        assert_eq!(kind(409, "somebody else's 409"), StoreErrorKind::Unavailable);
    }

    #[test]
    fn an_error_tells_code_message_and_hint() {
        let body = r#"{"error":{"code":"forbidden","message":"the token does not allow this","hint":"use another"}}"#;

        let refusal = answer(403, body).refusal();

        let expected =
            "the server answered 403 Forbidden: forbidden: the token does not allow this; use another".to_owned();
        assert_eq!(refusal.cause.to_string(), expected);
        assert_eq!(answer(502, "<html>").refusal().cause.to_string(), "the server answered 502 Bad Gateway");
    }

    #[test]
    fn garbage_is_no_message() {
        for body in ["", "\u{1}", "<html>"] {
            let refusal = answer(200, body).message::<Option<WriterState>>().unwrap_err();
            assert_eq!(refusal.kind, StoreErrorKind::Unavailable, "{body}");
        }
    }
}
