//! [`OnceLock`]: as std's, which loom has none of.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};

/// A value that is written once, under a lock, and read without one.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    setting: Mutex<()>,
    // Loom's threads are one thread of the machine, so this one never waits.
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), setting: Mutex::new(()), value: std::sync::OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _setting = self.setting.lock();
        if self.is_set.load(Ordering::Relaxed) {
            return Err(value);
        }
        self.write(value)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let setting = self.setting.lock();
        if !self.is_set.load(Ordering::Relaxed) {
            let _ = self.write(make());
        }
        drop(setting);
        self.get().expect("it was set here or by the last one to hold the lock")
    }

    fn write(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}
