//! `token`: tokens made, listed and revoked.

use std::io::Write;

use anyhow::Context;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::window::Timestamp;
use serde_json::{Value, json};

use super::Failure;
use crate::access::{NewToken, Scope, TokenEntry, TokenFile};
use crate::cli::{CreateArgs, ListArgs, RevokeArgs, TokenArgs, TokenCommand};
use crate::report::table::plain_table;
use crate::settings::{self, SettingError, service_name};

const COLUMNS: [&str; 7] = ["NAME", "ID", "STATE", "SCOPES", "SERVICES", "CREATED", "EXPIRES"];

pub(super) fn run(args: TokenArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    match args.command {
        TokenCommand::Create(args) => create(args, now),
        TokenCommand::List(args) => list(args, now),
        TokenCommand::Revoke(args) => revoke(args, now),
    }
}

fn create(args: CreateArgs, now: Timestamp) -> Result<(), Failure> {
    let new = new_token(&args, now)?;
    let file = TokenFile::new(args.file.tokens_file);
    let token = file.edit(|tokens| tokens.create(new, now)).map_err(Failure::setting)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{token}")
        .and_then(|()| stdout.flush())
        .with_context(|| format!("failed to print the token {}, which is lost: revoke it", token.id()))?;
    note(&format!("This token is shown once. {} holds its hash.", file.path().display()));
    Ok(())
}

fn new_token(args: &CreateArgs, now: Timestamp) -> Result<NewToken, SettingError> {
    let services = args.services.iter().map(|name| service_name(name)).collect::<Result<_, _>>()?;
    Ok(NewToken {
        name: args.name.clone(),
        scopes: args.scopes.iter().copied().collect(),
        services: (!args.services.is_empty()).then_some(services),
        expires: args.expires.as_deref().map(|text| expires(text, now)).transpose()?,
    })
}

/// A time to come that a calendar has.
fn expires(text: &str, now: Timestamp) -> Result<Timestamp, SettingError> {
    let wrong = || SettingError::new("--expires", text, "a time to come: 90d, 2027-01-31 or 2027-01-31T10:00:00Z");
    let at = match settings::seconds(text) {
        Some(secs) => now.plus_secs(secs),
        None => settings::time("--expires", text, now).map_err(|_| wrong())?,
    };
    let is_shown = jiff::Timestamp::from_second(at.as_unix()).is_ok();
    (at > now && is_shown).then_some(at).ok_or_else(wrong)
}

fn list(args: ListArgs, now: Timestamp) -> Result<(), Failure> {
    let tokens = TokenFile::new(args.file.tokens_file).load().map_err(Failure::setting)?;
    let tokens = tokens.entries();
    let text = if args.json { json(tokens, now) } else { table(tokens, now) };
    // Whoever closed the pipe does not want to read on.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn revoke(args: RevokeArgs, now: Timestamp) -> Result<(), Failure> {
    let file = TokenFile::new(args.file.tokens_file);
    // A file that is not there is not made to look into it.
    let revoked = file.load().and_then(|_| file.edit(|tokens| tokens.revoke(&args.token, now)));
    let token = revoked.map_err(Failure::setting)?;
    let at = token.revoked.map(|at| at.to_string()).unwrap_or_default();
    note(&format!("The token {} ({}) is revoked since {at}.", token.name, token.id));
    Ok(())
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn table(tokens: &[TokenEntry], now: Timestamp) -> String {
    let mut table = plain_table(&COLUMNS);
    table.add_rows(tokens.iter().map(|token| {
        [
            token.name.clone(),
            token.id.to_string(),
            token.state(now).to_owned(),
            scopes(token).join(", "),
            services(token).map_or("all".to_owned(), |services| services.join(", ")),
            token.created.to_string(),
            token.expires.map_or("never".to_owned(), |at| at.to_string()),
        ]
    }));
    format!("{table}\n")
}

fn json(tokens: &[TokenEntry], now: Timestamp) -> String {
    let tokens = tokens.iter().map(|token| {
        json!({
            "id": token.id,
            "name": token.name,
            "state": token.state(now),
            "scopes": scopes(token),
            "services": services(token),
            "created": token.created,
            "expires": token.expires,
            "revoked": token.revoked,
        })
    });
    format!("{}\n", Value::Array(tokens.collect()))
}

fn scopes(token: &TokenEntry) -> Vec<&'static str> {
    token.scopes.iter().copied().map(Scope::as_str).collect()
}

fn services(token: &TokenEntry) -> Option<Vec<&str>> {
    Some(token.services.as_ref()?.iter().map(ServiceName::as_str).collect())
}
