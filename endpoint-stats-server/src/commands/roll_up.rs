//! `roll-up`: windows past their retention, moved or deleted now.

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{Retention, RolledUp, StatsStore, StoreError};
use endpoint_stats_core::window::Timestamp;

use super::{Failure, open_existing, print};
use crate::cli::RollUpArgs;
use crate::settings::StoreUrl;

pub(super) async fn run(args: RollUpArgs) -> Result<(), Failure> {
    let retention = StoreUrl::from_args(&args.store)?.retention();
    let store = open_existing(&args.store).await?;
    let done = to_the_end(&*store, SystemClock.now(), &retention).await.map_err(anyhow::Error::new)?;
    print(format!("{} windows moved into wider ones, {} deleted\n", done.moved, done.deleted));
    Ok(())
}

/// Takes steps until one finds nothing to do.
async fn to_the_end(store: &dyn StatsStore, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
    let mut done = RolledUp::default();
    loop {
        let step = store.roll_up(now, retention).await?;
        if step == RolledUp::default() {
            return Ok(done);
        }
        done.moved = done.moved.saturating_add(step.moved);
        done.deleted = done.deleted.saturating_add(step.deleted);
    }
}
