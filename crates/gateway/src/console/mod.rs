//! The Control Center: folders, incidents and decisions, the message audit and the queue, for people at a browser.
//!
//! Every page asks the same functions as the command line and Enforce's requests do ([`Gateway`]); what a role reaches is decided
//! in [`reach`], where the data is read, and what it sees of that in [`seen`]. All paths: see [`router`].

mod audit;
mod bulk;
mod decide;
mod filters;
mod folders;
mod guests;
mod incident;
mod list;
mod mail;
mod queue;
mod reach;
mod release;
mod seen;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use web::people::Privilege;
use web::{Place, Problem, Routes, Site};

use crate::{Error, Gateway};

/// What the pages share.
#[derive(Debug)]
pub(crate) struct Center {
    pub(crate) gateway: Gateway,
    pub(crate) site: Site,
}

/// The console of an open gateway; its users, sessions and audit log are kept in the gateway's own database.
pub async fn site(gateway: &Gateway, hosts: Vec<String>) -> Result<Site, web::Error> {
    let mut options = web::Options::new("Control Center", "/folders");
    options.hosts = hosts;
    options.folders = true;
    let sign_in = gateway.options().sign_in.clone().zip(gateway.inner.to_enforce.get().cloned());
    options.elsewhere =
        sign_in.map(|(sign_in, to)| Arc::new(guests::FromEnforce { to, roles: sign_in.roles }) as _);
    options.public = vec!["/release/".to_owned()];
    options.places = vec![
        Place::new("Quarantine", "Folders", "/folders", &[Privilege::ViewQuarantine]),
        Place::new("Quarantine", "Incidents", "/incidents", &[Privilege::ViewQuarantine]),
        Place::new("Mail flow", "Message audit", "/messages", &[Privilege::SearchMail]),
        Place::new("Mail flow", "Delivery queue", "/queue", &[Privilege::ManageQueue]),
        Place::new(
            "Configuration",
            "Folder settings",
            "/configuration/folders",
            &[Privilege::ConfigureQuarantine],
        ),
        Place::new("Configuration", "Filters", "/configuration/filters", &[Privilege::ConfigureQuarantine]),
    ];
    Site::open(gateway.inner.database.clone(), gateway.inner.keys.clone(), options).await
}

/// All pages, behind the site's guard.
pub fn router(gateway: &Gateway, site: &Site) -> Router {
    let center = Arc::new(Center { gateway: gateway.clone(), site: site.clone() });
    let pages = Routes::new()
        .route("/folders", get(folders::overview))
        .route("/configuration/folders", get(folders::list))
        .route("/configuration/folders/new", get(folders::ask_new).post(folders::add))
        .route("/configuration/folders/{id}", get(folders::one).post(folders::change))
        .route("/configuration/folders/{id}/delete", post(folders::delete))
        .route("/configuration/filters", get(filters::list).post(filters::order))
        .route("/configuration/filters/new", get(filters::ask_new).post(filters::add))
        .route("/configuration/filters/{id}", get(filters::one).post(filters::change))
        .route("/configuration/filters/{id}/delete", post(filters::delete))
        .route("/incidents", get(list::list))
        .route("/incidents/preview", post(bulk::preview))
        .route("/incidents/decide", post(bulk::decide))
        .route("/incidents/decisions/{id}/stop", post(bulk::stop))
        .route("/incidents/{id}", get(incident::show))
        .route("/incidents/{id}/decide", post(decide::decide))
        .route("/incidents/{id}/hold", post(decide::hold))
        .route("/incidents/{id}/sender", post(decide::write_to_sender))
        .route("/incidents/{id}/mail", get(mail::show))
        .route("/incidents/{id}/original", post(mail::download))
        .route("/messages", get(audit::search))
        .route("/messages/{id}", get(audit::record))
        .route("/queue", get(queue::list))
        .route("/queue/act", post(queue::act))
        .route("/release/{id}/{key}", get(release::ask).post(release::take))
        .with_state(center);
    site.mount(pages)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Invalid(_) | Error::KeptInFile => Self::Unfit(error.to_string()),
            Error::InUse { .. } | Error::Changed(_) => Self::Conflict(error.to_string()),
            Error::NotFound(_) => Self::NotFound,
            Error::WrongKeys | Error::Damaged { .. } | Error::Setup(_) => Self::Internal(error.to_string()),
        }
    }
}
