//! Smart response rules: what people start from a list or a snapshot. What happens in the store itself is done at once; what
//! plug-ins do is written down as a request and done by [`worker`], notices and log messages go through the outbox, so that
//! neither a crash nor a slow far end loses anything.
//!
//! A rule that runs a plug-in which needs a second person waits, whole, until another one confirms it.

mod action;
mod told;
pub mod worker;

use std::sync::Arc;

use incident::desk::{
    Access, Actor, AgeingRow, Ask, Change, Changed, Decision, Desk, RemediationOrder, RuleRow, Saved,
    SecondAsked,
};
use jiff::Timestamp;
use store::database::Witnessed;
use tokio::sync::Notify;
use uuid::Uuid;

pub use action::{Action, Rule};
pub(crate) use told::tell;

use crate::plugins::{self, Definition};

/// Incidents of one transaction of an ageing rule.
const AGED_AT_ONCE: u32 = 200;

/// Runs rules.
#[derive(Debug, Clone)]
pub struct Responses {
    desk: Desk,
    /// Wakes the worker.
    asked: Arc<Notify>,
}

/// What came of a rule for one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The incident.
    pub incident: u64,
    /// It is there for this asker.
    pub there: bool,
    /// Plug-ins were asked; what came of it is in the history soon.
    pub requested: bool,
    /// It waits for a second person.
    pub waits: bool,
    /// Somebody decided on it since the asker saw it: it was left alone.
    pub stale: bool,
}

/// What a rule is run on.
#[derive(Debug, Clone, Default)]
pub struct On<'a> {
    /// The incidents.
    pub ids: &'a [u64],
    /// What else is to be different.
    pub besides: Vec<Change>,
    /// The words of whoever runs it.
    pub note: &'a str,
    /// The ageing rule that runs it.
    pub ageing: Option<u64>,
    /// The request for a second person that is confirmed by it.
    pub confirms: Option<u64>,
    /// When the asker saw the incidents.
    pub as_of: Option<Timestamp>,
    /// The form that asks: sent twice, it is done once.
    pub once: Option<Uuid>,
}

impl Responses {
    /// Over a desk. One for each process: its worker hears of requests by it.
    pub fn new(desk: Desk, asked: Arc<Notify>) -> Self {
        Self { desk, asked }
    }

    /// The same, whose next run of a rule is committed together with what tells of it.
    pub fn noting(&self, witnessed: impl Into<Witnessed>) -> Self {
        Self { desk: self.desk.noting(witnessed), ..self.clone() }
    }

    /// The rules in order; those that cannot be read any more are left out and logged.
    pub async fn rules(&self) -> Result<Vec<Rule>, incident::Error> {
        Ok(self.desk.rules().await?.iter().filter_map(readable).collect())
    }

    /// Names of the rules, those for ageing too, with such an action.
    pub async fn users_of(&self, is_such: impl Fn(&Action) -> bool) -> Result<Vec<String>, incident::Error> {
        let ageing = self.desk.ageing_rules().await?;
        let ageing = ageing.iter().filter_map(|row| aged(row).ok());
        let all = self.rules().await?.into_iter().chain(ageing);
        Ok(all.filter(|rule| rule.actions.iter().any(&is_such)).map(|rule| rule.name).collect())
    }

    /// Acts on incidents that are too long in a status, as far as rules say; how many were acted on.
    pub async fn act_on_age(&self) -> Result<u64, incident::Error> {
        let mut acted = 0;
        for row in self.desk.ageing_rules().await? {
            let rule = match aged(&row) {
                Ok(rule) => rule,
                Err(why) => {
                    tracing::error!(rule = %row.name.escape_debug(), %why, "an ageing rule cannot be read");
                    continue;
                }
            };
            let actor = Actor { who: format!("ageing rule {}", row.name), origin: None };
            loop {
                let ids = self.desk.too_old(&row, AGED_AT_ONCE).await?;
                let on = On { ids: &ids, ageing: Some(row.id), ..On::default() };
                match self.run(&Access::everything(), &actor, &rule, on).await? {
                    Ok(done) => acted += done.len() as u64,
                    Err(why) => {
                        tracing::error!(rule = %row.name.escape_debug(), %why, "an ageing rule does not act");
                        break;
                    }
                }
                if ids.len() < AGED_AT_ONCE as usize {
                    break;
                }
            }
        }
        Ok(acted)
    }

    /// The rule of this number.
    pub async fn rule(&self, id: u64) -> Result<Option<Rule>, incident::Error> {
        Ok(self.rules().await?.into_iter().find(|rule| rule.id == id))
    }

    /// The rule of this name, in any case of letters.
    pub async fn rule_named(&self, name: &str) -> Result<Option<Rule>, incident::Error> {
        Ok(self.rules().await?.into_iter().find(|rule| rule.name.eq_ignore_ascii_case(name)))
    }

    /// Runs a rule on incidents, and makes these changes of them with it: all in one transaction. The inner error is for whoever
    /// asked: nothing was done.
    pub async fn run(
        &self,
        access: &Access,
        actor: &Actor,
        rule: &Rule,
        on: On<'_>,
    ) -> Result<Result<Vec<Done>, String>, incident::Error> {
        let note = on.note.trim();
        let waits = on.confirms.is_none() && self.needs_second_person(rule).await?;
        let mut decision = Decision {
            ids: on.ids.to_vec(),
            changes: on.besides,
            ageing: on.ageing,
            confirms: on.confirms,
            as_of: on.as_of,
            once: on.once,
            ..Decision::default()
        };
        if waits {
            let actions = serde_json::to_string(&rule.actions).unwrap_or_default();
            decision.asks = Some(Ask { rule: rule.name.clone(), actions, note: note.to_owned() });
        } else {
            decision.changes.extend(rule.actions.iter().filter_map(Action::change));
            decision.effects.extend(rule.actions.iter().filter_map(|action| action.effect(&rule.name)));
            decision.orders = on.ids.iter().flat_map(|id| orders(rule, *id, note)).collect();
            if !note.is_empty() {
                decision.changes.push(Change::Note(note.to_owned()));
            }
        }
        let results = match self.desk.decide(access, actor, decision).await? {
            Ok(results) => results,
            Err(why) => return Ok(Err(why)),
        };
        self.asked.notify_one();
        let asks = !waits && rule.actions.iter().any(|action| action.plugin().is_some());
        let done = results.into_iter().map(|(incident, result)| {
            let stale = result == Changed::Stale;
            let there = result != Changed::NotThere && !stale;
            Done { incident, there, requested: there && asks, waits: there && waits, stale }
        });
        Ok(Ok(done.collect()))
    }

    /// Whether a rule runs a plug-in that needs a second person.
    pub async fn needs_second_person(&self, rule: &Rule) -> Result<bool, incident::Error> {
        let plugins = self.desk.plugins().await?;
        let needs = |name: &str| plugins.iter().any(|plugin| plugin.name == name && plugin.second_person);
        Ok(rule.actions.iter().filter_map(Action::plugin).any(needs))
    }

    /// Does what somebody else asked for. None: there is no such request for this asker.
    pub async fn confirm(
        &self,
        access: &Access,
        actor: &Actor,
        request: u64,
        note: &str,
    ) -> Result<Option<Result<SecondAsked, String>>, incident::Error> {
        let Some(asked) = self.desk.second_asked(access, request).await? else { return Ok(None) };
        let row = RuleRow {
            id: 0,
            name: asked.ask.rule.clone(),
            description: String::new(),
            actions: asked.ask.actions.clone(),
            position: 0,
        };
        let rule = match Rule::read(&row) {
            Ok(rule) => rule,
            Err(why) => return Ok(Some(Err(format!("What was asked for cannot be read: {why}")))),
        };
        let words = [asked.ask.note.trim(), note.trim()];
        let words: Vec<&str> = words.into_iter().filter(|words| !words.is_empty()).collect();
        let on =
            On { ids: &[asked.incident], note: &words.join("\n"), confirms: Some(request), ..On::default() };
        let done = self.run(access, actor, &rule, on).await?;
        Ok(Some(done.map(|_| asked)))
    }

    /// Makes the guide's three plug-ins and the three rules that run them, where there are none of these names yet. Without the
    /// credential there is neither: a rule would fail each time.
    pub async fn install_quarantine_connect(
        &self,
        actor: &Actor,
        host: &str,
        port: u16,
        credential: &str,
        remediator: &str,
    ) -> Result<(), incident::Error> {
        let (plugins, rules) = (self.desk.plugins().await?, self.desk.rules().await?);
        for (position, (plugin, rule, action)) in (1..).zip(plugins::QUARANTINE_CONNECT) {
            if !plugins.iter().any(|known| known.name == plugin) {
                let definition = Definition::quarantine_connect(host, port, credential, remediator, action);
                let row = definition.row(plugin);
                if self.desk.save_plugin(actor, &row, Some(credential), "").await? != Saved::Done {
                    tracing::error!(
                        plugin,
                        credential,
                        "there is no such credential: neither the plug-in nor its rule is made"
                    );
                    continue;
                }
            }
            if !rules.iter().any(|known| known.name == rule) {
                let row = Rule {
                    id: 0,
                    name: rule.to_owned(),
                    description: format!("Runs {plugin} at the quarantine gateway."),
                    position,
                    actions: vec![Action::FlexResponse { plugin: plugin.to_owned() }],
                };
                self.desk.save_rule(actor, &row.row(), &row.plugins(), "").await?;
            }
        }
        Ok(())
    }
}

/// What an ageing rule does. One that does not say that it acts on mail runs no plug-in, whatever stands there.
pub(crate) fn aged(row: &AgeingRow) -> Result<Rule, String> {
    let (description, actions) = (String::new(), row.actions.clone());
    let mut rule = Rule::read(&RuleRow { id: 0, name: row.name.clone(), description, actions, position: 0 })?;
    rule.actions.retain(|action| row.acts_on_mail || action.plugin().is_none());
    Ok(rule)
}

/// What its plug-ins are asked for.
fn orders(rule: &Rule, incident: u64, note: &str) -> Vec<RemediationOrder> {
    let order = |plugin: &str| RemediationOrder {
        id: Uuid::now_v7().to_string(),
        incident,
        rule: rule.name.clone(),
        plugin: plugin.to_owned(),
        request: serde_json::json!({ "note": note }).to_string(),
    };
    rule.actions.iter().filter_map(Action::plugin).map(order).collect()
}

fn readable(row: &RuleRow) -> Option<Rule> {
    Rule::read(row)
        .inspect_err(|why| tracing::error!(rule = %row.name.escape_debug(), %why, "a smart response rule cannot be read"))
        .ok()
}
