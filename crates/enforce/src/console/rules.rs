//! Response rules: those of the policy set to look at, the smart ones and their plug-ins to make, change and remove.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{AgeingRow, PluginRow, RuleRow, Saved};
use incident::wire::ReviewAction;
use serde::{Deserialize, Serialize};
use web::layout::{Html, Page, Stale, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::sent::sent;
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
    edited_was: String,
    ageing: Vec<(AgeingRow, String)>,
    aged: AgeingForm,
    plugins: Vec<Plugin>,
    plugged: PluginForm,
    files: Vec<String>,
    manages: bool,
    credentials: Vec<String>,
    statuses: Vec<String>,
}

/// An ageing rule in the form; empty for a new one.
struct AgeingForm {
    rule: AgeingRow,
    actions: String,
    was: String,
}

/// A plug-in in its form; with a name and what it is made from only where it is changed.
#[derive(Default)]
struct PluginForm {
    is_program: bool,
    name: String,
    was: String,
    second_person: bool,
    /// The fields by name.
    fields: BTreeMap<&'static str, String>,
}

impl PluginForm {
    /// The value of a field, or what stands there at first.
    fn field(&self, name: &str, first: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_else(|| first.to_owned())
    }

    /// Whether it is changed in this form: that of a program, or the other one.
    fn is_in(&self, program: &bool) -> bool {
        !self.name.is_empty() && self.is_program == *program
    }
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
    #[serde(default)]
    ageing: u64,
    #[serde(default)]
    plugin: String,
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
    let ageing = console.desk.ageing_rules().await?;
    let plugins = console.desk.plugins().await?;
    let plugged = plugins.iter().find(|row| row.name == asked.plugin && !asked.plugin.is_empty());
    let content = Rules {
        form: viewer.form(),
        edited_was: if edited.id == 0 { String::new() } else { edited.row().mark() },
        aged: ageing_form(ageing.iter().find(|row| row.id == asked.ageing)),
        plugged: plugged.map(plugin_form).unwrap_or_default(),
        edited_actions: lines(&edited.actions),
        edited,
        rules: rules.into_iter().map(|rule| (rule.clone(), rule.words())).collect(),
        ageing: ageing.into_iter().map(|row| (row.clone(), in_words(&row))).collect(),
        plugins: plugins.into_iter().map(plugin).collect(),
        files: super::policy_files::names(&console.enforce.options.policies, "responses/").await?,
        manages: viewer.may(Privilege::ManageSystem),
        credentials: console.desk.secrets().await?.into_iter().map(|secret| secret.name).collect(),
        statuses: console.desk.statuses().await?.into_iter().map(|one| one.name).collect(),
    };
    Ok(Page::new(&viewer, "Response rules").show(&content)?)
}

fn ageing_form(row: Option<&AgeingRow>) -> AgeingForm {
    let new = || AgeingRow {
        id: 0,
        name: String::new(),
        status: String::new(),
        hours: 72,
        actions: String::new(),
        acts_on_mail: false,
    };
    let actions = row.and_then(|row| serde_json::from_str::<Vec<Action>>(&row.actions).ok());
    AgeingForm {
        actions: lines(&actions.unwrap_or_default()),
        was: row.map(AgeingRow::mark).unwrap_or_default(),
        rule: row.cloned().unwrap_or_else(new),
    }
}

fn plugin_form(row: &PluginRow) -> PluginForm {
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

#[derive(Deserialize, Serialize)]
pub(super) struct NewRule {
    #[serde(default)]
    id: u64,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    position: i64,
    actions: String,
    #[serde(default)]
    was: String,
}

/// A rule that was changed meanwhile, or removed.
fn stale_rule(new: &NewRule, now: Option<RuleRow>) -> Stale {
    let mut sent = sent(new);
    if now.is_none() {
        // It is made anew.
        sent.retain(|(name, _)| name != "id");
    }
    let shown = |row: &RuleRow| {
        let actions = Rule::read(row).map_or_else(|_| row.actions.clone(), |rule| lines(&rule.actions));
        facts([
            ("Name", row.name.clone()),
            ("Description", row.description.clone()),
            ("Place", row.position.to_string()),
            ("Actions", actions),
        ])
    };
    Stale {
        what: format!("the rule {}", new.name),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent,
        was: ("was", now.as_ref().map(RuleRow::mark).unwrap_or_default()),
        action: "/response-rules".to_owned(),
        open: now.map_or("/response-rules".to_owned(), |row| format!("/response-rules?edit={}#rule", row.id)),
    }
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<NewRule>) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let name = named(&new.name)?;
    let actions = known_actions(&console, &new.actions).await?;
    let description: String = new.description.chars().take(1_000).collect();
    let rule = Rule { id: new.id, name: name.clone(), description, position: new.position, actions };
    let desk = console.desk.noting(viewer.entry("RESPONSE_RULE_SAVED", &name, &rule.words()));
    match desk.save_rule(&actor(&viewer), &rule.row(), &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_rule(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Conflict(why).into()),
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
    let name = console.desk.rules().await?.into_iter().find(|row| row.id == gone.id).map(|row| row.name);
    let entry = viewer.entry("RESPONSE_RULE_REMOVED", &name.unwrap_or_else(|| gone.id.to_string()), "");
    if !console.desk.noting(entry).remove_rule(gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The rule is removed.").await?;
    Ok(see_other("/response-rules"))
}

// ---- ageing

#[derive(Deserialize, Serialize)]
pub(super) struct NewAgeing {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    hours: String,
    actions: String,
    #[serde(default)]
    acts_on_mail: String,
    #[serde(default)]
    was: String,
}

fn stale_ageing(new: &NewAgeing, now: Option<AgeingRow>) -> Stale {
    let shown = |row: &AgeingRow| {
        facts([
            ("Status", row.status.clone()),
            ("Hours in that status", row.hours.to_string()),
            ("Does", in_words(row)),
            ("Acts on mail", if row.acts_on_mail { "yes" } else { "no" }.to_owned()),
        ])
    };
    Stale {
        what: format!("the ageing rule {}", new.name),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent(new),
        was: ("was", now.as_ref().map(AgeingRow::mark).unwrap_or_default()),
        action: "/response-rules/ageing".to_owned(),
        open: now
            .map_or("/response-rules".to_owned(), |row| format!("/response-rules?ageing={}#ageing", row.id)),
    }
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
    let detail = format!("{} for {hours} hours: {}", rule.status, rule.actions);
    let desk = console.desk.noting(viewer.entry("AGEING_RULE_SAVED", &name, &detail));
    match desk.save_ageing_rule(&actor(&viewer), &rule, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_ageing(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Conflict(why).into()),
    }
    viewer.say(Tone::Done, format!("The rule {name} is saved; it acts within minutes.")).await?;
    Ok(see_other("/response-rules"))
}

pub(super) async fn remove_ageing(
    State(console): State<Console>,
    viewer: Viewer,
    Form(gone): Form<GoneRule>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let rules = console.desk.ageing_rules().await?;
    let name = rules.into_iter().find(|row| row.id == gone.id).map(|row| row.name);
    let entry = viewer.entry("AGEING_RULE_REMOVED", &name.unwrap_or_else(|| gone.id.to_string()), "");
    if !console.desk.noting(entry).remove_ageing_rule(gone.id).await? {
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
    let row = PluginRow { second_person: !field("second_person").is_empty(), ..definition.row(&name) };
    let four_eyes = if row.second_person { "needs a second person" } else { "needs no second person" };
    let desk = console.desk.noting(viewer.entry("PLUGIN_SAVED", &name, four_eyes));
    match desk.save_plugin(&actor(&viewer), &row, definition.credential(), &field("was")).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_plugin(&name, pairs, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Unfit(why).into()),
    }
    viewer.say(Tone::Done, format!("The plug-in {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
}

fn stale_plugin(name: &str, sent: BTreeMap<String, String>, now: Option<PluginRow>) -> Stale {
    let shown = |row: &PluginRow| {
        facts([
            ("Does", plugin(row.clone()).words),
            ("Properties", row.definition.clone()),
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
    let desk = console.desk.noting(viewer.entry("PLUGIN_REMOVED", &gone.name, ""));
    match desk.remove_plugin(&gone.name).await? {
        Ok(true) => {}
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
