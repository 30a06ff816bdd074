//! What a server says.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A server that says nothing new for so long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The log of one server, over all its starts.
#[derive(Debug, Default)]
pub(crate) struct Log {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    text: String,
    // No process of the server is left that could say more.
    ended: bool,
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    Text,
    End,
    Nothing,
}

impl Log {
    /// Takes everything down that comes out of `pipe`, on a thread that ends with the last process that holds it.
    pub(crate) fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) {
        let log = Arc::clone(self);
        log.said().ended = false;
        thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                log.change(|said| said.text.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
            log.change(|said| said.ended = true);
        });
    }

    pub(crate) fn text(&self) -> String {
        self.said().text.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.said().text.len()
    }

    /// Waits until `text` is said after the first `before` bytes.
    pub(crate) fn wait_for(&self, before: usize, text: &str) -> Seen {
        let is_said = |said: &Said| said.text[before..].contains(text);
        let said = self.wait(|said| said.ended || is_said(said));
        match (is_said(&said), said.ended) {
            (true, _) => Seen::Text,
            (false, true) => Seen::End,
            (false, false) => Seen::Nothing,
        }
    }

    /// Waits for a line, after the first `before` bytes, that is `label` and a number.
    pub(crate) fn number_after(&self, before: usize, label: &str) -> Option<u32> {
        let number = |said: &Said| said.text[before..].lines().find_map(|line| line.strip_prefix(label)?.parse().ok());
        number(&self.wait(|said| said.ended || number(said).is_some()))
    }

    /// Whether no process of the server is left.
    pub(crate) fn has_ended(&self) -> bool {
        self.said().ended
    }

    /// Waits until no process of the server is left; false if one stays.
    pub(crate) fn wait_for_end(&self) -> bool {
        self.wait(|said| said.ended).ended
    }

    fn wait(&self, enough: impl Fn(&Said) -> bool) -> MutexGuard<'_, Said> {
        let waited = self.more.wait_timeout_while(self.said(), PATIENCE, |said| !enough(said));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said());
        self.more.notify_all();
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
