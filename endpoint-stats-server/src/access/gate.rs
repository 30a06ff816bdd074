//! [`Access`]: the decision about each request.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::request::Parts;
use clap::ValueEnum;
use endpoint_stats_core::clock::{Clock, Moment, SystemClock};
use endpoint_stats_core::middleware::PeerAddress;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::watch;

use super::cross_site::is_cross_site;
use super::local::is_local;
use super::presented::Presented;
use super::refusal::Refusal;
use super::wrong_tokens::{WrongTokens, network};
use super::{KnownTokens, Principal, Scope, TokenId};

/// What may be done without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WithoutToken {
    /// Nothing.
    Nothing,
    /// Reading, from the machine that the server runs on.
    ReadOnLoopback,
    /// Reading, from everywhere.
    Read,
    /// Everything, from everywhere.
    Everything,
}

/// How requests are let in.
#[derive(Clone, Copy, Debug)]
pub struct AccessOptions {
    /// What may be done without a token.
    pub without_token: WithoutToken,
    /// Requests a second with one token, and twice as many at once; 0 is any number.
    pub token_rate: u32,
    /// Wrong tokens a minute from one address, and twice as many at once; 0 is any number.
    pub wrong_tokens_per_minute: u32,
}

/// Decides who is let in, and as whom; clones share what they know.
#[derive(Clone, Debug)]
pub struct Access(Arc<Gate>);

#[derive(Debug)]
struct Gate {
    tokens: watch::Receiver<KnownTokens>,
    without_token: WithoutToken,
    rates: Option<DefaultKeyedRateLimiter<TokenId>>,
    wrong: WrongTokens,
    clock: Arc<dyn Clock>,
    since: Moment,
}

impl Access {
    /// Lets in who has one of the tokens, and what may be done without.
    pub fn new(tokens: watch::Receiver<KnownTokens>, options: AccessOptions) -> Self {
        Self(Arc::new(Gate {
            tokens,
            without_token: options.without_token,
            rates: NonZeroU32::new(options.token_rate).map(|rate| {
                let burst = rate.saturating_add(rate.get());
                RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst))
            }),
            wrong: WrongTokens::new(options.wrong_tokens_per_minute),
            clock: Arc::new(SystemClock),
            since: Moment::now(),
        }))
    }

    /// Knows no tokens.
    pub fn without_tokens(options: AccessOptions) -> Self {
        let (_, tokens) = watch::channel(KnownTokens::default());
        Self::new(tokens, options)
    }

    /// Says on whose behalf a request is made, or why it is not let in.
    pub(super) fn admit(&self, head: &Parts) -> Result<Principal, Refusal> {
        if is_cross_site(head) {
            return Err(Refusal::CrossSite);
        }
        match Presented::in_head(head) {
            Presented::InQuery => Err(Refusal::InQuery),
            Presented::Nothing => self.0.without_token(head).ok_or(Refusal::Missing),
            Presented::InHeader(token) => self.0.check(peer(head), &token),
        }
    }
}

impl Gate {
    fn without_token(&self, head: &Parts) -> Option<Principal> {
        let reads = Principal::without_token([Scope::Read]);
        match self.without_token {
            WithoutToken::Nothing => None,
            WithoutToken::ReadOnLoopback => is_local(head).then_some(reads),
            WithoutToken::Read => Some(reads),
            WithoutToken::Everything => Some(Principal::without_token([Scope::Admin])),
        }
    }

    fn check(&self, peer: IpAddr, token: &str) -> Result<Principal, Refusal> {
        let tokens = self.tokens.borrow();
        let source = (network(peer), tokens.claimed(token));
        let now = Moment::now().since(self.since);
        if let Some(wait) = self.wrong.wait(source, now) {
            return Err(Refusal::TooManyWrong(wait));
        }
        let checked = tokens.check(token, self.clock.now());
        let (id, principal) = checked.inspect_err(|_| self.wrong.count(source, now))?;
        self.within_rate(id)?;
        Ok(principal.clone())
    }

    fn within_rate(&self, id: TokenId) -> Result<(), Refusal> {
        let Some(rates) = &self.rates else { return Ok(()) };
        rates.check_key(&id).map_err(|until| Refusal::TooOften(until.wait_time_from(DefaultClock::default().now())))
    }
}

/// Requests whose peer is not known count as one peer's.
fn peer(head: &Parts) -> IpAddr {
    head.extensions.get().map_or(Ipv4Addr::UNSPECIFIED.into(), |PeerAddress(peer)| peer.ip())
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self { without_token: WithoutToken::ReadOnLoopback, token_rate: 1_000, wrong_tokens_per_minute: 10 }
    }
}

#[cfg(test)]
mod tests;
