//! `serve`: the server, from its flags to its end.

use std::cell::Cell;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use endpoint_stats_core::aggregate::{Limits, RoutePatterns};
use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{CachedStore, StatsStore};
use endpoint_stats_core::{EndpointStats, ServiceName};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{Failure, migrate, open, spool};
use crate::access::{self, Access, AccessOptions, TokenFile, WithoutToken};
use crate::cli::ServeArgs;
use crate::exposition;
use crate::ingest::{CallerSecret, Ingest};
use crate::serve::{self, Listeners, Options, Tls, UNCOUNTED};
use crate::settings::{self, SettingError, StoreUrl, service_name};
use crate::telemetry::{self, Telemetry};

/// What is known before a store is opened or an address is taken.
struct Plan {
    service: ServiceName,
    flush: FlushConfig,
    cache: Option<RedisOptions>,
    limits: serve::Limits,
    tls: Option<Tls>,
    access: Access,
    caller_secret: Option<PathBuf>,
}

/// Finds out whether `serve` would start, as far as its settings tell.
pub(super) fn check(args: &ServeArgs) -> Result<(), Failure> {
    telemetry::Options::from_args(&args.trace)?;
    plan(args).map(drop)
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&args.service, args.log_format, telemetry::Options::from_args(&args.trace)?);
    let drain = Duration::from_secs(args.drain_secs.into());
    let ended_at = Cell::new(None);
    let interrupted = async {
        serve::interrupted().await;
        ended_at.set(Some(Instant::now()));
    };
    let served = run_until(interrupted, args).await;
    let passed = ended_at.get().map_or(Duration::ZERO, |at| at.elapsed());
    telemetry.finish(drain.saturating_sub(passed)).await;
    served
}

async fn run_until(interrupted: impl Future<Output = ()>, args: ServeArgs) -> Result<(), Failure> {
    let exposition = exposition::install().context("failed to install the metrics recorder")?;
    let mut interrupted = pin!(interrupted);
    let Plan { service, flush, cache, limits, tls, access, caller_secret } = plan(&args)?;
    exposition::watch_certificates(args.tls.tls_cert.iter().chain(&args.watch_certificate).cloned().collect());
    let listeners = 1 + usize::from(args.admin_listen.is_some());
    serve::raise_file_descriptors_for(listeners * limits.connections.max);
    let spool = spool::open(&args.spool)?;
    let store = tokio::select! {
        store = prepared(&args) => store?,
        () = &mut interrupted => return Ok(()),
    };
    let listeners = Listeners {
        main: listen("--listen", args.listen).await?,
        admin: match args.admin_listen {
            Some(address) => Some(listen("--admin-listen", address).await?),
            None => None,
        },
        admin_tls: tls.clone().filter(|_| args.tls.admin_tls),
        tls,
    };
    let (store, mut ingest, live) = behind(cache, store)?;
    ingest.limits = limits.requests.ingest();
    if let Some(file) = caller_secret {
        ingest = ingest.with_caller_secret(&CallerSecret::read_or_make(&file).map_err(Failure::setting)?);
    } else {
        tracing::info!("no --caller-secret-file: callers count anew for each start and each server");
    }
    let mut stats = EndpointStats::builder(service)
        .with_shared_store(store)
        .with_limits(Limits { patterns: uncounted()?, ..Limits::default() })
        .with_flush(flush);
    if let Some(spool) = spool {
        stats = stats.with_spool(spool);
    }
    let stats = stats.start();
    let options = Options { access, limits, drain: Duration::from_secs(args.drain_secs.into()) };
    serve::serve(listeners, stats, live, ingest, exposition, options, interrupted).await.map_err(Failure::from)
}

async fn prepared(args: &ServeArgs) -> Result<Arc<dyn StatsStore>, Failure> {
    if args.migrate {
        migrate::run_first(&args.store).await?;
    }
    open(&args.store).await
}

fn plan(args: &ServeArgs) -> Result<Plan, Failure> {
    let url = StoreUrl::from_args(&args.store)?;
    Ok(Plan {
        service: service_name(&args.service)?,
        flush: FlushConfig {
            interval: settings::duration("--flush-secs", args.flush_secs, 0.05..=60.0)?,
            retention: Some(url.retention()),
            ..FlushConfig::default()
        },
        cache: settings::cache(&args.redis)?,
        limits: serve::Limits::from_args(&args.limits)?,
        tls: Tls::from_args(&args.tls)?,
        access: access(args)?,
        caller_secret: caller_secret(args.caller_secret_file.clone(), &url)?,
    })
}

/// The file of the callers' secret, refused if it is damaged; made only when the server starts.
fn caller_secret(file: Option<PathBuf>, url: &StoreUrl) -> Result<Option<PathBuf>, Failure> {
    let Some(file) = file.or_else(|| url.caller_secret_file()) else {
        return Ok(None);
    };
    match CallerSecret::read(&file) {
        Err(error) if !error.is_missing() => Err(Failure::setting(error)),
        _ => Ok(Some(file)),
    }
}

/// Puts a Redis in front of the store, if there is one; either way what the store takes is shown live.
///
/// What others send goes past the cache, which would otherwise take their hits for its own process's.
fn behind(
    cache: Option<RedisOptions>,
    store: Arc<dyn StatsStore>,
) -> Result<(Arc<dyn StatsStore>, Ingest, LiveFeed), Failure> {
    let (cached, live): (Arc<dyn StatsStore>, _) = match cache {
        None => (Arc::clone(&store), LiveFeed::of_this_process()),
        Some(cache) => {
            let live = LiveFeed::of_the_fleet(cache.clone());
            (Arc::new(CachedStore::new(Arc::clone(&store), cache).map_err(Failure::setting)?), live)
        }
    };
    let ingest = Ingest::new(Arc::new(live.listening_to(store)));
    Ok((Arc::new(live.listening_to(cached)), ingest, live))
}

fn access(serve: &ServeArgs) -> Result<Access, Failure> {
    let args = &serve.access;
    if args.without_token == WithoutToken::Everything && !serve.listen.ip().is_loopback() {
        tracing::warn!("whoever reaches {} may read and send: --without-token is everything", serve.listen);
    }
    let options = AccessOptions {
        without_token: args.without_token,
        token_rate: args.token_rate,
        wrong_tokens_per_minute: args.wrong_tokens_per_minute,
    };
    match &args.tokens_file {
        Some(file) => Ok(Access::new(access::follow(TokenFile::new(file)).map_err(Failure::setting)?, options)),
        None => Ok(Access::without_tokens(options)),
    }
}

async fn listen(setting: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let wrong = SettingError::new(setting, &address.to_string(), "an address and port that are free");
        Failure::setting(anyhow::Error::new(error).context(wrong))
    })
}

fn uncounted() -> Result<RoutePatterns, anyhow::Error> {
    UNCOUNTED.iter().try_fold(RoutePatterns::default(), |patterns, route| Ok(patterns.with_ignored(route)?))
}
