//! Response rules: those of the policy set to look at, the smart ones to make, change and remove; beside them what they need.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{AgeingRow, RuleRow, Saved};
use serde::{Deserialize, Serialize};
use web::layout::{Html, Page, Stale, facts};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::action_lines::{known_actions, lines};
use super::ageing::{self, AgeingForm};
use super::list::see_other;
use super::plugins::{self, Plugin, PluginForm};
use super::sent::sent;
use super::{Answer, Console, actor};
use crate::respond::Rule;

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
    let aged = console.desk.ageing_rules().await?;
    let plugged_in = console.desk.plugins().await?;
    let plugged = plugged_in.iter().find(|row| row.name == asked.plugin && !asked.plugin.is_empty());
    let content = Rules {
        form: viewer.form(),
        edited_was: if edited.id == 0 { String::new() } else { edited.row().mark() },
        aged: ageing::form(aged.iter().find(|row| row.id == asked.ageing)),
        plugged: plugged.map(plugins::form).unwrap_or_default(),
        edited_actions: lines(&edited.actions),
        edited,
        rules: rules.into_iter().map(|rule| (rule.clone(), rule.words())).collect(),
        ageing: aged.into_iter().map(|row| (row.clone(), ageing::in_words(&row))).collect(),
        plugins: plugged_in.into_iter().map(plugins::shown).collect(),
        files: super::policy_files::names(&console.enforce.options.policies, "responses/").await?,
        manages: viewer.may(Privilege::ManageSystem),
        credentials: console.desk.secrets().await?.into_iter().map(|secret| secret.name).collect(),
        statuses: console.desk.statuses().await?.into_iter().map(|one| one.name).collect(),
    };
    Ok(Page::new(&viewer, "Response rules").show(&content)?)
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
    match desk.save_rule(&actor(&viewer), &rule.row(), &rule.plugins(), &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_rule(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Conflict(why).into()),
    }
    viewer.say(Tone::Done, format!("The rule {name} is saved.")).await?;
    Ok(see_other("/response-rules"))
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
    pub(super) id: u64,
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
