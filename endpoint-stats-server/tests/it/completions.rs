//! `completions` and `man`: what is made of the command line.

use std::fs;

use crate::command::{run, stderr, stdout};

#[test]
fn every_shell_is_told_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&run(&["completions", shell]));

        for word in ["roll-up", "healthcheck", "database-url"] {
            assert!(script.contains(word), "{word} in {shell}");
        }
    }
}

#[test]
fn the_script_is_one_that_bash_takes() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completions.bash");
    fs::write(&script, stdout(&run(&["completions", "bash"]))).unwrap();

    let checked = std::process::Command::new("bash").arg("-n").arg(&script).output().unwrap();

    assert!(checked.status.success(), "{}", stderr(&checked));
}

#[test]
fn the_manual_has_a_page_a_command() {
    let folder = tempfile::tempdir().unwrap();

    let written = run(&["man", folder.path().to_str().unwrap()]);
    let printed = run(&["man"]);

    assert!(written.status.success(), "{}", stderr(&written));
    let page = fs::read_to_string(folder.path().join("endpoint-stats-server-serve.1")).unwrap();
    assert!(page.contains("ENDPOINT_STATS_LISTEN"), "{page}");
    assert!(folder.path().join("endpoint-stats-server-config-check.1").exists());
    assert!(stdout(&printed).contains(".TH endpoint-stats-server 1"), "{}", stdout(&printed));
}

#[test]
fn a_manual_that_cannot_be_written_is_a_failure() {
    let output = run(&["man", "/nonexistent"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nonexistent"), "{}", stderr(&output));
}

#[test]
fn the_help_of_every_command_gives_an_example() {
    for command in [
        &["serve"][..],
        &["import"],
        &["report"],
        &["export"],
        &["migrate"],
        &["roll-up"],
        &["config", "check"],
        &["healthcheck"],
        &["completions"],
        &["man"],
    ] {
        let help = stdout(&run(&[command, &["--help"]].concat()));

        assert!(help.contains("Examples:\n  "), "{command:?}: {help}");
    }
}
