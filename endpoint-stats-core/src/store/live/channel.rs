//! The channel on which processes tell each other of their last second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;

use super::State;
use crate::store::redis::{Channel, ChannelError, RedisOptions};

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one message may take.
const SPEAK_WITHIN: Duration = Duration::from_secs(1);

/// Longer than this nobody is silent: each process speaks once a second, this one too.
const SILENT_FOR: Duration = Duration::from_secs(5);

/// Says each second as it ends. A second that cannot be said is left out.
pub(super) async fn speak(options: RedisOptions, mut seconds: watch::Receiver<Arc<Vec<u8>>>) {
    let mut channel = None;
    while seconds.changed().await.is_ok() {
        let message = Arc::clone(&seconds.borrow_and_update());
        let said = tokio::time::timeout(SPEAK_WITHIN, async {
            let mut speaker = match channel.take() {
                Some(speaker) => speaker,
                None => Channel::speaker(&options).await?,
            };
            speaker.say(&message).await?;
            Ok::<_, ChannelError>(speaker)
        });
        match said.await {
            Ok(Ok(speaker)) => channel = Some(speaker),
            Ok(Err(error)) => tracing::debug!(%error, "nobody hears of this second"),
            Err(_) => tracing::debug!("Redis took too long to hear of this second"),
        }
    }
}

/// Hears what is said, for as long as somebody looks.
#[expect(clippy::disallowed_methods, reason = "a connection that failed is tried again after a pause")]
pub(super) async fn listen(options: RedisOptions, state: Weak<State>) {
    loop {
        match Channel::listener(&options).await {
            Ok(mut messages) => {
                while let Ok(Some(message)) = tokio::time::timeout(SILENT_FOR, messages.next()).await {
                    let Some(state) = state.upgrade() else { return };
                    state.hear(&message);
                }
            }
            Err(error) => tracing::debug!(%error, "hits of other processes are not heard"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
