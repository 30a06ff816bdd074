//! [`follow`]: the tokens of a file, as they are now.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::{KnownTokens, TokenFile, TokenFileError};
use crate::exposition::catalog::TOKENS_FILE_VALID;

const EVERY: Duration = Duration::from_secs(1);

/// A file, and what it was when it was last read.
#[derive(Debug)]
struct Followed {
    file: TokenFile,
    // `None` while there is no file.
    seen: Option<Fingerprint>,
}

/// What changes when a file is written, replaced, or stands behind a symbolic link that is moved.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

/// Reads a file now, and again within a second whenever it changed, until nobody wants to know.
///
/// A changed file that is not as it should be leaves the tokens as they were; that is logged once, and the gauge
/// `endpoint_stats_tokens_file_valid` is 0 until the file is mended.
///
/// # Errors
///
/// When it is not as it should be now.
pub fn follow(file: TokenFile) -> Result<watch::Receiver<KnownTokens>, TokenFileError> {
    let followed = Followed { seen: Fingerprint::of(file.path()), file };
    let tokens = followed.load()?;
    tracing::info!(tokens = tokens.len(), "read the tokens file");
    let (sender, receiver) = watch::channel(tokens);
    TOKENS_FILE_VALID.gauge([]).set(1);
    tokio::spawn(keep_up(followed, sender));
    Ok(receiver)
}

async fn keep_up(mut followed: Followed, sender: watch::Sender<KnownTokens>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sender.closed() => return,
        }
        let looked = spawn_blocking(move || {
            let changed = followed.look();
            (followed, changed)
        });
        // The runtime ends while a task is cut off, and this one with it.
        let Ok((still_followed, changed)) = looked.await else { return };
        followed = still_followed;
        if let Some(tokens) = changed {
            take(&sender, tokens);
        }
    }
}

fn take(sender: &watch::Sender<KnownTokens>, tokens: Result<KnownTokens, TokenFileError>) {
    TOKENS_FILE_VALID.gauge([]).set(u8::from(tokens.is_ok()));
    match tokens {
        Ok(tokens) => {
            tracing::info!(tokens = tokens.len(), "read the changed tokens file");
            sender.send_replace(tokens);
        }
        Err(error) => tracing::error!("the tokens stay as they were: {:#}", anyhow::Error::new(error)),
    }
}

impl Followed {
    fn load(&self) -> Result<KnownTokens, TokenFileError> {
        self.file.load().map(|list| KnownTokens::from(&list))
    }

    /// Reads the file if it changed; the fingerprint is older than what is read, so that no change is missed.
    fn look(&mut self) -> Option<Result<KnownTokens, TokenFileError>> {
        let now = Fingerprint::of(self.file.path());
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(self.load())
    }
}

impl Fingerprint {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok(), len: metadata.len(), inode: inode(&metadata) })
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
