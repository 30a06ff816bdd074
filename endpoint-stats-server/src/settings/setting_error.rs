//! [`SettingError`]: which setting is wrong, without its secrets.

use std::borrow::Cow;
use std::fmt;

/// Says which setting is wrong, what it was, and what was expected. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    setting: &'static str,
    value: String,
    expected: Cow<'static, str>,
}

impl SettingError {
    /// Creates an error about a setting's value.
    pub fn new(setting: &'static str, value: &str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { setting, value: masked(value), expected: expected.into() }
    }

    /// The flag.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid value {:?} for `{}`: expected {}", self.value, self.setting, self.expected)
    }
}

impl std::error::Error for SettingError {}

/// Hides the password of a URL, also of one that is not written as it should be.
pub fn masked(value: &str) -> String {
    let value = match value.find("password=") {
        Some(at) => format!("{}password=***", &value[..at]),
        None => value.to_owned(),
    };
    let Some((scheme, rest)) = value.split_once("://") else {
        return value;
    };
    let end = rest.rfind('@').or_else(|| rest.find(['/', '?', '#'])).unwrap_or(rest.len());
    let (user, behind) = rest.split_at(end);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match user.split_once(':') {
        // Without a host, what stands behind the colon is a port, or a password that nothing follows.
        Some((name, secret)) if behind.starts_with('@') || !is_number(secret) => {
            format!("{scheme}://{name}:***{behind}")
        }
        _ => value,
    }
}
