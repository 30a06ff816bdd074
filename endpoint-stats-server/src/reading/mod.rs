//! Questions to the store, for the query API and the pages alike.

mod filter;
mod range;
mod stats_reader;
mod step;

pub use self::filter::{FilterText, filter};
pub use self::range::{MAX_YEARS, RangeText, range, time};
pub use self::stats_reader::StatsReader;
pub use self::step::{MAX_POINTS, automatic_step, shortest_step, step};
