//! The configuration file: what it says, what wins over it, and how it is refused.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::command::{Server, program, run, stderr, stdout};

/// A folder with a file of settings.
struct Config {
    folder: tempfile::TempDir,
}

impl Config {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> String {
        self.file("config.toml").to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn check(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let path = self.path();
        let arguments = [&["config", "check", "--config", &path], arguments].concat();
        program(&arguments).envs(variables.iter().copied()).output().unwrap()
    }

    /// The value and the source of a setting.
    #[track_caller]
    fn effective(&self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
        let output = self.check(arguments, variables);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        let line =
            text.lines().find(|line| line.split_whitespace().next() == Some(name)).expect("the setting is shown");
        let mut words = line.split_whitespace().skip(1);
        let value = words.next().unwrap_or_default().to_owned();
        (value, words.collect::<Vec<_>>().join(" ").replace(&self.path(), "FILE"))
    }
}

#[track_caller]
fn assert_refused(text: &str, expected: &str) {
    let config = Config::new(text);

    let output = run(&["serve", "--config", &config.path(), "--listen", "127.0.0.1:0"]);

    let said = stderr(&output).replace(&config.path(), "FILE");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said, format!("error: FILE{expected}\n"));
}

fn is(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let config = Config::new("[serve]\nlisten = \"127.0.0.1:1\"\n");
    let variable = ("ENDPOINT_STATS_LISTEN", "127.0.0.1:2");
    let flag = ["--listen", "127.0.0.1:3"];

    assert_eq!(config.effective("listen", &flag, &[variable]), is("127.0.0.1:3", "flag"));
    assert_eq!(config.effective("listen", &[], &[variable]), is("127.0.0.1:2", "variable ENDPOINT_STATS_LISTEN"));
    assert_eq!(config.effective("listen", &[], &[]), is("127.0.0.1:1", "FILE, line 2"));
    assert_eq!(config.effective("drain-secs", &[], &[]), is("10", "default"));
    assert_eq!(config.effective("admin-listen", &[], &[]), is("-", "default"));
}

#[test]
fn the_settings_of_the_store_may_stand_on_top_and_a_table_wins_over_them() {
    let config =
        Config::new("database-url = \"memory:\"\ndatabase-connections = 3\n[serve]\ndatabase-connections = 4\n");

    assert_eq!(config.effective("database-url", &[], &[]), is("memory:", "FILE, line 1"));
    assert_eq!(config.effective("database-connections", &[], &[]), is("4", "FILE, line 4"));
}

#[test]
fn a_switch_is_true_or_false_and_a_variable_wins_over_it() {
    let config = Config::new("[serve]\nmigrate = true\n");

    assert_eq!(config.effective("migrate", &[], &[]), is("true", "FILE, line 2"));
    assert_eq!(config.effective("migrate", &[], &[("MIGRATE", "false")]), is("false", "variable MIGRATE"));
    assert_eq!(Config::new("[serve]\nmigrate = false\n").effective("migrate", &[], &[]).0, "false");
}

#[test]
fn what_excludes_a_key_of_the_file_and_is_stronger_wins() {
    let config = Config::new("database-url-file = \"/nonexistent/url\"\n");

    let given = config.effective("database-url", &[], &[("DATABASE_URL", "memory:")]);

    assert_eq!(given, is("memory:", "variable DATABASE_URL"));
    let in_table = Config::new("database-url-file = \"/nonexistent/url\"\n[serve]\ndatabase-url = \"memory:\"\n");
    assert_eq!(in_table.effective("database-url", &[], &[]), is("memory:", "FILE, line 3"));
}

#[test]
fn a_variable_names_the_file_too() {
    let config = Config::new("[serve]\nlisten = \"127.0.0.1:1\"\n");

    let output = program(&["config", "check"]).env("ENDPOINT_STATS_CONFIG", config.path()).output().unwrap();

    assert!(stdout(&output).contains("127.0.0.1:1"), "{}", stdout(&output));
}

#[test]
fn passwords_are_masked() {
    let secret = Config::new("[serve]\ndatabase-url = \"postgres://ada:s3cret@db/stats\"\n");
    let broken = Config::new("database-url = \"postgres://ada:s3cret@db/stats\n");

    assert_eq!(secret.effective("database-url", &[], &[]).0, "postgres://ada:***@db/stats");
    assert!(!stderr(&broken.check(&[], &[])).contains("s3cret"));
}

#[test]
fn a_server_is_started_by_its_file() {
    let config = Config::new("");
    let database = config.file("from-the-file.db");
    fs::write(
        config.path(),
        format!("[serve]\nservice = \"named-in-the-file\"\ndatabase-url = \"sqlite://{}\"\n", database.display()),
    )
    .unwrap();

    let server = Server::start_by_file(&config.path());

    assert_eq!(server.get("/health").status, 200);
    assert!(server.stop().success());
    assert!(database.exists());
}

#[test]
fn a_table_or_a_key_that_is_none_is_refused_by_name() {
    assert_refused(
        "[serve]\nlisen = \"127.0.0.1:1\"\n",
        ", line 2: unknown key `lisen` in [serve]: did you mean `listen`?",
    );
    assert_refused("listen = \"127.0.0.1:1\"\n", ", line 1: `listen` stands in a table: write it below [serve]");
}

#[test]
fn an_unknown_table_is_refused_whatever_the_command() {
    let config = Config::new("\n[serv]\n");

    let output = run(&["report", "--config", &config.path()]);

    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("line 2: unknown table [serv]: expected one of [serve], [import]"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_wrong_type_or_value_is_refused_with_an_example() {
    assert_refused(
        "[serve]\nlisten = 9999\n",
        ", line 2: invalid value \"9999\" for `listen`: invalid socket address syntax; write listen = \"127.0.0.1:9999\"",
    );
    assert_refused(
        "[serve]\nlisten = true\n",
        ", line 2: `listen` cannot be true or false: write listen = \"127.0.0.1:9999\"",
    );
    assert_refused(
        "[serve]\nservice = 7\n",
        ", line 2: `service` cannot be a number: write service = \"endpoint-stats-server\"",
    );
    assert_refused("[serve]\nmigrate = \"yes\"\n", ", line 2: `migrate` cannot be text: write migrate = true");
    assert_refused(
        "[serve]\nlisten = [\"a\", \"b\"]\n",
        ", line 2: `listen` cannot be a list: write listen = \"127.0.0.1:9999\"",
    );
    assert_refused(
        "[serve]\nflush-secs = \"1 s\"\n",
        ", line 2: invalid value \"1 s\" for `flush-secs`: invalid float literal; write flush-secs = 1",
    );
    assert_refused(
        "[serve]\nlog-format = \"xml\"\n",
        ", line 2: invalid value \"xml\" for `log-format`: expected one of text, json; write log-format = \"text\"",
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let duplicate = Config::new("[serve]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n");
    let unquoted = Config::new("[serve]\nflush-secs = 1 s\n");

    assert!(stderr(&duplicate.check(&[], &[])).contains("line 3: not TOML: duplicate key"));
    assert!(stderr(&unquoted.check(&[], &[])).contains("line 2: not TOML"), "{}", stderr(&unquoted.check(&[], &[])));
}

#[test]
fn keys_that_exclude_each_other_are_refused() {
    assert_refused(
        "[serve]\ndatabase-url = \"memory:\"\ndatabase-url-file = \"url\"\n",
        ", line 2: `database-url` excludes `database-url-file`: leave one of them out",
    );
}

#[test]
fn a_value_that_is_out_of_range_is_refused_with_where_it_stands() {
    for (text, variables, source) in [
        ("[serve]\nflush-secs = 0\n", &[][..], "line 2)"),
        ("", &[("ENDPOINT_STATS_FLUSH_SECS", "-1")][..], "(variable ENDPOINT_STATS_FLUSH_SECS)"),
    ] {
        let output = Config::new(text).check(&[], variables);

        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("`--flush-secs`: expected 0.05 to 60 seconds"), "{}", stderr(&output));
        assert!(stderr(&output).trim_end().ends_with(source), "{}", stderr(&output));
    }
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let output = run(&["serve", "--config", "/nonexistent/config.toml"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).starts_with("error: /nonexistent/config.toml: expected a file of settings"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_secret_that_cannot_be_read_or_is_empty_is_refused() {
    let config = Config::new(
        "database-url = \"postgres://db/stats\"\n[serve]\ndatabase-password-file = \"/nonexistent/secret\"\n",
    );
    let empty = config.file("empty");
    fs::write(&empty, "\n").unwrap();

    let missing = config.check(&[], &[]);
    let blank = config.check(&["--database-password-file", empty.to_str().unwrap()], &[]);

    assert_eq!((missing.status.code(), blank.status.code()), (Some(2), Some(2)));
    assert!(
        stderr(&missing).contains("a file that can be read") && stderr(&missing).contains("line 3"),
        "{}",
        stderr(&missing)
    );
    assert!(stderr(&blank).contains("a file that is not empty"), "{}", stderr(&blank));
}

#[test]
fn a_variable_that_looks_like_ours_is_refused() {
    let output = program(&["config", "check"]).env("ENDPOINT_STATS_LISEN", "127.0.0.1:1").output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `ENDPOINT_STATS_LISTEN`?"), "{}", stderr(&output));
}

#[test]
fn a_check_opens_no_database_and_listens_nowhere() {
    let config = Config::new("");
    let database = config.file("stats.db");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output =
        config.check(&["--listen", &address, "--database-url", &format!("sqlite://{}", database.display())], &[]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!database.exists());
}

#[test]
fn help_is_given_whatever_the_file_says() {
    let config = Config::new("[serv");

    let output = run(&["serve", "--config", &config.path(), "--help"]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("Examples:"), "{}", stdout(&output));
}
