//! People without a console: what `weir user` does, beside a server that may be running.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::migrate::Migrator;
use store::database::{self, Database, Location, Migrations};
use store::keys::Keys;

use super::{NewUser, Password, People, User};
use crate::audit::{Actor, Audit};
use crate::{Clock, Error};

/// None of our own: the steps of the database's owner are left alone, and [`People::open`] takes ours.
static NONE: Migrator = Migrator { ignore_missing: true, ..Migrator::DEFAULT };

/// The users of a data directory, opened beside its server; each change goes to the audit log.
#[derive(Debug)]
pub struct Offline {
    people: People,
    audit: Audit,
    actor: Actor,
}

/// The database and the keys of a data directory, or of its keys and a database elsewhere.
pub async fn open(
    data: &Path,
    elsewhere: Option<&Location>,
) -> Result<(Arc<dyn Database>, Arc<Keys>), Error> {
    let at = elsewhere.cloned().unwrap_or_else(|| Location::File(file_in(data)));
    let dir = data.join("keys");
    // A database whose keys are gone must not be filled on under others.
    let keys = match &at {
        Location::File(file) if std::fs::metadata(file).is_ok_and(|meta| meta.len() > 0) => Keys::read(&dir)?,
        _ => Keys::open(&dir)?,
    };
    let database = database::open(&at, Migrations { sqlite: &NONE, postgres: &NONE }).await?;
    Ok((database, Arc::new(keys)))
}

/// A gateway's directory has a database of its own name; any other is Enforce's.
fn file_in(data: &Path) -> PathBuf {
    let (enforce, gateway) = (data.join("incidents.db"), data.join("gateway.db"));
    if gateway.exists() && !enforce.exists() { gateway } else { enforce }
}

impl Offline {
    /// Opens them for whoever sits at the command line.
    pub async fn open(data: &Path, elsewhere: Option<&Location>, who: &str) -> Result<Self, Error> {
        let (database, keys) = open(data, elsewhere).await?;
        let people = People::open(database.clone(), keys, Clock::real()).await?;
        let actor = Actor { who: who.to_owned(), role: String::new(), peer: "command line".to_owned() };
        Ok(Self { people, audit: Audit::new(database, Clock::real()), actor })
    }

    /// All users.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        self.people.users().await
    }

    /// Adds a user with one role; without a password one is made, comes back, and must be changed at the first sign-in.
    pub async fn add(
        &self,
        name: &str,
        role: &str,
        password: Option<Password>,
    ) -> Result<Option<Password>, Error> {
        let role = match self.people.role_named(role).await? {
            Some(role) => role,
            None => return Err(self.no_such_role(role).await?),
        };
        let made = match &password {
            None => Some(super::password::random()?),
            Some(_) => None,
        };
        let new = NewUser {
            name: name.to_owned(),
            roles: vec![role.id],
            must_change: made.is_some(),
            password: password.or_else(|| made.clone()),
            ..NewUser::default()
        };
        self.noting("USER_ADDED", name, &format!("roles: {}", role.name)).add_user(new).await?;
        Ok(made)
    }

    /// Sets a password; without one it is made and comes back.
    pub async fn set_password(
        &self,
        name: &str,
        password: Option<Password>,
    ) -> Result<Option<Password>, Error> {
        let user = self.find(name).await?;
        let people = self.noting("PASSWORD_RESET", &user.name, "");
        match password {
            Some(password) => people.set_password(user.id, password, false).await.map(|()| None),
            None => people.reset_password(user.id).await.map(Some),
        }
    }

    /// Keeps a user out, or lets it in again.
    pub async fn disable(&self, name: &str, disabled: bool) -> Result<(), Error> {
        let user = self.find(name).await?;
        let detail = if disabled { "disabled" } else { "enabled" };
        self.noting("USER_CHANGED", &user.name, detail).disable(user.id, disabled).await
    }

    async fn find(&self, name: &str) -> Result<User, Error> {
        let user = self.people.user_named(name).await?;
        user.ok_or_else(|| {
            Error::Bad(format!("There is no user {}: see `weir user list`.", name.escape_debug()))
        })
    }

    async fn no_such_role(&self, role: &str) -> Result<Error, Error> {
        let names: Vec<String> = self.people.roles().await?.into_iter().map(|role| role.name).collect();
        Ok(Error::Bad(format!(
            "There is no role {}: choose one of {}.",
            role.escape_debug(),
            names.join(", ")
        )))
    }

    fn noting(&self, action: &str, user: &str, detail: &str) -> People {
        self.people.noting(self.audit.entry(self.actor.clone(), action, &format!("user {user}"), detail))
    }
}
