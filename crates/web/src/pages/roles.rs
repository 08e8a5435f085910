//! Roles for administrators: what each may do, which incidents it reaches, what it does not see.

mod typed;

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::audit::Entry;
use crate::layout::{Field, Html, Kind, Page, Stale, facts};
use crate::oidc::HOME;
use crate::people::{ADMINISTRATOR, Condition, Hidden, Privilege, Rights, Role, RoleId};
use crate::session::Tone;
use crate::{Error, Problem, Routes, Site, Viewer};
use typed::Typed;

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/roles", get(list))
        .route("/roles/new", get(ask_new).post(add))
        .route("/roles/{id}", get(one).post(change))
        .route("/roles/{id}/remove", post(remove))
}

const SEVERITIES: [(&str, &str); 4] =
    [("high", "High"), ("medium", "Medium"), ("low", "Low"), ("info", "Info")];

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    rows: Vec<RoleRow>,
    /// Whose users may sign in here too.
    homes: Vec<Home>,
}

/// Where users are kept who may sign in here, and what of that gives them roles.
struct Home {
    name: String,
    /// By what they sign in.
    by: String,
    /// What the provider or server has that means a role.
    what: String,
    meanings: Vec<Meaning>,
}

struct Meaning {
    there: String,
    here: String,
    is_there: bool,
}

struct RoleRow {
    id: RoleId,
    name: String,
    built_in: bool,
    privileges: String,
    access: String,
}

async fn list(State(site): State<Site>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    let all = site.people().roles().await?;
    let is_there = |name: &String| all.iter().any(|role| role.name.eq_ignore_ascii_case(name));
    let meanings = |roles: &BTreeMap<String, String>| {
        let meaning = |(there, here): (&String, &String)| Meaning {
            there: there.clone(),
            here: here.clone(),
            is_there: is_there(here),
        };
        roles.iter().map(meaning).collect()
    };
    let guests = site.guests().map(|guests| Home {
        name: guests.home().to_owned(),
        by: format!("their password of {}", guests.home()),
        what: format!("Role at {}", guests.home()),
        meanings: meanings(guests.roles()),
    });
    let provider = site.single_sign_on().map(|provider| Home {
        name: HOME.to_owned(),
        by: provider.name().to_owned(),
        what: format!("Value of the claim {}", provider.role_claim()),
        meanings: meanings(provider.roles()),
    });
    let homes = guests.into_iter().chain(provider).collect();
    let rows = all.into_iter().map(|role| RoleRow {
        id: role.id,
        built_in: role.built_in,
        privileges: privileges(&role.rights),
        access: match !site.options().folders && names_folders(&role.rights) {
            true => {
                format!("{}; reaches no incident here, for it has no folders", access(&site, &role.rights))
            }
            false => access(&site, &role.rights),
        },
        name: role.name,
    });
    Page::new(&viewer, "Roles").show(&RolesPage { rows: rows.collect(), homes })
}

fn privileges(rights: &Rights) -> String {
    match rights.privileges.len() {
        all if all == Privilege::all().count() => "everything".to_owned(),
        0 => "nothing".to_owned(),
        _ => rights.privileges.iter().map(|one| one.title()).collect::<Vec<_>>().join(", "),
    }
}

/// In words, with the names that policies have now.
fn access(site: &Site, rights: &Rights) -> String {
    let named = site.policies();
    let words = |condition: &Condition| match condition {
        Condition::Policy { any_of } => {
            let name = |id: &u32| named.iter().find(|(known, _)| known == id).map(|(_, name)| name);
            let words = |id: &u32| name(id).map_or_else(|| id.to_string(), |name| format!("{id} ({name})"));
            format!("policy number {}", any_of.iter().map(words).collect::<Vec<_>>().join(", "))
        }
        other => described(other),
    };
    match rights.access.as_slice() {
        [] => "all incidents".to_owned(),
        conditions => conditions.iter().map(words).collect::<Vec<_>>().join("; "),
    }
}

fn names_folders(rights: &Rights) -> bool {
    rights.access.iter().any(|one| matches!(one, Condition::Folder { .. }))
}

fn described(condition: &Condition) -> String {
    let join = |values: Vec<String>| values.join(", ");
    match condition {
        Condition::Policy { any_of } => {
            format!("policy number {}", join(any_of.iter().map(ToString::to_string).collect()))
        }
        Condition::Severity { any_of } => format!("severity {}", join(any_of.iter().cloned().collect())),
        Condition::Attribute { name, any_of } => {
            format!("{name} is {}", join(any_of.iter().cloned().collect()))
        }
        Condition::Folder { any_of } => {
            format!("folder number {}", join(any_of.iter().map(ToString::to_string).collect()))
        }
    }
}

#[derive(Template)]
#[template(path = "role.html")]
struct RolePage {
    form: Html,
    id: Option<RoleId>,
    version: i64,
    built_in: bool,
    fixed: bool,
    title: String,
    name: Field,
    areas: Vec<(&'static str, Vec<Tick>)>,
    severities: Vec<Tick>,
    policies: Field,
    /// Numbers and names of those that there are.
    known: Vec<(u32, String)>,
    folders: Option<Field>,
    attributes: Field,
    hidden: Vec<Tick>,
}

struct Tick {
    word: String,
    title: String,
    on: bool,
}

fn show(
    viewer: &Viewer,
    typed: &Typed,
    role: Option<&Role>,
    wrong: Option<&str>,
) -> Result<Response, Problem> {
    let tick = |word: &str, title: &str, on| Tick { word: word.to_owned(), title: title.to_owned(), on };
    let title = role.map_or_else(|| "New role".to_owned(), |role| role.name.clone());
    let built_in = role.is_some_and(|role| role.built_in);
    let name = Field::new(Kind::Text, "name", "Name").value(&typed.name).required().with("maxlength", "100");
    let content = RolePage {
        form: viewer.form(),
        id: role.map(|role| role.id),
        version: typed.version,
        built_in,
        fixed: role.is_some_and(|role| role.built_in && role.name == ADMINISTRATOR),
        title: title.clone(),
        name: if built_in { name.with("readonly", "") } else { name },
        areas: Privilege::AREAS
            .iter()
            .map(|(area, all)| {
                let ticks =
                    all.iter().map(|one| tick(one.word(), one.title(), typed.privileges.contains(one)));
                (*area, ticks.collect())
            })
            .collect(),
        severities: SEVERITIES.map(|(word, title)| tick(word, title, typed.severities.contains(word))).into(),
        policies: Field::new(Kind::Text, "policies", "Policies")
            .value(&typed.policies)
            .hint("Numbers of policies with commas between them. Empty: all."),
        known: viewer.site().policies().to_vec(),
        folders: folders(viewer, &typed.folders),
        attributes: Field::new(Kind::Lines(3), "attributes", "Custom attributes")
            .value(&typed.attributes)
            .hint("One on each line, like: Department = Sales, Marketing"),
        hidden: Hidden::ALL
            .iter()
            .map(|part| tick(part.word(), part.title(), typed.hidden.contains(part)))
            .collect(),
    };
    Page::new(viewer, title).within("/roles").below("Roles", "/roles").wrong(wrong).show(&content)
}

/// The field for folders. Where there are none it is shown with what it holds only, to be emptied: dropping it unseen would widen
/// the role.
fn folders(viewer: &Viewer, typed: &str) -> Option<Field> {
    let field = Field::new(Kind::Text, "folders", "Content incident folders").value(typed);
    match viewer.site().options().folders {
        true => Some(field.hint("Numbers of folders with commas between them. Empty: all.")),
        false if typed.is_empty() => None,
        false => Some(field.hint("There are no folders here: with numbers the role reaches no incident.")),
    }
}

async fn ask_new(viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    show(&viewer, &Typed::default(), None, None)
}

async fn add(
    State(site): State<Site>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    let typed = Typed::read(pairs)?;
    let entry = entry(&viewer, "ROLE_ADDED", typed.name.trim(), &summary(&typed));
    let added = match typed.rights_at(&site) {
        Ok(rights) => site.people().noting(entry).add_role(&typed.name, &rights).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(_) => done(&viewer, typed.name.trim(), "added").await,
        Err(error @ (Error::Bad(_) | Error::Taken(_))) => {
            show(&viewer, &typed, None, Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn find(site: &Site, viewer: &Viewer, id: RoleId) -> Result<Role, Problem> {
    viewer.require(Privilege::ManageUsers)?;
    site.people().role(id).await?.ok_or(Problem::NotFound)
}

async fn one(State(site): State<Site>, viewer: Viewer, Path(id): Path<RoleId>) -> Result<Response, Problem> {
    let role = find(&site, &viewer, id).await?;
    show(&viewer, &Typed::of(&role), Some(&role), None)
}

async fn change(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<RoleId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let role = find(&site, &viewer, id).await?;
    let typed = Typed::read(pairs.clone())?;
    let entry = entry(&viewer, "ROLE_CHANGED", typed.name.trim(), &summary(&typed));
    let changed = match typed.rights_at(&site) {
        Ok(rights) => site.people().noting(entry).change_role(id, typed.version, &typed.name, &rights).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => done(&viewer, typed.name.trim(), "changed").await,
        Err(Error::Stale) => stale(&site, &find(&site, &viewer, id).await?, pairs).show(&viewer),
        Err(error @ (Error::Bad(_) | Error::Taken(_) | Error::LastAdministrator)) => {
            show(&viewer, &typed, Some(&role), Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn stale(site: &Site, role: &Role, sent: Vec<(String, String)>) -> Stale {
    let rights = &role.rights;
    let hidden: Vec<&str> = rights.hidden.iter().map(|part| part.title()).collect();
    let address = format!("/roles/{}", role.id);
    Stale {
        what: format!("the role {}", role.name),
        now: facts([
            ("Name", role.name.clone()),
            ("Privileges", privileges(rights)),
            ("Incidents", access(site, rights)),
            ("Hidden", hidden.join(", ")),
        ]),
        sent,
        was: ("version", role.version.to_string()),
        action: address.clone(),
        open: address,
    }
}

async fn remove(
    State(site): State<Site>,
    viewer: Viewer,
    Path(id): Path<RoleId>,
) -> Result<Response, Problem> {
    let role = find(&site, &viewer, id).await?;
    site.people().noting(entry(&viewer, "ROLE_REMOVED", &role.name, "")).remove_role(id).await?;
    done(&viewer, &role.name, "removed").await
}

fn entry(viewer: &Viewer, action: &str, name: &str, detail: &str) -> Entry {
    viewer.entry(action, &format!("role {name}"), detail)
}

async fn done(viewer: &Viewer, name: &str, word: &str) -> Result<Response, Problem> {
    viewer.say(Tone::Done, format!("The role {name} is {word}.")).await?;
    Ok(Redirect::to("/roles").into_response())
}

fn summary(typed: &Typed) -> String {
    let Ok(rights) = typed.rights() else { return String::new() };
    let privileges: Vec<_> = rights.privileges.iter().map(|one| one.word()).collect();
    let access: Vec<_> = rights.access.iter().map(described).collect();
    let hidden: Vec<_> = rights.hidden.iter().map(|one| one.word()).collect();
    format!("may: {}; access: {}; hidden: {}", privileges.join(", "), access.join("; "), hidden.join(", "))
}
