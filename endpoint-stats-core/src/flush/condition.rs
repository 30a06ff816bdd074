//! [`Condition`]: how a spool is, to people who watch it.

use super::outbox::DiskAnswer;
use crate::telemetry::catalog::{SPOOL_BYTES, SPOOL_BYTES_LIMIT, SPOOL_DAMAGES, SPOOL_UP};

/// How a spool is, to people who watch it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    bytes: u64,
    max_bytes: u64,
    damages: u64,
    is_up: bool,
}

impl Condition {
    pub(super) fn new(bytes: u64, max_bytes: u64, damages: u64) -> Self {
        Self { bytes, max_bytes, damages, is_up: true }
    }

    /// Takes in what the disk did: down when it refused something, and up again when it takes a batch.
    pub(super) fn update(&mut self, bytes: u64, disk: Option<DiskAnswer>) {
        self.bytes = bytes;
        if let Some(answer) = disk {
            self.is_up = answer == DiskAnswer::TookBatch;
        }
    }

    /// Nothing will ever be written again.
    pub(super) fn give_up(&mut self) {
        self.is_up = false;
    }

    pub(super) fn publish(self, service: &str) {
        let service = || service.to_owned().into();
        SPOOL_BYTES.gauge([service()]).set(self.bytes as f64);
        SPOOL_BYTES_LIMIT.gauge([service()]).set(self.max_bytes as f64);
        SPOOL_DAMAGES.gauge([service()]).set(self.damages as f64);
        SPOOL_UP.gauge([service()]).set(u8::from(self.is_up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_refused_is_down_until_it_takes_a_batch() {
        let mut condition = Condition::new(0, 100, 0);

        let states = [None, Some(DiskAnswer::Refused), None, Some(DiskAnswer::TookBatch)].map(|answer| {
            condition.update(10, answer);
            condition.is_up
        });

        assert_eq!(states, [true, false, false, true]);
    }
}
