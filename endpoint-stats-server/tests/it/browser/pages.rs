//! What people do on the pages.

use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use serde_json::json;

use super::chromium::{Chromium, DESK, PHONE};
use super::pictures::ENDPOINT;
use super::seed;
use crate::command::Server;

/// Every kind of page, relative to where the pages are.
pub(super) const PAGES: [&str; 6] = ["", ENDPOINT, "live", "unused", "books", "?from=yesterday"];

/// The height of the smallest text in a drawing; nothing without a drawing.
const SMALLEST_AXIS_TEXT: &str = "const texts = [...document.querySelectorAll('.plot text')];
    return texts.length ? Math.min(...texts.map(text => text.getBoundingClientRect().height)) : null";

/// Whether each button stands beside or below its text, not on it.
const STANDS_APART: &str = "return [...document.querySelectorAll('.copyable')].map(box => {
    const [text, button] = [...box.children].map(child => child.getBoundingClientRect());
    return button.width > 0 && (button.left >= text.right || button.top >= text.bottom) })";

const ROUTES: &str = "#endpoints ~ * .route, tbody .route";

async fn seeded() -> (tempfile::TempDir, Server, Chromium) {
    let folder = tempfile::tempdir().unwrap();
    seed::fill(folder.path(), 30).await;
    let server = Server::start(folder.path());
    (folder, server, Chromium::start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_found_by_order_text_service_and_range() {
    let (_folder, server, browser) = seeded().await;
    let hits = async || -> Vec<u64> {
        let cells = browser.texts("tbody td:nth-of-type(2)").await;
        cells.iter().map(|text| text.replace(',', "").parse().unwrap()).collect()
    };

    browser.open(&format!("http://{}/", server.address)).await;
    assert_eq!(browser.texts("h1").await, ["All services"]);
    assert!(hits().await.len() >= 40 && hits().await.is_sorted_by(|a, b| a >= b), "{:?}", hits().await);

    browser.click("thead a[href*='sort=hits']").await;
    assert!(hits().await.is_sorted(), "{:?}", hits().await);

    browser.fill("input[type=search]", "REFUND").await;
    browser.click("[role=search] button").await;
    let mut found = browser.texts(ROUTES).await;
    found.sort();
    assert_eq!(found, ["/charges/{id}/refunds", "/refunds/{id}"]);

    browser.click(".presets a[href*='from=-7d']").await;
    assert_eq!(browser.texts(ROUTES).await.len(), 2, "another range keeps what was searched");
    assert_eq!(browser.texts(".presets [aria-current]").await, ["7 d"]);

    browser.fill("input[type=search]", "").await;
    let choose = "const field = document.querySelector('select'); field.value = 'search';
                  field.dispatchEvent(new Event('change'))";
    browser.run(choose, Vec::new()).await;
    browser.wait_for("document.querySelector('h1').innerText === 'search'").await;
    assert!(browser.texts("tbody .service").await.iter().all(|service| service == "search"));

    browser.click("tbody a[href*='/suggest']").await;
    assert_eq!(browser.texts("h1 .route").await, ["/suggest"]);
    assert!(browser.url().await.contains("from=-7d"), "the range is kept: {}", browser.url().await);
    assert_eq!(browser.texts(".heat svg").await.len(), 1);
    assert_eq!(browser.texts("[aria-labelledby=consumers] tbody th").await[0], "web");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_numbers_move_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    // A server that waited for who watches would take ten minutes to end.
    let server = Server::start_with(folder.path(), &["--drain-secs", "1200"]);
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}/live", server.address)).await;

    server.get("/stats");

    browser.wait_for("document.querySelector('[data-live] tbody').innerText.includes('/stats')").await;
    assert_eq!(browser.texts("[data-live-state]").await, ["live"]);
    assert!(server.stop().success(), "a page that watches does not hold the server up");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_shown_under_the_pointer() {
    let (_folder, server, browser) = seeded().await;
    browser.open(&format!("http://{}/", server.address)).await;
    let whole = browser.texts(".legend b").await;
    let point = "const plot = document.querySelector('.plot').getBoundingClientRect();
                 document.querySelector('.plot').dispatchEvent(new PointerEvent('pointermove',
                     { clientX: plot.left + plot.width / 2, clientY: plot.top + 9 }))";

    browser.run(point, Vec::new()).await;

    let at = browser.texts("[data-at]").await;
    assert!(at[0].starts_with("20") && at[0].len() == 16, "{at:?}");
    assert_ne!(browser.texts(".legend b").await, whole);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_work_without_scripts() {
    let (_folder, server, browser) = seeded().await;
    browser.without_scripts(true).await;

    browser.open(&format!("http://{}/", server.address)).await;
    browser.click("thead a[href*='sort=name']").await;
    browser.fill("input[type=search]", "basket").await;
    browser.click("[role=search] button").await;
    browser.click("tbody a[href*='items']").await;
    let endpoint = browser.url().await;
    browser.open(&format!("http://{}/live", server.address)).await;
    browser.click("[data-reload]").await;
    browser.without_scripts(false).await;

    assert!(endpoint.contains("/endpoint?") && endpoint.contains("/basket/items"), "{endpoint}");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_a_phone_and_follow_the_colours_of_the_system() {
    let (folder, server, browser) = seeded().await;
    let long = Route::new(&format!("/{}", "long".repeat(125))).unwrap();
    seed::add(folder.path(), Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, long), 9_000_000).await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    for page in PAGES {
        browser.resize(PHONE).await;
        browser.prefer("light").await;
        browser.open(&format!("http://{}/{page}", server.address)).await;
        let width = browser.run("return document.documentElement.scrollWidth", Vec::new()).await;
        assert!(width.as_u64() <= Some(PHONE.0.into()), "/{page} is {width} wide");
        let smallest = browser.run(SMALLEST_AXIS_TEXT, Vec::new()).await;
        assert!(smallest.as_f64().is_none_or(|height| height >= 9.0), "/{page} has text of {smallest} pixels");
        let light = browser.run(ground, Vec::new()).await;
        browser.prefer("dark").await;
        assert_ne!(browser.run(ground, Vec::new()).await, light, "/{page}");
    }
    browser.resize(DESK).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_that_copy_cover_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let browser = Chromium::start().await;
    for size in [PHONE, DESK] {
        browser.resize(size).await;
        browser.open(&format!("http://{}/", server.address)).await;

        assert_eq!(browser.run(STANDS_APART, Vec::new()).await, json!([true, true, true, true]), "{size:?}");
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_complain_of_nothing_and_ask_nobody_else() {
    let (folder, server, browser) = seeded().await;
    let route = Route::new("/<script>alert(1)</script>\"'\u{202e}&amp;").unwrap();
    seed::add(folder.path(), Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, route), 9_000_000).await;
    let home = format!("http://{}/", server.address);
    for page in PAGES {
        browser.open(&format!("{home}{page}")).await;
        browser.wait_for("document.readyState === 'complete'").await;

        let complaints = browser.complaints().await;
        let wrong =
            complaints.iter().filter(|text| !(page.contains("yesterday") && text.contains("400 (Bad Request)")));
        assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "/{page}");
        let strangers: Vec<_> = browser.requests().await.into_iter().filter(|url| is_strange(url, &home)).collect();
        assert_eq!(strangers, [""; 0], "/{page}");
    }
    browser.open(&home).await;
    let first = browser.run("return document.querySelector('tbody .route').textContent", Vec::new()).await;
    assert_eq!(first, json!("/<script>alert(1)</script>\"'\u{202e}&amp;"));
    browser.click("tbody a").await;
    assert_eq!(browser.texts("h1 .route").await.len(), 1, "{}", browser.url().await);
    browser.quit().await;
}

fn is_strange(url: &str, home: &str) -> bool {
    !url.starts_with(home) && !url.starts_with("data:") && !url.starts_with("chrome")
}
