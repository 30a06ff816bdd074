//! Pictures of every page, to be looked at.

use std::path::Path;

use super::chromium::{Chromium, DESK, PHONE};
use super::seed;
use crate::books_page::send_as_many;
use crate::command::Server;

pub(super) const ENDPOINT: &str = "endpoint?service=payments&method=POST&route=/charges&from=-7d";

/// Writes `target/pictures/PAGE-LOOK.png`; two of them are in `docs/`, with 256 colours.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "for people: it proves nothing"]
async fn pictures_of_every_page() {
    let folder = tempfile::tempdir().unwrap();
    seed::fill(folder.path(), 14 * 24).await;
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    send_as_many(&server, 103).await;
    let empty = tempfile::tempdir().unwrap();
    let empty = Server::start(empty.path());
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    let browser = Chromium::start().await;
    let pages = [
        ("overview", format!("http://{}/?from=-7d", server.address)),
        ("endpoint", format!("http://{}/{ENDPOINT}", server.address)),
        ("live", format!("http://{}/live", server.address)),
        ("unused", format!("http://{}/unused", server.address)),
        ("books", format!("http://{}/books", server.address)),
        ("wrong", format!("http://{}/?from=yesterday", server.address)),
        ("never", format!("http://{}/endpoint?service=shop&method=GET&route=/export/legacy", server.address)),
        ("empty", format!("http://{}/", empty.address)),
    ];
    for (name, url) in pages {
        for (look, scheme, size) in [("light", "light", DESK), ("dark", "dark", DESK), ("phone", "light", PHONE)] {
            browser.prefer(scheme).await;
            browser.resize(size).await;
            browser.open(&url).await;
            let most = if look == "phone" { 2_400 } else { 1_150 };
            std::fs::write(pictures.join(format!("{name}-{look}.png")), browser.picture(most).await).unwrap();
        }
        browser.without_scripts(true).await;
        browser.open(&url).await;
        browser.without_scripts(false).await;
        std::fs::write(pictures.join(format!("{name}-plain.png")), browser.picture(1_150).await).unwrap();
    }
    browser.quit().await;
}
