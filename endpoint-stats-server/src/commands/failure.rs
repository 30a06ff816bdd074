//! [`Failure`]: what went wrong, in one line, and the exit code.

use std::fmt;

use crate::config::{Settings, Source};
use crate::settings::SettingError;

/// Why a command ended early.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    exit_code: u8,
    source: Option<Source>,
}

impl Failure {
    /// The command line, a setting or an input is wrong: exit code 2.
    pub fn setting(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), exit_code: 2, source: None }
    }

    /// The command line is wrong: exit code 2.
    pub fn usage(text: String) -> Self {
        Self { error: anyhow::Error::msg(text), exit_code: 2, source: None }
    }

    /// Says who set the setting that is wrong, where it was not a flag.
    #[must_use]
    pub fn traced_to(mut self, settings: &Settings) -> Self {
        let setting = self.error.downcast_ref::<SettingError>().map(SettingError::setting);
        let source = setting.and_then(|setting| settings.source_of(setting));
        self.source = source.filter(|source| matches!(source, Source::Variable(_) | Source::File(..))).cloned();
        self
    }

    /// 1 when something failed on the way, 2 when it was asked for wrongly.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{:#}", self.error);
        f.write_str(&line.replace('\n', " "))?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        Self::setting(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { error, exit_code: 1, source: None }
    }
}
