//! Users, their roles and what these may do; passwords, second factors and API tokens. Secrets are kept as hashes, or sealed.

pub mod command;
mod lockout;
mod password;
mod privilege;
mod role;
mod second_factor;
mod sign_in;
mod token;
mod user;

use std::sync::Arc;

use store::database::{Database, Session, Transaction, Witnessed};
use store::keys::Keys;
use store::sealed::SealedColumn;
use store::values;
use tokio::sync::Mutex;

pub use password::{LONGEST, Password, SHORTEST, Weak, check as check_password, random as random_password};
pub use privilege::{Condition, Hidden, Privilege, Rights};
pub use role::{Role, RoleId};
pub use second_factor::SecondFactor;
pub(crate) use second_factor::same;
pub use sign_in::{Attempt, Known, SignIn};
pub(crate) use token::PREFIX as TOKEN_PREFIX;
pub use token::{NewToken, Token};
pub use user::{Admission, NewUser, User, UserChange, UserId};

use crate::audit::Entry;
use crate::clock::Clock;
use crate::{Error, schema};

/// The name of the role that can do everything.
pub const ADMINISTRATOR: &str = "Administrator";
/// Changes of users and roles go one after another: whether an administrator is left is a question about all of them.
const LOCK: i64 = 0x7765_6270_656f_7000;
/// Attempts on one name go one after another; other names share its place only by chance.
const SHARDS: usize = 64;

/// The second factors: sealed with the keys that the database's owner opens the site with, who wraps them again for new ones.
pub const SEALED: SealedColumn = SealedColumn {
    table: "web_user",
    column: "second_factor",
    known_by: &[],
    context: |row| Ok(user::context(row.get("id")?)),
};

/// Everybody who may sign in.
#[derive(Debug, Clone)]
pub struct People(Arc<Inner>, Option<Entry>);

#[derive(Debug)]
struct Inner {
    database: Arc<dyn Database>,
    keys: Arc<Keys>,
    clock: Clock,
    hashing: password::Hashing,
    attempts: Vec<Mutex<()>>,
    lately: sign_in::Lately,
}

impl People {
    /// Makes or brings forward the tables in a database that is open already, and the built-in roles.
    pub async fn open(database: Arc<dyn Database>, keys: Arc<Keys>, clock: Clock) -> Result<Self, Error> {
        schema::prepare(&*database).await?;
        let inner = Inner {
            database,
            keys,
            clock,
            hashing: password::Hashing::new()?,
            attempts: (0..SHARDS).map(|_| Mutex::new(())).collect(),
            lately: sign_in::Lately::new()?,
        };
        let people = Self(Arc::new(inner), None);
        people.make_built_in_roles().await?;
        Ok(people)
    }

    /// The same, whose next change is committed together with this line of the audit log.
    pub fn noting(&self, entry: Entry) -> Self {
        Self(self.0.clone(), Some(entry))
    }

    /// Where there is no user yet: makes `admin` with a one-time password, which comes back and must be changed at once.
    pub async fn first_administrator(&self) -> Result<Option<Password>, Error> {
        if self.users().await?.iter().any(|user| !user.is_guest()) {
            return Ok(None);
        }
        let role = self.role_named(ADMINISTRATOR).await?.ok_or(Error::Gone)?;
        let password = password::random()?;
        let new = NewUser {
            name: "admin".to_owned(),
            full_name: "First administrator".to_owned(),
            mail: String::new(),
            roles: vec![role.id],
            password: Some(password.clone()),
            must_change: true,
        };
        match self.add_user(new).await {
            Ok(_) => Ok(Some(password)),
            // Another server was first.
            Err(Error::Taken(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn database(&self) -> &dyn Database {
        &*self.0.database
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Ends a change: with its line in the audit log, where it has one.
    async fn commit(&self, transaction: Box<dyn Transaction>) -> Result<(), Error> {
        let witnessed = self.1.clone().map_or_else(Witnessed::default, Witnessed::from);
        Ok(witnessed.commit(transaction).await?)
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_millisecond()
    }
}

/// Fails if nobody who is enabled and kept here could manage users after this transaction.
async fn keep_an_administrator(db: &mut dyn Session) -> Result<(), Error> {
    let sql = "SELECT r.rights FROM web_user u JOIN web_user_role ur ON ur.user_id = u.id \
        JOIN web_role r ON r.id = ur.role_id WHERE u.disabled = ? AND u.home = ''";
    for row in db.fetch(sql, values![false]).await? {
        if role::rights(&row)?.may(Privilege::ManageUsers) {
            return Ok(());
        }
    }
    Err(Error::LastAdministrator)
}

/// Trimmed, not empty, of so many characters at most, without control characters.
fn plain(what: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Bad(format!("{what} is missing: write one.")));
    }
    optional(what, text, most)
}

fn optional(what: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(Error::Bad(format!("{what} is too long: write at most {most} characters.")));
    }
    if text.chars().any(|c| c.is_control() || crate::mail::is_deceptive(c)) {
        return Err(Error::Bad(format!("{what} has a character that cannot be seen: leave it out.")));
    }
    Ok(text.to_owned())
}
