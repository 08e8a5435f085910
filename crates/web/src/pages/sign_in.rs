//! Signing in and out. A refusal never tells whether the name, the password or the code was wrong.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{address, local};
use crate::audit::Actor;
use crate::guard::{cookie, session_cookie, value};
use crate::guests::{Entry, Guests, Step};
use crate::layout::{Field, Kind, Page};
use crate::listen::Peer;
use crate::people::{Attempt, SignIn, User};
use crate::session::Secret;
use crate::{Problem, Routes, Site, Theme, Viewer, oidc};

/// What the form says of a user who is kept at another server.
const ELSEWHERE: &str = "elsewhere";
const REFUSED: &str = "Name or password is wrong, or the name is locked for a while after too many attempts.";
const REFUSED_CODE: &str = "The code is wrong or was used already. Sign in again with the next one.";

pub(super) fn router() -> Routes<Site> {
    Routes::new().route("/sign-in", get(ask).post(sign_in)).route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    name: Field,
    password: Field,
    /// Whose user it is, where there is a choice.
    of: Option<Field>,
    /// The name of a provider, and where signing in there begins.
    provider: Option<(String, String)>,
    to: String,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    elsewhere: bool,
    ticket: String,
    code: Field,
    to: String,
}

#[derive(Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "crate::pages::hidden")]
    password: Zeroizing<String>,
    /// [`ELSEWHERE`], or a user of this console.
    #[serde(default)]
    of: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    to: String,
}

async fn ask(
    State(site): State<Site>,
    Query(to): Query<To>,
    viewer: Option<Extension<Viewer>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if viewer.is_some() {
        return Ok(Redirect::to(&local(&to.to, &site.options().home)).into_response());
    }
    show(&site, &headers, &Typed { to: to.to, of: ELSEWHERE.to_owned(), ..Typed::default() }, None)
}

/// The form again, with what went wrong elsewhere.
pub(super) fn with_trouble(
    site: &Site,
    headers: &HeaderMap,
    to: String,
    trouble: &str,
) -> Result<Response, Problem> {
    show(site, headers, &Typed { to, ..Typed::default() }, Some(trouble))
}

fn page<'s>(site: &'s Site, headers: &HeaderMap, trouble: Option<&str>) -> Page<'s> {
    Page::public(site, Theme::of(headers), "Sign in").wrong(trouble)
}

fn show(site: &Site, headers: &HeaderMap, typed: &Typed, trouble: Option<&str>) -> Result<Response, Problem> {
    let choices = |home: &str| {
        let here = format!("This {}", site.options().brand.part);
        [(ELSEWHERE.to_owned(), home.to_owned()), (String::new(), here)]
    };
    let content = SignInPage {
        name: Field::new(Kind::Text, "name", "Name")
            .value(&typed.name)
            .required()
            .with("autocomplete", "username")
            .with("autocapitalize", "none")
            .with("maxlength", "100"),
        password: Field::new(Kind::Password, "password", "Password")
            .required()
            .with("autocomplete", "current-password"),
        of: site.guests().map(|guests| {
            Field::new(Kind::OneOf, "of", "User of").choices(choices(guests.home())).value(&typed.of)
        }),
        provider: site.single_sign_on().map(|provider| {
            (provider.name().to_owned(), address(oidc::BEGIN, &[("to", &local(&typed.to, ""))]))
        }),
        to: local(&typed.to, &site.options().home),
    };
    page(site, headers, trouble).show(&content)
}

fn ask_code(site: &Site, headers: &HeaderMap, ticket: String, typed: &Typed) -> Result<Response, Problem> {
    let elsewhere = typed.of == ELSEWHERE;
    let code = Field::new(Kind::Text, "code", "Code")
        .hint("Six digits from your authenticator app.")
        .required()
        .with("inputmode", "numeric")
        .with("autocomplete", "one-time-code")
        .with("maxlength", "10")
        .with("autofocus", "");
    page(site, headers, None).show(&CodePage {
        elsewhere,
        ticket,
        code,
        to: local(&typed.to, &site.options().home),
    })
}

async fn sign_in(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(mut typed): Form<Typed>,
) -> Result<Response, Problem> {
    site.throttle().ask(&peer)?;
    let second_step = !typed.ticket.is_empty();
    let password = std::mem::take(&mut typed.password);
    if typed.of == ELSEWHERE
        && let Some(guests) = site.guests()
    {
        return sign_in_elsewhere(&site, guests, &peer, &headers, &typed, password).await;
    }
    let came = if second_step {
        site.people().finish(&typed.ticket, &typed.code).await?
    } else {
        let attempt = Attempt { name: typed.name.clone(), password, code: None };
        site.people().sign_in(attempt).await?
    };
    match came {
        SignIn::Welcome(user) => welcome(&site, &peer, &headers, user, None, &typed.to).await,
        SignIn::NeedsCode(ticket) => ask_code(&site, &headers, ticket, &typed),
        SignIn::Refused(why) => {
            site.throttle().failed(&peer);
            refused(&site, &peer, &shortened(&typed.name), why).await?;
            let text = if second_step { REFUSED_CODE } else { REFUSED };
            show(&site, &headers, &typed, Some(text))
        }
    }
}

/// Of somebody who is kept at another server: that server says whether it is them.
async fn sign_in_elsewhere(
    site: &Site,
    guests: &Guests,
    peer: &Peer,
    headers: &HeaderMap,
    typed: &Typed,
    password: Zeroizing<String>,
) -> Result<Response, Problem> {
    let second_step = !typed.ticket.is_empty();
    let step = if second_step {
        Step::Code { ticket: typed.ticket.clone(), code: typed.code.clone() }
    } else {
        Step::Password { name: typed.name.clone(), password }
    };
    match guests.sign_in(step, &peer.ip().to_string()).await? {
        Entry::Welcome(user, session) => welcome(site, peer, headers, user, Some(session), &typed.to).await,
        Entry::NeedsCode(ticket) => ask_code(site, headers, ticket, typed),
        Entry::Shut { why, failed } => {
            if failed {
                site.throttle().failed(peer);
            }
            let said_no = format!("{} said no", guests.home());
            let name = guests.name_of(&shortened(&typed.name));
            refused(site, peer, &name, if why.is_empty() { &said_no } else { &why }).await?;
            let text = match why.as_str() {
                "" if second_step => REFUSED_CODE,
                "" => REFUSED,
                why => why,
            };
            show(site, headers, typed, Some(text))
        }
    }
}

pub(super) async fn refused(site: &Site, peer: &Peer, name: &str, why: &str) -> Result<(), Problem> {
    let actor = Actor { who: name.to_owned(), role: String::new(), peer: peer.ip().to_string() };
    site.audit().add(&actor, "SIGN_IN_REFUSED", &format!("user {name}"), why).await?;
    tracing::warn!(name = %name.escape_debug(), peer = %actor.peer, why, "a sign-in was refused");
    Ok(())
}

pub(super) async fn welcome(
    site: &Site,
    peer: &Peer,
    headers: &HeaderMap,
    user: User,
    elsewhere: Option<String>,
    to: &str,
) -> Result<Response, Problem> {
    let role = user.default_role.filter(|role| user.roles.iter().any(|(id, _)| id == role));
    let (role, role_name) = user
        .roles
        .iter()
        .find(|(id, _)| Some(*id) == role)
        .or(user.roles.first())
        .cloned()
        .ok_or_else(|| Problem::Forbidden("You have no role: ask an administrator.".to_owned()))?;
    let actor = Actor { who: user.name.clone(), role: role_name, peer: peer.ip().to_string() };
    let detail = if user.is_guest() { format!("let in by {}", user.home) } else { String::new() };
    let entry = site.audit().entry(actor, "SIGNED_IN", &format!("user {}", user.name), &detail);
    // Whoever signs in again leaves the old session.
    if let Some(old) = cookie(headers, &session_cookie(site, peer.secure)).and_then(Secret::parse) {
        site.sessions().end(&old.hash()).await?;
    }
    let agent = value(headers, header::USER_AGENT).unwrap_or_default();
    let address = peer.ip().to_string();
    let secret = match &elsewhere {
        None => site.sessions().noting(entry).begin(user.id, role, &address, agent).await?,
        Some(elsewhere) => {
            site.people().note_sign_in(user.id).await?;
            site.sessions().noting(entry).begin_as_guest(elsewhere, (user.id, role), &address, agent).await?
        }
    };
    let secure = if peer.secure { "; Secure" } else { "" };
    let text = secret.text();
    let name = session_cookie(site, peer.secure);
    let cookie = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax{secure}", *text);
    let to = if user.must_change { "/account/password".to_owned() } else { local(to, &site.options().home) };
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

async fn sign_out(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    viewer: Viewer,
) -> Result<Response, Problem> {
    let entry = viewer.entry("SIGNED_OUT", &format!("user {}", viewer.name), "");
    site.sessions().noting(entry).end(&viewer.session).await?;
    if let Some((guests, elsewhere)) = site.guests().zip(viewer.elsewhere.clone()) {
        guests.end(elsewhere);
    }
    let secure = if peer.secure { "; Secure" } else { "" };
    let name = session_cookie(&site, peer.secure);
    let cookie = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}");
    let clear = [
        (header::SET_COOKIE, cookie),
        (header::HeaderName::from_static("clear-site-data"), "\"cache\"".to_owned()),
    ];
    Ok((clear, Redirect::to("/sign-in")).into_response())
}

pub(super) fn shortened(name: &str) -> String {
    name.trim().chars().take(100).collect()
}
