//! Users: made, listed, changed, disabled. What changes their access ends their sessions.

use std::collections::BTreeMap;

use store::database::{Row, Session, Value};
use store::{cipher, values};

use super::{
    LOCK, Password, People, RoleId, SecondFactor, check_password, keep_an_administrator, optional, plain,
};
use crate::Error;
use crate::audit::{Actor, Audit};
use crate::guests::Guest;
use crate::oidc::Person;

/// A user's number.
pub type UserId = i64;

/// A user, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// The name to sign in with.
    pub name: String,
    /// As colleagues know them.
    pub full_name: String,
    /// Address for notices; may be empty.
    pub mail: String,
    /// Its roles, by name.
    pub roles: Vec<(RoleId, String)>,
    /// The role that a new session begins with.
    pub default_role: Option<RoleId>,
    /// Whether it can sign in.
    pub disabled: bool,
    /// Whether the password must be changed first.
    pub must_change: bool,
    /// Whether signing in takes a code too.
    pub has_second_factor: bool,
    /// Locked until then after wrong passwords, in milliseconds since 1970; 0 if not.
    pub locked_until: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it last signed in, in milliseconds since 1970.
    pub last_sign_in: Option<i64>,
    /// Grows with each change; a change names the one that it was made from.
    pub version: i64,
    /// The server where it is kept, as people call it; empty: here.
    pub home: String,
}

impl User {
    /// Whether it is kept at another server: it proves there who it is, and its roles come from there.
    pub fn is_guest(&self) -> bool {
        !self.home.is_empty()
    }

    /// Goes on only with a user who is kept here.
    pub(crate) fn at_home(&self) -> Result<(), Error> {
        if !self.is_guest() {
            return Ok(());
        }
        let Self { name, home, .. } = self;
        Err(Error::Bad(format!(
            "{name} is a user of {home}: passwords, second factors and roles are changed there."
        )))
    }
}

/// A user to be.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The name to sign in with.
    pub name: String,
    /// As colleagues know them.
    pub full_name: String,
    /// Address for notices; may be empty.
    pub mail: String,
    /// At least one; the first is the one that a session begins with.
    pub roles: Vec<RoleId>,
    /// None: signs in by other means (single sign-on, tokens).
    pub password: Option<Password>,
    /// Whether the password must be changed at the first sign-in.
    pub must_change: bool,
}

/// What an administrator changes about a user.
#[derive(Debug, Clone)]
pub struct UserChange {
    /// As colleagues know them.
    pub full_name: String,
    /// Address for notices; may be empty.
    pub mail: String,
    /// At least one.
    pub roles: Vec<RoleId>,
    /// One of the roles.
    pub default_role: Option<RoleId>,
    /// Whether it can sign in.
    pub disabled: bool,
}

/// What came of it that a provider knows somebody.
#[derive(Debug)]
pub enum Admission {
    /// They come in as this user.
    Welcome(User),
    /// Nothing that the provider says of them is a role here.
    NoRole,
    /// An administrator here shut them out.
    Disabled,
}

/// Characters of the name that a provider gives somebody.
const LONGEST_NAME: usize = 100;
/// People who are called the same.
const MOST_OF_A_NAME: usize = 100;

const COLUMNS: &str = "SELECT id, name, full_name, mail, must_change, disabled, locked_until, \
    second_factor, default_role, created_at, last_sign_in, version, home FROM web_user";

impl People {
    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.users_where("", Vec::new()).await
    }

    /// One user.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        Ok(self.users_where("WHERE id = ?", values![id]).await?.pop())
    }

    /// The user of that name, in any case.
    pub async fn user_named(&self, name: &str) -> Result<Option<User>, Error> {
        Ok(self.users_where("WHERE folded = ?", values![folded(name)]).await?.pop())
    }

    /// Adds a user.
    pub async fn add_user(&self, new: NewUser) -> Result<UserId, Error> {
        let name = plain("The user's name", &new.name, 100)?;
        if name.contains(char::is_whitespace) || name.contains([':', '/']) {
            return Err(Error::Bad(
                "The user's name has a space, a colon or a slash: leave it out.".to_owned(),
            ));
        }
        let full_name = optional("The full name", &new.full_name, 200)?;
        let mail = optional("The mail address", &new.mail, 320)?;
        let password = match new.password {
            Some(password) => {
                check_password(&password, &[&name, &full_name])?;
                Some(self.0.hashing.hash(password).await?)
            }
            None => None,
        };
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let sql = "INSERT INTO web_user (name, folded, full_name, mail, password, must_change, disabled, failures, \
            locked_until, second_factor_step, default_role, created_at, version) \
            VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, -1, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING id";
        let values = values![
            &*name,
            folded(&name),
            full_name,
            mail,
            password.as_deref(),
            new.must_change,
            false,
            new.roles.first().copied(),
            self.now()
        ];
        let known_roles = known(db, &new.roles).await?;
        let rows = db.fetch(sql, values).await?;
        let id = rows.first().ok_or(Error::Taken(name))?.get("id")?;
        give_roles(db, id, &known_roles).await?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Changes a user who is still as in `version`. Sessions and tokens under a role that is taken away, or of a user who is
    /// disabled, end.
    pub async fn change_user(&self, id: UserId, version: i64, change: &UserChange) -> Result<(), Error> {
        let full_name = optional("The full name", &change.full_name, 200)?;
        let mail = optional("The mail address", &change.mail, 320)?;
        let default = change.default_role.filter(|role| change.roles.contains(role));
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let roles = known(db, &change.roles).await?;
        let sql = "UPDATE web_user SET full_name = ?, mail = ?, default_role = ?, disabled = ?, version = version + 1 \
            WHERE id = ? AND version = ?";
        let default = default.or(roles.first().copied());
        let values = values![full_name, mail, default, change.disabled, id, version];
        if db.run(sql, values).await? == 0 {
            let known = db.fetch("SELECT id FROM web_user WHERE id = ?", values![id]).await?;
            return Err(if known.is_empty() { Error::Gone } else { Error::Stale });
        }
        give_roles(db, id, &roles).await?;
        if change.disabled {
            end_everything(db, id).await?;
        } else {
            end_lost_roles(db, id).await?;
        }
        keep_an_administrator(db).await?;
        self.commit(transaction).await
    }

    /// Lets a user in or keeps it out, whatever else somebody is changing about it.
    pub async fn disable(&self, id: UserId, disabled: bool) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let sql = "UPDATE web_user SET disabled = ?, version = version + 1 WHERE id = ?";
        if db.run(sql, values![disabled, id]).await? == 0 {
            return Err(Error::Gone);
        }
        if disabled {
            end_everything(db, id).await?;
        }
        keep_an_administrator(db).await?;
        self.commit(transaction).await
    }

    /// The user here of somebody who is kept at another server, with what the roles there mean here. None, and no way in, where
    /// they mean nothing.
    pub(crate) async fn host(
        &self,
        home: &str,
        name: &str,
        guest: &Guest,
        meanings: &BTreeMap<String, String>,
    ) -> Result<Option<User>, Error> {
        let name = plain("The guest's name", name, 200)?;
        let full_name = optional("The full name", &guest.full_name, 200).unwrap_or_default();
        let roles = self.roles_called(guest.roles.iter().filter_map(|role| meanings.get(role))).await?;
        let known = self.user_named(&name).await?;
        if let Some(known) = &known {
            let had: Vec<RoleId> = known.roles.iter().map(|(role, _)| *role).collect();
            let same = had.len() == roles.len() && roles.iter().all(|role| had.contains(role));
            if same && known.full_name == full_name {
                return Ok((!roles.is_empty()).then(|| known.clone()));
            }
        }
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let sql = "INSERT INTO web_user (name, folded, full_name, mail, must_change, disabled, failures, locked_until, \
            second_factor_step, default_role, created_at, version, home) VALUES (?, ?, ?, '', ?, ?, 0, 0, -1, ?, ?, 1, ?) \
            ON CONFLICT (folded) DO UPDATE SET full_name = excluded.full_name, default_role = excluded.default_role, \
            version = web_user.version + 1 WHERE web_user.home = excluded.home RETURNING id";
        let first = roles.first().copied();
        let values = values![&*name, folded(&name), full_name, false, false, first, self.now(), home];
        let rows = db.fetch(sql, values).await?;
        let id: UserId = rows.first().ok_or(Error::Taken(name))?.get("id")?;
        give_roles(db, id, &roles).await?;
        end_lost_roles(db, id).await?;
        transaction.commit().await?;
        if roles.is_empty() { Ok(None) } else { self.user(id).await }
    }

    /// Lets somebody in whom a provider knows: the user whom it knew under this subject before, whatever it is called by now, with
    /// the roles that the provider gives it today. A new user is made for somebody with a role only. Roles that are others than
    /// before have their line in the audit log, from that address.
    pub async fn admit(
        &self,
        home: &str,
        person: &Person,
        (audit, peer): (&Audit, &str),
    ) -> Result<Admission, Error> {
        let full_name = optional("The full name", &person.full_name, 200).unwrap_or_default();
        let mail = optional("The mail address", &person.mail, 320).unwrap_or_default();
        let roles = self.roles_called(person.roles.iter()).await?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let sql = "SELECT id, disabled, default_role FROM web_user WHERE home = ? AND subject = ?";
        let rows = db.fetch(sql, values![home, &*person.subject]).await?;
        let known: Option<(UserId, bool, Option<RoleId>)> = match rows.first() {
            Some(row) => Some((row.get("id")?, row.get("disabled")?, row.get("default_role")?)),
            None => None,
        };
        let (id, changed) = match known {
            Some((_, true, _)) => return Ok(Admission::Disabled),
            None if roles.is_empty() => return Ok(Admission::NoRole),
            None => {
                let name = free_name(db, home, &person.name).await?;
                let sql = "INSERT INTO web_user (name, folded, full_name, mail, must_change, disabled, failures, locked_until, \
                    second_factor_step, default_role, created_at, version, home, subject) \
                    VALUES (?, ?, ?, ?, ?, ?, 0, 0, -1, ?, ?, 1, ?, ?) RETURNING id";
                let (first, now) = (roles.first().copied(), self.now());
                let values = values![
                    &*name,
                    folded(&name),
                    full_name,
                    mail,
                    false,
                    false,
                    first,
                    now,
                    home,
                    &*person.subject
                ];
                let rows = db.fetch(sql, values).await?;
                (rows.first().ok_or(Error::Gone)?.get("id")?, true)
            }
            Some((id, _, default)) => {
                let had =
                    db.fetch("SELECT role_id FROM web_user_role WHERE user_id = ?", values![id]).await?;
                let had =
                    had.iter().map(|row| Ok(row.get("role_id")?)).collect::<Result<Vec<RoleId>, Error>>()?;
                let changed = had.len() != roles.len() || !roles.iter().all(|role| had.contains(role));
                let default = default.filter(|role| roles.contains(role)).or(roles.first().copied());
                let sql = "UPDATE web_user SET full_name = ?, mail = ?, default_role = ?, version = version + 1 WHERE id = ?";
                db.run(sql, values![full_name, mail, default, id]).await?;
                (id, changed)
            }
        };
        give_roles(db, id, &roles).await?;
        end_lost_roles(db, id).await?;
        let sql = "UPDATE web_user SET last_sign_in = ? WHERE id = ?";
        if !roles.is_empty() {
            db.run(sql, values![self.now(), id]).await?;
        }
        if changed {
            let actor = Actor { who: home.to_owned(), role: String::new(), peer: peer.to_owned() };
            let action = if known.is_none() { "USER_ADDED" } else { "USER_CHANGED" };
            let (subject, detail) = (name_of(db, id).await?, role_names(db, id).await?);
            let (subject, detail) = (format!("user {subject}"), format!("roles from {home}: {detail}"));
            audit.add_within(db, &actor, action, &subject, &detail).await?;
        }
        transaction.commit().await?;
        if roles.is_empty() {
            return Ok(Admission::NoRole);
        }
        Ok(Admission::Welcome(self.user(id).await?.ok_or(Error::Gone)?))
    }

    /// Uses up a round to a provider; false if it was used before, on whichever server.
    pub async fn use_round(&self, hash: &[u8], ends_at: i64) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        transaction.run("DELETE FROM web_round WHERE ends_at < ?", values![self.now()]).await?;
        let sql = "INSERT INTO web_round (hash, ends_at) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let fresh = transaction.run(sql, values![hash, ends_at]).await? == 1;
        transaction.commit().await?;
        Ok(fresh)
    }

    /// The roles of these names, each once; names of none are told in the log.
    async fn roles_called<'n>(&self, names: impl Iterator<Item = &'n String>) -> Result<Vec<RoleId>, Error> {
        let mut roles = Vec::new();
        for name in names {
            match self.role_named(name).await? {
                Some(role) if !roles.contains(&role.id) => roles.push(role.id),
                Some(_) => {}
                None => tracing::warn!(role = name, "a role of users who are kept elsewhere is not there"),
            }
        }
        Ok(roles)
    }

    /// Notes that somebody came in whom another server let in.
    pub(crate) async fn note_sign_in(&self, id: UserId) -> Result<(), Error> {
        self.one("UPDATE web_user SET last_sign_in = ? WHERE id = ?", values![self.now(), id]).await
    }

    /// Sets a new password and unlocks; all sessions of the user end, and its tokens: whoever had the old one may have made some.
    pub async fn set_password(&self, id: UserId, password: Password, must_change: bool) -> Result<(), Error> {
        let user = self.user(id).await?.ok_or(Error::Gone)?;
        user.at_home()?;
        check_password(&password, &[&user.name, &user.full_name])?;
        let hash = self.0.hashing.hash(password).await?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let sql = "UPDATE web_user SET password = ?, must_change = ?, failures = 0, locked_until = 0, \
            version = version + 1 WHERE id = ?";
        db.run(sql, values![hash, must_change, id]).await?;
        end_everything(db, id).await?;
        self.commit(transaction).await
    }

    /// Sets a made password, which comes back and must be changed at the next sign-in.
    pub async fn reset_password(&self, id: UserId) -> Result<Password, Error> {
        let password = super::password::random()?;
        self.set_password(id, password.clone(), true).await?;
        Ok(password)
    }

    /// Changes the own password: the old one must be right, and the new one another. All sessions end but the one named, and the
    /// tokens where that is wanted.
    pub async fn change_password(
        &self,
        id: UserId,
        old: Password,
        new: Password,
        keep: Option<&[u8]>,
        end_tokens: bool,
    ) -> Result<(), Error> {
        let user = self.user(id).await?.ok_or(Error::Gone)?;
        self.confirm(&user, old.clone()).await?;
        if *old == *new {
            return Err(super::Weak::Old.into());
        }
        check_password(&new, &[&user.name, &user.full_name])?;
        let hash = self.0.hashing.hash(new).await?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let sql = "UPDATE web_user SET password = ?, must_change = ?, version = version + 1 WHERE id = ?";
        db.run(sql, values![hash, false, id]).await?;
        let sql = "DELETE FROM web_session WHERE user_id = ? AND hash <> ?";
        db.run(sql, values![id, keep.unwrap_or_default()]).await?;
        if end_tokens {
            db.run("DELETE FROM web_token WHERE user_id = ?", values![id]).await?;
        }
        self.commit(transaction).await
    }

    /// Takes a second factor into use; `code` proves that the user's app has it.
    pub async fn set_second_factor(
        &self,
        id: UserId,
        factor: &SecondFactor,
        code: &str,
    ) -> Result<(), Error> {
        let seconds = u64::try_from(self.now() / 1000).unwrap_or(0);
        let step = factor.step_of(code, seconds, -1).ok_or_else(|| {
            Error::Bad(
                "The code is wrong: write the one that the app shows now, and check its clock.".to_owned(),
            )
        })?;
        let sealed = cipher::seal(&self.0.keys, &context(id), factor.octets())?;
        let sql = "UPDATE web_user SET second_factor = ?, second_factor_step = ?, version = version + 1 WHERE id = ?";
        self.change_one(sql, values![sealed, step, id]).await
    }

    /// Takes the second factor away.
    pub async fn clear_second_factor(&self, id: UserId) -> Result<(), Error> {
        let sql = "UPDATE web_user SET second_factor = NULL, version = version + 1 WHERE id = ?";
        self.change_one(sql, values![id]).await
    }

    /// Runs a statement that must touch a row, of which nobody need be told.
    pub(super) async fn one(&self, sql: &str, values: Vec<Value>) -> Result<(), Error> {
        Self(self.0.clone(), None).change_one(sql, values).await
    }

    /// Changes what must be there by one statement.
    pub(super) async fn change_one(&self, sql: &str, values: Vec<Value>) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        if transaction.run(sql, values).await? == 0 {
            return Err(Error::Gone);
        }
        self.commit(transaction).await
    }

    async fn users_where(&self, condition: &str, values: Vec<Value>) -> Result<Vec<User>, Error> {
        let sql = format!("{COLUMNS} {condition} ORDER BY folded");
        let rows = self.database().fetch(&sql, values).await?;
        let mut users = rows.iter().map(user).collect::<Result<Vec<_>, _>>()?;
        let only = match users.as_slice() {
            [] => return Ok(users),
            [one] => Some(one.id),
            _ => None,
        };
        let sql =
            "SELECT ur.user_id, r.id, r.name FROM web_user_role ur JOIN web_role r ON r.id = ur.role_id";
        let rows = match only {
            Some(id) => {
                let sql = format!("{sql} WHERE ur.user_id = ? ORDER BY r.name");
                self.database().fetch(&sql, values![id]).await?
            }
            None => self.database().fetch(&format!("{sql} ORDER BY r.name"), Vec::new()).await?,
        };
        let mut roles: BTreeMap<UserId, Vec<(RoleId, String)>> = BTreeMap::new();
        for row in rows {
            roles.entry(row.get("user_id")?).or_default().push((row.get("id")?, row.get("name")?));
        }
        for user in &mut users {
            user.roles = roles.remove(&user.id).unwrap_or_default();
        }
        Ok(users)
    }
}

/// A name for somebody from there that nobody has: names move on to others, and who had one before stays who they were.
async fn free_name(db: &mut dyn Session, home: &str, name: &str) -> Result<String, Error> {
    let fit = |c: char| if c.is_whitespace() || matches!(c, ':' | '/' | '\\') { '-' } else { c };
    let name: String = name.trim().chars().map(fit).take(LONGEST_NAME).collect();
    let name = plain("The name", &format!("{}/{name}", home.to_lowercase()), 2 * LONGEST_NAME)?;
    for number in 1..MOST_OF_A_NAME {
        let one = if number == 1 { name.clone() } else { format!("{name}-{number}") };
        if db.fetch("SELECT id FROM web_user WHERE folded = ?", values![folded(&one)]).await?.is_empty() {
            return Ok(one);
        }
    }
    Err(Error::Taken(name))
}

async fn name_of(db: &mut dyn Session, id: UserId) -> Result<String, Error> {
    let rows = db.fetch("SELECT name FROM web_user WHERE id = ?", values![id]).await?;
    Ok(rows.first().ok_or(Error::Gone)?.get("name")?)
}

/// The names of a user's roles, for the audit log.
async fn role_names(db: &mut dyn Session, id: UserId) -> Result<String, Error> {
    let sql = "SELECT r.name FROM web_user_role ur JOIN web_role r ON r.id = ur.role_id WHERE ur.user_id = ? ORDER BY r.name";
    let rows = db.fetch(sql, values![id]).await?;
    let names = rows.iter().map(|row| Ok(row.get("name")?)).collect::<Result<Vec<String>, Error>>()?;
    Ok(if names.is_empty() { "none".to_owned() } else { names.join(", ") })
}

/// A name as it is compared.
pub(super) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What a sealed second factor is bound to.
pub(super) fn context(id: UserId) -> String {
    format!("second factor {id}")
}

/// Ends all sessions and tokens of a user.
async fn end_everything(db: &mut dyn Session, id: UserId) -> Result<(), Error> {
    db.run("DELETE FROM web_session WHERE user_id = ?", values![id]).await?;
    db.run("DELETE FROM web_token WHERE user_id = ?", values![id]).await?;
    Ok(())
}

/// Ends sessions and tokens under roles that the user does not have any more.
async fn end_lost_roles(db: &mut dyn Session, id: UserId) -> Result<(), Error> {
    for table in ["web_session", "web_token"] {
        let sql = format!(
            "DELETE FROM {table} WHERE user_id = ? AND role_id NOT IN \
            (SELECT role_id FROM web_user_role WHERE user_id = ?)"
        );
        db.run(&sql, values![id, id]).await?;
    }
    Ok(())
}

/// The roles, each once and all of them real.
async fn known(db: &mut dyn Session, roles: &[RoleId]) -> Result<Vec<RoleId>, Error> {
    let mut wanted = Vec::new();
    for role in roles {
        if wanted.contains(role) {
            continue;
        }
        if db.fetch("SELECT id FROM web_role WHERE id = ?", values![*role]).await?.is_empty() {
            return Err(Error::Bad("There is no such role any more: choose another.".to_owned()));
        }
        wanted.push(*role);
    }
    if wanted.is_empty() {
        return Err(Error::Bad("A user without a role can do nothing: choose at least one.".to_owned()));
    }
    Ok(wanted)
}

async fn give_roles(db: &mut dyn Session, id: UserId, roles: &[RoleId]) -> Result<(), Error> {
    db.run("DELETE FROM web_user_role WHERE user_id = ?", values![id]).await?;
    for role in roles {
        db.run("INSERT INTO web_user_role (user_id, role_id) VALUES (?, ?)", values![id, *role]).await?;
    }
    Ok(())
}

fn user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        full_name: row.get("full_name")?,
        mail: row.get("mail")?,
        roles: Vec::new(),
        default_role: row.get("default_role")?,
        disabled: row.get("disabled")?,
        must_change: row.get("must_change")?,
        has_second_factor: row.get::<Option<Vec<u8>>>("second_factor")?.is_some(),
        locked_until: row.get("locked_until")?,
        created_at: row.get("created_at")?,
        last_sign_in: row.get("last_sign_in")?,
        version: row.get("version")?,
        home: row.get("home")?,
    })
}
