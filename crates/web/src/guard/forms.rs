//! Keeps other sites from making a browser act here: what it says of where a request comes from, and a token that only our forms have.

use axum::http::header::{self, HeaderMap};

use super::{Asked, value};
use crate::Problem;
use crate::people::same;

/// The name of the field and, with `x-` before it, of the header.
const FIELD: &str = "csrf";
const HEADER: &str = "x-csrf";

/// Refuses what a browser says comes from elsewhere.
pub(super) fn from_here(headers: &HeaderMap, asked: &Asked) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let fine = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => ["same-origin", "none"].contains(&site),
        (None, Some(origin)) => {
            is_own(origin, value(headers, header::HOST).unwrap_or_default(), asked.peer.secure)
        }
        // Neither: no browser of today. A session still needs its token.
        (None, None) => true,
    };
    if fine { Ok(()) } else { Err(foreign()) }
}

/// Refuses a request of a session that does not carry the session's token, in a header or in a field.
pub(super) fn with_token(headers: &HeaderMap, body: &[u8], token: &str) -> Result<(), Problem> {
    let kind = value(headers, header::CONTENT_TYPE).unwrap_or_default();
    let sent = match headers.get(HEADER) {
        Some(sent) => Some(sent.as_bytes().to_vec()),
        None => field(kind, body),
    };
    match sent {
        Some(sent) if same(&sent, token.as_bytes()) => Ok(()),
        _ => Err(foreign()),
    }
}

fn foreign() -> Problem {
    Problem::Forbidden(
        "The request does not come from a page of this console, or the page was open too long. Open it again \
        and repeat what you did; nothing was changed."
            .to_owned(),
    )
}

fn is_own(origin: &str, host: &str, secure: bool) -> bool {
    let scheme = if secure { "https://" } else { "http://" };
    !host.is_empty() && origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

fn field(kind: &str, body: &[u8]) -> Option<Vec<u8>> {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => urlencoded(body),
        "multipart/form-data" => multipart(body),
        _ => None,
    }
}

/// Our tokens have no character that would be encoded.
fn urlencoded(body: &[u8]) -> Option<Vec<u8>> {
    body.split(|octet| *octet == b'&').find_map(|pair| {
        let value = pair.strip_prefix(FIELD.as_bytes())?.strip_prefix(b"=")?;
        Some(value.to_vec())
    })
}

/// Our forms have the token in their first part.
fn multipart(body: &[u8]) -> Option<Vec<u8>> {
    let first = &body[..body.len().min(1_000)];
    let end = |from: &[u8], what: &[u8]| from.windows(what.len()).position(|window| window == what);
    let head = end(first, b"\r\n\r\n")?;
    let names = std::str::from_utf8(&first[..head]).ok()?;
    if !names.contains(&format!("; name=\"{FIELD}\"")) || names.contains("filename") {
        return None;
    }
    let rest = &first[head + 4..];
    Some(rest[..end(rest, b"\r\n")?].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_scheme_host_and_port_is_own() {
        assert!(is_own("https://weir.example:8080", "weir.example:8080", true));
        for (origin, host, secure) in [
            ("http://weir.example:8080", "weir.example:8080", true),
            ("https://weir.example", "weir.example:8080", true),
            ("https://weir.example.evil", "weir.example", true),
            ("null", "weir.example", true),
            ("http://", "", false),
        ] {
            assert!(!is_own(origin, host, secure), "{origin} {host}");
        }
    }

    #[test]
    fn the_token_is_found_where_our_forms_have_it_and_nowhere_else() {
        assert_eq!(field("application/x-www-form-urlencoded", b"a=1&csrf=T0k&b=2"), Some(b"T0k".to_vec()));
        assert_eq!(field("application/x-www-form-urlencoded", b"xcsrf=1&csrfx=2"), None);
        let form = b"--B\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nT0k\r\n--B--\r\n";
        assert_eq!(field("multipart/form-data; boundary=B", form), Some(b"T0k".to_vec()));
        let file =
            b"--B\r\nContent-Disposition: form-data; name=\"csrf\"; filename=\"x\"\r\n\r\nT0k\r\n--B--\r\n";
        assert_eq!(field("multipart/form-data; boundary=B", file), None);
        assert_eq!(field("text/plain", b"csrf=T0k"), None);
    }
}
