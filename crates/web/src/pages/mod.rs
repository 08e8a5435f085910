//! The pages that both consoles have: sign in and out, one's own account, users and roles, the audit log.

mod account;
mod assets;
mod audit;
mod oidc;
mod roles;
mod sign_in;
mod users;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize as _;
use zeroize::Zeroizing;

use crate::people::Privilege;
use crate::site::Place;
use crate::{Problem, Routes, Site};

/// Their entries in the navigation.
pub(crate) fn places() -> Vec<Place> {
    vec![
        Place::new("Administration", "Users", "/users", &[Privilege::ManageUsers]),
        Place::new("Administration", "Roles", "/roles", &[Privilege::ManageUsers]),
        Place::new("Administration", "Audit log", "/audit", &[Privilege::ReadAudit]),
    ]
}

pub(crate) fn router(site: Site) -> Routes {
    Routes::new()
        .merge(assets::router())
        .merge(sign_in::router())
        .merge(oidc::router())
        .merge(account::router())
        .merge(users::router())
        .merge(roles::router())
        .merge(audit::router())
        .with_state(site)
}

/// Reads a secret of a form into a place that is wiped after use.
pub(crate) fn hidden<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// A value for a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(octet));
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// A path with a query of those pairs that have a value.
pub fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let set = pairs.iter().filter(|(_, value)| !value.trim().is_empty());
    let query: Vec<String> = set.map(|(name, value)| format!("{name}={}", encoded(value.trim()))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// The first moments of a day in this zone (an IANA name; none: UTC) and of the next one; none where no day is named.
pub fn day_of(text: &str, zone: &str) -> Result<Option<(Timestamp, Timestamp)>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let unknown = |_| Problem::Bad("The zone is the name of one, such as Europe/Prague.".to_owned());
    let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::get(zone).map_err(unknown)? };
    let wrong = |_| Problem::Bad("A date is written like 2026-11-24.".to_owned());
    let begin = |date: Date| date.to_zoned_datetime(zone.clone()).map(|begin| begin.timestamp());
    let date = text.trim().parse::<Date>().map_err(wrong)?;
    let next = date.tomorrow().and_then(begin).map_err(wrong)?;
    Ok(Some((begin(date).map_err(wrong)?, next)))
}

/// A path of this console to go to; anything that could lead elsewhere is the home page instead.
pub fn local(to: &str, home: &str) -> String {
    let fine = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && to.len() <= 2_000
        && to.chars().all(|c| c.is_ascii_graphic());
    if fine { to.to_owned() } else { home.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_console_are_gone_to() {
        assert_eq!(local("/incidents?status=New&q=%20x", "/"), "/incidents?status=New&q=%20x");
        for to in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/\r\nX: y",
            "/ a",
            "javascript:1",
        ] {
            assert_eq!(local(to, "/home"), "/home", "{to}");
        }
    }

    #[test]
    fn a_day_is_as_long_as_it_is_in_its_zone() {
        let hours = |date: &str, zone: &str| {
            let (begin, end) = day_of(date, zone).unwrap().unwrap();
            (begin.to_string(), end.duration_since(begin).as_hours())
        };
        assert_eq!(hours("2026-11-24", ""), ("2026-11-24T00:00:00Z".to_owned(), 24));
        assert_eq!(hours("2026-11-24", "Europe/Prague"), ("2026-11-23T23:00:00Z".to_owned(), 24));
        assert_eq!(hours("2026-10-25", "Europe/Prague"), ("2026-10-24T22:00:00Z".to_owned(), 25));
        assert_eq!(hours("2026-03-29", "Europe/Prague"), ("2026-03-28T23:00:00Z".to_owned(), 23));
        assert_eq!(day_of(" ", "Mars/Olympus").unwrap(), None);
        for (date, zone) in [
            ("2026-11-24", "Mars/Olympus"),
            ("2026-11-24", "../../etc/passwd"),
            ("9999-12-31", ""),
            ("24.11.2026", ""),
            ("2026-13-01", ""),
            ("yesterday", ""),
        ] {
            assert!(matches!(day_of(date, zone), Err(Problem::Bad(_))), "{date} {zone}");
        }
    }

    #[test]
    fn values_of_queries_are_encoded() {
        assert_eq!(address("/a", &[("b", ""), ("c", " ")]), "/a");
        assert_eq!(address("/a", &[("b", " x&y "), ("c", ""), ("d", "1")]), "/a?b=x%26y&d=1");
        assert_eq!(encoded("/a?b=c&d=ä\"'"), "/a%3Fb%3Dc%26d%3D%C3%A4%22%27");
    }
}
