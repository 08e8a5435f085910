//! Wire dialogues written as they are read: what the client says, what the server must answer.
//!
//! ```text
//! S: 220 *                     one reply line; `*` stands for anything
//! C: EHLO client.example       a line to send, CRLF added; several in a row go out in one write
//! S* 250                       one whole reply of any number of lines, with this code
//! C: a\r\nb\0\x80\c            escapes; `\c` at the end: no CRLF
//! P: 300                       a pause of so many milliseconds; what was said before goes out first
//! S: <closed>                  the server has closed the connection
//! ```
//!
//! Lines without one of these marks are comments.

use std::net::SocketAddr;
use std::time::Duration;

use crate::client::Client;

/// Holds the dialogue with `addr`; fails at the first line that differs, showing the talk so far.
pub fn hold(addr: SocketAddr, script: &str) {
    hold_with(&mut Client::connect(addr).expect("a connection"), script);
}

/// As [`hold`], on a connection that exists.
pub fn hold_with(client: &mut Client, script: &str) {
    let mut talk = Talk { client, said: Vec::new(), log: String::new() };
    for line in script.lines().map(str::trim) {
        match line.split_at_checked(2) {
            Some(("C:", said)) => talk.say(said.strip_prefix(' ').unwrap_or(said)),
            Some(("S:", wanted)) => talk.expect_line(wanted.trim()),
            Some(("S*", wanted)) => talk.expect_reply(wanted.trim()),
            Some(("P:", pause)) => talk.pause(pause.trim()),
            _ => {}
        }
    }
    talk.flush();
}

struct Talk<'a> {
    client: &'a mut Client,
    said: Vec<u8>,
    log: String,
}

impl Talk<'_> {
    fn say(&mut self, text: &str) {
        self.note("C", text);
        let (text, end) = text.strip_suffix("\\c").map_or((text, "\r\n"), |text| (text, ""));
        self.said.extend(unescape(text));
        self.said.extend(end.as_bytes());
    }

    fn expect_line(&mut self, wanted: &str) {
        self.flush();
        if wanted == "<closed>" {
            assert!(self.client.is_closed(), "the connection should be closed\n{}", self.log);
            return;
        }
        let line = self.client.line();
        let line = line.ok().flatten().unwrap_or_else(|| "<closed>".to_owned());
        self.note("S", &line);
        assert!(matches(wanted, &line), "expected {wanted:?}, got {line:?}\n{}", self.log);
    }

    fn expect_reply(&mut self, wanted: &str) {
        self.flush();
        let answer = match self.client.answer() {
            Ok(answer) => answer,
            Err(error) => panic!("expected a reply {wanted}, got {error}\n{}", self.log),
        };
        for line in &answer.lines {
            self.note("S", &format!("{} {line}", answer.code));
        }
        let first = format!("{} {}", answer.code, answer.text());
        let fits = answer.code.to_string() == wanted || matches(wanted, &first);
        assert!(fits, "expected a reply {wanted:?}, got {first:?}\n{}", self.log);
    }

    fn pause(&mut self, milliseconds: &str) {
        self.flush();
        std::thread::sleep(Duration::from_millis(milliseconds.parse().expect("milliseconds")));
    }

    fn flush(&mut self) {
        if !self.said.is_empty() {
            // A server that has closed is told apart by the next expectation, not here.
            let _ = self.client.write(&std::mem::take(&mut self.said));
        }
    }

    fn note(&mut self, who: &str, text: &str) {
        let shown: String = text.chars().take(200).collect();
        self.log.push_str(&format!("    {who}: {shown}\n"));
    }
}

/// `*` in the pattern stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let (octet, used) = match (first, tail) {
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'0', ..]) => (0, 1),
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            (b'\\', [b'x', high, low, ..]) => (hex(*high) * 16 + hex(*low), 3),
            _ => (*first, 0),
        };
        octets.push(octet);
        rest = &rest[used..];
    }
    octets
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("a hexadecimal digit") as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("250 *", "250 sink.example"));
        assert!(matches("250 2.1.*ok", "250 2.1.5 recipient ok"));
        assert!(matches("250", "250"));
        assert!(!matches("250", "250 ok"));
        assert!(!matches("250 *ok", "250 no"));
    }

    #[test]
    fn escapes_become_octets() {
        assert_eq!(unescape(r"a\r\n\0\x80\\"), b"a\r\n\0\x80\\");
    }
}
