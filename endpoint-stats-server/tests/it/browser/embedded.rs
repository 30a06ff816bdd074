//! The dashboard as a part of another service.

use std::sync::Arc;

use axum::Router;
use endpoint_stats_core::store::SqliteStore;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_server::Dashboard;

use super::chromium::Chromium;
use super::seed;
use crate::command::file;

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_works_under_a_prefix_with_and_without_a_slash() {
    let folder = tempfile::tempdir().unwrap();
    seed::fill(folder.path(), 30).await;
    let store = Arc::new(SqliteStore::open(file(folder.path())).await.unwrap());
    let dashboard = Dashboard::new(store).with_live(LiveFeed::of_this_process());
    let app =
        Router::new().nest("/admin/stats", dashboard.clone().into_router()).nest("/slash/", dashboard.into_router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let browser = Chromium::start().await;

    for home in ["/admin/stats", "/slash/"] {
        browser.open(&format!("http://{address}{home}")).await;
        let size = browser.run("return document.styleSheets[0].cssRules.length", Vec::new()).await;
        assert!(size.as_u64() > Some(50), "the style sheet is found: {size}");
        browser.click(".presets a[href*='from=-7d']").await;
        browser.click("tbody a").await;
        assert_eq!(browser.texts("[aria-labelledby=facts] dt").await[0], "Service");
        browser.click("nav a[href*='live']").await;
        browser.wait_for("document.querySelector('[data-live-state]').innerText === 'live'").await;
        browser.click("nav a[href*='unused']").await;
        browser.click(".brand").await;
        assert_eq!(browser.texts("h1").await, ["All services"]);
        assert_eq!(browser.complaints().await, [""; 0]);
    }
    browser.quit().await;
}
