//! A Redis of a test's own, a cluster of them, and their end.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::is_alive;
use crate::support::redis::{RedisCluster, RedisServer};

const CHILD: &str = "ENDPOINT_STATS_TEST_STARTS_A_REDIS";

#[test]
fn a_server_answers_as_soon_as_it_is_started() {
    for program in RedisServer::programs() {
        let server = RedisServer::builder().program(&program).start();

        assert_eq!(server.cli(&["PING"]), "PONG", "{}", program.display());
        assert_eq!(server.cli(&["CONFIG", "GET", "appendfsync"]), "appendfsync\nno");
        assert_ne!(server.addr().port(), 6379);
    }
}

#[test]
#[should_panic(expected = "not an integer")]
fn a_refused_command_panics_with_what_the_server_said() {
    let server = RedisServer::start();
    server.cli(&["SET", "name", "ann"]);

    server.cli(&["INCR", "name"]);
}

#[test]
fn two_servers_share_nothing() {
    let (one, other) = (RedisServer::start(), RedisServer::start());

    one.cli(&["SET", "name", "ann"]);

    assert_ne!(one.addr(), other.addr());
    assert_eq!((one.cli(&["DBSIZE"]), other.cli(&["DBSIZE"])), ("1".to_owned(), "0".to_owned()));
}

#[test]
fn a_setting_is_in_force_and_the_last_of_a_name_counts() {
    let server = RedisServer::builder().setting("appendfsync", "always").setting("maxmemory", "64mb").start();

    assert_eq!(server.cli(&["CONFIG", "GET", "appendfsync"]), "appendfsync\nalways");
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory"]), format!("maxmemory\n{}", 64 << 20));
}

#[test]
fn only_the_right_password_opens_a_server() {
    let server = RedisServer::builder().password("a\"b :/w?@").start();
    server.cli(&["ACL", "SETUSER", "ann", "on", ">p:/w?", "~*", "+@all"]);

    assert_eq!(server.cli(&["ACL", "WHOAMI"]), "default");
    assert_eq!(server.cli(&["--user", "ann", "--pass", "p:/w?", "ACL", "WHOAMI"]), "ann");
    let refused = server.try_cli(&["-a", "guessed", "PING"]).unwrap_err();
    assert!(refused.contains("NOAUTH") || refused.contains("WRONGPASS"), "{refused}");
    assert_eq!(server.url(), format!("redis://:a%22b%20%3A%2Fw%3F%40@{}/0", server.addr()));
    assert_eq!(server.url_for("ann", "p:/w?"), format!("redis://ann:p%3A%2Fw%3F@{}/0", server.addr()));
}

#[test]
fn a_server_comes_back_with_its_data_after_every_way_to_end_it() {
    let mut server = RedisServer::start();

    for end in [RedisServer::stop as fn(&mut _), RedisServer::kill_9, RedisServer::kill_9] {
        server.cli(&["INCR", "ends"]);
        end(&mut server);
        assert!(server.try_cli(&["PING"]).unwrap_err().contains("Connection refused"));
        server.start_again();
    }

    assert_eq!(server.cli(&["GET", "ends"]), "3");
}

#[test]
fn a_truncated_append_only_file_is_a_lost_tail() {
    let mut server = RedisServer::start();
    (0..10).for_each(|_| _ = server.cli(&["RPUSH", "list", "0123456789"]));
    server.kill_9();

    server.truncate_aof(15);
    server.start_again();

    assert_eq!(server.cli(&["LLEN", "list"]), "9");
}

#[test]
fn a_setting_for_the_next_start_is_in_force_then() {
    let mut server = RedisServer::start();
    server.configure("maxmemory", "64mb");
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory"]), "maxmemory\n0");

    server.stop();
    server.start_again();

    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory"]), format!("maxmemory\n{}", 64 << 20));
}

#[test]
fn a_server_that_loads_says_so_until_it_has() {
    let mut server = RedisServer::start();
    server.cli(&["SET", "name", "ann"]);
    server.slow_to_load();
    server.kill_9();

    server.start_loading();

    assert!(server.try_cli(&["GET", "name"]).unwrap_err().contains("LOADING"));
    server.wait_until_loaded();
    assert_eq!(server.cli(&["GET", "name"]), "ann");
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed() {
    let server = RedisServer::start();
    let mut client = std::net::TcpStream::connect(server.addr()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();

    server.freeze();
    client.write_all(b"PING\r\n").unwrap();
    let unanswered = client.read(&mut [0; 7]).unwrap_err();
    server.thaw();
    client.set_read_timeout(None).unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();

    assert_eq!(unanswered.kind(), ErrorKind::WouldBlock);
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn a_taken_port_is_left_to_its_owner() {
    let mut server = RedisServer::start();
    server.stop();
    let owner = TcpListener::bind(server.addr()).unwrap();

    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.start_again())).unwrap_err();

    assert!(refused.downcast_ref::<String>().unwrap().contains("the port was taken"));
    drop(owner);
    server.start_again();
    assert_eq!(server.cli(&["PING"]), "PONG");
}

#[test]
fn a_server_with_tls_takes_nothing_else() {
    let server = RedisServer::builder().tls().start();
    let stranger = RedisServer::builder().tls().start();
    let authority = stranger.authority_pem().to_str().unwrap();

    assert_eq!(server.cli(&["PING"]), "PONG");
    assert!(server.url().starts_with("rediss://"));
    let refused = server.try_cli(&["--cacert", authority, "PING"]).unwrap_err();
    assert!(refused.contains("certificate verify failed"), "{refused}");
}

#[test]
fn a_dropped_server_leaves_no_process_and_no_file() {
    let server = RedisServer::start();
    let (process, folder) = (server.pid(), server.folder().to_owned());

    drop(server);

    assert!(!is_alive(process));
    assert!(!folder.exists());
}

#[test]
fn a_cluster_moves_keys_and_survives_a_master() {
    let mut cluster = RedisCluster::start();
    let owner = cluster.owner_of("{shop}:a");
    for key in ["{shop}:a", "{shop}:b"] {
        cluster.master(owner).cli(&["SET", key, "here"]);
    }

    assert_eq!(cluster.move_slots(9), 1);

    let next = (owner + 1) % 3;
    assert_eq!(cluster.owner_of("{shop}:b"), next);
    assert!(cluster.master(owner).try_cli(&["GET", "{shop}:a"]).unwrap_err().starts_with("MOVED"));
    cluster.kill_9(next);
    cluster.start_again(next);
    cluster.wait_until_ok();
    assert_eq!(cluster.master(next).cli(&["GET", "{shop}:a"]), "here");
}

#[ignore = "the process that the test below kills"]
#[test]
fn starts_a_server() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let server = RedisServer::start();
    println!("\nserver {} {} {}", server.pid(), server.addr().port(), server.folder().display());
    // Ends with the test that started this process.
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

/// A process with a server: the process, and the server's process, port and folder.
fn process_with_a_server() -> (Child, u32, u16, String) {
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["support_tests::redis::starts_a_server", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stdout.as_mut().unwrap()).lines();
    let server = said.find_map(|line| line.unwrap().strip_prefix("server ").map(str::to_owned)).expect("a server");
    let [pid, port, folder] = server.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    (process, pid.parse().unwrap(), port.parse().unwrap(), folder.to_owned())
}

#[tokio::test]
async fn a_server_dies_with_the_test_process_that_started_it() {
    let (mut process, server, port, folder) = process_with_a_server();
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(is_alive(server));

    process.kill().unwrap();
    process.wait().unwrap();

    let gone = async {
        let mut looks = interval(Duration::from_millis(20));
        while is_alive(server) || Path::new(&folder).exists() {
            looks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.expect("the server goes, and its folder");
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "nobody holds the other end any more");
}
