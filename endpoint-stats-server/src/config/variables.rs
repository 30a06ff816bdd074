//! Variables that look like ours: a misspelt one is refused, as a misspelt flag is.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Command;

use super::error::ConfigError;
use super::schema::suggested_key;

const PREFIX: &str = "ENDPOINT_STATS_";

/// Refuses the first variable that begins like ours and belongs to no flag.
pub(super) fn check(known: &Command, variables: impl IntoIterator<Item = OsString>) -> Result<(), ConfigError> {
    let names = names(known);
    let is_unknown = |name: &String| name.starts_with(PREFIX) && !names.contains(name) && !is_service_link(name);
    match variables.into_iter().filter_map(|name| name.into_string().ok()).find(is_unknown) {
        None => Ok(()),
        Some(name) => Err(ConfigError::Variable { suggestion: suggested(known, &name), name }),
    }
}

/// The variables of a command, and of those below it.
fn names(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(names)).collect()
}

/// Whether Kubernetes or Docker set the variable, for a service that is named like this program.
fn is_service_link(name: &str) -> bool {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].iter().any(|end| name.ends_with(end))
        || name.contains("_SERVICE_PORT_")
        || name.match_indices("_PORT_").any(|(at, _)| is_link_from(&name[at + "_PORT_".len()..]))
}

fn is_link_from(behind: &str) -> bool {
    behind.split_once('_').is_some_and(|(port, protocol)| {
        port.parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].iter().any(|known| protocol.starts_with(known))
    })
}

fn suggested(known: &Command, name: &str) -> Option<String> {
    let key = name.strip_prefix(PREFIX)?.to_lowercase().replace('_', "-");
    known.get_subcommands().find_map(|command| {
        let key = suggested_key(command, &key)?;
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&key))?;
        arg.get_env()?.to_str().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str) -> Result<(), ConfigError> {
        check(&super::super::known(), [name.into()])
    }

    #[test]
    fn a_misspelt_variable_is_refused_with_what_was_meant() {
        let error = checked("ENDPOINT_STATS_LISEN").unwrap_err();

        assert_eq!(error.to_string(), "unknown variable `ENDPOINT_STATS_LISEN`: did you mean `ENDPOINT_STATS_LISTEN`?");
        assert!(checked("ENDPOINT_STATS_QQQ").unwrap_err().to_string().contains("--help"));
    }

    #[test]
    fn ours_and_those_of_others_are_left_alone() {
        for name in ["ENDPOINT_STATS_LISTEN", "ENDPOINT_STATS_CONFIG", "PATH", "ENDPOINT_STATISTICS"] {
            assert!(checked(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn variables_that_kubernetes_sets_for_a_service_of_our_name_are_left_alone() {
        for name in [
            "ENDPOINT_STATS_SERVICE_HOST",
            "ENDPOINT_STATS_SERVICE_PORT",
            "ENDPOINT_STATS_SERVICE_PORT_HTTP",
            "ENDPOINT_STATS_PORT",
            "ENDPOINT_STATS_PORT_9999_TCP",
            "ENDPOINT_STATS_SERVER_PORT_9999_TCP_ADDR",
        ] {
            assert!(checked(name).is_ok(), "{name}");
        }
    }
}
