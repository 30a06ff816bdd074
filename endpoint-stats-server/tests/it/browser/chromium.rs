//! [`Chromium`]: a headless browser behind its driver, both always killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use axum::http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::command::ExtensionCommand;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::command::PATIENCE;

/// A page wide enough for everything to stand side by side.
pub(super) const DESK: (u32, u32) = (1_280, 900);
/// A small phone.
pub(super) const PHONE: (u32, u32) = (360, 740);

/// A browser with a profile of its own.
pub(super) struct Chromium {
    driver: WebDriver,
    program: Child,
    _profile: TempDir,
}

/// A command of the browser's own protocol.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl ExtensionCommand for DevTools {
    fn parameters_json(&self) -> Option<Value> {
        Some(json!({ "cmd": self.name, "params": self.parameters }))
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        "/goog/cdp/execute".into()
    }
}

impl Chromium {
    pub(super) async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut program = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by setup.sh");
        let port = port_of(&mut program);
        let capabilities = capabilities(&profile);
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await;
        let driver = driver.unwrap_or_else(|error| {
            let _ = program.kill();
            panic!("the browser starts: {error}")
        });
        let browser = Self { driver, program, _profile: profile };
        browser.resize(DESK).await;
        browser
    }

    pub(super) async fn open(&self, url: &str) {
        self.driver.goto(url).await.expect("the page loads");
    }

    /// Clicks on what a selector finds first, and waits until that has led to another page.
    pub(super) async fn click(&self, selector: &str) {
        let page = self.driver.find(By::Css("html")).await.expect("there is a page");
        let found = self.driver.find(By::Css(selector.to_owned())).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}")).click().await.expect("it can be clicked");
        let until = tokio::time::Instant::now() + PATIENCE;
        while page.tag_name().await.is_ok() {
            assert!(tokio::time::Instant::now() < until, "{selector} leads nowhere");
        }
    }

    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.driver.find(By::Css(selector.to_owned())).await.expect("the field is there");
        field.clear().await.expect("it can be emptied");
        field.send_keys(text).await.expect("it can be filled");
    }

    /// The text of everything a selector finds.
    pub(super) async fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(found => (found.innerText ?? '').trim())";
        let found = self.run(script, vec![json!(selector)]).await;
        serde_json::from_value(found).expect("a list of texts")
    }

    pub(super) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.driver.execute(script, arguments).await.expect("the script runs").json().clone()
    }

    pub(super) async fn run_to_end(&self, script: &str) -> Value {
        self.driver.execute_async(script, Vec::new()).await.expect("the script ends").json().clone()
    }

    pub(super) async fn url(&self) -> String {
        self.driver.current_url().await.expect("there is a page").to_string()
    }

    /// Waits until a script gives a true value.
    pub(super) async fn wait_for(&self, condition: &str) {
        let script = format!("return Boolean({condition})");
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.run(&script, Vec::new()).await != json!(true) {
            assert!(tokio::time::Instant::now() < until, "never true: {condition}");
            tokio::task::yield_now().await;
        }
    }

    /// Shows pages in a size, whatever the smallest window is.
    pub(super) async fn resize(&self, (width, height): (u32, u32)) {
        let is_phone = width < 600;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    pub(super) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tell("Emulation.setEmulatedMedia", features).await;
    }

    pub(super) async fn without_scripts(&self, is_off: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", json!({ "value": is_off })).await;
    }

    /// A picture of the page, down to a height.
    pub(super) async fn picture(&self, most: u32) -> Vec<u8> {
        let script = "return Math.min(document.documentElement.scrollHeight, arguments[0])";
        let size = self.run(script, vec![json!(most)]).await;
        let width = self.run("return innerWidth", Vec::new()).await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": size, "scale": 1 });
        let asked = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.tell("Page.captureScreenshot", asked).await;
        let script = "return [...atob(arguments[0])].map(letter => letter.charCodeAt(0))";
        serde_json::from_value(self.run(script, vec![taken["data"].clone()]).await).expect("bytes")
    }

    /// What the browser complained about since it was last asked.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("there is a log");
        log.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect()
    }

    /// Every address that was asked for over the network since this was last asked.
    pub(super) async fn requests(&self) -> Vec<String> {
        let log = self.driver.get_log("performance").await.expect("there is a log");
        let events = log.iter().filter_map(|entry| serde_json::from_str::<Value>(&entry.message).ok());
        let sent = events.filter(|event| event["message"]["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| Some(event["message"]["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    async fn tell(&self, name: &'static str, parameters: Value) -> Value {
        let command = Box::new(DevTools { name, parameters });
        let answer = self.driver.handle().cmd(thirtyfour::common::command::Command::ExtensionCommand(command)).await;
        answer.expect("the browser does as told").value_json().expect("the answer is JSON")
    }

    /// Ends the browser; dropping it does too, less gently.
    pub(super) async fn quit(self) {
        let _ = self.driver.clone().quit().await;
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver takes its browser along.
        let _ = Command::new("pkill").args(["-KILL", "-P", &self.program.id().to_string()]).status();
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn capabilities(profile: &TempDir) -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let folder = format!("--user-data-dir={}", profile.path().display());
    let flags =
        ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", &folder];
    for flag in flags {
        capabilities.add_arg(flag).expect("a flag can be set");
    }
    for log in ["browser", "performance"] {
        capabilities.set_logging_prefs(log, LoggingPrefsLogLevel::All).expect("a log can be asked for");
    }
    capabilities
}

/// The port that the driver says it has taken.
fn port_of(program: &mut Child) -> u16 {
    let output = program.stdout.take().expect("standard output is piped");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens after the first one that matters; the pipe is still to be emptied.
            let _ = sender.send(line);
        }
    });
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("the driver says where it listens");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().expect("a port");
        }
    }
}
