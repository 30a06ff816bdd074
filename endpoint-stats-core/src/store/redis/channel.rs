//! [`Channel`]: a Pub/Sub channel, said to and heard on connections of its own.

use futures_util::{Stream, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

use super::error::Failure;
use super::options::RedisOptions;

/// Why nothing is said or heard.
pub(crate) type ChannelError = Failure;

/// A connection to say something on the channel of a namespace.
pub(crate) struct Channel {
    connection: MultiplexedConnection,
    name: String,
}

impl Channel {
    pub(crate) async fn speaker(options: &RedisOptions) -> Result<Self, Failure> {
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.answer_within))
            .set_response_timeout(Some(options.answer_within));
        let connection = client(options).await?.get_multiplexed_async_connection_with_config(&limits).await?;
        Ok(Self { connection, name: name(options) })
    }

    pub(crate) async fn say(&mut self, message: &[u8]) -> Result<(), Failure> {
        Ok(redis::cmd("PUBLISH").arg(&self.name).arg(message).exec_async(&mut self.connection).await?)
    }

    /// What is said, until the connection ends.
    pub(crate) async fn listener(options: &RedisOptions) -> Result<impl Stream<Item = Vec<u8>> + Unpin, Failure> {
        let connected = async {
            let mut listener = client(options).await?.get_async_pubsub().await?;
            listener.subscribe(name(options)).await?;
            Ok::<_, Failure>(listener)
        };
        let listener = tokio::time::timeout(options.answer_within, connected).await;
        let listener = listener.unwrap_or(Err(Failure::NoAnswer("no answer came in time")))?;
        Ok(listener.into_on_message().map(|message| message.get_payload_bytes().to_vec()))
    }
}

/// Any node of a cluster hands on what is said to another.
async fn client(options: &RedisOptions) -> Result<Client, Failure> {
    let mut nodes = options.nodes().await?;
    // Another one after each failure.
    let node = nodes.swap_remove(options.next_node());
    Ok(match options.certificates().await? {
        Some(certificates) => Client::build_with_tls(node, certificates)?,
        None => Client::open(node)?,
    })
}

fn name(options: &RedisOptions) -> String {
    format!("es1:{}:live", options.namespace)
}
