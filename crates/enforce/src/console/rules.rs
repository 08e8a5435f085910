//! Response rules: those of the policy set to look at, the smart ones and their plug-ins to make, change and remove.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{AgeingRow, PluginRow};
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

/// Hours of an ageing rule: ten years.
const LONGEST_AGE: u32 = 87_600;

#[derive(Template)]
#[template(path = "rules.html")]
struct Rules {
    form: Html,
    rules: Vec<(Rule, String)>,
    edited: Rule,
    edited_actions: String,
    ageing: Vec<(AgeingRow, String)>,
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
    second_person: bool,
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
        ageing: console
            .desk
            .ageing_rules()
            .await?
            .into_iter()
            .map(|row| (row.clone(), in_words(&row)))
            .collect(),
        plugins: console.desk.plugins().await?.into_iter().map(plugin).collect(),
        files: super::policy_files::names(&console.enforce.options.policies, "responses/").await?,
        manages: viewer.may(Privilege::ManageSystem),
        credentials: console.desk.secrets().await?.into_iter().map(|secret| secret.name).collect(),
        statuses: console.desk.statuses().await?.into_iter().map(|one| one.name).collect(),
    };
    Ok(Page::new(&viewer, "Response rules").show(&content)?)
}

fn in_words(row: &AgeingRow) -> String {
    crate::respond::aged(row).map_or_else(|why| format!("cannot be read: {why}"), |rule| rule.words())
}

fn plugin(row: PluginRow) -> Plugin {
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
    Plugin { name: row.name, words, definition: row.definition, second_person: row.second_person }
}

/// Actions as a form has them: one on each line.
fn lines(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::FlexResponse { plugin } => format!("flex-response {plugin}"),
        Action::SetStatus { status } => format!("set-status {status}"),
        Action::AddNote { text } => format!("add-note {}", text.replace('\n', " ")),
        Action::SetAttribute { name, value } => format!("set-attribute {name} = {value}"),
        Action::LimitRetention {} => "limit-retention".to_owned(),
        Action::Notify { to, subject, text } => format!("notify {to} | {subject} | {}", on_one_line(text)),
        Action::Syslog { level, format, message } => {
            format!("syslog {level} {format} {}", on_one_line(message)).trim_end().to_owned()
        }
    };
    actions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text as a line has it: `\n` for the end of a line, `\\` for a backslash.
fn on_one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn on_its_lines(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            _ => out.push(c),
        }
    }
    out
}

fn notify(rest: &str) -> Result<Action, String> {
    let parts: Vec<&str> = rest.splitn(3, '|').map(str::trim).collect();
    let [to, subject, text] = parts[..] else {
        return Err("People are told by \"notify ADDRESSES | SUBJECT | TEXT\".".to_owned());
    };
    Ok(Action::Notify { to: to.to_owned(), subject: subject.to_owned(), text: on_its_lines(text) })
}

fn syslog(rest: &str) -> Result<Action, String> {
    let mut words = rest.splitn(3, ' ').map(str::trim);
    let (Some(level), Some(format)) = (words.next(), words.next()) else {
        return Err("Something is logged by \"syslog LEVEL text|cef MESSAGE\".".to_owned());
    };
    let message = on_its_lines(words.next().unwrap_or_default());
    Ok(Action::Syslog { level: level.to_owned(), format: format.to_owned(), message })
}

fn actions(text: &str) -> Result<Vec<Action>, String> {
    let mut actions = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        if verb == "limit-retention" && rest.is_empty() {
            actions.push(Action::LimitRetention {});
            continue;
        }
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
            "notify" => notify(&rest)?,
            "syslog" => syslog(&rest)?,
            _ => {
                return Err(format!(
                    "{verb:?} is no action; there are flex-response, set-status, add-note, set-attribute, limit-retention, \
                    notify and syslog."
                ));
            }
        });
    }
    for action in &actions {
        action.check().map_err(|why| format!("{}: {why}.", action.words()))?;
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
    let actions = known_actions(&console, &new.actions).await?;
    let description: String = new.description.chars().take(1_000).collect();
    let rule = Rule { id: new.id, name: name.clone(), description, position: new.position, actions };
    viewer.log("RESPONSE_RULE_SAVED", &name, &rule.words()).await?;
    if !console.desk.save_rule(&actor(&viewer), &rule.row()).await? {
        return Err(Problem::Conflict(
            "There is another rule of this name, or this one was removed.".to_owned(),
        )
        .into());
    }
    viewer.say(Tone::Done, format!("The rule {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
}

/// The actions of a form, with plug-ins and statuses that there are.
async fn known_actions(console: &Console, text: &str) -> Answer<Vec<Action>> {
    let actions = actions(text).map_err(Problem::Unfit)?;
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
            Action::Notify { .. } if console.enforce.options.effects.notices.is_none() => {
                return Err(Problem::Unfit(
                    "Notices cannot be sent yet: set submission in [enforce.notices] of the configuration."
                        .to_owned(),
                )
                .into());
            }
            Action::Syslog { .. } if console.enforce.options.effects.syslog.host.is_none() => {
                return Err(Problem::Unfit(
                    "There is no syslog server yet: set host in [enforce.syslog] of the configuration."
                        .to_owned(),
                )
                .into());
            }
            _ => {}
        }
    }
    Ok(actions)
}

pub(super) fn named(name: &str) -> Result<String, Problem> {
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
    viewer.log("RESPONSE_RULE_REMOVED", &gone.id.to_string(), "").await?;
    if !console.desk.remove_rule(gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The rule is removed.").await?;
    Ok(see_other("/response-rules"))
}

// ---- ageing

#[derive(Deserialize)]
pub(super) struct NewAgeing {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    hours: String,
    actions: String,
    #[serde(default)]
    acts_on_mail: String,
}

pub(super) async fn save_ageing(
    State(console): State<Console>,
    viewer: Viewer,
    Form(new): Form<NewAgeing>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let name = named(&new.name)?;
    let actions = known_actions(&console, &new.actions).await?;
    let hours = new.hours.trim().parse().ok().filter(|hours| (1..=LONGEST_AGE).contains(hours));
    let hours = hours
        .ok_or_else(|| Problem::Unfit(format!("An age is a number of hours from 1 to {LONGEST_AGE}.")))?;
    let statuses = console.desk.statuses().await?;
    let status = statuses.iter().find(|one| one.name.eq_ignore_ascii_case(new.status.trim()));
    let status = status.ok_or_else(|| Problem::Unfit("Choose a status that there is.".to_owned()))?;
    let acts_on_mail = !new.acts_on_mail.is_empty();
    let plugins: Vec<&str> = actions.iter().filter_map(Action::plugin).collect();
    if !plugins.is_empty() && !acts_on_mail {
        return Err(Problem::Unfit(format!(
            "{} may release or delete held mail without anybody looking at it: say that this is meant.",
            plugins.join(", ")
        ))
        .into());
    }
    let row = Rule { id: 0, name: name.clone(), description: String::new(), position: 0, actions }.row();
    let rule = AgeingRow {
        id: 0,
        name: row.name,
        status: status.name.clone(),
        hours,
        actions: row.actions,
        acts_on_mail,
    };
    viewer
        .log("AGEING_RULE_SAVED", &name, &format!("{} for {hours} hours: {}", rule.status, rule.actions))
        .await?;
    console.desk.save_ageing_rule(&actor(&viewer), &rule).await?;
    viewer.say(Tone::Done, format!("The rule {name} is saved; it acts within minutes.")).await?;
    Ok(see_other("/response-rules"))
}

pub(super) async fn remove_ageing(
    State(console): State<Console>,
    viewer: Viewer,
    Form(gone): Form<GoneRule>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    if !console.desk.remove_ageing_rule(gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.log("AGEING_RULE_REMOVED", &gone.id.to_string(), "").await?;
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
    let row = PluginRow { second_person: !field("second_person").is_empty(), ..definition.row(&name) };
    let four_eyes = if row.second_person { "needs a second person" } else { "needs no second person" };
    if !console.desk.save_plugin(&actor(&viewer), &row, definition.credential()).await? {
        let credential = definition.credential().unwrap_or_default();
        let why = format!("There is no credential named {credential}: make it first, under Credentials.");
        return Err(Problem::Unfit(why).into());
    }
    viewer.log("PLUGIN_SAVED", &name, four_eyes).await?;
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
    let users = console.responses.users_of(|action| action.plugin() == Some(gone.name.as_str())).await?;
    if !users.is_empty() {
        return Err(Problem::Conflict(format!("Rules use it: {}.", users.join(", "))).into());
    }
    match console.desk.remove_plugin(&gone.name).await? {
        Ok(true) => viewer.log("PLUGIN_REMOVED", &gone.name, "").await?,
        Ok(false) => return Err(Problem::NotFound.into()),
        Err(waiting) => return Err(Problem::Conflict(waited_for(&waiting)).into()),
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
    use super::*;

    #[test]
    fn actions_are_written_as_they_are_read() {
        let text = "flex-response SMG Approve Action\nset-status Resolved\nset-attribute Department = R & D\nadd-note seen\nlimit-retention\n\
            notify $SENDER$, ann@a.example | About $SUBJECT$ | Two\\nlines | and C:\\\\new\nsyslog alert cef\nsyslog informational text $POLICY$ again";
        assert_eq!(lines(&actions(text).unwrap()), text);
        for wrong in [
            "",
            "release everything",
            "set-status",
            "set-attribute x",
            "limit-retention x",
            "notify ann@a.example",
            "notify ann | s | t",
            "notify ann@a.example | $SUBJEKT$ | t",
            "syslog",
            "syslog loud cef",
            "syslog alert xml",
        ] {
            assert!(actions(wrong).is_err(), "{wrong}");
        }
    }
}
