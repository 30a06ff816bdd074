//! The layers stay apart: ARCHITECTURE.md's map, held against the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library, and the modules it may name.
const MAY_NAME: [(&str, &[&str]); 17] = [
    ("endpoint", &[]),
    ("window", &[]),
    ("nanos", &[]),
    ("stripes", &[]),
    ("sync", &[]),
    ("sketch", &["nanos"]),
    ("clock", &["nanos", "window"]),
    ("hit", &["nanos", "sketch"]),
    ("recorder", &["endpoint", "hit"]),
    ("middleware", &["clock", "endpoint", "hit", "nanos", "recorder", "sketch", "stripes", "window"]),
    ("aggregate", &["endpoint", "hit", "nanos", "recorder", "sketch", "stripes", "sync", "window"]),
    ("telemetry", &["aggregate", "endpoint", "sketch"]),
    ("store", &["aggregate", "clock", "endpoint", "hit", "sketch", "telemetry", "window"]),
    ("flush", &["aggregate", "clock", "endpoint", "hit", "sketch", "store", "telemetry", "window"]),
    ("fuzzing", &["flush", "store"]),
    ("stats", &["aggregate", "clock", "endpoint", "flush", "middleware", "store", "telemetry"]),
    ("lib", &["endpoint", "hit", "nanos", "stats"]),
];

/// Crates that belong to some folders, and are named nowhere else.
const BELONGS_TO: [(&str, &[&str]); 11] = [
    ("diesel", &["store/sqlite", "store/postgres"]),
    ("diesel_migrations", &["store/sqlite", "store/postgres"]),
    ("diesel_async", &["store/postgres"]),
    ("tokio_postgres", &["store/postgres"]),
    ("rustls", &["store/postgres", "store/redis", "store/remote", "store/roots.rs"]),
    ("hyper_util", &["store/remote"]),
    ("hyper_rustls", &["store/remote"]),
    ("serde_json", &["store/remote"]),
    ("bb8", &["store/pool.rs", "store/postgres", "store/redis"]),
    ("bb8_redis", &["store/redis"]),
    ("metrics", &["telemetry"]),
];

const STORES: [&str; 5] = ["memory", "sqlite", "postgres", "redis", "remote"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("endpoint-stats-core/src")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file, by its path below `src`, without its unit tests and comments.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files_below(&source(), &mut found);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        (name, code.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect())
    };
    found.into_iter().filter(|path| path.file_name().is_none_or(|name| name != "tests.rs")).map(read).collect()
}

/// The modules that code names as `crate::module`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let code = code.replace("$crate::", "");
    let names = code.split("crate::").skip(1);
    let first_word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    names.map(first_word).filter(|name| !name.is_empty()).collect()
}

fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

#[test]
fn a_module_names_only_those_below_it() {
    for (file, code) in files() {
        let module = module_of(&file);
        let (_, allowed) = MAY_NAME.iter().find(|(name, _)| *name == module).expect("the module is in the map");
        for named in named_modules(&code).iter().filter(|named| *named != module) {
            assert!(allowed.contains(&named.as_str()), "{file} names `{named}`, which {module} may not");
        }
    }
}

#[test]
fn a_databases_crates_are_named_in_its_folder_only() {
    for (file, code) in files() {
        for (name, folders) in BELONGS_TO {
            let is_named = code.contains(&format!("{name}::"));
            let is_at_home = folders.iter().any(|folder| file.starts_with(folder));
            assert!(!is_named || is_at_home, "{file} names `{name}`, which belongs to {folders:?}");
        }
    }
}

/// What loom has no part of needs no place in a model.
const NOT_MODELLED: [&str; 2] = ["std::sync::Arc", "std::sync::PoisonError"];

#[test]
fn the_recorder_names_no_lock_that_the_models_do_not_see() {
    for (file, code) in files().iter().filter(|(file, _)| module_of(file) == "aggregate") {
        let code =
            NOT_MODELLED.iter().fold(code.replace("sync::{Arc, PoisonError}", ""), |code, name| code.replace(name, ""));
        assert!(!code.contains("std::sync"), "{file} names what `crate::sync` should");
    }
}

#[test]
fn stores_do_not_name_each_other() {
    for store in STORES {
        for (file, code) in files().iter().filter(|(file, _)| file.starts_with(&format!("store/{store}"))) {
            let others = STORES.into_iter().filter(|other| *other != store);
            for other in others {
                assert!(!code.contains(&format!("{other}::")), "{file} names {other}, another store");
            }
        }
    }
}
