//! Signing in by name and password, with a code where the user has a second factor. All refusals look and take the same.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{cipher, values};

use super::lockout::locked_until;
use super::user::{context, folded};
use super::{Password, People, SHARDS, SecondFactor, User};
use crate::Error;

/// What somebody typed.
#[derive(Debug)]
pub struct Attempt {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Password,
    /// The authenticator's code, if it was asked for.
    pub code: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum SignIn {
    /// This user is at the other end.
    Welcome(User),
    /// The password is right; a code is wanted too. The ticket stands for the password, for a few minutes ([`People::finish`]).
    NeedsCode(String),
    /// Name or password or code wrong, user disabled or locked: which of them is for the log only.
    Refused(&'static str),
}

/// A user whose password was given with a request, as machines do.
#[derive(Debug, Clone)]
pub struct Known(pub User);

/// Passwords that were right lately, so that a client that sends one with each request costs a hash now and then only.
/// Kept as keyed hashes of name, password and stored hash, under a key of this process.
#[derive(Debug)]
pub(super) struct Lately {
    key: [u8; 32],
    until: Mutex<HashMap<[u8; 32], Timestamp>>,
}

/// So long is a password right without being hashed again.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
const MOST: usize = 1_000;

/// What tickets are sealed for.
const TICKET: &str = "sign-in ticket";
/// So long is a ticket good, in milliseconds.
const TICKET_LIFE: i64 = 5 * 60_000;

/// Sealed into the page that asks for the code.
#[derive(Serialize, Deserialize)]
struct Ticket {
    name: String,
    at: i64,
    /// Of the password: a new one makes old tickets worthless.
    mark: String,
}

struct Secrets {
    password: Option<String>,
    failures: i64,
    factor: Option<SecondFactor>,
    step: i64,
}

impl People {
    /// Who this is. Wrong passwords are counted, and lock the name for a growing time.
    pub async fn sign_in(&self, attempt: Attempt) -> Result<SignIn, Error> {
        let _turn = self.turn(&attempt.name).await;
        let found = self.look_up(&attempt.name).await?;
        let Some((user, secrets)) = found else {
            self.0.hashing.verify(attempt.password, None).await?;
            return Ok(SignIn::Refused("no such user"));
        };
        if user.locked_until > self.now() {
            // As long as if it were checked, and without telling whether it was right.
            self.0.hashing.verify(attempt.password, None).await?;
            return Ok(SignIn::Refused("locked"));
        }
        if !self.0.hashing.verify(attempt.password, secrets.password.clone()).await? {
            self.count_failure(&user, secrets.failures).await?;
            return Ok(SignIn::Refused("wrong password"));
        }
        if user.disabled {
            return Ok(SignIn::Refused("disabled"));
        }
        if user.roles.is_empty() {
            return Ok(SignIn::Refused("no role"));
        }
        if secrets.factor.is_some() {
            let Some(code) = attempt.code.filter(|code| !code.trim().is_empty()) else {
                return Ok(SignIn::NeedsCode(self.ticket(&user, &secrets)?));
            };
            return self.with_code(user, &secrets, &code).await;
        }
        self.welcome(user).await
    }

    /// The second step of signing in: the code, from whoever gave the password a few minutes ago.
    pub async fn finish(&self, ticket: &str, code: &str) -> Result<SignIn, Error> {
        let Some(ticket) = self.read_ticket(ticket) else { return Ok(SignIn::Refused("no such ticket")) };
        let _turn = self.turn(&ticket.name).await;
        let Some((user, secrets)) = self.look_up(&ticket.name).await? else {
            return Ok(SignIn::Refused("no such user"));
        };
        let age = self.now() - ticket.at;
        if ticket.mark != mark_of(&secrets) || !(0..TICKET_LIFE).contains(&age) {
            return Ok(SignIn::Refused("old ticket"));
        }
        if user.disabled || user.roles.is_empty() || user.locked_until > self.now() {
            return Ok(SignIn::Refused("locked"));
        }
        self.with_code(user, &secrets, code).await
    }

    async fn with_code(&self, user: User, secrets: &Secrets, code: &str) -> Result<SignIn, Error> {
        if self.use_code(&user, secrets, code).await? {
            return self.welcome(user).await;
        }
        self.count_failure(&user, secrets.failures).await?;
        Ok(SignIn::Refused("wrong code"))
    }

    async fn welcome(&self, user: User) -> Result<SignIn, Error> {
        let sql = "UPDATE web_user SET failures = 0, locked_until = 0, last_sign_in = ? WHERE id = ?";
        self.one(sql, values![self.now(), user.id]).await?;
        Ok(SignIn::Welcome(user))
    }

    fn ticket(&self, user: &User, secrets: &Secrets) -> Result<String, Error> {
        let ticket = Ticket { name: user.name.clone(), at: self.now(), mark: mark_of(secrets) };
        let plain = serde_json::to_vec(&ticket).unwrap_or_default();
        Ok(URL_SAFE_NO_PAD.encode(cipher::seal(&self.0.keys, TICKET, &plain)?))
    }

    fn read_ticket(&self, text: &str) -> Option<Ticket> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok().filter(|sealed| sealed.len() < 2_000)?;
        serde_json::from_slice(&cipher::open(&self.0.keys, TICKET, &sealed).ok()?).ok()
    }

    /// Who a machine is that sends name and password with each request. Users with a second factor use tokens instead.
    pub async fn by_password(&self, name: &str, password: Password) -> Result<Option<Known>, Error> {
        // What stands in the database now is part of what is remembered: a change of password, a lock or a disabling counts at once.
        let Some((user, secrets)) = self.look_up(name).await? else {
            return self.by_hashing(name, password, None).await;
        };
        if user.disabled || user.must_change || secrets.factor.is_some() || user.roles.is_empty() {
            self.0.hashing.verify(password, None).await?;
            return Ok(None);
        }
        let lately = &self.0.lately;
        let mark = lately.mark(&user, &password, secrets.password.as_deref().unwrap_or_default());
        if user.locked_until <= self.now() && lately.knows(&mark, self.0.clock.now()) {
            return Ok(Some(Known(user)));
        }
        self.by_hashing(name, password, Some(mark)).await
    }

    /// Whether this is the password of somebody who is signed in already; wrong ones are counted as at sign-in.
    pub async fn confirm(&self, user: &User, password: Password) -> Result<(), Error> {
        let _turn = self.turn(&user.name).await;
        let (user, secrets) = self.look_up(&user.name).await?.ok_or(Error::Gone)?;
        let locked = user.locked_until > self.now();
        let hash = secrets.password.filter(|_| !locked);
        if self.0.hashing.verify(password, hash).await? {
            return Ok(());
        }
        if !locked {
            self.count_failure(&user, secrets.failures).await?;
        }
        Err(Error::WrongPassword)
    }

    async fn by_hashing(
        &self,
        name: &str,
        password: Password,
        mark: Option<[u8; 32]>,
    ) -> Result<Option<Known>, Error> {
        let attempt = Attempt { name: name.to_owned(), password, code: None };
        let SignIn::Welcome(user) = self.sign_in(attempt).await? else { return Ok(None) };
        if let Some(mark) = mark {
            self.0.lately.remember(mark, self.0.clock.now());
        }
        Ok(Some(Known(user)))
    }

    async fn look_up(&self, name: &str) -> Result<Option<(User, Secrets)>, Error> {
        // A name that nobody can have is not looked for.
        if name.len() > 1_000 {
            return Ok(None);
        }
        let Some(user) = self.user_named(name).await?.filter(|user| !user.is_guest()) else {
            return Ok(None);
        };
        let sql = "SELECT password, failures, second_factor, second_factor_step FROM web_user WHERE id = ?";
        let rows = self.database().fetch(sql, values![user.id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let factor = row
            .get::<Option<Vec<u8>>>("second_factor")?
            .map(|sealed| cipher::open(&self.0.keys, &context(user.id), &sealed))
            .transpose()?
            .map(|octets| SecondFactor::from_octets(&octets).ok_or(store::Error::Damaged))
            .transpose()?;
        let secrets = Secrets {
            password: row.get("password")?,
            failures: row.get("failures")?,
            factor,
            step: row.get("second_factor_step")?,
        };
        Ok(Some((user, secrets)))
    }

    async fn use_code(&self, user: &User, secrets: &Secrets, code: &str) -> Result<bool, Error> {
        let seconds = u64::try_from(self.now() / 1000).unwrap_or(0);
        let Some(factor) = &secrets.factor else { return Ok(false) };
        let Some(step) = factor.step_of(code, seconds, secrets.step) else { return Ok(false) };
        // Whoever is first has it, on whichever server.
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE web_user SET second_factor_step = ? WHERE id = ? AND second_factor_step < ?";
        let used = transaction.run(sql, values![step, user.id, step]).await? == 1;
        transaction.commit().await?;
        Ok(used)
    }

    async fn count_failure(&self, user: &User, failures: i64) -> Result<(), Error> {
        let failures = failures.saturating_add(1);
        let until = locked_until(failures, self.0.clock.now());
        let until = if until > self.0.clock.now() { until.as_millisecond() } else { 0 };
        // Counted in the database: attempts on another server count too.
        let sql = "UPDATE web_user SET failures = failures + 1, locked_until = ? WHERE id = ?";
        self.one(sql, values![until, user.id]).await
    }

    async fn turn(&self, name: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = blake3::hash(folded(name).as_bytes());
        self.0.attempts[usize::from(hash.as_bytes()[0]) % SHARDS].lock().await
    }
}

fn mark_of(secrets: &Secrets) -> String {
    let hash = blake3::hash(secrets.password.as_deref().unwrap_or_default().as_bytes());
    crate::hex(&hash.as_bytes()[..16])
}

impl Lately {
    pub(super) fn new() -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|why| Error::Random(why.to_string()))?;
        Ok(Self { key, until: Mutex::default() })
    }

    fn mark(&self, user: &User, password: &str, phc: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for text in [user.id.to_string().as_str(), password, phc] {
            hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    fn knows(&self, mark: &[u8; 32], now: Timestamp) -> bool {
        let until = self.until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        until.get(mark).is_some_and(|until| *until > now)
    }

    fn remember(&self, mark: [u8; 32], now: Timestamp) {
        let mut until = self.until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if until.len() >= MOST {
            until.retain(|_, end| *end > now);
        }
        if until.len() < MOST {
            until.insert(mark, now.checked_add(REMEMBERED).unwrap_or(now));
        }
    }
}
