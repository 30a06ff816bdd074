//! Pages for everybody, as far as axe-core can tell.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chromium::Chromium;
use super::pages::PAGES;
use super::seed;
use crate::command::Server;

/// Where `setup.sh` puts axe-core.
const AXE: &str = "target/tools/node_modules/axe-core/axe.min.js";

fn axe() -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default();
    fs::read_to_string(top.join(AXE)).expect("axe-core is installed by setup.sh")
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_serious_defect_on_any_page_light_or_dark() {
    let folder = tempfile::tempdir().unwrap();
    seed::fill(folder.path(), 30).await;
    let server = Server::start(folder.path());
    let empty = tempfile::tempdir().unwrap();
    let empty = Server::start(empty.path());
    let browser = Chromium::start().await;
    let axe = axe();
    let pages = PAGES.map(|page| format!("http://{}/{page}", server.address));
    for page in pages.into_iter().chain([format!("http://{}/", empty.address)]) {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            browser.open(&page).await;
            browser.run(&axe, Vec::new()).await;
            let found = browser.run_to_end("const done = arguments[0]; axe.run().then(done, done)").await;

            assert_eq!(defects(&found), [""; 0], "{page}, {scheme}");
        }
    }
    browser.quit().await;
}

fn defects(found: &Value) -> Vec<String> {
    let violations = found["violations"].as_array().unwrap_or_else(|| panic!("axe ran to its end: {found}"));
    let is_serious = |rule: &&Value| matches!(rule["impact"].as_str(), Some("serious" | "critical"));
    let places = |rule: &Value| -> Vec<String> {
        rule["nodes"].as_array().into_iter().flatten().map(|node| node["target"].to_string()).collect()
    };
    violations.iter().filter(is_serious).map(|rule| format!("{} at {:?}", rule["id"], places(rule))).collect()
}
