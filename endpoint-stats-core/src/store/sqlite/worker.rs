//! [`Worker`]: a thread that owns a session.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;
use tracing::Span;

use super::error::Failure;
use super::session::Session;
use crate::store::{StoreError, StoreErrorKind};

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// Runs calls in one session, one after the other, to their end, even when nobody waits for them any more.
///
/// Dropping the worker waits for its last call, and closes the session.
#[derive(Debug)]
pub(super) struct Worker {
    path: PathBuf,
    // `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread with a session that `open` makes there.
    pub(super) async fn start(
        name: &str,
        path: PathBuf,
        open: fn(&std::path::Path) -> Result<Session, Failure>,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, is_open) = oneshot::channel();
        let file = path.clone();
        let run = move || match open(&file) {
            Ok(session) => {
                let _ = opened.send(Ok(()));
                run_all(queue, session, || open(&file));
            }
            Err(failure) => drop(opened.send(Err(failure))),
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "start a thread for the database").with_source(error)
        })?;
        match is_open.await {
            Ok(Ok(())) => Ok(Self { path, jobs: Some(jobs), thread: Some(thread) }),
            Ok(Err(failure)) => Err(failure.while_trying("open the database", &path)),
            Err(_) => Err(gone("open the database")),
        }
    }

    /// Runs a call in the session; `what` fits after "failed to …".
    pub(super) async fn call<T: Send + 'static>(
        &self,
        what: &str,
        call: impl FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let span = Span::current();
        let job: Job = Box::new(move |session| {
            let result = span.in_scope(|| call(session));
            // Whoever waits for the result is then the last to hold the span.
            drop(span);
            drop(reply.send(result));
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(|| gone(what))?;
        let result = answer.await.map_err(|_| gone(what))?;
        result.map_err(|failure| failure.while_trying(what, &self.path))
    }
}

/// A call that panics may leave a transaction open: the calls after it get a new session.
fn run_all(queue: mpsc::Receiver<Job>, mut session: Session, open: impl Fn() -> Result<Session, Failure>) {
    for job in queue {
        if catch_unwind(AssertUnwindSafe(|| job(&mut session))).is_err() {
            // Closed first: it may hold the write lock.
            drop(session);
            match open() {
                Ok(opened) => session = opened,
                Err(_) => return,
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was already reported to whoever waited for the call.
            let _ = thread.join();
        }
    }
}

fn gone(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("{what}: the database's thread is gone"))
}

#[cfg(test)]
mod tests {
    use super::super::connection;
    use super::*;

    #[tokio::test]
    async fn a_call_that_panics_leaves_the_next_one_a_new_session() {
        let folder = tempfile::tempdir().unwrap();
        let worker = Worker::start("test", folder.path().join("stats.db"), connection::open).await.unwrap();

        let panicked =
            worker.call("panic", |session| session.write(|_| -> Result<(), _> { panic!("on purpose") })).await;
        let after = worker.call("go on", |session| session.write(|_| Ok(7))).await;

        assert_eq!(panicked.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(after.unwrap(), 7);
    }
}
