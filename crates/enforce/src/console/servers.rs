//! Detection servers and gateways: how each is, what it runs with and who said so; enrolment, approval, revocation, break-glass.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use incident::wire::ServerKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Stale, Tint, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::seen::plain;
use super::{Answer, Console};
use crate::certificates::SOON;
use crate::fleet::Member;
use crate::servers::{SETTINGS, Setting, Shape, is_broken};
use crate::{InUse, NewToken, Presence, ServerState, Standing};

/// A token counts so long at most.
const TOKEN_HOURS: i64 = 24 * 30;

// ---- all of them

#[derive(Template)]
#[template(path = "servers.html")]
struct Servers {
    form: Html,
    rows: Vec<Row>,
    fields: Vec<Field>,
    /// Some server passes everything.
    glass: bool,
    token: Option<(String, String)>,
    /// Enforce servers, where there are several.
    members: Vec<Member>,
    /// Our own, by file: until when, and whether that is soon.
    certificates: Vec<(String, Moment, bool)>,
    /// Whose policies count, where those here are different ones.
    differ_from: Option<String>,
    /// Why what the policy directory holds is not published, and the set that is.
    refused: Option<String>,
    published: String,
}

struct Row {
    name: String,
    address: String,
    kind: &'static str,
    state: Chip,
    seen: Option<Moment>,
    version: String,
    policies: String,
    outbox: String,
    inspection: String,
    certificate: Moment,
    ends_soon: bool,
    troubles: Vec<String>,
    waits: bool,
}

/// Standing first: who is not let in is not "up".
fn state(server: &ServerState) -> Chip {
    match (server.standing, server.presence) {
        (Standing::Waiting, _) => Chip::new("waits for approval", Tint::Warn),
        (Standing::Revoked, _) => Chip::new("revoked", Tint::Plain),
        (_, Presence::Up) => Chip::new("up", Tint::Good),
        (_, Presence::Late) => Chip::new("late", Tint::Warn),
        (_, Presence::Gone) => Chip::new("gone", Tint::Severe),
        (_, Presence::Never) => Chip::new("never heard from", Tint::Warn),
    }
}

fn kind(server: &ServerState) -> &'static str {
    match server.kind {
        ServerKind::Detection => "detection server",
        ServerKind::Gateway => "quarantine gateway",
    }
}

fn row(server: &ServerState) -> Row {
    let beat = server.heartbeat.clone().unwrap_or_default();
    let heard = server.heartbeat.is_some();
    let percent = (beat.octets.saturating_mul(100)).checked_div(beat.max_octets);
    let outbox = match (heard, percent) {
        (false, _) => String::new(),
        (true, None) => format!("{} waiting", beat.waiting),
        (true, Some(percent)) => format!("{} waiting, {percent} % full", beat.waiting),
    };
    let wrong =
        |what: &str, why: &Option<String>| why.as_ref().map(|why| format!("{what} refused: {}", plain(why)));
    let full =
        percent.filter(|percent| *percent >= 70).map(|percent| format!("its store is {percent} % full"));
    let updates =
        beat.updates_error.as_ref().map(|why| format!("status updates do not come: {}", plain(why)));
    let certificates = beat.other_certificates.iter().filter(|(_, until)| *until <= Timestamp::now() + SOON);
    let certificates =
        certificates.map(|(name, until)| format!("certificate {} ends {}", plain(name), day(*until)));
    Row {
        address: format!("/servers/{}", encoded(&server.name)),
        name: server.name.clone(),
        kind: kind(server),
        state: state(server),
        seen: server.last_seen.map(|at| Moment(at.as_millisecond())),
        version: plain(&beat.version),
        policies: plain(&beat.policy_set),
        outbox,
        inspection: if beat.inspection_micros > 0 { micros(beat.inspection_micros) } else { String::new() },
        certificate: Moment(server.certificate_ends.as_millisecond()),
        ends_soon: server.certificate_ends <= Timestamp::now() + SOON,
        troubles: [
            wrong("policies", &beat.policy_error),
            wrong("settings", &beat.settings_error),
            full,
            updates,
        ]
        .into_iter()
        .flatten()
        .chain(certificates)
        .collect(),
        waits: server.standing == Standing::Waiting,
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn micros(micros: u64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1_000.0),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", micros as f64 / 1_000_000.0),
    }
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    list(&console, &viewer, None).await
}

async fn list(console: &Console, viewer: &Viewer, token: Option<(String, String)>) -> Answer {
    let servers = console.enforce.servers().await?;
    let glass = servers.iter().any(is_broken) || console.enforce.break_glass_for_all().await?;
    let mut members = console.enforce.fleet.members().await?;
    if members.len() < 2 {
        members.clear();
    }
    let certificates = console.enforce.own_certificates();
    let content = Servers {
        members,
        certificates: certificates.into_iter().map(certificate).collect(),
        differ_from: console.enforce.policies_differ_from(),
        refused: console.enforce.policies_refused(),
        published: console.enforce.published_set(),
        form: viewer.form(),
        rows: servers.iter().map(row).collect(),
        fields: vec![
            Field::new(Kind::Text, "name", "Name of the server")
                .required()
                .with("maxlength", "63")
                .with("autocomplete", "off")
                .hint("As in a host name: small letters, digits, hyphens, dots."),
            Field::new(Kind::Text, "names", "Further names and addresses")
                .hint("By which others reach it; for gateways, separated by spaces."),
            Field::new(Kind::Number, "hours", "The token is good for so many hours")
                .value("24")
                .with("min", "1"),
            Field::new(Kind::Check, "approve", "Wait until somebody approves it here").checked(false),
        ],
        glass,
        token,
    };
    let page = Page::new(viewer, "Servers").within("/servers").wide();
    let page =
        console.enforce.originals_trouble().iter().fold(page, |page, text| page.say(Tone::Trouble, text));
    Ok(page.show(&content)?)
}

fn certificate(one: InUse) -> (String, Moment, bool) {
    let file =
        std::path::Path::new(&one.place).file_name().unwrap_or_default().to_string_lossy().into_owned();
    (file, Moment(one.until.as_millisecond()), one.until <= Timestamp::now() + SOON)
}

/// The policy directory of this server counts from now on.
pub(super) async fn own_policies(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    viewer.require(Privilege::AuthorPolicies)?;
    let set = console.enforce.published.set();
    if set.is_empty() || console.enforce.policies_refused().is_some() {
        return Err(Problem::Conflict(
            "The policy directory here holds no set that can be published; the page Policies says why."
                .to_owned(),
        )
        .into());
    }
    let entry = viewer.entry("POLICIES_OWNED", &set, &console.enforce.console_url);
    console.enforce.fleet.own_policies(&set, &entry.into()).await?;
    console.enforce.settle_policies().await?;
    viewer.say(Tone::Done, "The policies of this server are the ones that count from now on.").await?;
    Ok(see_other("/servers"))
}

pub(super) async fn enroll(
    State(console): State<Console>,
    viewer: Viewer,
    Form(pairs): Form<BTreeMap<String, String>>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let field = |name: &str| pairs.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
    let hours: i64 = field("hours").parse().unwrap_or(0);
    if !(1..=TOKEN_HOURS).contains(&hours) {
        return Err(Problem::Unfit(format!("A token counts for 1 to {TOKEN_HOURS} hours.")).into());
    }
    let name = field("name");
    let names: Vec<String> = field("names").split_whitespace().map(str::to_owned).collect();
    if names.len() > 50 || names.iter().any(|name| name.len() > 253) {
        return Err(Problem::Unfit("A server has at most 50 further names.".to_owned()).into());
    }
    let new = NewToken {
        name: name.clone(),
        names,
        valid: SignedDuration::from_hours(hours),
        needs_approval: !field("approve").is_empty(),
    };
    let token = console.enforce.make_token(&new, &viewer.actor()).await?;
    list(&console, &viewer, Some((name, token))).await
}

// ---- one of them

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    form: Html,
    row: Row,
    enrolled: Moment,
    changed_by: String,
    names: String,
    peer: String,
    listen: String,
    started: Option<Moment>,
    /// When a gateway's status updates were last taken.
    updates: Option<Moment>,
    origin: String,
    messages: u64,
    revoked: bool,
    detects: bool,
    glass: bool,
    version: u64,
    settings_by: String,
    in_force: bool,
    fields: Vec<Given>,
    effective: Vec<(String, String, String)>,
}

/// A setting, and what the server says of it.
struct Given {
    field: Field,
    now: String,
    origin: String,
    /// Set here, and not in force there.
    overruled: bool,
}

pub(super) async fn one(State(console): State<Console>, viewer: Viewer, Path(name): Path<String>) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let server = console.enforce.server(&name).await?.ok_or(Problem::NotFound)?;
    page(&viewer, &server, None)
}

/// `typed`: what somebody wrote that was refused, and why.
fn page(viewer: &Viewer, server: &ServerState, typed: Option<(&BTreeMap<String, String>, &str)>) -> Answer {
    let beat = server.heartbeat.clone().unwrap_or_default();
    let content = ServerPage {
        form: viewer.form(),
        row: row(server),
        enrolled: Moment(server.enrolled_at.as_millisecond()),
        changed_by: plain(&server.changed_by),
        names: server.names.join(", "),
        peer: server.address.clone().unwrap_or_default(),
        listen: plain(&beat.listen),
        started: beat.started_at.map(|at| Moment(at.as_millisecond())),
        updates: beat.updates_sent.map(|at| Moment(at.as_millisecond())),
        origin: plain(&beat.policy_origin),
        messages: beat.messages,
        revoked: server.standing == Standing::Revoked,
        detects: server.kind == ServerKind::Detection,
        glass: is_broken(server),
        version: server.settings_version,
        settings_by: plain(&server.settings_by),
        in_force: beat.settings == server.settings_version.to_string(),
        fields: SETTINGS
            .iter()
            .map(|setting| given(setting, server, typed.map(|(typed, _)| typed)))
            .collect(),
        effective: beat
            .effective
            .iter()
            .map(|(key, value, origin)| (plain(key), plain(value), plain(origin)))
            .collect(),
    };
    let mut page = Page::new(viewer, server.name.clone()).within("/servers").below("Servers", "/servers");
    if let Some((_, why)) = typed {
        page = page.say(Tone::Trouble, &format!("Nothing was saved. {why}"));
    }
    Ok(page.show(&content)?)
}

fn given(setting: &Setting, server: &ServerState, typed: Option<&BTreeMap<String, String>>) -> Given {
    let own = ("", "the server's own");
    let field = |kind| Field::new(kind, &setting.field(), setting.label).hint(setting.hint);
    let field = match setting.shape {
        Shape::Flag => field(Kind::OneOf).choices([own, ("true", "on"), ("false", "off")]),
        Shape::OneOf(words) => {
            field(Kind::OneOf).choices(std::iter::once(own).chain(words.iter().map(|word| (*word, *word))))
        }
        Shape::Lines => field(Kind::Lines(2)),
        Shape::Number(from, to) => {
            field(Kind::Number).with("min", &from.to_string()).with("max", &to.to_string())
        }
        Shape::Text | Shape::Span => field(Kind::Text),
    };
    let written = setting.written(&server.settings);
    let typed = typed.and_then(|typed| typed.get(&setting.field())).cloned();
    let effective = server.heartbeat.as_ref().map(|beat| beat.effective.as_slice()).unwrap_or_default();
    let key = format!("prevent.{}", setting.key);
    let said = effective.iter().find(|(name, ..)| *name == key);
    let (now, origin) = said.map(|(_, value, origin)| (plain(value), plain(origin))).unwrap_or_default();
    Given {
        overruled: !written.is_empty() && !origin.is_empty() && origin != "Enforce",
        field: field.value(typed.unwrap_or(written)),
        now,
        origin,
    }
}

/// Settings that somebody else saved meanwhile.
fn stale(now: &ServerState, sent: BTreeMap<String, String>) -> Stale {
    let address = format!("/servers/{}", encoded(&now.name));
    let written = SETTINGS.iter().map(|one| (one.label.to_owned(), one.written(&now.settings)));
    let mut shown: Vec<_> = written.filter(|(_, value)| !value.is_empty()).collect();
    shown.extend(facts([
        ("Everything else", "the server's own".to_owned()),
        ("Changed by", plain(&now.settings_by)),
    ]));
    Stale {
        what: format!("the settings of {}", now.name),
        now: shown,
        sent: sent.into_iter().collect(),
        was: ("version", now.settings_version.to_string()),
        action: format!("{address}/settings"),
        open: address,
    }
}

pub(super) async fn settings(
    State(console): State<Console>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(pairs): Form<BTreeMap<String, String>>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let server = console.enforce.server(&name).await?.ok_or(Problem::NotFound)?;
    // What this page does not offer stays as it is.
    let mut new: Map<String, Value> = server.settings.clone();
    for setting in SETTINGS {
        let Some(text) = pairs.get(&setting.field()) else { continue };
        match setting.read(text) {
            Ok(Some(value)) => new.insert(setting.key.to_owned(), value),
            Ok(None) => new.remove(setting.key),
            Err(why) => {
                let mut response = page(&viewer, &server, Some((&pairs, &why)))?;
                *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(response);
            }
        };
    }
    let version = pairs.get("version").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    if !console.enforce.set_server_settings(&name, version, &new, &viewer.actor()).await? {
        let now = console.enforce.server(&name).await?.ok_or(Problem::NotFound)?;
        return Ok(stale(&now, pairs).show(&viewer)?);
    }
    viewer
        .say(Tone::Done, "The settings are saved; the server takes them within seconds of its next word.")
        .await?;
    Ok(see_other(&format!("/servers/{}", encoded(&name))))
}

pub(super) async fn approve(
    State(console): State<Console>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    if !console.enforce.approve_server(&name, &viewer.actor()).await? {
        return Err(Problem::Conflict("No server of this name waits for approval.".to_owned()).into());
    }
    viewer.say(Tone::Done, format!("{name} is approved.")).await?;
    Ok(see_other("/servers"))
}

pub(super) async fn revoke(
    State(console): State<Console>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    if !console.enforce.revoke_server(&name, &viewer.actor()).await? {
        return Err(Problem::Conflict("No server of this name is let in or waits.".to_owned()).into());
    }
    viewer.say(Tone::Done, format!("{name} is revoked: its certificate counts no more.")).await?;
    Ok(see_other("/servers"))
}

/// For one server by name, or for all detection servers.
pub(super) async fn break_glass(
    State(console): State<Console>,
    viewer: Viewer,
    Form(pairs): Form<BTreeMap<String, String>>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let on = match pairs.get("glass").map(String::as_str) {
        Some("on") => true,
        Some("off") => false,
        _ => return Err(Problem::Bad("Break-glass is switched on or off.".to_owned()).into()),
    };
    let only = pairs.get("server").filter(|name| !name.is_empty());
    let why = pairs.get("why").map(|why| why.trim()).unwrap_or_default();
    if on && why.is_empty() {
        return Err(Problem::Unfit("Say why: it stands in the audit log.".to_owned()).into());
    }
    let only = only.map(String::as_str);
    if console.enforce.break_glass(only, on, &viewer.actor(), why).await? == 0 && only.is_some() {
        return Err(Problem::NotFound.into());
    }
    let words = if on { "on: every message passes, and is recorded" } else { "off" };
    let tone = if on { Tone::Trouble } else { Tone::Done };
    viewer.say(tone, format!("Break-glass is switched {words}.")).await?;
    Ok(see_other("/servers"))
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn times_have_the_unit_that_reads_best() {
        let told = [900, 1_250, 42_900, 2_500_000].map(micros);
        assert_eq!(told, ["900 µs", "1.2 ms", "42 ms", "2.5 s"]);
    }
}
