//! [`Pool`]: connections that are thrown away when what they were used for did not come to its end.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::telemetry::catalog::{POOL_CONNECTIONS, POOL_LIMIT, POOL_TIMEOUTS, POOL_WAITS};

/// How often the use of a pool is told.
const EVERY: Duration = Duration::from_secs(2);

/// Connections, and why the last one could not be made.
pub(super) struct Pool<M: Manage> {
    connections: bb8::Pool<Managed<M>>,
    refusals: watch::Receiver<String>,
    // Ends with the pool.
    _publishing: JoinSet<()>,
}

/// How connections are made.
pub(super) trait Manage: Send + Sync + 'static {
    type Connection: Send + 'static;
    type Error: fmt::Debug + Send + 'static;

    /// Makes a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Asks the server whether the connection still works.
    fn check(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The reason, if this error says that no connection could be made.
    fn refusal(error: &Self::Error) -> Option<String>;
}

/// Why there is no connection.
pub(super) enum NoConnection<E> {
    Refused(String),
    Failed(E),
    TimedOut,
}

/// How many connections there may be, how long a call waits for one, and what the pool is called in metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) name: &'static str,
    pub(super) connections: u32,
    pub(super) wait: Duration,
}

/// A connection that is thrown away when what it was used for did not come to its end.
pub(super) struct Connection<C> {
    connection: C,
    is_spent: bool,
}

/// A connection on loan.
pub(super) type Loan<M> = bb8::PooledConnection<'static, Managed<M>>;

/// What bb8 asks for.
pub(super) struct Managed<M>(M);

/// Takes the reason that bb8 would keep to itself while callers wait in vain.
struct Refusals<M>(watch::Sender<String>, PhantomData<fn() -> M>);

impl<M: Manage> Pool<M> {
    pub(super) async fn new(manager: M, limits: Limits) -> Result<Self, M::Error> {
        let (sender, refusals) = watch::channel(String::new());
        let connections = bb8::Pool::builder()
            .max_size(limits.connections)
            .connection_timeout(limits.wait)
            .retry_connection(false)
            .error_sink(Box::new(Refusals::<M>(sender, PhantomData)))
            .build(Managed(manager))
            .await?;
        let mut publishing = JoinSet::new();
        publishing.spawn(publish(connections.clone(), limits));
        Ok(Self { connections, refusals, _publishing: publishing })
    }

    /// A connection, or the reason why there is none.
    pub(super) async fn get(&self) -> Result<Loan<M>, NoConnection<M::Error>> {
        let mut refusals = self.refusals.clone();
        refusals.mark_unchanged();
        let mut connection = pin!(self.connections.get_owned());
        let mut refusal = None;
        loop {
            tokio::select! {
                biased;
                connection = &mut connection => return connection.map_err(|error| match error {
                    bb8::RunError::User(error) => NoConnection::Failed(error),
                    bb8::RunError::TimedOut => refusal.map_or(NoConnection::TimedOut, NoConnection::Refused),
                }),
                Ok(()) = refusals.changed() => {
                    let reason = refusals.borrow_and_update().clone();
                    // Where there are connections, one of them may be free in time.
                    if self.connections.state().connections == 0 {
                        return Err(NoConnection::Refused(reason));
                    }
                    refusal = Some(reason);
                }
            }
        }
    }
}

/// Tells the use of a pool, again and again.
async fn publish<M: Manage>(connections: bb8::Pool<Managed<M>>, limits: Limits) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let name = limits.name;
    loop {
        ticks.tick().await;
        let bb8::State { connections: all, idle_connections: idle, statistics, .. } = connections.state();
        POOL_LIMIT.gauge([name.into()]).set(limits.connections);
        POOL_CONNECTIONS.gauge([name.into(), "idle".into()]).set(idle);
        POOL_CONNECTIONS.gauge([name.into(), "used".into()]).set(all.saturating_sub(idle));
        POOL_WAITS.counter([name.into()]).absolute(statistics.get_waited);
        POOL_TIMEOUTS.counter([name.into()]).absolute(statistics.get_timed_out);
    }
}

impl<M: Manage> bb8::ManageConnection for Managed<M> {
    type Connection = Connection<M::Connection>;
    type Error = M::Error;

    async fn connect(&self) -> Result<Self::Connection, M::Error> {
        Ok(Connection { connection: self.0.connect().await?, is_spent: false })
    }

    async fn is_valid(&self, connection: &mut Self::Connection) -> Result<(), M::Error> {
        // Until it has answered: whoever waits for that may give up, and then nobody is to have the connection.
        connection.spend();
        self.0.check(connection).await?;
        connection.keep();
        Ok(())
    }

    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        connection.is_spent
    }
}

impl<M: Manage> bb8::ErrorSink<M::Error> for Refusals<M> {
    fn sink(&self, error: M::Error) {
        // A connection that has died meanwhile is no news: another is made.
        if let Some(reason) = M::refusal(&error) {
            self.0.send_replace(reason);
        }
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<M::Error>> {
        Box::new(Self(self.0.clone(), PhantomData))
    }
}

impl<M> fmt::Debug for Refusals<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusals").finish_non_exhaustive()
    }
}

impl<C> Connection<C> {
    /// From here on the connection is thrown away, unless [`keep`](Self::keep) is called.
    pub(super) fn spend(&mut self) {
        self.is_spent = true;
    }

    pub(super) fn keep(&mut self) {
        self.is_spent = false;
    }
}

impl<C> Deref for Connection<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C> DerefMut for Connection<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}
