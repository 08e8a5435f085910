//! Plug-ins of response rules: their forms, made, changed and removed. They run programs and reach other hosts, so only whoever
//! manages the system makes them.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::State;
use incident::desk::{PluginRow, PluginUse, Saved};
use incident::wire::ReviewAction;
use serde::Deserialize;
use web::layout::{Stale, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::rules::named;
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::plugins::Definition;
use crate::respond::Action;

/// A plug-in in its form; with a name and what it is made from only where it is changed.
#[derive(Default)]
pub(super) struct PluginForm {
    pub(super) is_program: bool,
    pub(super) name: String,
    pub(super) was: String,
    pub(super) second_person: bool,
    /// The fields by name.
    pub(super) fields: BTreeMap<&'static str, String>,
}

impl PluginForm {
    /// The value of a field, or what stands there at first.
    pub(super) fn field(&self, name: &str, first: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_else(|| first.to_owned())
    }

    /// Whether it is changed in this form: that of a program, or the other one.
    pub(super) fn is_in(&self, program: &bool) -> bool {
        !self.name.is_empty() && self.is_program == *program
    }
}

pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) words: String,
    /// `NAME = VALUE` by line.
    pub(super) properties: Vec<String>,
    pub(super) second_person: bool,
}

pub(super) fn form(row: &PluginRow) -> PluginForm {
    let (is_program, fields) = match serde_json::from_str::<Definition>(&row.definition) {
        Ok(Definition::EmailQuarantineConnect { host, port, credential, remediator, action }) => {
            let action = serde_json::to_value(action).ok();
            let action = action.and_then(|action| action.as_str().map(str::to_owned)).unwrap_or_default();
            let fields = [
                ("host", host),
                ("port", port.to_string()),
                ("credential", credential),
                ("remediator", remediator),
                ("action", action),
            ];
            (false, BTreeMap::from(fields))
        }
        Ok(Definition::Executable { program, seconds, properties, credential }) => {
            let line = |(name, value): (&String, &String)| format!("{name} = {value}");
            let fields = [
                ("program", program),
                ("seconds", seconds.to_string()),
                ("properties", properties.iter().map(line).collect::<Vec<_>>().join("\n")),
                ("credential", credential.unwrap_or_default()),
            ];
            (true, BTreeMap::from(fields))
        }
        Err(_) => (false, BTreeMap::new()),
    };
    PluginForm {
        is_program,
        name: row.name.clone(),
        was: row.mark(),
        second_person: row.second_person,
        fields,
    }
}

pub(super) fn shown(row: PluginRow) -> Plugin {
    let words = match serde_json::from_str::<Definition>(&row.definition) {
        Ok(Definition::EmailQuarantineConnect { host, port, action, .. }) => {
            let action = match action {
                ReviewAction::Approved => "approve",
                ReviewAction::Rejected => "reject",
                ReviewAction::Custom => "custom",
            };
            format!("{action} at {host}:{port}")
        }
        Ok(Definition::Executable { program, seconds, .. }) => format!("runs {program}, at most {seconds} s"),
        Err(why) => format!("cannot be read: {why}"),
    };
    let properties = as_lines(&row.definition);
    Plugin { name: row.name, words, properties, second_person: row.second_person }
}

/// A definition as people read it; those of a program's own stand among the others.
fn as_lines(definition: &str) -> Vec<String> {
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(definition).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "kind") {
        match value {
            serde_json::Value::Object(own) => {
                lines.extend(own.iter().map(|(name, value)| format!("{name} = {}", text(value))));
            }
            value => lines.push(format!("{name} = {}", text(value))),
        }
    }
    lines
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) async fn save(
    State(console): State<Console>,
    viewer: Viewer,
    Form(pairs): Form<BTreeMap<String, String>>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let field = |name: &str| pairs.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
    let name = named(&field("name"))?;
    let definition = match field("kind").as_str() {
        "email_quarantine_connect" => Definition::EmailQuarantineConnect {
            host: field("email-gateway-server-host"),
            port: field("email-gateway-server-port")
                .parse()
                .map_err(|_| bad("email-gateway-server-port is a number; 8443 is usual."))?,
            credential: field("certificates-store.credential"),
            remediator: field("dlp-remediator-user"),
            action: serde_json::from_value(serde_json::Value::String(field("dlp-remediator-action")))
                .map_err(|_| bad("dlp-remediator-action is REVIEW_STATE_APPROVED, REVIEW_STATE_REJECTED or REVIEW_STATE_CUSTOM."))?,
        },
        "executable" => Definition::Executable {
            program: field("program"),
            seconds: field("seconds").parse().map_err(|_| bad("The time limit is a number of seconds."))?,
            properties: properties(&field("properties")).map_err(Problem::Unfit)?,
            credential: Some(field("credential")).filter(|name| !name.is_empty()),
        },
        _ => return Err(bad("There is no such kind of plug-in.")),
    };
    definition.check().map_err(Problem::Unfit)?;
    let row = PluginRow { second_person: !field("second_person").is_empty(), ..definition.row(&name) };
    let four_eyes = if row.second_person { "needs a second person" } else { "needs no second person" };
    let desk = console.desk.noting(viewer.entry("PLUGIN_SAVED", &name, four_eyes));
    match desk.save_plugin(&actor(&viewer), &row, definition.credential(), &field("was")).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale(&name, pairs, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Unfit(why).into()),
    }
    viewer.say(Tone::Done, format!("The plug-in {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
}

fn stale(name: &str, sent: BTreeMap<String, String>, now: Option<PluginRow>) -> Stale {
    let shown = |row: &PluginRow| {
        facts([
            ("Does", self::shown(row.clone()).words),
            ("Properties", as_lines(&row.definition).join("\n")),
            ("Second person", if row.second_person { "needed" } else { "not needed" }.to_owned()),
        ])
    };
    let open = now.as_ref().map(|row| format!("/response-rules?plugin={}#plugin", encoded(&row.name)));
    Stale {
        what: format!("the plug-in {name}"),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent.into_iter().collect(),
        was: ("was", now.as_ref().map(PluginRow::mark).unwrap_or_default()),
        action: "/response-rules/plugin".to_owned(),
        open: open.unwrap_or_else(|| "/response-rules".to_owned()),
    }
}

fn properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (name, value) =
                line.split_once('=').ok_or("A property is written NAME = VALUE, one on each line.")?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[derive(Deserialize)]
pub(super) struct Gone {
    name: String,
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let desk = console.desk.noting(viewer.entry("PLUGIN_REMOVED", &gone.name, ""));
    match desk.remove_plugin(&gone.name, |actions| Action::any_asks(actions, &gone.name)).await? {
        Ok(true) => {}
        Ok(false) => return Err(Problem::NotFound.into()),
        Err(PluginUse::Rules(names)) => {
            return Err(Problem::Conflict(format!("Rules use it: {}.", names.join(", "))).into());
        }
        Err(PluginUse::Incidents(waiting)) => return Err(Problem::Conflict(waited_for(&waiting)).into()),
    }
    viewer.say(Tone::Done, "The plug-in is removed.").await?;
    Ok(see_other("/response-rules"))
}

/// What waits for a plug-in, as a list for people.
fn waited_for(incidents: &[u64]) -> String {
    const NAMED: usize = 10;
    let named: Vec<String> = incidents.iter().take(NAMED).map(|id| format!("incident {id}")).collect();
    let more = match incidents.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("Requests to it are under way: {}{more}. Wait until they are over.", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::as_lines;

    #[test]
    fn properties_are_read_line_by_line() {
        let definition = r#"{"kind":"executable","program":"ask.sh","seconds":30,"properties":{"url":"https://x","a":"b"}}"#;
        let mut lines = as_lines(definition);
        lines.sort();
        assert_eq!(lines, ["a = b", "program = ask.sh", "seconds = 30", "url = https://x"]);
        assert_eq!(as_lines("not JSON"), Vec::<String>::new());
    }
}
