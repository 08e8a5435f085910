//! Smart response rules: what people start from a list or a snapshot. What happens in the store itself is done at once; what
//! plug-ins do is written down as a request and done by [`worker`], so that neither a crash nor a slow far end loses it.

mod action;
pub mod worker;

use std::sync::Arc;

use incident::desk::{Access, Actor, Change, Changed, Desk, RemediationOrder, RuleRow};
use tokio::sync::Notify;
use uuid::Uuid;

pub use action::{Action, Rule};

use crate::plugins::{self, Definition};

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
}

impl Responses {
    /// Over a desk. One for each process: its worker hears of requests by it.
    pub fn new(desk: Desk, asked: Arc<Notify>) -> Self {
        Self { desk, asked }
    }

    /// The rules in order; those that cannot be read any more are left out and logged.
    pub async fn rules(&self) -> Result<Vec<Rule>, incident::Error> {
        Ok(self.desk.rules().await?.iter().filter_map(readable).collect())
    }

    /// The rule of this number.
    pub async fn rule(&self, id: u64) -> Result<Option<Rule>, incident::Error> {
        Ok(self.rules().await?.into_iter().find(|rule| rule.id == id))
    }

    /// The rule of this name, in any case of letters.
    pub async fn rule_named(&self, name: &str) -> Result<Option<Rule>, incident::Error> {
        Ok(self.rules().await?.into_iter().find(|rule| rule.name.eq_ignore_ascii_case(name)))
    }

    /// Runs a rule on incidents. The inner error is for whoever asked: nothing was done.
    pub async fn run(
        &self,
        access: &Access,
        actor: &Actor,
        rule: &Rule,
        ids: &[u64],
        note: &str,
    ) -> Result<Result<Vec<Done>, String>, incident::Error> {
        let mut changes: Vec<Change> = rule.actions.iter().filter_map(Action::change).collect();
        if !note.trim().is_empty() {
            changes.push(Change::Note(note.trim().to_owned()));
        }
        let results = match self.desk.change(access, actor, ids, &changes).await? {
            Ok(results) => results,
            Err(why) => return Ok(Err(why)),
        };
        let mut done = Vec::with_capacity(ids.len());
        for (incident, result) in results {
            let there = result != Changed::NotThere;
            let requested = there && self.ask(access, actor, rule, incident, note).await?;
            done.push(Done { incident, there, requested });
        }
        self.asked.notify_one();
        Ok(Ok(done))
    }

    async fn ask(
        &self,
        access: &Access,
        actor: &Actor,
        rule: &Rule,
        incident: u64,
        note: &str,
    ) -> Result<bool, incident::Error> {
        let mut requested = false;
        for plugin in rule.actions.iter().filter_map(Action::plugin) {
            let order = RemediationOrder {
                id: Uuid::now_v7().to_string(),
                incident,
                rule: rule.name.clone(),
                plugin: plugin.to_owned(),
                request: serde_json::json!({ "note": note.trim() }).to_string(),
            };
            requested |= self.desk.ask(access, actor, &order).await?;
        }
        Ok(requested)
    }

    /// Makes the guide's three plug-ins and the three rules that run them, where there are none of these names yet.
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
                self.desk.save_plugin(actor, &definition.row(plugin)).await?;
            }
            if !rules.iter().any(|known| known.name == rule) {
                let row = Rule {
                    id: 0,
                    name: rule.to_owned(),
                    description: format!("Runs {plugin} at the quarantine gateway."),
                    position,
                    actions: vec![Action::FlexResponse { plugin: plugin.to_owned() }],
                };
                self.desk.save_rule(actor, &row.row()).await?;
            }
        }
        Ok(())
    }
}

fn readable(row: &RuleRow) -> Option<Rule> {
    Rule::read(row)
        .inspect_err(|why| tracing::error!(rule = %row.name.escape_debug(), %why, "a smart response rule cannot be read"))
        .ok()
}
