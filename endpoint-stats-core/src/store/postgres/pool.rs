//! [`Manager`]: how connections are made.

use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Failure;
use super::options::PostgresOptions;
use super::tls;
use crate::store::pool::{Manage, NoConnection};
use crate::store::secret_file;

/// How long a call waits for a connection.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// Makes connections, each with the password of that moment.
pub(super) struct Manager {
    options: PostgresOptions,
    // `None` when the traffic is not to be encrypted.
    tls: Option<MakeRustlsConnect>,
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
        if let Some(path) = &self.options.password_file {
            let unreadable = |error| Failure::Connect(ConnectionError::BadConnection(error));
            config.password(secret_file::read_line("password file", path).await.map_err(unreadable)?);
        }
        Ok(config)
    }
}

// The error alone says only "db error"; what the server said is its source.
fn refused(error: &tokio_postgres::Error) -> Failure {
    let said = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    Failure::Connect(ConnectionError::BadConnection(format!("{error}{said}")))
}

impl Manage for Manager {
    type Connection = AsyncPgConnection;
    type Error = Failure;

    async fn connect(&self) -> Result<AsyncPgConnection, Failure> {
        // The driver's own limit ends with the TCP handshake. While a connection is under way bb8 begins no other.
        let too_late = || Failure::Connect(ConnectionError::BadConnection("no connection was made in time".to_owned()));
        tokio::time::timeout(WAIT, Self::connect(self)).await.unwrap_or_else(|_| Err(too_late()))
    }

    async fn check(&self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        use diesel_async::SimpleAsyncConnection;

        Ok(connection.batch_execute("").await?)
    }

    fn refusal(error: &Failure) -> Option<String> {
        matches!(error, Failure::Connect(_)).then(|| error.to_string())
    }
}

impl From<NoConnection<Failure>> for Failure {
    fn from(none: NoConnection<Failure>) -> Self {
        match none {
            NoConnection::Refused(reason) => Self::Connect(ConnectionError::BadConnection(reason)),
            NoConnection::Failed(failure) => failure,
            NoConnection::TimedOut => Self::NoAnswer("no connection was free in time"),
        }
    }
}
