//! Who a request is from: a session's cookie, or on the paths for programs a token or a name with a password.

use axum::http::header::{self, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Asked, value};
use crate::audit::Actor;
use crate::people::{RoleId, User};
use crate::session::{Secret, Session};
use crate::{Means, Problem, Site, Viewer};

/// The user behind a request; none if it does not say, a problem if what it says is wrong.
pub(super) async fn viewer(
    site: &Site,
    asked: &Asked,
    headers: &HeaderMap,
) -> Result<Option<Viewer>, Problem> {
    if asked.api && headers.contains_key(header::AUTHORIZATION) {
        return by_authorization(site, asked, headers).await.map(Some);
    }
    by_session(site, asked, headers).await
}

/// The session cookie's name: each console's own, for browsers keep one jar for all ports of a host. Under TLS the name itself
/// makes them refuse it from other hosts and over plain http.
pub(crate) fn session_cookie(site: &Site, secure: bool) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let part: String = site.options().brand.part.chars().map(letter).collect();
    format!("{}weir-{part}", if secure { "__Host-" } else { "" })
}

/// A cookie's value.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

async fn by_session(site: &Site, asked: &Asked, headers: &HeaderMap) -> Result<Option<Viewer>, Problem> {
    let Some(secret) = cookie(headers, &session_cookie(site, asked.peer.secure)).and_then(Secret::parse)
    else {
        return Ok(None);
    };
    let Some(session) = site.sessions().find(&secret).await? else { return Ok(None) };
    if !goes_on(site, asked, &session).await? {
        return Ok(None);
    }
    let Some(user) = site.people().user(session.user).await?.filter(|user| !user.disabled) else {
        return Ok(None);
    };
    let Some(mut viewer) = viewer_in_role(site, asked, user, session.role, Means::Session).await? else {
        return Ok(None);
    };
    viewer.form_token = secret.form_token();
    viewer.session = session.hash;
    viewer.said = session.said;
    viewer.elsewhere = session.elsewhere;
    Ok(Some(viewer))
}

/// Whether a session, if it is a guest's, still counts where its user is kept. One that does not is over.
async fn goes_on(site: &Site, asked: &Asked, session: &Session) -> Result<bool, Problem> {
    let Some(elsewhere) = &session.elsewhere else { return Ok(true) };
    let goes_on = match site.guests() {
        Some(guests) => guests.goes_on(session).await,
        // Guests are not let in any more.
        None => Ok(false),
    };
    match goes_on {
        Ok(true) => Ok(true),
        Ok(false) => {
            let who = site.people().user(session.user).await?.map(|user| user.name).unwrap_or_default();
            let subject = format!("user {who}");
            let actor = Actor { who, role: String::new(), peer: asked.peer.ip().to_string() };
            let entry = site.audit().entry(actor, "SESSION_ENDED", &subject, "where the user is kept");
            site.sessions().noting(entry).end(&session.hash).await?;
            if let Some(guests) = site.guests() {
                guests.end(elsewhere.clone());
            }
            Ok(false)
        }
        // The way to sign in as somebody else stays open.
        Err(_) if super::is_public(site, &asked.path) => Ok(false),
        Err(problem) => Err(problem),
    }
}

async fn by_authorization(site: &Site, asked: &Asked, headers: &HeaderMap) -> Result<Viewer, Problem> {
    site.throttle().ask(&asked.peer)?;
    let found = match value(headers, header::AUTHORIZATION).and_then(|text| text.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            by_token(site, asked, None, token.trim()).await?
        }
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let (name, password) = basic(pair.trim()).ok_or_else(unreadable)?;
            if password.starts_with(crate::people::TOKEN_PREFIX) {
                by_token(site, asked, Some(&name), &password).await?
            } else {
                by_password(site, asked, &name, password).await?
            }
        }
        _ => return Err(unreadable()),
    };
    let peer = asked.peer.ip().to_string();
    match found {
        Some(viewer) => {
            let means = if viewer.means == Means::Token { "by a token" } else { "by name and password" };
            if site.noted().is_new("API_SIGNED_IN", &viewer.name, &format!("{peer} {means}")) {
                let subject = format!("user {}", viewer.name);
                site.audit().add(&viewer.actor(), "API_SIGNED_IN", &subject, means).await?;
            }
            Ok(viewer)
        }
        None => {
            site.throttle().failed(&asked.peer);
            let name = claimed(headers);
            if site.noted().is_new("API_SIGN_IN_REFUSED", &name, &peer) {
                let actor = Actor { who: name.clone(), role: String::new(), peer };
                let subject = format!("user {name}");
                site.audit().add(&actor, "API_SIGN_IN_REFUSED", &subject, "name, password or token").await?;
            }
            Err(Problem::SignIn)
        }
    }
}

/// The name that a request gives, for the audit log; empty beside a token.
fn claimed(headers: &HeaderMap) -> String {
    let pair = value(headers, header::AUTHORIZATION).and_then(|text| text.split_once(' '));
    let name = pair.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let name = name.and_then(|(_, pair)| basic(pair.trim())).map(|(name, _)| name).unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

async fn by_token(
    site: &Site,
    asked: &Asked,
    name: Option<&str>,
    token: &str,
) -> Result<Option<Viewer>, Problem> {
    let Some((user, role)) = site.people().by_token(token).await? else { return Ok(None) };
    if name.is_some_and(|name| name.trim().to_lowercase() != user.name.to_lowercase()) {
        return Ok(None);
    }
    viewer_in_role(site, asked, user, role, Means::Token).await
}

async fn by_password(
    site: &Site,
    asked: &Asked,
    name: &str,
    password: Zeroizing<String>,
) -> Result<Option<Viewer>, Problem> {
    // The product's clients may say in which role they act: ROLE\NAME.
    let (role, name) = match name.split_once('\\') {
        Some((role, name)) => (Some(role), name),
        None => (None, name),
    };
    let Some(known) = site.people().by_password(name, password).await? else { return Ok(None) };
    let user = known.0;
    let chosen = match role {
        Some(role) => user.roles.iter().find(|(_, name)| name.eq_ignore_ascii_case(role)).map(|(id, _)| *id),
        None => user.default_role.or(user.roles.first().map(|(id, _)| *id)),
    };
    let Some(chosen) = chosen else { return Ok(None) };
    viewer_in_role(site, asked, user, chosen, Means::Password).await
}

async fn viewer_in_role(
    site: &Site,
    asked: &Asked,
    user: User,
    role: RoleId,
    means: Means,
) -> Result<Option<Viewer>, Problem> {
    if !user.roles.iter().any(|(id, _)| *id == role) {
        return Ok(None);
    }
    let Some(role) = site.people().role(role).await? else { return Ok(None) };
    Ok(Some(Viewer {
        user: user.id,
        name: user.name,
        full_name: user.full_name,
        role,
        roles: user.roles,
        means,
        theme: asked.theme,
        peer: asked.peer.ip().to_string(),
        said: Vec::new(),
        here: asked.here.clone(),
        form_token: String::new(),
        session: Vec::new(),
        must_change: user.must_change,
        elsewhere: None,
        home: user.home,
        site: site.clone(),
    }))
}

fn basic(pair: &str) -> Option<(String, Zeroizing<String>)> {
    let octets = Zeroizing::new(STANDARD.decode(pair).ok()?);
    let text = std::str::from_utf8(&octets).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

fn unreadable() -> Problem {
    Problem::Bad(
        "The Authorization header cannot be read: send Basic name:password, or Bearer and a token."
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "xweir=1; weir=2;theme=dark".parse().unwrap());
        assert_eq!(cookie(&headers, "weir"), Some("2"));
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "eir"), None);
    }

    #[test]
    fn basic_credentials_keep_colons_of_the_password() {
        let (name, password) = basic("amFuZTphOmI=").unwrap();
        assert_eq!((name.as_str(), password.as_str()), ("jane", "a:b"));
        assert!(basic("%%%").is_none() && basic("amFuZQ==").is_none());
    }
}
