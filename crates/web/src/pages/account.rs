//! One's own account: password, second factor, API tokens, sessions, and the role to act in.

mod factor;
mod tokens;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::local;
use crate::layout::{Field, Html, Kind, Moment, Page};
use crate::people::{RoleId, User};
use crate::session::Tone;
use crate::{Error, Means, Problem, Routes, Site, Viewer, hex, unhex};

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/account", get(account))
        .route("/account/password", get(password).post(change_password))
        .route("/account/role", post(choose_role))
        .route("/account/sessions/end", post(end_session))
        .merge(factor::router())
        .merge(tokens::router())
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    form: Html,
    user: User,
    tokens: Vec<TokenRow>,
    token_name: Field,
    token_role: Field,
    token_days: Field,
    sessions: Vec<SessionRow>,
}

struct TokenRow {
    id: i64,
    name: String,
    role: String,
    created: Moment,
    ends: Option<Moment>,
    seen: Option<Moment>,
}

struct SessionRow {
    hash: String,
    began: Moment,
    seen: Moment,
    peer: String,
    agent: String,
    current: bool,
}

/// Only a person at a browser manages an account.
fn person(viewer: &Viewer) -> Result<(), Problem> {
    if viewer.means == Means::Session { Ok(()) } else { Err(Problem::NotFound) }
}

/// Only who is kept here has a password, a second factor and tokens here.
fn at_home(viewer: &Viewer) -> Result<(), Problem> {
    person(viewer)?;
    match viewer.home.as_str() {
        "" => Ok(()),
        home => Err(Problem::Forbidden(format!(
            "You are a user of {home}: your password, your second factor and your tokens are kept there."
        ))),
    }
}

async fn user_of(site: &Site, viewer: &Viewer) -> Result<User, Problem> {
    person(viewer)?;
    site.people().user(viewer.user).await?.ok_or(Problem::NotFound)
}

async fn account(State(site): State<Site>, viewer: Viewer) -> Result<Response, Problem> {
    let user = user_of(&site, &viewer).await?;
    let role_name = |id: RoleId| {
        let role = user.roles.iter().find(|(role, _)| *role == id);
        role.map_or_else(String::new, |(_, name)| name.clone())
    };
    let tokens = site.people().tokens(user.id).await?;
    let tokens = tokens.into_iter().map(|token| TokenRow {
        id: token.id,
        name: token.name,
        role: role_name(token.role),
        created: Moment(token.created_at),
        ends: token.ends_at.map(Moment),
        seen: token.seen_at.map(Moment),
    });
    let sessions = site.sessions().of(user.id).await?;
    let sessions = sessions.into_iter().map(|session| SessionRow {
        current: session.hash == viewer.session,
        hash: hex(&session.hash),
        began: Moment(session.created_at),
        seen: Moment(session.seen_at),
        peer: session.peer,
        agent: browser(&session.agent),
    });
    let roles = user.roles.iter().map(|(id, name)| (id.to_string(), name.clone()));
    let content = AccountPage {
        form: viewer.form(),
        tokens: tokens.collect(),
        sessions: sessions.collect(),
        token_name: Field::new(Kind::Text, "name", "What it is for").required().with("maxlength", "100"),
        token_role: Field::new(Kind::OneOf, "role", "Role").choices(roles).value(viewer.role.id.to_string()),
        token_days: Field::new(Kind::OneOf, "days", "Ends after")
            .choices([("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "never")])
            .value("90"),
        user,
    };
    Page::new(&viewer, "Your account").show(&content)
}

/// The browser's name and system, if it says them in the usual way.
fn browser(agent: &str) -> String {
    let has = |word: &str| agent.contains(word);
    let name = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let system = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |pairs: &[(&str, &'static str)]| pairs.iter().find(|(word, _)| has(word)).map(|(_, name)| *name);
    match (find(&name), find(&system)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    form: Html,
    user: String,
    must: bool,
    old: Field,
    new: Field,
    again: Field,
    tokens: Field,
}

#[derive(Deserialize)]
struct NewPassword {
    #[serde(deserialize_with = "crate::pages::hidden")]
    old: Zeroizing<String>,
    #[serde(deserialize_with = "crate::pages::hidden")]
    new: Zeroizing<String>,
    #[serde(deserialize_with = "crate::pages::hidden")]
    again: Zeroizing<String>,
    #[serde(default)]
    tokens: String,
}

async fn password(viewer: Viewer) -> Result<Response, Problem> {
    at_home(&viewer)?;
    show_password(&viewer, ("", ""))
}

fn show_password(viewer: &Viewer, wrong: (&str, &str)) -> Result<Response, Problem> {
    let field = |name, label, complete| {
        Field::new(Kind::Password, name, label).required().with("autocomplete", complete)
    };
    let hint = format!(
        "At least {} characters. Length counts: several words are better than signs.",
        crate::people::SHORTEST
    );
    let content = PasswordPage {
        form: viewer.form(),
        user: viewer.name.clone(),
        must: viewer.must_change,
        old: field("old", "Present password", "current-password").wrong(wrong.0),
        new: field("new", "New password", "new-password").hint(&hint).wrong(wrong.1),
        again: field("again", "New password once more", "new-password"),
        tokens: Field::new(Kind::Check, "tokens", "Revoke my API tokens too")
            .hint("If somebody else may have known the old password, they may have made some."),
    };
    let page = Page::new(viewer, "Change password").unfit(wrong != ("", ""));
    if viewer.must_change { page } else { page.below("Your account", "/account") }.show(&content)
}

async fn change_password(
    State(site): State<Site>,
    viewer: Viewer,
    Form(typed): Form<NewPassword>,
) -> Result<Response, Problem> {
    at_home(&viewer)?;
    let unfit = |old: &str, new: &str| show_password(&viewer, (old, new));
    if *typed.new != *typed.again {
        return unfit("", "The two new passwords differ: type the same one twice.");
    }
    let revokes = !typed.tokens.is_empty();
    let how = if revokes { "by themselves, and all API tokens revoked" } else { "by themselves" };
    let people =
        site.people().noting(viewer.entry("PASSWORD_CHANGED", &format!("user {}", viewer.name), how));
    match people.change_password(viewer.user, typed.old, typed.new, Some(&viewer.session), revokes).await {
        Ok(()) => {
            viewer.say(Tone::Done, "The password is changed. Other sessions of yours have ended.").await?;
            Ok(Redirect::to(if viewer.must_change { "/" } else { "/account" }).into_response())
        }
        Err(error @ Error::WrongPassword) => unfit(&error.to_string(), ""),
        Err(error @ Error::Weak(_)) => unfit("", &error.to_string()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
struct ChosenRole {
    role: RoleId,
    to: String,
}

async fn choose_role(
    State(site): State<Site>,
    viewer: Viewer,
    Form(chosen): Form<ChosenRole>,
) -> Result<Response, Problem> {
    person(&viewer)?;
    let name = viewer.roles.iter().find(|(id, _)| *id == chosen.role).map(|(_, name)| name.clone());
    let name = name.ok_or(Problem::NotFound)?;
    let entry = viewer.entry("ROLE_CHOSEN", &format!("role {name}"), "");
    if !site.sessions().noting(entry).choose_role(&viewer.session, viewer.user, chosen.role).await? {
        return Err(Problem::NotFound);
    }
    Ok(Redirect::to(&local(&chosen.to, &site.options().home)).into_response())
}

#[derive(Deserialize)]
struct WhichSession {
    /// Its hash, or `others`.
    session: String,
}

async fn end_session(
    State(site): State<Site>,
    viewer: Viewer,
    Form(which): Form<WhichSession>,
) -> Result<Response, Problem> {
    person(&viewer)?;
    let subject = format!("user {}", viewer.name);
    let noting = |detail| site.sessions().noting(viewer.entry("SESSION_ENDED", &subject, detail));
    if which.session == "others" {
        noting("all others").end_others(viewer.user, &viewer.session).await?;
    } else {
        let hash = unhex(&which.session).ok_or(Problem::NotFound)?;
        if !noting("one").end_of(viewer.user, &hash).await? {
            return Err(Problem::NotFound);
        }
    }
    viewer.say(Tone::Done, "Ended.").await?;
    Ok(Redirect::to("/account").into_response())
}
