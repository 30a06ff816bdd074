//! A PostgreSQL of a test's own, and its end.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::block_in_place;
use tokio::time::{interval, timeout};

use super::is_alive;
use crate::support::postgres::PostgresServer;
use crate::support::proxy::Proxy;

const CHILD: &str = "ENDPOINT_STATS_TEST_STARTS_A_SERVER";

#[test]
fn a_server_answers_as_soon_as_it_is_started() {
    let server = PostgresServer::start();

    assert_eq!(server.psql("postgres", "SELECT 1 + 1; SELECT 'a', NULL, 'b'"), "2\na||b");
    assert_eq!(server.psql("postgres", "SHOW server_encoding; SHOW lc_collate; SHOW fsync"), "UTF8\nC\noff");
    assert!(server.log().contains("ready to accept connections"));
}

#[test]
fn only_the_right_password_opens_a_server() {
    let server = PostgresServer::start();
    let ask = |password: &str| server.try_psql(&server.url_for("postgres", password, "postgres"), "SELECT 1");

    assert_eq!(ask("owner-password").unwrap(), "1");
    assert!(ask("guessed").unwrap_err().contains("password authentication failed"));
}

#[test]
fn a_name_is_taken_as_it_is() {
    let server = PostgresServer::start();
    let url = server.create_database("Läden & \"Co\"/ü");
    server.psql("postgres", "CREATE ROLE \"a@b\" LOGIN PASSWORD 'p:/w?'");

    assert_eq!(server.try_psql(&url, "SELECT current_database()").unwrap(), "Läden & \"Co\"/ü");
    assert_eq!(server.try_psql(&server.url_for("a@b", "p:/w?", "postgres"), "SELECT user").unwrap(), "a@b");
}

#[test]
#[should_panic(expected = "no_such_table")]
fn a_refused_statement_panics_with_what_the_server_said() {
    PostgresServer::start().psql("postgres", "SELECT * FROM no_such_table");
}

#[test]
fn two_servers_share_nothing() {
    let (one, other) = (PostgresServer::start(), PostgresServer::start());

    one.create_database("shop");

    assert_ne!(one.port(), other.port());
    let count = "SELECT count(*) FROM pg_database WHERE datname = 'shop'";
    assert_eq!((one.psql("postgres", count), other.psql("postgres", count)), ("1".to_owned(), "0".to_owned()));
}

#[test]
fn a_setting_is_in_force() {
    let server = PostgresServer::builder()
        .setting("max_connections", "7")
        .setting("application_name", "it's us")
        .durable()
        .start();

    let shown = server.psql("postgres", "SHOW max_connections; SHOW fsync; SHOW full_page_writes");
    assert_eq!(shown, "7\non\non");
    let file = fs::read_to_string(server.folder().join("data/postgresql.conf")).unwrap();
    assert!(file.contains("application_name = 'it''s us'"));
}

#[test]
fn a_server_comes_back_after_every_way_to_end_it() {
    let mut server = PostgresServer::builder().durable().start();
    let url = server.create_database("shop");
    server.psql("shop", "CREATE TABLE ended (way text)");
    let ways = [("stopped", PostgresServer::stop as fn(&mut _)), ("immediate", PostgresServer::kill_immediately)];

    for (way, end) in ways.into_iter().chain([("killed", PostgresServer::kill_9 as fn(&mut _))]) {
        server.psql("shop", &format!("INSERT INTO ended VALUES ('{way}')"));
        end(&mut server);
        assert!(server.try_psql(&url, "SELECT 1").unwrap_err().contains("Connection refused"), "{way}");
        server.start_again();
    }

    assert_eq!(server.try_psql(&url, "TABLE ended").unwrap(), "stopped\nimmediate\nkilled");
    let recoveries = server.log().matches("was not properly shut down").count();
    assert_eq!(recoveries, 2, "after all but the stop:\n{}", server.log());
}

#[test]
fn a_taken_port_is_left_to_its_owner() {
    let mut server = PostgresServer::start();
    server.stop();
    let owner = TcpListener::bind(("127.0.0.1", server.port())).unwrap();

    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.start_again())).unwrap_err();

    assert!(refused.downcast_ref::<String>().unwrap().contains("the port was taken"));
    drop(owner);
    server.start_again();
    assert_eq!(server.psql("postgres", "SELECT 1"), "1");
}

#[test]
fn a_server_with_tls_proves_who_it_is() {
    let server = PostgresServer::builder().tls().start();
    let authority = server.authority_pem().display();
    let url = format!("{}?sslmode=verify-full&sslrootcert={authority}", server.url());
    let stranger = PostgresServer::builder().tls().start();
    let of_stranger = format!("{}?sslmode=verify-full&sslrootcert={authority}", stranger.url());
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

    assert_eq!(server.try_psql(&url, is_encrypted).unwrap(), "t");
    assert_eq!(server.try_psql(&format!("{}?sslmode=disable", server.url()), is_encrypted).unwrap(), "f");
    let refused = stranger.try_psql(&of_stranger, is_encrypted).unwrap_err();
    assert!(refused.contains("certificate verify failed"), "{refused}");
}

#[test]
fn a_dropped_server_leaves_no_process_and_no_file() {
    let server = PostgresServer::start();
    let (process, folder) = (server.postmaster_pid(), server.folder().to_owned());

    drop(server);

    assert!(!is_alive(process));
    assert!(!folder.exists());
}

/// A process with a server, both of which end with this.
struct Starter {
    process: Child,
    // Kept open, so that the process can say more.
    _said: Lines<BufReader<ChildStdout>>,
    postmaster: u32,
    port: u16,
    folder: String,
}

impl Starter {
    fn start(temporary: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["support_tests::postgres::starts_a_server", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, "yes")
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let server = said.find_map(|line| line.unwrap().strip_prefix("server ").map(str::to_owned)).expect("a server");
        let [postmaster, port, folder] = server.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        let (postmaster, port, folder) = (postmaster.parse().unwrap(), port.parse().unwrap(), folder.to_owned());
        Self { process, _said: said, postmaster, port, folder }
    }
}

#[ignore = "the process that the tests below kill"]
#[test]
fn starts_a_server() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let server = PostgresServer::start();
    println!("\nserver {} {} {}", server.postmaster_pid(), server.port(), server.folder().display());
    // Ends with the test that started this process.
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

#[tokio::test]
async fn a_server_dies_with_the_test_process_that_started_it() {
    let mut starter = Starter::start(&env::temp_dir());
    let mut client = TcpStream::connect(("127.0.0.1", starter.port)).await.unwrap();
    assert!(is_alive(starter.postmaster));

    starter.process.kill().unwrap();
    starter.process.wait().unwrap();

    let gone = async {
        let mut looks = interval(Duration::from_millis(20));
        while is_alive(starter.postmaster) || Path::new(&starter.folder).exists() {
            looks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.expect("the server goes, and its folder");
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "nobody holds the other end any more");
    assert!(TcpStream::connect(("127.0.0.1", starter.port)).await.is_err());
}

#[test]
fn processes_that_start_at_once_share_one_template() {
    let temporary = tempfile::tempdir().unwrap();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o1777)).unwrap();

    let start = || Starter::start(temporary.path());
    let started: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });

    for mut starter in started {
        drop(starter.process.stdin.take());
        assert!(starter.process.wait().unwrap().success());
    }
    let left = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path());
    let extensions: Vec<_> = left.filter_map(|path| path.extension().map(|end| end.display().to_string())).collect();
    assert_eq!(extensions.iter().filter(|end| *end == "tar").count(), 1);
    assert_eq!(extensions.len(), 2, "the template and its lock: {extensions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_dropped_is_in_the_database() {
    let server = PostgresServer::start();
    server.psql("postgres", "CREATE TABLE hit (id int)");
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], server.port()))).await;
    let url = server.url().replace(&server.port().to_string(), &proxy.addr().port().to_string());

    proxy.drop_replies_to(b"COMMIT", Duration::from_millis(50));
    let committed = block_in_place(|| server.try_psql(&url, "BEGIN; INSERT INTO hit VALUES (1); COMMIT"));

    assert!(committed.unwrap_err().contains("server closed the connection unexpectedly"));
    assert_eq!(server.psql("postgres", "TABLE hit"), "1");
}
