//! One console: its name, its places, its people, sessions and audit log; and the way that its pages are put behind the guard.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use store::database::Database;
use store::keys::Keys;
use tower_http::catch_panic::CatchPanicLayer;

use crate::audit::Audit;
use crate::clock::Clock;
use crate::guard::{self, Noted, Throttle};
use crate::guests::{Elsewhere, Guests};
use crate::layout::assets::Assets;
use crate::oidc::SingleSignOn;
use crate::pages;
use crate::people::{People, Privilege};
use crate::session::{Ends, Sessions};
use crate::{Error, Problem, Routes};

/// What stands at the top of each page.
#[derive(Debug, Clone)]
pub struct Brand {
    /// The product: `Weir`.
    pub product: String,
    /// Which part of it this console is: `Enforce`, `Control Center`.
    pub part: String,
}

/// An entry of the navigation.
#[derive(Debug, Clone)]
pub struct Place {
    /// The heading that it stands under; entries of one group follow each other.
    pub group: String,
    /// Its words.
    pub title: String,
    /// Where it leads.
    pub path: String,
    /// Shown to whoever has any of these; empty: to all.
    pub any_of: Vec<Privilege>,
}

impl Place {
    /// An entry for whoever has any of the privileges.
    pub fn new(group: &str, title: &str, path: &str, any_of: &[Privilege]) -> Self {
        Self { group: group.into(), title: title.into(), path: path.into(), any_of: any_of.to_vec() }
    }
}

/// What makes this console another than the other one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name.
    pub brand: Brand,
    /// Its navigation; the shared pages (users, roles, audit) are added by themselves.
    pub places: Vec<Place>,
    /// Where `/` leads, and where people arrive who sign in.
    pub home: String,
    /// Paths that begin like this are for programs: tokens and basic authentication count there, problems are told in JSON.
    pub api: Vec<String>,
    /// Paths that begin like this need no signing in. Their forms need no token either, so they must not act by a viewer's rights.
    pub public: Vec<String>,
    /// Names under which it may be asked on plain http, besides those of this machine.
    pub hosts: Vec<String>,
    /// How long sessions last.
    pub ends: Ends,
    /// How long a request may take until its answer begins.
    pub patience: Duration,
    /// Octets of an ordinary request's body.
    pub body_limit: usize,
    /// Octets of a form with files, from people who are signed in.
    pub upload_limit: usize,
    /// Paths of forms with a large file, and its octets at most: they come to their handlers while they are being sent.
    pub streams: Vec<(String, u64)>,
    /// Another server whose people may sign in here.
    pub elsewhere: Option<Arc<dyn Elsewhere>>,
    /// A provider whose users may sign in here.
    pub single_sign_on: Option<Arc<SingleSignOn>>,
    /// Mail is held in folders here, and roles may be bound to some of them.
    pub folders: bool,
    /// The time.
    pub clock: Clock,
}

impl Options {
    /// With this name, and what suits most.
    pub fn new(part: &str, home: &str) -> Self {
        Self {
            brand: Brand { product: "Weir".to_owned(), part: part.to_owned() },
            places: Vec::new(),
            home: home.to_owned(),
            api: vec!["/api/".to_owned()],
            public: Vec::new(),
            hosts: Vec::new(),
            ends: Ends::default(),
            patience: Duration::from_secs(60),
            body_limit: 1 << 20,
            upload_limit: 32 << 20,
            streams: Vec::new(),
            elsewhere: None,
            single_sign_on: None,
            folders: false,
            clock: Clock::real(),
        }
    }
}

/// One console. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    people: People,
    sessions: Sessions,
    audit: Audit,
    assets: Assets,
    throttle: Throttle,
    noted: Noted,
    guests: Option<Guests>,
    paths: OnceLock<Vec<String>>,
    /// Stands at the top of each page while it is not empty.
    alarm: RwLock<String>,
    /// Numbers and names of the policies, where there are some.
    policies: RwLock<Arc<[(u32, String)]>>,
    options: Options,
}

impl Site {
    /// Over an open database, which gets this crate's tables.
    pub async fn open(database: Arc<dyn Database>, keys: Arc<Keys>, options: Options) -> Result<Self, Error> {
        let people = People::open(database.clone(), keys, options.clock.clone()).await?;
        let mut options = options;
        let guests = options.elsewhere.clone();
        let guests = guests
            .map(|elsewhere| Guests::new(elsewhere, database.clone(), people.clone(), options.clock.clone()));
        options.places.extend(pages::places());
        Ok(Self(Arc::new(Inner {
            people,
            sessions: Sessions::new(database.clone(), options.clock.clone(), options.ends),
            audit: Audit::new(database, options.clock.clone()),
            assets: Assets::new(),
            throttle: Throttle::new(options.clock.clone()),
            noted: Noted::new(options.clock.clone()),
            guests,
            paths: OnceLock::new(),
            alarm: RwLock::default(),
            policies: RwLock::default(),
            options,
        })))
    }

    /// Puts these pages behind the guard, together with the pages that both consoles have.
    pub fn mount(&self, pages: Routes) -> Router {
        let (app, paths) = pages.merge(pages::router(self.clone())).into_parts();
        let _ = self.0.paths.set(paths);
        let app = app.fallback(async || Problem::NotFound);
        // From the inside out. The guard has read and bounded the body before a handler sees it.
        app.layer(DefaultBodyLimit::disable())
            .layer(CatchPanicLayer::custom(guard::panicked))
            .layer(middleware::from_fn_with_state(self.clone(), guard::around))
    }

    /// Each path of the pages that were mounted, as routers write it: `/users/{id}`.
    pub fn paths(&self) -> &[String] {
        self.0.paths.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Users, roles, tokens.
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// Who is signed in.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// What stands at the top of each page of people who are signed in, from now on; empty: nothing.
    pub fn set_alarm(&self, text: String) {
        *self.0.alarm.write().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What they say now; empty for nothing.
    pub fn alarm(&self) -> String {
        self.0.alarm.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What policies are called, by number, for pages where they are named.
    pub fn set_policies(&self, policies: Arc<[(u32, String)]>) {
        *self.0.policies.write().unwrap_or_else(PoisonError::into_inner) = policies;
    }

    /// Numbers and names of the policies, by name; none where there are no policies.
    pub fn policies(&self) -> Arc<[(u32, String)]> {
        self.0.policies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address of an asset by its name; it changes with the content.
    pub fn asset(&self, name: &str) -> String {
        self.0.assets.address(name)
    }

    /// What it was made from.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What time it is.
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    pub(crate) fn assets(&self) -> &Assets {
        &self.0.assets
    }

    pub(crate) fn guests(&self) -> Option<&Guests> {
        self.0.guests.as_ref()
    }

    pub(crate) fn single_sign_on(&self) -> Option<&SingleSignOn> {
        self.0.options.single_sign_on.as_deref()
    }

    pub(crate) fn noted(&self) -> &Noted {
        &self.0.noted
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }
}
