//! A browser without a window: Debian's `chromium-driver`, spoken to in its own protocol (WebDriver, JSON over HTTP).

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The checker of accessibility: package and digest as npm's registry has them.
const AXE: &str = "axe-core@4.14.1";
const AXE_DIGEST: &str =
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// A window of its own, gone with the test.
pub(crate) struct Window {
    driver: Child,
    address: SocketAddr,
    session: String,
    /// What browser and driver leave behind goes with it.
    _files: tempfile::TempDir,
}

impl Drop for Window {
    fn drop(&mut self) {
        // The driver ends the browser and removes its profile; killed at once, it would leave both behind.
        let _ = self.tell(&format!("DELETE /session/{}", self.session));
        let _ = self.tell("GET /shutdown");
        for _ in 0..100 {
            if !matches!(self.driver.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Window {
    /// Outside of the runtime, which may be ending.
    fn tell(&self, what: &str) -> std::io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        let mut driver = std::net::TcpStream::connect_timeout(&self.address, PATIENCE)?;
        driver.set_read_timeout(Some(PATIENCE))?;
        write!(driver, "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        driver.read(&mut [0; 64]).map(|_| ())
    }

    /// None if the driver is not installed and such tests may be left out.
    pub(crate) async fn open(width: u32, scheme: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let files = tempfile::tempdir().unwrap();
        let started = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("TMPDIR", files.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = started else {
            assert!(
                may_skip(),
                "no browser: apt-get install --no-install-recommends chromium chromium-driver, \
                or set WEIR_TESTS_ALLOW_SKIP=1 to leave such tests out"
            );
            eprintln!("skipped: chromium-driver is not installed");
            return None;
        };
        let address = ([127, 0, 0, 1], port).into();
        let mut window = Self { driver, address, session: String::new(), _files: files };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                format!("--window-size={width},900"),
            ]},
        }}});
        for _ in 0..150 {
            if let Some(answer) = window.send("POST", "/session", &wanted).await {
                window.session = answer["sessionId"].as_str().unwrap().to_owned();
                let media = json!({"cmd": "Emulation.setEmulatedMedia", "params":
                    {"features": [{"name": "prefers-color-scheme", "value": scheme}]}});
                window.ask("POST", "/goog/cdp/execute", media).await;
                let size = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params":
                    {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}});
                window.ask("POST", "/goog/cdp/execute", size).await;
                window.ask("POST", "/timeouts", json!({"script": 300_000})).await;
                return Some(window);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("chromedriver does not answer");
    }

    pub(crate) async fn go(&self, address: &str) {
        self.ask("POST", "/url", json!({ "url": address })).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until a script says true.
    pub(crate) async fn until(&self, script: &str) {
        for _ in 0..100 {
            if self.run(script).await == json!(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never true: {script}; the page is {}", self.run("return document.body.innerText").await);
    }

    /// Types into a field.
    pub(crate) async fn keys(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask("POST", &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Clicks as a person does: it must be in sight.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask("POST", &format!("/element/{element}/click"), json!({})).await;
    }

    /// What the browser complained about since it was asked last.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// What stands between this page and people who see, hear or move otherwise: where it breaks WCAG 2.1, levels A and AA, as
    /// far as axe-core can tell. Nothing if the checker cannot be had and may be left out.
    pub(crate) async fn barriers(&self, place: &str) -> Vec<String> {
        let Some(axe) = axe() else { return Vec::new() };
        // As it is, and with all that is folded away.
        let script = format!(
            "{axe}; return (async () => {{ const rules = {{resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}};
            const words = node => node.target.join(' ') + ': ' + node.failureSummary.replace(/\\s+/g, ' ');
            const look = async () => (await axe.run(document, rules)).violations
                .flatMap(rule => rule.nodes.map(node => rule.id + ' at ' + words(node)));
            const folded = await look();
            document.querySelectorAll('details').forEach(one => one.open = true);
            document.getAnimations().forEach(one => one.finish());
            return [...new Set([...folded, ...await look()])]; }})();"
        );
        let found = self.run(&script).await;
        let found = found.as_array().unwrap_or_else(|| panic!("the checker failed: {found}"));
        found.iter().map(|one| format!("{place}: {}", one.as_str().unwrap())).collect()
    }

    /// Keeps a picture of the page below the target directory, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        use base64::Engine as _;
        let text = self.ask("GET", "/screenshot", Value::Null).await;
        let octets = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
        let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{name}.png")), octets).unwrap();
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.ask("POST", "/element", json!({"using": "css selector", "value": selector})).await;
        let element = found.as_object().unwrap_or_else(|| panic!("no {selector}: {found}"));
        element.values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.send(method, &path, &body).await.unwrap_or_else(|| panic!("the browser is gone: {path}"))
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(text.as_bytes()).await.ok()?;
        // The driver keeps the connection open: its length says where the answer ends.
        let mut octets = Vec::new();
        let mut some = [0; 16_384];
        loop {
            let count = stream.read(&mut some).await.ok()?;
            octets.extend_from_slice(&some[..count]);
            if count == 0 || whole(&octets) {
                break;
            }
        }
        let at = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
        let answer: Value = serde_json::from_slice(&octets[at + 4..]).ok()?;
        Some(answer["value"].clone())
    }
}

fn may_skip() -> bool {
    std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1")
}

/// The checker's script, fetched once by npm into the target directory.
pub(crate) fn axe() -> Option<&'static str> {
    static SCRIPT: OnceLock<Option<String>> = OnceLock::new();
    let script = SCRIPT.get_or_init(|| match fetched() {
        Ok(script) => Some(script),
        Err(why) => {
            assert!(may_skip(), "no {AXE}: {why}; apt-get install npm, or set WEIR_TESTS_ALLOW_SKIP=1");
            eprintln!("skipped: no {AXE}: {why}");
            None
        }
    });
    script.as_deref()
}

fn fetched() -> Result<String, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = target.join(format!("{AXE}.js"));
    if let Ok(script) = std::fs::read_to_string(&kept) {
        return Ok(script);
    }
    // Tests of several programs may fetch it at the same time.
    let dir = target.join(format!("npm-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|why| why.to_string())?;
    let packed = output(Command::new("npm").args(["pack", AXE, "--json"]).current_dir(&dir))?;
    let packed: Value = serde_json::from_str(&packed).map_err(|why| why.to_string())?;
    let (digest, file) = (&packed[0]["integrity"], packed[0]["filename"].as_str().unwrap_or_default());
    if digest != AXE_DIGEST {
        return Err(format!("its digest is {digest}, not {AXE_DIGEST}"));
    }
    output(Command::new("tar").args(["-xzf", file, "package/axe.min.js"]).current_dir(&dir))?;
    let script = std::fs::read_to_string(dir.join("package/axe.min.js")).map_err(|why| why.to_string())?;
    std::fs::rename(dir.join("package/axe.min.js"), kept).map_err(|why| why.to_string())?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(script)
}

fn output(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|why| format!("{}: {why}", command.get_program().display()))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&done.stderr).into_owned())
}

fn whole(octets: &[u8]) -> bool {
    let Some(at) = octets.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&octets[..at]).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| octets.len() >= at + 4 + length)
}
