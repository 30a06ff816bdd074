//! Whether Redis would throw counts away when its memory is full.

use redis::{ErrorKind, ServerErrorKind, Value};

use super::connections::Connection;
use super::error::Failure;
use crate::store::StoreErrorKind;

const SETTING: &str = "maxmemory_policy:";

/// Refuses a Redis that evicts keys.
pub(super) async fn check(connection: &mut Connection) -> Result<(), Failure> {
    let info: Result<Value, _> = redis::cmd("INFO").arg("memory").query_async(connection).await;
    let info = match info {
        Ok(info) => info,
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            tracing::warn!("no right to INFO: set maxmemory-policy to noeviction, or counts may be evicted");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut policies = Vec::new();
    collect(&info, &mut policies);
    match policies.into_iter().find(|policy| policy != "noeviction") {
        Some(policy) => Err(Failure::Refused(
            StoreErrorKind::Rejected,
            format!("maxmemory-policy is {policy}, by which Redis would evict counts; set it to noeviction"),
        )),
        None => Ok(()),
    }
}

/// A cluster answers with a map: a text for each node.
fn collect(info: &Value, policies: &mut Vec<String>) {
    let text = match info {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        Value::Array(values) => return values.iter().for_each(|value| collect(value, policies)),
        Value::Map(pairs) => return pairs.iter().for_each(|(_, value)| collect(value, policies)),
        _ => return,
    };
    policies.extend(text.lines().filter_map(|line| line.strip_prefix(SETTING)).map(|policy| policy.trim().to_owned()));
}
