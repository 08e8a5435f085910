//! Bodies of fuzz targets, one for each reader of foreign octets: any octets in, and the promises are checked.
//!
//! Plain functions, so that a corpus and property tests run them on stable, and cargo-fuzz runs the same ones for hours.

use crate::body::{Decoder, Framing};
use crate::client::{Extensions, dot_stuffed};
use crate::command::{self, Command, Domain, Mail, Rcpt};
use crate::proxy;
use crate::reply::{MAX_LINE, MAX_LINES, Parser, Reply};
use crate::server::{LineEndRule, LineEnds};
use crate::spool::Repairs;
use crate::tls;
use crate::xclient::{Attributes, XFORWARD_NAMES};

/// A function that takes any octets.
pub type Body = fn(&[u8]);

/// Every target with its name, which is also the name of its folder of samples.
pub const TARGETS: &[(&str, Body)] = &[
    ("command", command),
    ("path", path),
    ("reply", reply),
    ("data_body", data_body),
    ("bdat_body", bdat_body),
    ("dot_stuffing", dot_stuffing),
    ("proxy_header", proxy_header),
    ("xclient", xclient),
    ("certificate", certificate),
];

/// A command line: what is taken is clean, and goes on as octets that mean the same again.
pub fn command(octets: &[u8]) {
    let Ok(command) = command::parse(octets) else { return };
    assert!(octets.len() <= command::Limits::default().line);
    match command {
        Command::Mail(mail) => again(b"MAIL FROM:", &mail.verbatim, &Command::Mail(mail.clone())),
        Command::Rcpt(rcpt) => again(b"RCPT TO:", &rcpt.verbatim, &Command::Rcpt(rcpt.clone())),
        Command::Bdat { size, last } => {
            let line = format!("BDAT {size}{}", if last { " LAST" } else { "" });
            assert_eq!(command::parse(line.as_bytes()), Ok(Command::Bdat { size, last }));
        }
        Command::Ehlo(domain) | Command::Helo(domain) => same_domain(&domain),
        _ => {}
    }
}

/// A path: what is taken is the same when it is read again, and its parts are what the whole is made of.
pub fn path(octets: &[u8]) {
    let line = [b"RCPT TO:", octets].concat();
    if let Ok(Command::Rcpt(Rcpt { path, verbatim, params })) = command::parse(&line) {
        again(
            b"RCPT TO:",
            &verbatim,
            &Command::Rcpt(Rcpt { path: path.clone(), params, verbatim: verbatim.clone() }),
        );
        if !path.domain().is_empty() {
            assert_eq!(path.address(), format!("{}@{}", path.local(), path.domain()));
            assert!(!path.local().is_empty() && !path.local().contains(['\r', '\n', '\0']));
            same_domain(&Domain::parse(path.domain().as_bytes()).expect("the domain of a path is a domain"));
        }
    }
    let line = [b"MAIL FROM:", octets].concat();
    if let Ok(Command::Mail(mail)) = command::parse(&line) {
        // A sender that needs no quoting can be written down from its address.
        let plain = Mail::new(mail.path.address()).is_ok_and(|again| again.path == mail.path);
        assert!(plain || mail.verbatim.contains(&b'"') || mail.verbatim.contains(&b':'));
    }
}

fn again(verb: &[u8], verbatim: &[u8], command: &Command) {
    assert!(memchr::memchr3(b'\r', b'\n', 0, verbatim).is_none());
    assert_eq!(command::parse(&[verb, verbatim].concat()).as_ref(), Ok(command));
}

fn same_domain(domain: &Domain) {
    assert_eq!(Domain::parse(domain.as_str().as_bytes()).as_ref(), Some(domain));
}

/// Replies of a next hop: cutting does not matter, what is passed on is what came, memory is bounded.
pub fn reply(octets: &[u8]) {
    let whole = Parser::default().feed(octets);
    for cut in cuts(octets) {
        let mut parser = Parser::default();
        let halves = parser.feed(&octets[..cut]).and_then(|(used, reply)| match reply {
            Some(reply) => Ok((used, Some(reply))),
            None => parser.feed(&octets[used..]).map(|(more, reply)| (used + more, reply)),
        });
        match (&whole, halves) {
            (Ok((used, Some(reply))), halves) => assert_eq!(halves, Ok((*used, Some(reply.clone())))),
            (Ok((_, None)), halves) => assert!(matches!(halves, Ok((_, None)))),
            (Err(_), halves) => assert!(!matches!(halves, Ok((_, Some(_))))),
        }
    }
    let Ok((used, Some(reply))) = whole else { return };
    assert!(reply.lines.len() <= MAX_LINES && reply.lines.iter().all(|line| line.len() < MAX_LINE));
    assert_eq!(reply.to_bytes(), with_spaces(&octets[..used]));
    let _ = Extensions::read(&reply);
    let _ = reply.to_string();
    said_by_us(&reply);
}

/// `250` alone on a line is passed on as `250 `, which RFC 5321 4.2 asks for.
fn with_spaces(wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in wire.split_inclusive(|octet| *octet == b'\n') {
        out.extend_from_slice(&line[..3]);
        if line.len() == 5 {
            out.push(b' ');
        }
        out.extend_from_slice(&line[3..]);
    }
    out
}

/// The same text in a reply of our own stays within its lines.
fn said_by_us(reply: &Reply) {
    let wire = Reply::new(550, (5, 7, 1), reply.text()).to_bytes();
    assert!(
        wire.split_inclusive(|octet| *octet == b'\n')
            .all(|line| line.starts_with(b"550") && line.ends_with(b"\r\n"))
    );
}

/// What comes after 354: cutting does not matter, nothing bad gets through, nothing is lost behind the end.
pub fn data_body(octets: &[u8]) {
    decoded(octets, Framing::Dots);
}

/// Chunks of BDAT: the same.
pub fn bdat_body(octets: &[u8]) {
    decoded(octets, Framing::Counted);
}

/// The first octet chooses the rules.
fn decoded(octets: &[u8], framing: Framing) {
    let Some((choice, wire)) = octets.split_first() else { return };
    let rule = |shift: u8| match choice >> shift & 3 {
        0 => LineEndRule::Repair,
        1 => LineEndRule::Pass,
        _ => LineEndRule::Refuse,
    };
    let rules = LineEnds { bare_lf: rule(0), bare_cr: rule(2), nul: rule(4) };
    let whole = decode(&[wire], framing, rules);
    for cut in cuts(wire) {
        let (first, second) = wire.split_at(cut);
        assert_eq!(decode(&[first, second], framing, rules), whole);
    }
    let octets: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(decode(&octets, framing, rules), whole);
    assert!(whole.message.len() <= 2 * wire.len());
    if !whole.refused && ![rules.bare_lf, rules.bare_cr, rules.nul].contains(&LineEndRule::Pass) {
        assert!(is_clean(&whole.message));
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    message: Vec<u8>,
    rest: Option<Vec<u8>>,
    refused: bool,
    repairs: Repairs,
}

fn decode(chunks: &[&[u8]], framing: Framing, rules: LineEnds) -> Decoded {
    let mut decoder = Decoder::new(framing, rules);
    let (mut message, mut done) = (Vec::new(), 0);
    for (index, chunk) in chunks.iter().enumerate() {
        message.extend_from_slice(chunk);
        let (now, ended) = decoder.feed(&mut message, done);
        done = now;
        if ended {
            let mut rest = message.split_off(done);
            chunks[index + 1..].iter().for_each(|chunk| rest.extend_from_slice(chunk));
            return Decoded {
                message,
                rest: Some(rest),
                refused: decoder.refused.is_some(),
                repairs: decoder.repairs,
            };
        }
    }
    match framing {
        Framing::Counted => decoder.finish(&mut message, done),
        Framing::Dots => message.truncate(done),
    }
    Decoded { message, rest: None, refused: decoder.refused.is_some(), repairs: decoder.repairs }
}

fn is_clean(message: &[u8]) -> bool {
    let mut before = 0;
    message.iter().enumerate().all(|(at, octet)| {
        let good = match octet {
            0 => false,
            b'\n' => before == b'\r',
            // A CR may be the last octet of what came so far: its LF is still on the way.
            b'\r' => message.get(at + 1).is_none_or(|next| *next == b'\n'),
            _ => true,
        };
        before = *octet;
        good
    })
}

/// Any message, stuffed and taken in again, is the same but for a line end that was missing; how it lies in pieces does
/// not matter.
pub fn dot_stuffing(octets: &[u8]) {
    let wire = dot_stuffed(&[octets]);
    for cut in cuts(octets) {
        let (first, second) = octets.split_at(cut);
        assert_eq!(dot_stuffed(&[first, second]), wire);
    }
    let pass = LineEnds { bare_lf: LineEndRule::Pass, bare_cr: LineEndRule::Pass, nul: LineEndRule::Pass };
    let mut wanted = octets.to_vec();
    if !(octets.is_empty() || octets.ends_with(b"\r\n")) {
        wanted.extend_from_slice(b"\r\n");
    }
    let back = decode(&[&wire], Framing::Dots, pass);
    assert_eq!((back.message, back.rest.as_deref()), (wanted, Some(&b""[..])));
}

/// A PROXY header: what more octets say never contradicts what fewer said.
pub fn proxy_header(octets: &[u8]) {
    let whole = proxy::parse(octets);
    if let Ok(Some(header)) = &whole {
        assert!(header.length <= octets.len() && header.length <= proxy::MAX_HEADER);
        assert_eq!(proxy::parse(&octets[..header.length]), whole);
    }
    for cut in cuts(octets) {
        match proxy::parse(&octets[..cut]) {
            Ok(None) => {}
            early => assert_eq!(early, whole),
        }
    }
    // However many octets come, an answer is there before the bound.
    assert!(octets.len() <= proxy::MAX_HEADER || whole != Ok(None));
}

/// XCLIENT and XFORWARD attributes: what goes on is read again as the same.
pub fn xclient(octets: &[u8]) {
    let Ok(attributes) = Attributes::parse(octets) else { return };
    let text = attributes.to_string();
    assert!(!text.bytes().any(|octet| octet.is_ascii_control()) && text.is_ascii());
    assert_eq!(Attributes::parse(text.as_bytes()).as_ref(), Ok(&attributes));
    let mut merged = Attributes::default();
    merged.merge(&attributes);
    merged.merge(&attributes);
    assert!(merged.iter().count() <= 10, "each name once");
    let _ = (attributes.address(), attributes.only(XFORWARD_NAMES));
}

/// The end of a certificate's validity: any octets, no panic.
pub fn certificate(octets: &[u8]) {
    let _ = tls::not_after(octets);
}

/// Some places to cut at: all of a short input, a few of a long one.
fn cuts(octets: &[u8]) -> impl Iterator<Item = usize> + use<> {
    let length = octets.len();
    let step = (length / 40).max(1);
    (0..=length).step_by(step)
}
