//! A small language for dialogues over any stream, for either side.
//!
//! A script has one step a line:
//! `C: text` the client sends the text and CRLF (neighbouring lines go in one write); `C= text` the same without CRLF,
//! with the escapes `\r \n \0 \t \\`; `S: text` the server's next line is exactly that; `S~ text` it begins with that;
//! `S.` the server closes; `S- n` nothing comes for n milliseconds; `W n` waits n milliseconds; `#` is a remark.
//!
//! The hop's side: `S: text` the hop says the line; `S= text` octets with escapes; `C: text` the client's next line is that;
//! `C. ` the client closes; `N n` the client says NOOP at least n times, and is answered; `W n` waits; `X` the hop closes.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Plays the client's part of a script.
pub async fn play<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, script: &str) {
    let mut player = Player { stream, input: Vec::new() };
    let mut out = Vec::new();
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty() && !step.starts_with('#'))
    {
        if let Some(text) = step.strip_prefix("C:") {
            out.extend_from_slice(text.strip_prefix(' ').unwrap_or(text).as_bytes());
            out.extend_from_slice(b"\r\n");
            continue;
        }
        if let Some(text) = step.strip_prefix("C= ") {
            out.extend_from_slice(&unescape(text));
            continue;
        }
        player.stream.write_all(&std::mem::take(&mut out)).await.expect("write");
        player.stream.flush().await.expect("flush");
        player.step(step).await;
    }
    let _ = player.stream.write_all(&out).await;
}

struct Player<'t, T> {
    stream: &'t mut T,
    input: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Player<'_, T> {
    async fn step(&mut self, step: &str) {
        if let Some(text) = step.strip_prefix("S: ") {
            assert_eq!(self.line(step).await, text);
        } else if let Some(text) = step.strip_prefix("S~ ") {
            let line = self.line(step).await;
            assert!(line.starts_with(text), "wanted {text:?}..., got {line:?}");
        } else if step == "S." {
            let rest = self.more(step).await;
            assert!(!rest, "wanted the end, got {:?}", String::from_utf8_lossy(&self.input));
        } else if let Some(time) = step.strip_prefix("S- ") {
            let time = Duration::from_millis(time.parse().unwrap());
            let quiet = tokio::time::timeout(time, self.more(step)).await;
            assert!(quiet.is_err(), "wanted silence, got {:?}", String::from_utf8_lossy(&self.input));
        } else if let Some(time) = step.strip_prefix("W ") {
            tokio::time::sleep(Duration::from_millis(time.parse().unwrap())).await;
        } else {
            panic!("not a step: {step:?}");
        }
    }

    async fn line(&mut self, wanted: &str) -> String {
        loop {
            if let Some(end) = self.input.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                return line.strip_suffix("\r\n").expect("CRLF").to_owned();
            }
            assert!(self.more(wanted).await, "the server closed, wanted {wanted:?}");
        }
    }

    async fn more(&mut self, wanted: &str) -> bool {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut buffer)).await;
        let count = read.unwrap_or_else(|_| panic!("nothing came, wanted {wanted:?}")).unwrap_or(0);
        self.input.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'\\' => match octets.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    out
}

/// Gives what the client sent that no step took.
pub async fn play_hop<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, script: &str) -> Vec<u8> {
    let mut input = Vec::new();
    let mut out = Vec::new();
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty() && !step.starts_with('#'))
    {
        if let Some(text) = step.strip_prefix("S:") {
            out.extend_from_slice(text.strip_prefix(' ').unwrap_or(text).as_bytes());
            out.extend_from_slice(b"\r\n");
            continue;
        }
        if let Some(text) = step.strip_prefix("S= ") {
            out.extend_from_slice(&unescape(text));
            continue;
        }
        let _ = stream.write_all(&std::mem::take(&mut out)).await;
        let _ = stream.flush().await;
        if let Some(text) = step.strip_prefix("C:") {
            let text = text.strip_prefix(' ').unwrap_or(text);
            assert_eq!(hop_line(stream, &mut input, text).await, text);
        } else if let Some(least) = step.strip_prefix("N ") {
            let mut count = 0;
            let line = loop {
                let line = hop_line(stream, &mut input, "NOOP").await;
                if line != "NOOP" {
                    break line;
                }
                count += 1;
                let _ = stream.write_all(b"250 here\r\n").await;
            };
            assert!(count >= least.parse().unwrap(), "{count} signs of life before {line:?}");
            input.splice(..0, (line + "\r\n").into_bytes());
        } else if step == "C." {
            while hop_more(stream, &mut input).await {}
        } else if let Some(time) = step.strip_prefix("W ") {
            tokio::time::sleep(Duration::from_millis(time.parse().unwrap())).await;
        } else if step == "X" {
            let _ = stream.shutdown().await;
            return input;
        } else {
            panic!("not a step: {step:?}");
        }
    }
    let _ = stream.write_all(&out).await;
    let _ = stream.flush().await;
    while hop_more(stream, &mut input).await {}
    input
}

async fn hop_line<T: AsyncRead + Unpin>(stream: &mut T, input: &mut Vec<u8>, wanted: &str) -> String {
    loop {
        if let Some(end) = input.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = input.drain(..=end).collect();
            return String::from_utf8_lossy(&line).strip_suffix("\r\n").expect("CRLF").to_owned();
        }
        assert!(hop_more(stream, input).await, "the client closed, wanted {wanted:?}");
    }
}

async fn hop_more<T: AsyncRead + Unpin>(stream: &mut T, input: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 65536];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
    let count = read.expect("the client says something in time").unwrap_or(0);
    input.extend_from_slice(&buffer[..count]);
    count > 0
}
