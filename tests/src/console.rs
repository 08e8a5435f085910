//! A person at a console, Enforce's or the gateway's Control Center: signs in by the form, and sends the forms that the pages have.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The password of everybody in these tests.
pub const PASSWORD: &str = "granite otter lantern 47";

/// A page, or another answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// Three digits.
    pub status: u16,
    /// Where it sends the browser; empty if nowhere.
    pub location: String,
    /// The text as it came.
    pub body: String,
    cookie: String,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Console {
    address: SocketAddr,
    cookie: String,
    token: String,
}

impl Page {
    /// The words of the page, without its markup.
    pub fn words(&self) -> String {
        words(&self.body)
    }

    /// The same page, if it holds `text`; otherwise the test fails and shows it.
    pub fn shows(self, text: &str) -> Self {
        let words = self.words();
        assert!(words.contains(text), "the page does not show {text:?}:\n{} {words}", self.status);
        self
    }

    /// What the page's forms carry.
    fn form_token(&self) -> String {
        self.between("name=\"csrf\" value=\"", "\"").to_owned()
    }

    /// What stands between `before` and the next `after` in the markup.
    pub fn between(&self, before: &str, after: &str) -> &str {
        let found = self.body.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        found.unwrap_or_else(|| panic!("no {before:?} … {after:?} in\n{}", self.body)).0
    }
}

impl Console {
    /// Signs in; panics if that is refused.
    pub fn sign_in(address: SocketAddr, name: &str, password: &str) -> Self {
        let mut console = Self::let_in(address, name, Self::try_sign_in(address, name, password));
        // Whoever has a one-time password gets to this page only.
        console.token = console.get("/account/password").form_token();
        console
    }

    /// Signs in at a gateway as a user of Enforce; panics if that is refused.
    pub fn sign_in_as_guest(address: SocketAddr, name: &str, password: &str) -> Self {
        let page = Self::try_sign_in_as_guest(address, name, password);
        let mut console = Self::let_in(address, name, page);
        console.token = console.get("/account").form_token();
        console
    }

    /// Goes on from the page that asks a user of Enforce for a code; panics if that is refused.
    pub fn sign_in_by_code(address: SocketAddr, name: &str, page: &Page, code: &str) -> Self {
        let mut console = Self::let_in(address, name, Self::try_code(address, page, code));
        console.token = console.get("/account").form_token();
        console
    }

    /// What the page that asks a user of Enforce for a code hears.
    pub fn try_code(address: SocketAddr, page: &Page, code: &str) -> Page {
        let ticket = page.between("name=\"ticket\" value=\"", "\"");
        let typed = [("of", "elsewhere"), ("ticket", ticket), ("code", code)];
        ask(address, "POST", "/sign-in", "", &form(&typed))
    }

    fn let_in(address: SocketAddr, name: &str, page: Page) -> Self {
        assert_eq!(page.status, 303, "{name} is not let in: {}", page.words());
        Self { address, cookie: page.cookie, token: String::new() }
    }

    /// Signs in with a one-time password, and chooses [`PASSWORD`] instead.
    pub fn sign_in_first(address: SocketAddr, name: &str, one_time: &str) -> Self {
        let console = Self::sign_in(address, name, one_time);
        console.done("/account/password", &[("old", one_time), ("new", PASSWORD), ("again", PASSWORD)]);
        Self::sign_in(address, name, PASSWORD)
    }

    /// What the sign-in form hears.
    pub fn try_sign_in(address: SocketAddr, name: &str, password: &str) -> Page {
        ask(address, "POST", "/sign-in", "", &form(&[("name", name), ("password", password)]))
    }

    /// What the sign-in form of a gateway hears of a user of Enforce.
    pub fn try_sign_in_as_guest(address: SocketAddr, name: &str, password: &str) -> Page {
        let typed = [("of", "elsewhere"), ("name", name), ("password", password)];
        ask(address, "POST", "/sign-in", "", &form(&typed))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A page.
    pub fn get(&self, path: &str) -> Page {
        ask(self.address, "GET", path, &self.cookie, "")
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields = [&[("csrf", self.token.as_str())], fields].concat();
        ask(self.address, "POST", path, &self.cookie, &form(&fields))
    }

    /// Sends a form that must be taken; gives the page to which it leads.
    pub fn done(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path} was not done: {}", answer.words());
        self.get(&answer.location)
    }
}

/// What a piece of a page says, without its markup.
pub fn words(markup: &str) -> String {
    let mut words = String::with_capacity(markup.len());
    let mut inside = false;
    for c in markup.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                words.push(' ');
            }
            _ if !inside => words.push(c),
            _ => {}
        }
    }
    let written =
        [("&#39;", "'"), ("&#34;", "\""), ("&quot;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    for (written, meant) in written.into_iter().chain([("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]) {
        words = words.replace(written, meant);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ask(address: SocketAddr, method: &str, path: &str, cookie: &str, body: &str) -> Page {
    match try_ask(address, method, path, cookie, body) {
        Ok(page) => page,
        // As a gateway or Enforce that is down looks to a person.
        Err(error) => {
            Page { status: 0, location: String::new(), body: error.to_string(), cookie: String::new() }
        }
    }
}

/// By HTTP/1.0, so that the answer ends where the connection does.
fn try_ask(address: SocketAddr, method: &str, path: &str, cookie: &str, body: &str) -> std::io::Result<Page> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nAccept: text/html\r\n");
    if !cookie.is_empty() {
        head.push_str(&format!("Cookie: {cookie}\r\n"));
    }
    if method == "POST" {
        let length = body.len();
        head.push_str("Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets)?;
    let answer = String::from_utf8_lossy(&octets).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let header = |name: &str| {
        let line = head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        line.unwrap_or_default()
    };
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let cookie = header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    Ok(Page { status, location: header("location"), body: body.to_owned(), cookie })
}

fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// For a form or an address.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, octet| {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(octet.into()),
            _ => out.push_str(&format!("%{octet:02X}")),
        }
        out
    })
}
