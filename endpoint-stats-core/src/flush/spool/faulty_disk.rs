//! [`FaultyDisk`]: a disk in memory that loses what was not synced, tears writes, and fails calls.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::Disk;

/// A disk that several journals open one after the other; clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::flush) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, FileState>,
    // Which files there are after a crash.
    durable: Vec<u64>,
    calls: u64,
    fails: Option<Fails>,
}

#[derive(Debug, Default, Clone)]
struct FileState {
    bytes: Vec<u8>,
    synced: usize,
    // A sync failed: what it lost, later ones call durable.
    is_lying: bool,
}

/// Which calls that change something fail.
#[derive(Clone, Copy, Debug)]
pub(in crate::flush) enum Fails {
    /// The nth alone.
    Once(u64),
    /// The nth and all later ones.
    From(u64),
    /// The nth and so many in all.
    Some(u64, u64),
    /// The nth panics.
    Panics(u64),
}

impl FaultyDisk {
    /// Lets calls fail, counted from now on.
    pub(in crate::flush) fn fail(&self, fails: Option<Fails>) {
        let mut state = self.state();
        state.calls = 0;
        state.fails = fails;
    }

    /// How many calls changed something since [`fail`](Self::fail).
    pub(in crate::flush) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Loses power: of what was not synced, `kept` parts of 256 are there, cut anywhere.
    pub(in crate::flush) fn crash(&self, kept: u8) {
        let mut state = self.state();
        let State { files, durable, .. } = &mut *state;
        if kept < 128 {
            files.retain(|number, _| durable.contains(number));
        }
        for file in files.values_mut() {
            let unsynced = file.bytes.len() - file.synced;
            file.bytes.truncate(file.synced + unsynced * usize::from(kept) / 256);
            file.synced = file.bytes.len();
        }
        *durable = files.keys().copied().collect();
        state.fails = None;
    }

    /// Changes what is on the disk.
    pub(in crate::flush) fn damage(&self, change: impl FnOnce(&mut BTreeMap<u64, Vec<u8>>)) {
        let mut state = self.state();
        let mut files = state.files.iter().map(|(number, file)| (*number, file.bytes.clone())).collect();
        change(&mut files);
        state.durable = files.keys().copied().collect();
        let file = |bytes: Vec<u8>| FileState { synced: bytes.len(), bytes, is_lying: false };
        state.files = files.into_iter().map(|(number, bytes)| (number, file(bytes))).collect();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self) -> io::Result<()> {
        self.calls += 1;
        let fails = match self.fails {
            None => false,
            Some(Fails::Once(nth)) => self.calls == nth,
            Some(Fails::From(nth)) => self.calls >= nth,
            Some(Fails::Some(nth, many)) => (nth..nth + many).contains(&self.calls),
            Some(Fails::Panics(nth)) => {
                assert!(self.calls != nth, "the disk panics, as the test wants");
                false
            }
        };
        if fails { Err(io::Error::other("the disk fails, as the test wants")) } else { Ok(()) }
    }

    fn file(&mut self, number: u64) -> io::Result<&mut FileState> {
        self.files.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for FaultyDisk {
    type File = u64;

    fn list(&self) -> io::Result<Vec<u64>> {
        Ok(self.state().files.keys().copied().collect())
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.state().file(number)?.bytes.clone())
    }

    fn read_at(&self, number: u64, start: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let start = usize::try_from(start).unwrap();
        let bytes = state.file(number)?.bytes.get(start..start + len);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn create(&self, number: u64) -> io::Result<u64> {
        let mut state = self.state();
        state.change()?;
        assert!(state.files.insert(number, FileState::default()).is_none(), "{number} is made twice");
        Ok(number)
    }

    /// A failing call leaves a part of the bytes.
    fn append(&self, file: &mut u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let done = state.change();
        let written = if done.is_ok() { bytes.len() } else { bytes.len() / 2 };
        state.file(*file)?.bytes.extend_from_slice(&bytes[..written]);
        done
    }

    fn cut(&self, number: u64, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let file = state.file(number)?;
        file.bytes.truncate(usize::try_from(len).unwrap());
        file.synced = file.synced.min(file.bytes.len());
        Ok(())
    }

    fn sync(&self, file: &mut u64) -> io::Result<()> {
        let mut state = self.state();
        let synced = state.change();
        let file = state.file(*file)?;
        file.is_lying |= synced.is_err();
        if !file.is_lying {
            file.synced = file.bytes.len();
        }
        synced
    }

    fn sync_old(&self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let file = state.file(number)?;
        file.synced = file.bytes.len();
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.durable = state.files.keys().copied().collect();
        Ok(())
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.files.remove(&number);
        Ok(())
    }
}
