//! Users for administrators: list, add, change, disable, new password, end sessions, take a lost second factor away.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::layout::{Chip, Field, Html, Kind, Moment, Page, Stale, Tint, facts};
use crate::people::{NewUser, Privilege, RoleId, User, UserChange, UserId, random_password};
use crate::session::Tone;
use crate::{Error, Problem, Routes, Site, Viewer};

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/users", get(list))
        .route("/users/new", get(ask_new).post(add))
        .route("/users/{id}", get(one).post(change))
        .route("/users/{id}/password", post(reset_password))
        .route("/users/{id}/second-factor", post(clear_second_factor))
        .route("/users/{id}/sessions", post(end_sessions))
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    rows: Vec<UserRow>,
}

struct UserRow {
    id: UserId,
    name: String,
    full_name: String,
    roles: String,
    factor: String,
    /// Where it is kept, if not here.
    home: String,
    state: Chip,
    off: bool,
    last: Option<Moment>,
}

async fn list(State(site): State<Site>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    let now = site.clock().now().as_millisecond();
    let rows = site.people().users().await?.into_iter().map(|user| UserRow {
        id: user.id,
        state: state(&user, now),
        off: user.disabled,
        roles: user.roles.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", "),
        factor: match &user {
            user if user.is_guest() => format!("as {} has it", user.home),
            user if user.has_second_factor => "yes".to_owned(),
            _ => "no".to_owned(),
        },
        last: user.last_sign_in.map(Moment),
        name: user.name,
        full_name: user.full_name,
        home: user.home,
    });
    Page::new(&viewer, "Users").show(&UsersPage { rows: rows.collect() })
}

fn state(user: &User, now: i64) -> Chip {
    match user {
        user if user.disabled => Chip::new("Disabled", Tint::Plain),
        user if user.locked_until > now => Chip::new("Locked", Tint::Bad),
        user if user.is_guest() && user.roles.is_empty() => Chip::new("No role counts here", Tint::Plain),
        user if user.must_change => Chip::new("New password due", Tint::Warn),
        _ => Chip::new("Active", Tint::Good),
    }
}

/// What an administrator types about a user; roles come as one field each.
#[derive(Default)]
struct Typed {
    name: String,
    full_name: String,
    mail: String,
    roles: Vec<RoleId>,
    default_role: Option<RoleId>,
    disabled: bool,
    version: i64,
}

impl Typed {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let number = |text: &str| {
            text.parse::<i64>()
                .map_err(|_| Problem::Bad("A number is not one: open the page again.".to_owned()))
        };
        let mut typed = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => typed.name = value,
                "full_name" => typed.full_name = value,
                "mail" => typed.mail = value,
                "role" => typed.roles.push(number(&value)?),
                "default_role" => typed.default_role = Some(number(&value)?),
                "disabled" => typed.disabled = true,
                "version" => typed.version = number(&value)?,
                _ => {}
            }
        }
        Ok(typed)
    }
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    form: Html,
    action: String,
    version: i64,
    name: Option<Field>,
    full_name: Field,
    mail: Field,
    roles: Vec<RoleBox>,
    default_role: Option<Field>,
    disabled: Option<Field>,
    user: Option<Details>,
}

struct RoleBox {
    id: RoleId,
    name: String,
    chosen: bool,
}

struct Details {
    id: UserId,
    name: String,
    state: Chip,
    factor: bool,
    created: Moment,
    last: Option<Moment>,
    sessions: usize,
    tokens: usize,
    own: bool,
    /// The server where it is kept, if that is another one.
    home: String,
}

async fn page_of(
    site: &Site,
    viewer: &Viewer,
    typed: &Typed,
    user: Option<&User>,
    wrong: Option<&str>,
) -> Result<Response, Problem> {
    let all = site.people().roles().await?;
    let choices = all.iter().map(|role| (role.id.to_string(), role.name.clone()));
    let content = UserPage {
        form: viewer.form(),
        action: user.map_or_else(|| "/users/new".to_owned(), |user| format!("/users/{}", user.id)),
        version: typed.version,
        name: user.is_none().then(|| {
            Field::new(Kind::Text, "name", "Name to sign in with")
                .value(&typed.name)
                .required()
                .with("autocomplete", "off")
                .with("maxlength", "100")
        }),
        full_name: Field::new(Kind::Text, "full_name", "Full name")
            .value(&typed.full_name)
            .with("autocomplete", "off"),
        mail: Field::new(Kind::Mail, "mail", "Mail address")
            .value(&typed.mail)
            .hint("For notices. May stay empty.")
            .with("autocomplete", "off"),
        default_role: user.map(|_| {
            Field::new(Kind::OneOf, "default_role", "Default role")
                .choices(choices)
                .value(typed.default_role.unwrap_or_default().to_string())
                .hint("The role that a session begins with.")
        }),
        roles: all
            .iter()
            .map(|role| RoleBox {
                id: role.id,
                name: role.name.clone(),
                chosen: typed.roles.contains(&role.id),
            })
            .collect(),
        disabled: user.map(|_| {
            Field::new(Kind::Check, "disabled", "Disabled")
                .checked(typed.disabled)
                .hint("Cannot sign in; sessions end and API tokens are revoked.")
        }),
        user: match user {
            Some(user) => Some(details(site, viewer, user).await?),
            None => None,
        },
    };
    let title = user.map_or_else(|| "New user".to_owned(), |user| user.name.clone());
    Page::new(viewer, title).within("/users").below("Users", "/users").wrong(wrong).show(&content)
}

async fn details(site: &Site, viewer: &Viewer, user: &User) -> Result<Details, Problem> {
    Ok(Details {
        id: user.id,
        name: user.name.clone(),
        state: state(user, site.clock().now().as_millisecond()),
        factor: user.has_second_factor,
        created: Moment(user.created_at),
        last: user.last_sign_in.map(Moment),
        sessions: site.sessions().of(user.id).await?.len(),
        tokens: site.people().tokens(user.id).await?.len(),
        own: user.id == viewer.user,
        home: user.home.clone(),
    })
}

async fn ask_new(State(site): State<Site>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    page_of(&site, &viewer, &Typed::default(), None, None).await
}

#[derive(Template)]
#[template(path = "password_made.html")]
struct MadePage<'a> {
    name: &'a str,
    password: &'a str,
    to: String,
}

fn show_made(viewer: &Viewer, id: UserId, name: &str, password: &str) -> Result<Response, Problem> {
    let content = MadePage { name, password, to: format!("/users/{id}") };
    Page::new(viewer, "One-time password").within("/users").below("Users", "/users").show(&content)
}

async fn add(
    State(site): State<Site>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    let typed = Typed::read(pairs)?;
    let password = random_password()?;
    let new = NewUser {
        name: typed.name.clone(),
        full_name: typed.full_name.clone(),
        mail: typed.mail.clone(),
        roles: typed.roles.clone(),
        password: Some(password.clone()),
        must_change: true,
    };
    let name = typed.name.trim();
    let roles = roles_text(&site, &typed.roles).await?;
    let people = site.people().noting(viewer.entry("USER_ADDED", &format!("user {name}"), &roles));
    match people.add_user(new).await {
        Ok(id) => show_made(&viewer, id, name, &password),
        Err(error @ (Error::Bad(_) | Error::Taken(_) | Error::Weak(_))) => {
            page_of(&site, &viewer, &typed, None, Some(&error.to_string())).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn roles_text(site: &Site, roles: &[RoleId]) -> Result<String, Problem> {
    let all = site.people().roles().await?;
    let names: Vec<_> =
        all.iter().filter(|role| roles.contains(&role.id)).map(|role| role.name.as_str()).collect();
    Ok(format!("roles: {}", names.join(", ")))
}

async fn find(site: &Site, viewer: &Viewer, id: UserId) -> Result<User, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    site.people().user(id).await?.ok_or(Problem::NotFound)
}

fn as_typed(user: &User) -> Typed {
    Typed {
        name: user.name.clone(),
        full_name: user.full_name.clone(),
        mail: user.mail.clone(),
        roles: user.roles.iter().map(|(id, _)| *id).collect(),
        default_role: user.default_role,
        disabled: user.disabled,
        version: user.version,
    }
}

async fn one(State(site): State<Site>, viewer: Viewer, Path(id): Path<UserId>) -> Result<Response, Problem> {
    let user = find(&site, &viewer, id).await?;
    page_of(&site, &viewer, &as_typed(&user), Some(&user), None).await
}

async fn change(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<UserId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let user = find(&site, &viewer, id).await?;
    let typed = Typed::read(pairs.clone())?;
    if user.is_guest() {
        return shut_out(&site, &viewer, &user, typed.disabled).await;
    }
    let change = UserChange {
        full_name: typed.full_name.clone(),
        mail: typed.mail.clone(),
        roles: typed.roles.clone(),
        default_role: typed.default_role,
        disabled: typed.disabled,
    };
    let roles = roles_text(&site, &typed.roles).await?;
    let detail = if typed.disabled { format!("{roles}; disabled") } else { roles };
    let people = site.people().noting(viewer.entry("USER_CHANGED", &format!("user {}", user.name), &detail));
    match people.change_user(id, typed.version, &change).await {
        Ok(()) => {
            // One's own session may just have ended: then there is nobody to tell.
            viewer.say(Tone::Done, format!("{} is changed.", user.name)).await?;
            Ok(Redirect::to("/users").into_response())
        }
        Err(Error::Stale) => stale(&site, &viewer, id, pairs).await,
        Err(error @ (Error::Bad(_) | Error::LastAdministrator)) => {
            page_of(&site, &viewer, &typed, Some(&user), Some(&error.to_string())).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn stale(
    site: &Site,
    viewer: &Viewer,
    id: UserId,
    mut sent: Vec<(String, String)>,
) -> Result<Response, Problem> {
    let user = find(site, viewer, id).await?;
    let names: Vec<&str> = user.roles.iter().map(|(_, name)| name.as_str()).collect();
    let may = if user.disabled { "disabled" } else { "may sign in" };
    // The name is no field of the form; roles are numbers in it.
    sent.retain(|(name, _)| name != "name");
    let stale = Stale {
        what: format!("the user {}", user.name),
        now: facts([
            ("Full name", user.full_name.clone()),
            ("Mail address", user.mail.clone()),
            ("Roles", names.join(", ")),
            ("State", may.to_owned()),
        ]),
        sent,
        was: ("version", user.version.to_string()),
        action: format!("/users/{id}"),
        open: format!("/users/{id}"),
    };
    stale.show(viewer)
}

/// All that can be said here of a user who is kept at another server: whether it comes in.
async fn shut_out(site: &Site, viewer: &Viewer, user: &User, disabled: bool) -> Result<Response, Problem> {
    let detail = if disabled { "disabled" } else { "enabled" };
    let entry = viewer.entry("USER_CHANGED", &format!("user {}", user.name), detail);
    site.people().noting(entry).disable(user.id, disabled).await?;
    viewer.say(Tone::Done, format!("{} is {detail} here.", user.name)).await?;
    Ok(Redirect::to("/users").into_response())
}

async fn reset_password(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let user = find(&site, &viewer, id).await?;
    if user.id == viewer.user {
        return Err(Problem::Unfit("Change your own password under \"Your account\".".to_owned()));
    }
    user.at_home()?;
    let entry = viewer.entry("PASSWORD_RESET", &format!("user {}", user.name), "");
    let password = site.people().noting(entry).reset_password(id).await?;
    show_made(&viewer, id, &user.name, &password)
}

async fn clear_second_factor(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let user = find(&site, &viewer, id).await?;
    if user.id == viewer.user {
        return Err(Problem::Unfit("Remove your own second factor under \"Your account\".".to_owned()));
    }
    user.at_home()?;
    let entry = viewer.entry("SECOND_FACTOR_REMOVED", &format!("user {}", user.name), "by an administrator");
    site.people().noting(entry).clear_second_factor(id).await?;
    viewer
        .say(Tone::Done, format!("{} signs in with the password alone until a new one is set up.", user.name))
        .await?;
    Ok(Redirect::to(&format!("/users/{id}")).into_response())
}

async fn end_sessions(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let user = find(&site, &viewer, id).await?;
    let entry = viewer.entry("SESSION_ENDED", &format!("user {}", user.name), "all, by an administrator");
    let keep: &[u8] = if id == viewer.user { &viewer.session } else { &[] };
    site.sessions().noting(entry).end_others(id, keep).await?;
    viewer.say(Tone::Done, format!("The sessions of {} have ended.", user.name)).await?;
    Ok(Redirect::to(&format!("/users/{id}")).into_response())
}
