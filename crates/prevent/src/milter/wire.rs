//! Packets of the milter protocol, version 6: octets to plain data and back; no I/O, nothing believed.
//!
//! A packet is a length (32 bits, big endian, of what follows), a command, and its data; texts end with NUL. What Sendmail's
//! libmilter and Postfix send is the standard: there is no RFC.

use std::net::IpAddr;

/// The longest packet that is read (octets): a piece of body has at most 64 KiB, a header field what the MTA allows.
pub(crate) const MAX_PACKET: usize = 1 << 20;
/// Most octets of a text that we send.
const MAX_TEXT: usize = 60_000;

/// What the MTA must be able to do for us: add header lines, recipients, change header lines, delete recipients, quarantine.
const ADD_HEADERS: u32 = 0x01;
const ADD_RECIPIENTS: u32 = 0x04;
const DELETE_RECIPIENTS: u32 = 0x08;
const CHANGE_HEADERS: u32 = 0x10;
const QUARANTINE: u32 = 0x20;
const ACTIONS: u32 = ADD_HEADERS | ADD_RECIPIENTS | DELETE_RECIPIENTS | CHANGE_HEADERS | QUARANTINE;

/// Unknown SMTP commands are not for us.
const NO_UNKNOWN: u32 = 0x100;
/// The steps for which the MTA need not wait for our word.
const NO_REPLY_HEADER: u32 = 0x80;
const NO_REPLIES: u32 = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x4_0000 | 0x8_0000 | NO_REPLY_HEADER;
/// Values of header fields come with their leading space.
const LEADING_SPACE: u32 = 0x10_0000;

/// What the MTA says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// Version, what it can do, which steps it can leave out.
    Negotiate {
        version: u32,
        actions: u32,
        steps: u32,
    },
    /// Who connects to the MTA; none for a local program.
    Connect(Option<IpAddr>),
    Helo,
    /// MAIL: the address without brackets.
    Mail(String),
    /// RCPT: the address without brackets.
    Rcpt(String),
    Data,
    /// A header field.
    Header {
        name: &'a [u8],
        value: &'a [u8],
    },
    EndOfHeader,
    /// A piece of the body.
    Body(&'a [u8]),
    EndOfMessage,
    /// The message is given up; the connection goes on.
    Abort,
    /// Another SMTP connection follows.
    QuitAndReuse,
    Quit,
    /// Macros, and whatever may be ignored.
    Other,
}

/// Takes the packet's octets (command and data) apart; nothing where they are not what they should be.
pub(crate) fn parse(octets: &[u8]) -> Option<Packet<'_>> {
    let (command, data) = octets.split_first()?;
    Some(match command {
        b'O' => {
            let number = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
            Packet::Negotiate { version: number(0)?, actions: number(4)?, steps: number(8)? }
        }
        b'C' => Packet::Connect(address(data)?),
        b'H' => Packet::Helo,
        b'M' => Packet::Mail(path(data)?),
        b'R' => Packet::Rcpt(path(data)?),
        b'T' => Packet::Data,
        b'L' => {
            let (name, rest) = text(data)?;
            let (value, rest) = text(rest)?;
            let good =
                rest.is_empty() && !name.is_empty() && !name.iter().any(|octet| b"\r\n:".contains(octet));
            good.then_some(Packet::Header { name, value })?
        }
        b'N' => Packet::EndOfHeader,
        b'B' => Packet::Body(data),
        b'E' if data.is_empty() => Packet::EndOfMessage,
        b'A' => Packet::Abort,
        b'K' => Packet::QuitAndReuse,
        b'Q' => Packet::Quit,
        b'D' | b'U' => Packet::Other,
        _ => return None,
    })
}

/// A text up to its NUL, and what follows.
fn text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, data)?;
    Some((&data[..end], &data[end + 1..]))
}

/// Host name, family, port and address of the peer.
fn address(data: &[u8]) -> Option<Option<IpAddr>> {
    let (_, rest) = text(data)?;
    let (family, rest) = rest.split_first()?;
    if !matches!(family, b'4' | b'6') {
        return Some(None);
    }
    let (address, _) = text(rest.get(2..)?)?;
    let address = std::str::from_utf8(address).ok()?;
    // Sendmail writes IPv6 addresses with a tag before them.
    let address = address.strip_prefix("IPv6:").unwrap_or(address);
    Some(Some(address.parse().ok()?))
}

/// The address of MAIL or RCPT; ESMTP parameters may follow.
fn path(data: &[u8]) -> Option<String> {
    let (path, _) = text(data)?;
    let path = std::str::from_utf8(path).ok()?.trim();
    let inside = path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path);
    (!inside.contains(char::is_control)).then(|| inside.to_owned())
}

/// What was agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Steps before the end of the message get no answer.
    pub(crate) silent: bool,
    /// Header values come with their leading space.
    leading_space: bool,
}

/// Answers the MTA's offer; nothing where it is too old or cannot do what a verdict may need.
pub(crate) fn negotiate(version: u32, actions: u32, steps: u32, out: &mut Vec<u8>) -> Option<Agreed> {
    if version < 6 || actions & ACTIONS != ACTIONS {
        return None;
    }
    let wanted = steps & (NO_UNKNOWN | NO_REPLIES | LEADING_SPACE);
    // Either all steps are silent or none is: half of them would have to be told apart.
    let silent = wanted & NO_REPLIES == NO_REPLIES;
    let wanted = if silent { wanted } else { wanted & !NO_REPLIES };
    let mut data = Vec::with_capacity(12);
    for number in [6, ACTIONS, wanted] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    packet(b'O', &data, out);
    Some(Agreed { silent, leading_space: wanted & LEADING_SPACE != 0 })
}

impl Agreed {
    /// The header line as it stood in the message, as far as an MTA tells: folds come as bare LF.
    pub(crate) fn line(self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(name);
        out.push(b':');
        if !self.leading_space && !value.is_empty() {
            out.push(b' ');
        }
        let mut before = 0;
        for octet in value {
            match octet {
                b'\n' if before == b'\r' => out.push(b'\n'),
                b'\n' => out.extend_from_slice(b"\r\n"),
                octet => out.push(*octet),
            }
            before = *octet;
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// What we tell the MTA at the end of a message, or of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go on; at the end of the message: deliver it.
    Continue,
    /// The SMTP reply that refuses or defers the message.
    Reply(String),
    /// A header line at the top.
    InsertHeader {
        name: String,
        value: Vec<u8>,
    },
    /// Another value for the nth field of this name, counted from 1; empty deletes it.
    ChangeHeader {
        index: u32,
        name: String,
        value: Vec<u8>,
    },
    AddRecipient(String),
    DeleteRecipient(String),
    /// Hold the message, with a reason.
    Quarantine(String),
}

impl Answer {
    /// Appends the packet.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Continue => packet(b'c', &[], out),
            Self::Reply(text) => packet(b'y', &texts(&[text.as_bytes()]), out),
            Self::InsertHeader { name, value } => {
                let data = [&0_u32.to_be_bytes()[..], &texts(&[name.as_bytes(), value])].concat();
                packet(b'i', &data, out);
            }
            Self::ChangeHeader { index, name, value } => {
                let data = [&index.to_be_bytes()[..], &texts(&[name.as_bytes(), value])].concat();
                packet(b'm', &data, out);
            }
            Self::AddRecipient(address) => packet(b'+', &texts(&[format!("<{address}>").as_bytes()]), out),
            Self::DeleteRecipient(address) => packet(b'-', &texts(&[format!("<{address}>").as_bytes()]), out),
            Self::Quarantine(reason) => packet(b'q', &texts(&[reason.as_bytes()]), out),
        }
    }
}

/// Texts with their NULs; one inside would end it early.
fn texts(texts: &[&[u8]]) -> Vec<u8> {
    let mut data = Vec::new();
    for text in texts {
        data.extend(text.iter().take(MAX_TEXT).filter(|octet| **octet != 0));
        data.push(0);
    }
    data
}

fn packet(command: u8, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(data.len() as u32 + 1).to_be_bytes());
    out.push(command);
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_postfix_sends_is_understood() {
        assert_eq!(
            parse(b"Cmail.example\x004\x01\xbb192.0.2.7\0"),
            Some(Packet::Connect(Some("192.0.2.7".parse().unwrap())))
        );
        assert_eq!(parse(b"Clocalhost\0U"), Some(Packet::Connect(None)));
        assert_eq!(
            parse(b"Clocalhost\x006\0\x19IPv6:::1\0"),
            Some(Packet::Connect(Some("::1".parse().unwrap())))
        );
        assert_eq!(parse(b"M<ann@corp.example>\0SIZE=10\0"), Some(Packet::Mail("ann@corp.example".into())));
        assert_eq!(parse(b"M<>\0"), Some(Packet::Mail(String::new())));
        assert_eq!(parse(b"LSubject\0 a\n b\0"), Some(Packet::Header { name: b"Subject", value: b" a\n b" }));
        assert_eq!(parse(b"LSub:ject\0 a\0"), None);
        assert_eq!(parse(b"E"), Some(Packet::EndOfMessage));
    }

    #[test]
    fn an_mta_that_cannot_do_what_a_verdict_may_need_is_turned_away() {
        let mut out = Vec::new();
        assert_eq!(negotiate(6, 0x1, 0x1f_ffff, &mut out), None);
        assert_eq!(negotiate(2, 0x1ff, 0x1f_ffff, &mut out), None);
        let agreed = negotiate(6, 0x1ff, 0x1f_ffff, &mut out).unwrap();
        assert!(agreed.silent && agreed.leading_space);
        assert_eq!(out[..5], [0, 0, 0, 13, b'O']);
        assert!(!negotiate(6, 0x1ff, 0x80, &mut out).unwrap().silent);
    }

    #[test]
    fn folds_become_crlf_again() {
        let agreed = Agreed { silent: true, leading_space: true };
        let mut out = Vec::new();
        agreed.line(b"Subject", b" one\n two\r\n three", &mut out);
        assert_eq!(out, b"Subject: one\r\n two\r\n three\r\n");
    }

    #[test]
    fn answers_carry_no_nul_inside() {
        let mut out = Vec::new();
        Answer::Quarantine("a\0b".into()).write(&mut out);
        assert_eq!(out, b"\0\0\0\x04qab\0");
    }

    proptest! {
        #[test]
        fn no_packet_panics(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&octets);
        }
    }
}
