//! Rules for incidents that stay too long in a status: their form, made, changed and removed.

use axum::Form;
use axum::extract::State;
use incident::desk::{AgeingRow, Saved};
use serde::{Deserialize, Serialize};
use web::layout::{Stale, facts};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::action_lines::{known_actions, lines};
use super::list::see_other;
use super::rules::{GoneRule, named};
use super::sent::sent;
use super::{Answer, Console, actor};
use crate::respond::{Action, Rule};

/// Hours of an ageing rule: ten years.
const LONGEST_AGE: u32 = 87_600;

/// An ageing rule in the form; empty for a new one.
pub(super) struct AgeingForm {
    pub(super) rule: AgeingRow,
    pub(super) actions: String,
    pub(super) was: String,
}

pub(super) fn form(row: Option<&AgeingRow>) -> AgeingForm {
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

pub(super) fn in_words(row: &AgeingRow) -> String {
    crate::respond::aged(row).map_or_else(|why| format!("cannot be read: {why}"), |rule| rule.words())
}

#[derive(Deserialize, Serialize)]
pub(super) struct New {
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

fn stale(new: &New, now: Option<AgeingRow>) -> Stale {
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

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
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
    let as_rule = Rule { id: 0, name: name.clone(), description: String::new(), position: 0, actions };
    let row = as_rule.row();
    let plugins = as_rule.plugins();
    if !plugins.is_empty() && !acts_on_mail {
        return Err(Problem::Unfit(format!(
            "{} may release or delete held mail without anybody looking at it: say that this is meant.",
            plugins.join(", ")
        ))
        .into());
    }
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
    match desk.save_ageing_rule(&actor(&viewer), &rule, &plugins, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Conflict(why).into()),
    }
    viewer.say(Tone::Done, format!("The rule {name} is saved; it acts within minutes.")).await?;
    Ok(see_other("/response-rules"))
}

pub(super) async fn remove(
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
