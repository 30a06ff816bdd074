//! Settings: where the windows are kept, times and widths, and what to say when a value is wrong.

mod names;
mod setting_error;
mod store_url;
mod time;

pub use self::names::{service_name, width};
pub use self::setting_error::{SettingError, masked};
pub use self::store_url::{DatabaseUrl, StoreUrl, cache};
pub use self::time::{duration, seconds, time};
