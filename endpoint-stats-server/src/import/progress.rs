//! [`Progress`]: how far an import is.

use std::io::IsTerminal;

use indicatif::ProgressStyle;

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read of the input, as it stands there, compressed or not.
    pub bytes: u64,
    /// Bytes that the input has; `None` when it is a pipe, or grows.
    pub bytes_total: Option<u64>,
    /// Lines that were read.
    pub lines: u64,
}

/// Shows how far an import is, on standard error, if that is a terminal.
#[derive(Debug)]
pub struct ProgressBar(indicatif::ProgressBar);

impl ProgressBar {
    /// Starts a bar.
    pub fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            indicatif::ProgressBar::no_length()
        } else {
            indicatif::ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// Moves the bar.
    pub fn show(&self, progress: Progress) {
        if let Some(total) = progress.bytes_total {
            self.0.set_length(total);
        }
        self.0.set_position(progress.bytes);
        self.0.set_message(format!("{} lines", progress.lines));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Default for ProgressBar {
    fn default() -> Self {
        Self::new()
    }
}
