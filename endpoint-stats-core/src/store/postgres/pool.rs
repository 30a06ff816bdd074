//! [`Pool`]: how connections are made, and which are thrown away.

use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Failure;
use super::options::PostgresOptions;
use super::tls;

/// How long a call waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// Connections, and why the last one could not be made.
pub(super) struct Pool {
    connections: bb8::Pool<Manager>,
    refusals: watch::Receiver<String>,
}

/// Takes the reason that bb8 would keep to itself while callers wait in vain.
#[derive(Clone, Debug)]
struct Refusals(watch::Sender<String>);

/// Makes connections, each with the password of that moment.
pub(super) struct Manager {
    options: PostgresOptions,
    // `None` when the traffic is not to be encrypted.
    tls: Option<MakeRustlsConnect>,
}

/// A connection that is thrown away when what it was used for did not come to its end.
pub(super) struct Connection {
    connection: AsyncPgConnection,
    is_spent: bool,
}

impl Pool {
    pub(super) async fn new(options: PostgresOptions) -> Result<Self, Failure> {
        let (sender, refusals) = watch::channel(String::new());
        let connections = bb8::Pool::builder()
            .max_size(options.max_connections)
            .connection_timeout(WAIT)
            .retry_connection(false)
            .error_sink(Box::new(Refusals(sender)))
            .build(Manager::new(options)?)
            .await?;
        Ok(Self { connections, refusals })
    }

    /// A connection, or the reason why there is none.
    pub(super) async fn get(&self) -> Result<bb8::PooledConnection<'_, Manager>, Failure> {
        let mut refusals = self.refusals.clone();
        refusals.mark_unchanged();
        let mut connection = pin!(self.connections.get());
        loop {
            tokio::select! {
                biased;
                connection = &mut connection => return connection.map_err(|error| match error {
                    bb8::RunError::User(failure) => failure,
                    bb8::RunError::TimedOut => Failure::NoAnswer("no connection was free in time"),
                }),
                Ok(()) = refusals.changed() => {
                    // Where there are connections, one of them will be free.
                    if self.connections.state().connections == 0 {
                        let refusal = refusals.borrow_and_update().clone();
                        return Err(Failure::Connect(ConnectionError::BadConnection(refusal)));
                    }
                }
            }
        }
    }
}

impl bb8::ErrorSink<Failure> for Refusals {
    fn sink(&self, failure: Failure) {
        // A connection that has died meanwhile is no news: another is made.
        if matches!(failure, Failure::Connect(_)) {
            self.0.send_replace(failure.to_string());
        }
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<Failure>> {
        Box::new(self.clone())
    }
}

impl Manager {
    pub(super) fn new(options: PostgresOptions) -> Result<Self, Failure> {
        let tls = match options.config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(options.verify, options.root_certificate.as_deref())?),
        };
        Ok(Self { options, tls })
    }

    /// Makes a connection.
    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, Failure> {
        let config = self.config().await?;
        let made = match self.tls.clone() {
            None => {
                let (client, connection) =
                    config.connect(tokio_postgres::NoTls).await.map_err(|error| refused(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls).await.map_err(|error| refused(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        };
        made.map_err(Failure::Connect)
    }

    async fn config(&self) -> Result<Config, Failure> {
        let mut config = self.options.config.clone();
        if let Some(path) = self.options.password_file.clone() {
            let shown = path.display().to_string();
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
            let unreadable = |error: &dyn std::fmt::Display| {
                Failure::Connect(ConnectionError::BadConnection(format!(
                    "the password file {shown} cannot be read: {error}"
                )))
            };
            let password = read.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        Ok(config)
    }
}

// The error alone says only "db error"; what the server said is its source.
fn refused(error: &tokio_postgres::Error) -> Failure {
    let said = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    Failure::Connect(ConnectionError::BadConnection(format!("{error}{said}")))
}

impl bb8::ManageConnection for Manager {
    type Connection = Connection;
    type Error = Failure;

    async fn connect(&self) -> Result<Connection, Failure> {
        Ok(Connection { connection: Self::connect(self).await?, is_spent: false })
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), Failure> {
        use diesel_async::SimpleAsyncConnection;

        Ok(connection.batch_execute("").await?)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_spent
    }
}

impl Connection {
    /// From here on the connection is thrown away, unless [`keep`](Self::keep) is called.
    pub(super) fn spend(&mut self) {
        self.is_spent = true;
    }

    pub(super) fn keep(&mut self) {
        self.is_spent = false;
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.connection
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }
}
