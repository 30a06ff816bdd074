//! `roll-up`: windows past their retention, moved or deleted now.

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{RolledUp, StoreError};

use super::{Failure, open_existing, print};
use crate::cli::RollUpArgs;
use crate::settings::StoreUrl;

pub(super) async fn run(args: RollUpArgs) -> Result<(), Failure> {
    let retention = StoreUrl::from_args(&args.store)?.retention();
    let store = open_existing(&args.store).await?;
    let now = SystemClock.now();
    let done = to_the_end(async || store.roll_up(now, &retention).await).await.map_err(anyhow::Error::new)?;
    print(format!("{} windows moved into wider ones, {} deleted\n", done.moved, done.deleted));
    Ok(())
}

/// Goes on until there was nothing to do: a store may stop early.
async fn to_the_end(roll_up: impl AsyncFn() -> Result<RolledUp, StoreError>) -> Result<RolledUp, StoreError> {
    let mut done = RolledUp::default();
    loop {
        let more = roll_up().await?;
        if more == RolledUp::default() {
            return Ok(done);
        }
        done.moved = done.moved.saturating_add(more.moved);
        done.deleted = done.deleted.saturating_add(more.deleted);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use endpoint_stats_core::store::StoreErrorKind;

    use super::*;

    #[tokio::test]
    async fn a_store_that_stops_early_is_asked_again() {
        let steps = RefCell::new(vec![(0, 0), (0, 4), (5, 0), (3, 2)]);

        let done = to_the_end(async || {
            let (moved, deleted) = steps.borrow_mut().pop().expect("a step");
            Ok(RolledUp { moved, deleted })
        });

        assert_eq!(done.await.unwrap(), RolledUp { moved: 8, deleted: 6 });
    }

    #[tokio::test]
    async fn a_store_that_fails_is_not_asked_again() {
        let done = to_the_end(async || Err(StoreError::new(StoreErrorKind::Unavailable, "roll up"))).await;

        assert_eq!(done.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
}
