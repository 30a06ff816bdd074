//! `docs/configuration.md` says of every setting what the command line says.
//!
//! `UPDATE_DOCS=1 cargo nextest run -p endpoint-stats-server the_settings_are_documented` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::{Arg, Args, Command, CommandFactory};
use endpoint_stats_server::cli::{Cli, StoreArgs};

const BEGIN: &str = "<!-- made of the command line by tests/it/configuration_docs.rs: begin -->\n";
const END: &str = "<!-- end -->\n";

fn keys_of(command: &Command) -> BTreeSet<String> {
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

fn row(arg: &Arg) -> Option<String> {
    let name = arg.get_long()?;
    let value = arg.get_action().takes_values().then(|| arg.get_value_names()?.first().map(|name| format!(" {name}")));
    let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
    let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    let default =
        default.filter(|_| arg.get_action().takes_values()).map(|value| format!("`{value}`")).unwrap_or_default();
    let help = arg.get_help()?.to_string().replace('\n', " ").replace('|', "\\|");
    Some(format!("| `--{name}{}` | {variable} | {default} | {help} |\n", value.flatten().unwrap_or_default()))
}

fn table<'a>(title: &str, args: impl Iterator<Item = &'a Arg>) -> String {
    let rows: String = args.filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n## {title}\n\n| flag | variable | default | what |\n|---|---|---|---|\n{rows}")
}

/// The tables of a command and of those below it, without what every command has.
fn tables(path: &str, command: &Command, known: &BTreeSet<String>) -> String {
    let is_own = |arg: &&Arg| arg.get_long().is_some_and(|name| !known.contains(name) && !is_general(name));
    let mut text = table(&format!("`{path}`"), command.get_arguments().filter(is_own));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let _ = write!(text, "{}", tables(&format!("{path} {}", below.get_name()), below, known));
    }
    text
}

fn is_general(name: &str) -> bool {
    ["help", "version", "config"].contains(&name)
}

fn every_setting() -> String {
    let command = Cli::command();
    let store = StoreArgs::augment_args(Command::new(""));
    let known = keys_of(&store);
    let mut text = table("Every command", command.get_arguments().filter(|arg| arg.get_long() == Some("config")));
    text += &table("Every command that opens a store", store.get_arguments());
    let settings_of_serve = keys_of(command.find_subcommand("serve").expect("there is `serve`"));
    for below in command.get_subcommands() {
        // `config check` takes the settings of `serve`.
        let known = if below.get_name() == "config" { &settings_of_serve } else { &known };
        text += &tables(below.get_name(), below, known);
    }
    text
}

#[test]
fn the_settings_are_documented_as_the_command_line_has_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the page says where the settings begin");
    let (_, after) = rest.split_once(END).expect("the page says where the settings end");

    let expected = format!("{before}{BEGIN}{}\n{END}{after}", every_setting());

    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let missing: Vec<_> = expected.lines().filter(|line| !text.lines().any(|found| found == *line)).collect();
    assert!(expected == fs::read_to_string(&file).unwrap(), "missing in {}:\n{}", file.display(), missing.join("\n"));
}
