//! What `endpoint-stats-core/src/sync.rs` names, of loom.

mod once_lock;

pub(crate) use loom::sync::Mutex;

pub(crate) use self::once_lock::OnceLock;

pub(crate) mod atomic {
    //! Atomics whose sequentially consistent loads are in the one total order.
    //!
    //! Loom takes `SeqCst` for `AcqRel`, which lets a load miss what an earlier writer of that order wrote. A load that is a
    //! read-modify-write reads the latest value, so as long as all writers are such too, what is left is that order; and
    //! as one that only acquires, it tells other threads no more than a load does.

    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};

    macro_rules! in_one_order {
        ($name:ident, $value:ty) => {
            #[derive(Debug, Default)]
            pub(crate) struct $name(loom::sync::atomic::$name);

            impl $name {
                pub(crate) fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    if order == Ordering::SeqCst { self.0.fetch_or(0, Ordering::Acquire) } else { self.0.load(order) }
                }

                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    assert_ne!(order, Ordering::SeqCst, "such a store would not be in the one total order");
                    self.0.store(value, order);
                }

                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.0.swap(value, order)
                }

                pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_add(value, order)
                }

                pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_or(value, order)
                }

                pub(crate) fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_max(value, order)
                }
            }
        };
    }

    in_one_order!(AtomicU8, u8);
    in_one_order!(AtomicU64, u64);
}
