//! The console for people: incidents, decisions, policies and what belongs to them.
//!
//! Every handler begins with what the viewer's role may do, and reads through [`Desk`] with what the role may see. Each page is a
//! file here with a template of the same name.

mod action_lines;
mod ageing;
mod backtest;
mod backtest_kept;
mod backtest_shown;
mod bulk;
mod columns;
mod credentials;
mod decision;
mod diagnostics;
mod dictionaries;
mod export;
mod filter;
mod indexes;
mod list;
mod looking;
mod message;
mod near_miss;
mod once;
mod owners;
mod plugins;
mod policies;
mod policy_files;
mod policy_stale;
mod policy_versions;
mod receivers;
mod reports;
mod respond;
mod retention;
mod rules;
mod second;
mod seen;
mod sent;
mod servers;
mod snapshot;
mod statuses;
mod summary;
mod trouble;
mod try_mail;
mod upload;

use std::sync::Arc;

use axum::routing::{get, post};
use incident::desk::{Actor, Desk};
use web::people::Privilege;
use web::{Place, Routes, Viewer};

use crate::Enforce;
use crate::respond::Responses;

pub(crate) use bulk::parsed;
pub(crate) use filter::Filter;
pub(crate) use message::body_of;
pub(crate) use policies::policies_in_force;
pub(crate) use second::{confirm, decline};
pub(crate) use seen::words as told_words;
pub(crate) use seen::{access, may_remediate, plain, reach, recipient, redact_line, redact_look};
pub(crate) use trouble::{Answer, Trouble};

/// Checks of policies that run at the same time: each keeps a core busy for about a second.
const CHECKS: usize = 2;

/// What the pages share.
#[derive(Clone)]
pub(crate) struct Console(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) enforce: Arc<Enforce>,
    pub(crate) desk: Desk,
    pub(crate) responses: Responses,
    backtests: backtest::Backtests,
    /// One index at a time is taken in or removed.
    uploading: tokio::sync::Mutex<()>,
    /// Texts that are checked while they are typed: so many at a time, the others wait.
    checking: Arc<tokio::sync::Semaphore>,
}

impl std::ops::Deref for Console {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Console {
    pub(crate) fn new(enforce: Arc<Enforce>) -> Self {
        let desk = Desk::new(enforce.journal.clone());
        let responses = enforce.responses();
        Self(Arc::new(Inner {
            enforce,
            desk,
            responses,
            backtests: backtest::Backtests::new(),
            uploading: Default::default(),
            checking: Arc::new(tokio::sync::Semaphore::new(CHECKS)),
        }))
    }
}

/// Who acts, for histories.
pub(crate) fn actor(viewer: &Viewer) -> Actor {
    Actor { who: viewer.name.clone(), origin: Some(viewer.peer.clone()) }
}

/// What the console is called, where things are, which paths are for programs.
pub(crate) fn site_options() -> web::Options {
    let mut options = web::Options::new("Enforce", "/incidents");
    let view = &[Privilege::ViewNetworkIncidents];
    options.places = vec![
        Place::new("Incidents", "Incidents", "/incidents", view),
        Place::new("Incidents", "Summary", "/summary", view),
        Place::new("Incidents", "Saved reports", "/reports", view),
        Place::new("Incidents", "Second person", "/second-person", view),
        Place::new("Manage", "Policies", "/policies", &[Privilege::AuthorPolicies]),
        Place::new("Manage", "Response rules", "/response-rules", &[Privilege::AuthorPolicies]),
        Place::new("Manage", "Servers", "/servers", &[Privilege::ManageServers]),
        Place::new("Manage", "Retention", "/retention", &[Privilege::ManageServers]),
        Place::new("Manage", "Statuses, attributes", "/statuses", &[Privilege::ManageSystem]),
        Place::new("Manage", "Receivers", "/receivers", &[Privilege::ManageSystem]),
        Place::new("Manage", "Credentials", "/credentials", &[Privilege::ManageSystem]),
    ];
    options.streams.push((indexes::PATH.to_owned(), indexes::MOST + (64 << 10)));
    options.api.push(crate::api::BASE.to_owned());
    options
}

/// Its pages.
pub fn router(enforce: &Arc<Enforce>) -> Routes {
    Routes::new()
        .route("/incidents", get(list::show))
        .route("/incidents/look", get(looking::piece))
        .route("/incidents/export.csv", get(export::csv))
        .route("/incidents/export.json", get(export::json))
        .route("/incidents/bulk", post(bulk::preview))
        .route("/incidents/bulk/apply", post(bulk::apply))
        .route("/incidents/{id}", get(snapshot::show))
        .route("/incidents/{id}/change", post(decision::change))
        .route("/incidents/{id}/look-up", post(decision::look_up))
        .route("/incidents/{id}/message", get(message::show))
        .route("/incidents/{id}/original.eml", get(message::download))
        .route("/incidents/{id}/near-miss", get(near_miss::download))
        .route("/incidents/{id}/near-miss/edit", get(near_miss::edit))
        .route("/incidents/{id}/respond/{rule}", get(respond::confirm).post(respond::respond))
        .route("/second-person", get(second::show))
        .route("/second-person/{id}", post(second::answer))
        .route("/summary", get(summary::show))
        .route("/reports", get(reports::show).post(reports::save))
        .route("/reports/remove", post(reports::remove))
        .route("/reports/schedule", post(reports::schedule))
        .route("/policies", get(policies::list))
        .route("/policies/file", get(policies::show).post(policies::save))
        .route("/policies/check", post(policies::check))
        .route("/policies/mode", post(policies::mode))
        .route("/policies/edit", post(policies::edit_again))
        .route("/policies/try", get(try_mail::show).post(try_mail::try_mail))
        .route(indexes::PATH, get(indexes::show).post(indexes::upload))
        .route("/policies/indexes/remove", post(indexes::remove))
        .route(dictionaries::PATH, get(dictionaries::show).post(dictionaries::take_in))
        .route("/policies/dictionaries/remove", post(dictionaries::remove))
        .route("/policies/backtest", post(backtest::begin))
        .route("/policies/backtest/{id}", get(backtest_shown::show))
        .route("/policies/backtest/{id}/state", get(backtest_shown::state))
        .route("/policies/backtest/{id}/stop", post(backtest_shown::stop))
        .route("/policies/history", get(policy_versions::history).post(policy_versions::go_back))
        .route("/response-rules", get(rules::show).post(rules::save))
        .route("/response-rules/remove", post(rules::remove))
        .route("/response-rules/ageing", post(ageing::save))
        .route("/response-rules/ageing/remove", post(ageing::remove))
        .route("/response-rules/plugin", post(plugins::save))
        .route("/response-rules/plugin/remove", post(plugins::remove))
        .route("/credentials", get(credentials::show).post(credentials::save))
        .route("/credentials/remove", post(credentials::remove))
        .route("/receivers", get(receivers::show).post(receivers::save))
        .route("/receivers/remove", post(receivers::remove))
        .route("/statuses", get(statuses::show).post(statuses::save))
        .route("/statuses/remove", post(statuses::remove))
        .route("/statuses/attribute", post(statuses::save_attribute))
        .route("/statuses/attribute/remove", post(statuses::remove_attribute))
        .route("/servers", get(servers::show).post(servers::enroll))
        .route("/servers/break-glass", post(servers::break_glass))
        .route("/retention", get(retention::show))
        .route("/policies/count-here", post(servers::own_policies))
        .route("/servers/{name}", get(servers::one))
        .route("/servers/{name}/settings", post(servers::settings))
        .route("/servers/{name}/approve", post(servers::approve))
        .route("/servers/{name}/revoke", post(servers::revoke))
        .with_state(Console::new(enforce.clone()))
}
