//! What a [`RemoteStore`](super::RemoteStore) and a server agree on.

/// The content type of a [`Batch`](crate::store::Batch) as [bytes](crate::store::Batch::encode).
pub const BATCH_TYPE: &str = "application/vnd.endpoint-stats.batch";

/// The content type of a [`Message`](crate::store::Message).
pub const MESSAGE_TYPE: &str = "application/vnd.endpoint-stats.message";

/// The largest batch a server takes, as bytes.
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How many endpoints a server registers at once.
pub const MAX_REGISTERED: usize = 10_000;

/// Where a server takes what; messages belong to one version of the library and may change with the next.
pub mod paths {
    /// `POST` a batch; answered with JSON.
    pub const BATCHES: &str = "/v1/batches";

    /// `GET` what is known of every endpoint; `POST` a time and endpoints to register.
    pub const ENDPOINTS: &str = "/v1/remote/endpoints";

    /// `POST` a [`StatsQuery`](crate::store::StatsQuery), and get a [`StatsReport`](crate::store::StatsReport).
    pub const QUERY: &str = "/v1/remote/query";

    /// `GET` whether a batch would be taken now.
    pub const READY: &str = "/v1/remote/ready";

    /// `GET` what is known of the writer whose id follows after a slash.
    pub const WRITERS: &str = "/v1/remote/writers";
}
