//! Response rules: those of the policy set to look at, the smart ones and their plug-ins to make, change and remove.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::wire::ReviewAction;
use serde::Deserialize;
use web::layout::{Html, Page};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::plugins::Definition;
use crate::respond::{Action, Rule};

#[derive(Template)]
#[template(path = "rules.html")]
struct Rules {
    form: Html,
    rules: Vec<(Rule, String)>,
    edited: Rule,
    edited_actions: String,
    plugins: Vec<Plugin>,
    files: Vec<String>,
    manages: bool,
    credentials: Vec<String>,
    statuses: Vec<String>,
}

struct Plugin {
    name: String,
    words: String,
    definition: String,
}

#[derive(Deserialize)]
pub(super) struct Edited {
    #[serde(default)]
    edit: u64,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Edited>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let rules = console.responses.rules().await?;
    let edited = rules.iter().find(|rule| rule.id == asked.edit).cloned().unwrap_or(Rule {
        id: 0,
        name: String::new(),
        description: String::new(),
        position: 10,
        actions: Vec::new(),
    });
    let content = Rules {
        form: viewer.form(),
        edited_actions: lines(&edited.actions),
        edited,
        rules: rules.into_iter().map(|rule| (rule.clone(), rule.words())).collect(),
        plugins: console.desk.plugins().await?.into_iter().map(plugin).collect(),
        files: super::policy_files::names(&console.enforce.options.policies, "responses/").await?,
        manages: viewer.may(Privilege::ManageSystem),
        credentials: console.desk.secrets().await?.into_iter().map(|secret| secret.name).collect(),
        statuses: console.desk.statuses().await?.into_iter().map(|one| one.name).collect(),
    };
    Ok(Page::new(&viewer, "Response rules").show(&content)?)
}

fn plugin(row: incident::desk::PluginRow) -> Plugin {
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
    Plugin { name: row.name, words, definition: row.definition }
}

/// Actions as a form has them: one on each line.
fn lines(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::FlexResponse { plugin } => format!("flex-response {plugin}"),
        Action::SetStatus { status } => format!("set-status {status}"),
        Action::AddNote { text } => format!("add-note {}", text.replace('\n', " ")),
        Action::SetAttribute { name, value } => format!("set-attribute {name} = {value}"),
    };
    actions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn actions(text: &str) -> Result<Vec<Action>, String> {
    let mut actions = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        if rest.is_empty() {
            return Err(format!("The line {line:?} says nothing behind its first word."));
        }
        actions.push(match verb {
            "flex-response" => Action::FlexResponse { plugin: rest },
            "set-status" => Action::SetStatus { status: rest },
            "add-note" => Action::AddNote { text: rest },
            "set-attribute" => {
                let (name, value) =
                    rest.split_once('=').ok_or("An attribute is set by \"set-attribute NAME = VALUE\".")?;
                Action::SetAttribute { name: name.trim().to_owned(), value: value.trim().to_owned() }
            }
            _ => {
                return Err(format!(
                    "{verb:?} is no action; there are flex-response, set-status, add-note and set-attribute."
                ));
            }
        });
    }
    if actions.is_empty() || actions.len() > 20 {
        return Err("A rule has 1 to 20 actions, one on each line.".to_owned());
    }
    Ok(actions)
}

#[derive(Deserialize)]
pub(super) struct NewRule {
    #[serde(default)]
    id: u64,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    position: i64,
    actions: String,
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<NewRule>) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let name = named(&new.name)?;
    let actions = actions(&new.actions).map_err(Problem::Unfit)?;
    let plugins = console.desk.plugins().await?;
    let statuses = console.desk.statuses().await?;
    for action in &actions {
        match action {
            Action::FlexResponse { plugin } if !plugins.iter().any(|row| row.name == *plugin) => {
                return Err(Problem::Unfit(format!("There is no plug-in {plugin:?}; make it first.")).into());
            }
            Action::SetStatus { status }
                if !statuses.iter().any(|one| one.name.eq_ignore_ascii_case(status)) =>
            {
                return Err(Problem::Unfit(format!("There is no status {status:?}.")).into());
            }
            _ => {}
        }
    }
    let description: String = new.description.chars().take(1_000).collect();
    let rule = Rule { id: new.id, name: name.clone(), description, position: new.position, actions };
    viewer.log("response_rule.saved", &name, &rule.words()).await?;
    if !console.desk.save_rule(&actor(&viewer), &rule.row()).await? {
        return Err(Problem::Conflict(
            "There is another rule of this name, or this one was removed.".to_owned(),
        )
        .into());
    }
    viewer.say(Tone::Done, format!("The rule {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
}

fn named(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if !(1..=60).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::Unfit("A name has 1 to 60 characters.".to_owned()));
    }
    Ok(name.to_owned())
}

#[derive(Deserialize)]
pub(super) struct GoneRule {
    id: u64,
}

pub(super) async fn remove(
    State(console): State<Console>,
    viewer: Viewer,
    Form(gone): Form<GoneRule>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    viewer.log("response_rule.removed", &gone.id.to_string(), "").await?;
    if !console.desk.remove_rule(gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The rule is removed.").await?;
    Ok(see_other("/response-rules"))
}

// ---- plug-ins: they run programs and reach other hosts, so only whoever manages the system makes them

pub(super) async fn save_plugin(
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
    viewer.log("plugin.saved", &name, "").await?;
    console.desk.save_plugin(&actor(&viewer), &definition.row(&name)).await?;
    viewer.say(Tone::Done, format!("The plug-in {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
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
pub(super) struct GonePlugin {
    name: String,
}

pub(super) async fn remove_plugin(
    State(console): State<Console>,
    viewer: Viewer,
    Form(gone): Form<GonePlugin>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let users: Vec<String> = console
        .responses
        .rules()
        .await?
        .into_iter()
        .filter(|rule| rule.actions.iter().any(|action| action.plugin() == Some(gone.name.as_str())))
        .map(|rule| rule.name)
        .collect();
    if !users.is_empty() {
        return Err(Problem::Conflict(format!("Rules use it: {}.", users.join(", "))).into());
    }
    viewer.log("plugin.removed", &gone.name, "").await?;
    if !console.desk.remove_plugin(&gone.name).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The plug-in is removed.").await?;
    Ok(see_other("/response-rules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_written_as_they_are_read() {
        let text = "flex-response SMG Approve Action\nset-status Resolved\nset-attribute Department = R & D\nadd-note seen";
        assert_eq!(lines(&actions(text).unwrap()), text);
        for wrong in ["", "release everything", "set-status", "set-attribute x"] {
            assert!(actions(wrong).is_err(), "{wrong}");
        }
    }
}
