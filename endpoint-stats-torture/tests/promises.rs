//! Every scenario, in its short form, with real stores, servers and processes.
//!
//! `TORTURE_SEED` chooses other faults; without it they are those of seed 1.

use std::process::Command;

fn is_kept(scenario: &str) {
    let seed = std::env::var("TORTURE_SEED").unwrap_or_else(|_| "1".to_owned());
    let program = env!("CARGO_BIN_EXE_endpoint-stats-torture");
    let output = Command::new(program).args(["--scenario", scenario, "--seed", &seed]).output().unwrap();

    let [report, said] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{report}\n{said}");
}

#[test]
fn a_lost_acknowledgement_doubles_nothing_and_loses_nothing() {
    is_kept("lost-replies");
}

#[test]
fn a_killed_writer_loses_no_more_than_was_not_acknowledged() {
    is_kept("killed-writers");
}

#[test]
fn a_killed_writer_with_a_spool_loses_nothing_that_was_sealed() {
    is_kept("killed-writers-with-spool");
}

#[test]
fn a_killed_postgres_loses_nothing() {
    is_kept("killed-postgres");
}

#[test]
fn a_killed_redis_loses_nothing() {
    is_kept("killed-redis");
}

#[test]
fn killed_servers_lose_nothing() {
    is_kept("killed-servers");
}

#[test]
fn an_end_under_load_is_exact_or_says_what_is_missing() {
    is_kept("terminated");
}

#[test]
fn a_store_that_says_nothing_costs_neither_hits_nor_memory() {
    is_kept("black-hole");
}

#[test]
fn a_spool_without_room_loses_nothing_that_it_does_not_tell() {
    is_kept("disks");
}

#[test]
fn roll_ups_in_many_processes_change_no_sum() {
    is_kept("rolled-up");
}

#[test]
fn a_rolling_update_loses_nothing() {
    is_kept("rolling-update");
}

#[test]
fn a_flood_of_routes_loses_no_hit_and_takes_no_memory() {
    is_kept("strange-routes");
}

#[test]
fn many_faults_at_once_double_nothing_and_lose_nothing_acknowledged() {
    is_kept("grand-mix");
}
