//! [`Program`]: a container's settings, read as the server reads them.

use std::fs;

use clap::CommandFactory;
use endpoint_stats_k8s::{Container, Rendered};
use endpoint_stats_server::cli::Cli;
use endpoint_stats_server::config::{self, Settings};

/// The image whose program is this workspace's.
const SERVER: &str = "endpoint-stats-server";

/// A container's settings by name: of the server those in force, of others the variables.
pub(crate) struct Program<'a> {
    pub(crate) container: Container<'a>,
    settings: Vec<(String, String)>,
}

impl<'a> Program<'a> {
    /// # Errors
    ///
    /// What the server says of its settings.
    pub(crate) fn of(container: Container<'a>, rendered: &Rendered) -> Result<Self, String> {
        let settings = if is_server(&container) { in_force(&container, rendered)? } else { named(&container) };
        Ok(Self { container, settings })
    }

    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The URLs of databases.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings
            .iter()
            .filter(|(name, _)| name.ends_with("-url"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The files that it reads.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let named = self.settings.iter().filter(|(name, _)| name.ends_with("-file")).cloned();
        let roots =
            self.urls().filter_map(|(name, url)| Some((name.to_owned(), parameter(url, "sslrootcert")?.to_owned())));
        let watched = self.setting("watch-certificate").into_iter().flat_map(|files| files.split(", "));
        let watched =
            watched.filter(|file| !file.is_empty()).map(|file| ("watch-certificate".to_owned(), file.to_owned()));
        let words =
            ["/command", "/args"].iter().flat_map(|list| self.container.list(list)).filter_map(|word| word.as_str());
        let paths = words.filter_map(|word| word.rsplit('=').next()).filter(|path| path.starts_with('/'));
        named.chain(roots).chain(watched).chain(paths.map(|path| ("args".to_owned(), path.to_owned()))).collect()
    }
}

pub(crate) fn is_server(container: &Container<'_>) -> bool {
    container.image_name() == SERVER
}

/// A parameter of a URL.
pub(crate) fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
}

/// The user, host and port of a URL.
pub(crate) fn authority(url: &str) -> (&str, &str, &str) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = place.split_once(':').unwrap_or((place, ""));
    (user, host, port)
}

/// Variables under the names that the server's settings have.
fn named(container: &Container<'_>) -> Vec<(String, String)> {
    let variables = container.variables();
    let value = |name: &str| variables.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let renamed = |(name, given): &(String, String)| match name.as_str() {
        "DATA_SOURCE_URI" => {
            ("data-source-url".to_owned(), format!("postgres://{}@{given}", value("DATA_SOURCE_USER")))
        }
        "DATA_SOURCE_PASS_FILE" => ("data-source-password-file".to_owned(), given.clone()),
        "REDIS_ADDR" => ("redis-url".to_owned(), given.replace("://", &format!("://{}@", value("REDIS_USER")))),
        name => (name.to_lowercase().replace('_', "-"), given.clone()),
    };
    variables.iter().map(renamed).collect()
}

/// What the server makes of its arguments, variables and file.
fn in_force(container: &Container<'_>, rendered: &Rendered) -> Result<Vec<(String, String)>, String> {
    if !container.at("/command").is_null() {
        return Err("a command, which is the image's".to_owned());
    }
    let words = container.list("/args").iter().filter_map(|word| word.as_str()).map(str::to_owned).collect::<Vec<_>>();
    let mut arguments = vec![SERVER.to_owned()];
    arguments.extend(words.iter().filter(|word| !word.starts_with("--config")).cloned());
    arguments.extend(flags(container, words.first().map_or("", String::as_str))?);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("config.toml");
    if let Some(path) = words.iter().find_map(|word| word.strip_prefix("--config=")) {
        fs::write(&file, settings_file(container, path, rendered)?).map_err(|error| error.to_string())?;
        arguments.push(format!("--config={}", file.display()));
    }
    let variables = container.variables().into_iter().map(|(name, _)| name.into());
    let invocation = config::read(arguments.into_iter().map(Into::into).collect(), variables);
    Ok(listed(&invocation.map_err(|error| error.to_string())?.settings))
}

fn listed(settings: &Settings) -> Vec<(String, String)> {
    settings.iter().filter_map(|setting| Some((setting.name.clone(), setting.value.clone()?))).collect()
}

/// Variables as flags, since those of this process are not the container's.
fn flags(container: &Container<'_>, command: &str) -> Result<Vec<String>, String> {
    let cli = Cli::command();
    let command = cli.find_subcommand(command).ok_or_else(|| format!("no command {command:?}"))?;
    let variables = container.variables();
    let is_part = |name: &str| {
        let written = container.list("/env").iter().filter_map(|variable| variable["value"].as_str());
        written.clone().any(|value| value.contains(&format!("$({name})")))
    };
    let flag = |(name, value): &(String, String)| {
        let arg = command.get_arguments().find(|arg| arg.get_env().is_some_and(|env| env == name.as_str()));
        match arg.and_then(clap::Arg::get_long) {
            Some(long) => Some(Ok(format!("--{long}={value}"))),
            None if is_part(name) => None,
            None => Some(Err(format!("the variable {name}, which is no flag's"))),
        }
    };
    variables.iter().filter_map(flag).collect()
}

fn settings_file(container: &Container<'_>, path: &str, rendered: &Rendered) -> Result<String, String> {
    let (volume, key) = container.mounted(path).ok_or_else(|| format!("{path}, where nothing is mounted"))?;
    let name = volume["configMap"]["name"].as_str().unwrap_or_default();
    let settings = rendered.find("ConfigMap", name).ok_or_else(|| format!("{path} of ConfigMap {name:?}"))?;
    settings.at("/data")[&key].as_str().map(str::to_owned).ok_or_else(|| format!("{path}: no key {key:?} of {name}"))
}
