//! The pages that both consoles have: sign in and out, one's own account, users and roles, the audit log.

mod account;
mod assets;
mod audit;
mod roles;
mod sign_in;
mod users;

use axum::Router;
use serde::Deserialize as _;
use zeroize::Zeroizing;

use crate::Site;
use crate::people::Privilege;
use crate::site::Place;

/// Their entries in the navigation.
pub(crate) fn places() -> Vec<Place> {
    vec![
        Place::new("Administration", "Users", "/users", &[Privilege::ManageUsers]),
        Place::new("Administration", "Roles", "/roles", &[Privilege::ManageUsers]),
        Place::new("Administration", "Audit log", "/audit", &[Privilege::ReadAudit]),
    ]
}

pub(crate) fn router(site: Site) -> Router {
    Router::new()
        .merge(assets::router())
        .merge(sign_in::router())
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
    fn values_of_queries_are_encoded() {
        assert_eq!(encoded("/a?b=c&d=ä\"'"), "/a%3Fb%3Dc%26d%3D%C3%A4%22%27");
    }
}
