mod connections;
mod error;
mod options;

pub use self::options::RedisOptions;
