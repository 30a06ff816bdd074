//! Names that settings choose from.

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::window::Width;

use super::SettingError;

/// Reads a service's name.
///
/// # Errors
///
/// When it is not one.
pub fn service_name(name: &str) -> Result<ServiceName, SettingError> {
    ServiceName::new(name)
        .map_err(|_| SettingError::new("--service", name, "1 to 64 characters of a-z, 0-9, '-', '_' and '.'"))
}

/// Reads a window's width.
///
/// # Errors
///
/// When there are no windows of that width.
pub fn width(text: &str) -> Result<Width, SettingError> {
    Width::ALL
        .into_iter()
        .find(|width| width.to_string() == text)
        .ok_or_else(|| SettingError::new("--window", text, "10s, 1m, 1h or 1d"))
}
