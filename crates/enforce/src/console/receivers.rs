//! Receivers of events: how each stands, and who they are; to make, change, pause and remove.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{Saved, SecretKind};
use incident::events::Receiver;
use serde::{Deserialize, Serialize};
use web::layout::{Chip, Html, Moment, Page, Stale, Tint, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::rules::named;
use super::sent::sent;
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::receivers::{Definition, Format, Protocol, Shown, secret};

#[derive(Template)]
#[template(path = "receivers.html")]
struct Receivers {
    form: Html,
    rows: Vec<Row>,
    edited: Edited,
    credentials: Vec<String>,
}

struct Row {
    name: String,
    /// Where it is changed.
    change: String,
    words: String,
    state: Chip,
    waiting: u64,
    skipped: u64,
    sent: Option<Moment>,
    error: Option<(Moment, String)>,
}

/// A receiver in the form; empty for a new one.
#[derive(Default)]
struct Edited {
    name: String,
    host: String,
    port: String,
    protocol: &'static str,
    format: &'static str,
    url: String,
    credential: String,
    authority: String,
    matches: &'static str,
    paused: bool,
    is_webhook: bool,
    /// What the form carries.
    was: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    edit: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let receivers = console.enforce.events().receivers().await?;
    let edited = receivers.iter().find(|one| one.name == asked.edit).map(edited).unwrap_or_default();
    let secrets = console.desk.secrets().await?.into_iter();
    let content = Receivers {
        form: viewer.form(),
        rows: receivers.into_iter().map(row).collect(),
        edited,
        credentials: secrets.filter(|one| one.kind == SecretKind::Password).map(|one| one.name).collect(),
    };
    Ok(Page::new(&viewer, "Receivers").show(&content)?)
}

fn row(receiver: Receiver) -> Row {
    let state = match (&receiver.error, receiver.enabled) {
        (_, false) => Chip::new("paused", Tint::Plain),
        (Some(_), _) if receiver.failures > 0 => Chip::new("takes nothing", Tint::Bad),
        _ if receiver.waiting > 0 => Chip::new("under way", Tint::Info),
        _ => Chip::new("up to date", Tint::Good),
    };
    let (words, form) = described(&receiver);
    Row {
        change: address(&receiver.name, form),
        name: receiver.name,
        words,
        state,
        waiting: receiver.waiting,
        skipped: receiver.skipped,
        sent: receiver.sent_at.map(|at| Moment(at.as_millisecond())),
        error: receiver.error.map(|(at, why)| (Moment(at.as_millisecond()), why)),
    }
}

/// What a receiver gets, in words, and which form it is changed by.
fn described(receiver: &Receiver) -> (String, &'static str) {
    match serde_json::from_str::<Definition>(&receiver.definition) {
        Ok(definition) => {
            (definition.words(), if definition.credential().is_some() { "webhook" } else { "syslog" })
        }
        Err(why) => (format!("cannot be read: {why}"), "syslog"),
    }
}

fn address(name: &str, form: &str) -> String {
    format!("/receivers?edit={}#{form}", encoded(name))
}

fn edited(receiver: &Receiver) -> Edited {
    let base = Edited {
        name: receiver.name.clone(),
        paused: !receiver.enabled,
        was: receiver.mark(),
        ..Edited::default()
    };
    let word = |shown: Shown| match shown {
        Shown::Count => "count",
        Shown::Masked => "masked",
        Shown::Clear => "clear",
    };
    match serde_json::from_str(&receiver.definition) {
        Ok(Definition::Syslog { host, port, protocol, format, authority, matches }) => Edited {
            host,
            port: port.map(|port| port.to_string()).unwrap_or_default(),
            protocol: match protocol {
                Protocol::Udp => "udp",
                Protocol::Tcp => "tcp",
                Protocol::Tls => "tls",
            },
            format: if format == Format::Cef { "cef" } else { "json" },
            authority,
            matches: word(matches),
            ..base
        },
        Ok(Definition::Webhook { url, credential, authority, matches }) => {
            Edited { url, credential, authority, matches: word(matches), is_webhook: true, ..base }
        }
        Err(_) => base,
    }
}

#[derive(Deserialize, Serialize)]
pub(super) struct New {
    name: String,
    kind: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    authority: String,
    /// Not `matches`: a field of that name hides the method of its form, which scripts call.
    #[serde(rename = "told_matches", default)]
    matches: String,
    #[serde(default)]
    paused: String,
    #[serde(default)]
    was: String,
}

impl New {
    fn read(&self) -> Result<Definition, String> {
        let matches = match self.matches.as_str() {
            "" | "count" => Shown::Count,
            "masked" => Shown::Masked,
            "clear" => Shown::Clear,
            _ => return Err("Of matches, the count is told, or they are told masked or in clear.".to_owned()),
        };
        let authority = self.authority.trim().to_owned();
        match self.kind.as_str() {
            "syslog" => Ok(Definition::Syslog {
                host: self.host.trim().to_owned(),
                port: match self.port.trim() {
                    "" => None,
                    text => Some(text.parse().map_err(|_| "A port is a number from 1 to 65535.")?),
                },
                protocol: match self.protocol.as_str() {
                    "udp" => Protocol::Udp,
                    "tcp" => Protocol::Tcp,
                    "tls" => Protocol::Tls,
                    _ => return Err("The protocol is udp, tcp or tls.".to_owned()),
                },
                format: match self.format.as_str() {
                    "cef" => Format::Cef,
                    "json" => Format::Json,
                    _ => return Err("The format is cef or json.".to_owned()),
                },
                authority,
                matches,
            }),
            "webhook" => Ok(Definition::Webhook {
                url: self.url.trim().to_owned(),
                credential: self.credential.clone(),
                authority,
                matches,
            }),
            _ => Err("A receiver is a syslog server or a webhook.".to_owned()),
        }
    }
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let name = named(&new.name)?;
    let definition = new.read().map_err(bad)?;
    let secret = match definition.credential() {
        Some(credential) => secret(&console.enforce, credential).await?,
        None => None,
    };
    definition.check(secret.as_ref().map(|secret| secret.as_str())).map_err(Problem::Unfit)?;
    let (enabled, text) = (new.paused.is_empty(), serde_json::to_string(&definition).unwrap_or_default());
    let state = if enabled { "" } else { ", paused" };
    let entry = viewer.entry("RECEIVER_SAVED", &name, &format!("{}{state}", definition.words()));
    let described = (text.as_str(), definition.credential());
    let events = console.enforce.events().noting(entry);
    match events.save_receiver(&actor(&viewer), &name, described, enabled, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Conflict(why).into()),
    }
    viewer.say(Tone::Done, format!("The receiver {name} is saved.")).await?;
    Ok(see_other("/receivers"))
}

/// One of this name is there, or was changed meanwhile, or removed.
fn stale(new: &New, now: Option<Receiver>) -> Stale {
    let shown = |now: &Receiver| {
        facts([("Gets", described(now).0), ("Paused", if now.enabled { "no" } else { "yes" }.to_owned())])
    };
    let open = now.as_ref().map(|now| address(&now.name, described(now).1));
    Stale {
        what: format!("the receiver {}", new.name.trim()),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent(new),
        was: ("was", now.as_ref().map(Receiver::mark).unwrap_or_default()),
        action: "/receivers".to_owned(),
        open: open.unwrap_or_else(|| "/receivers".to_owned()),
    }
}

#[derive(Deserialize)]
pub(super) struct Gone {
    name: String,
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let entry = viewer.entry("RECEIVER_REMOVED", &gone.name, "");
    if !console.enforce.events().noting(entry).remove_receiver(&gone.name).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The receiver is removed.").await?;
    Ok(see_other("/receivers"))
}
