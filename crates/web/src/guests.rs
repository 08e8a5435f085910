//! People of another server who may sign in here. That server checks them, and is asked again every minute whether they still may;
//! nothing by which they prove who they are is kept here.
//!
//! Each has a user of its own here, named after that server (`enforce/jane`), who has no password and cannot be mistaken for a
//! user of the same name who is kept here. Its roles are what its roles there mean here, and follow them.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use store::database::Database;
use store::values;

use crate::clock::Clock;
use crate::people::{Password, People, User};
use crate::session::Session;
use crate::{Error, Problem};

/// A session that was confirmed so lately, in milliseconds, is not asked about: how long what changes there may take to count here.
const CONFIRMED_FOR: i64 = 60_000;
/// So long, in milliseconds, a session goes on while the other server cannot be asked.
const TRUSTED_FOR: i64 = 5 * 60_000;
/// After a question that nobody answered, none is asked for so long, in milliseconds.
const BREATH: i64 = 5_000;

/// What the other server answers, or that it did not.
pub type Told<'a, T> = Pin<Box<dyn Future<Output = Result<T, Away>> + Send + 'a>>;

/// The other server cannot be asked; the text is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away(pub String);

/// A step of signing in.
pub enum Step {
    /// Name and password.
    Password {
        /// As it was typed.
        name: String,
        /// As it was typed.
        password: Password,
    },
    /// The second factor's code.
    Code {
        /// What stood for the password.
        ticket: String,
        /// As it was typed.
        code: String,
    },
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step(…)")
    }
}

/// Somebody of the other server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The name there.
    pub name: String,
    /// As colleagues know them.
    pub full_name: String,
    /// The roles there, by name.
    pub roles: Vec<String>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is this guest, who has a session there of this name.
    Admitted(Guest, String),
    /// A code is wanted too; the ticket stands for the password.
    NeedsCode(String),
    /// The password has to be changed there first.
    ChangePassword,
    /// That server says no, and does not say why.
    Refused,
}

/// Another server whose people may sign in here.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// What people call it: `Enforce`.
    fn name(&self) -> &str;
    /// Which role there is which role here; others count nothing.
    fn roles(&self) -> &BTreeMap<String, String>;
    /// A step of signing in, by somebody at this address.
    fn sign_in<'a>(&'a self, step: Step, peer: &'a str) -> Told<'a, Answer>;
    /// Whose session this is, if it goes on there.
    fn confirm<'a>(&'a self, session: &'a str) -> Told<'a, Option<Guest>>;
    /// The session is over here.
    fn end<'a>(&'a self, session: &'a str) -> Told<'a, ()>;
}

/// What a step of signing in led to, here.
#[derive(Debug)]
pub(crate) enum Entry {
    /// This user, with the name of its session there.
    Welcome(User, String),
    /// A code is wanted too.
    NeedsCode(String),
    /// Not let in; what people are told, and whether it counts as an attempt that failed.
    Shut { why: String, failed: bool },
}

/// The guests of a console.
#[derive(Debug)]
pub(crate) struct Guests {
    elsewhere: Arc<dyn Elsewhere>,
    database: Arc<dyn Database>,
    people: People,
    clock: Clock,
    /// When a question last stayed without an answer.
    away_at: AtomicI64,
}

impl Guests {
    pub(crate) fn new(
        elsewhere: Arc<dyn Elsewhere>,
        database: Arc<dyn Database>,
        people: People,
        clock: Clock,
    ) -> Self {
        Self { elsewhere, database, people, clock, away_at: AtomicI64::new(i64::MIN) }
    }

    /// What people call the other server.
    pub(crate) fn home(&self) -> &str {
        self.elsewhere.name()
    }

    /// Which role there is which role here.
    pub(crate) fn roles(&self) -> &BTreeMap<String, String> {
        self.elsewhere.roles()
    }

    /// The name here of somebody there.
    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("{}/{name}", self.home().to_lowercase())
    }

    /// A step of signing in.
    pub(crate) async fn sign_in(&self, step: Step, peer: &str) -> Result<Entry, Error> {
        let home = self.home();
        let shut = |why: String| Ok(Entry::Shut { why, failed: false });
        let (guest, session) = match self.elsewhere.sign_in(step, peer).await {
            Ok(Answer::Admitted(guest, session)) => (guest, session),
            Ok(Answer::NeedsCode(ticket)) => return Ok(Entry::NeedsCode(ticket)),
            Ok(Answer::ChangePassword) => {
                return shut(format!(
                    "{home} asks for a new password first: sign in there, choose one, and come back."
                ));
            }
            Ok(Answer::Refused) => return Ok(Entry::Shut { why: String::new(), failed: true }),
            Err(Away(why)) => {
                tracing::error!(%why, "{home} cannot be asked who signs in");
                return shut(format!(
                    "{home} cannot be asked at the moment. Try again in a while; who is a user of this server can sign in as one."
                ));
            }
        };
        match self.people.host(home, &self.name_of(&guest.name), &guest, self.roles()).await? {
            Some(user) if !user.disabled => Ok(Entry::Welcome(user, session)),
            known => {
                self.end(session);
                shut(match known {
                    Some(_) => format!(
                        "{home} lets you in, but you are shut out here: ask an administrator of this server."
                    ),
                    None => format!(
                        "{home} knows you, but none of your roles there counts here: ask an administrator of this server."
                    ),
                })
            }
        }
    }

    /// Whether this session of a guest goes on. A problem where nobody can say for too long.
    pub(crate) async fn goes_on(&self, session: &Session) -> Result<bool, Problem> {
        let Some(name) = &session.elsewhere else { return Ok(true) };
        let now = self.clock.now().as_millisecond();
        let age = now.saturating_sub(session.confirmed_at);
        if age < CONFIRMED_FOR {
            return Ok(true);
        }
        let away_for = now.saturating_sub(self.away_at.load(Ordering::Relaxed));
        let told = if away_for < BREATH {
            Err(Away("it did not answer a moment ago".to_owned()))
        } else {
            self.elsewhere.confirm(name).await
        };
        let home = self.home();
        match told {
            Ok(Some(guest)) => {
                let host = self.people.host(home, &self.name_of(&guest.name), &guest, self.roles()).await?;
                // Another name there is another user here.
                if host.is_none_or(|user| user.id != session.user) {
                    return Ok(false);
                }
                let mut transaction = self.database.begin().await?;
                let sql = "UPDATE web_session SET confirmed_at = ? WHERE hash = ?";
                transaction.run(sql, values![now, session.hash.as_slice()]).await?;
                transaction.commit().await?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(Away(why)) => {
                if away_for >= BREATH {
                    self.away_at.store(now, Ordering::Relaxed);
                    tracing::warn!(%why, "{home} cannot be asked whether a session goes on");
                }
                if age < TRUSTED_FOR {
                    return Ok(true);
                }
                Err(Problem::Away(format!(
                    "{home}, where you are a user, cannot be asked whether you may still come in. Try again in a while; who is \
                    a user of this server can sign in as one at /sign-in."
                )))
            }
        }
    }

    /// Tells the other server that a session is over, as far as it can be told: there it ends by itself some time.
    pub(crate) fn end(&self, session: String) {
        let elsewhere = self.elsewhere.clone();
        tokio::spawn(async move {
            if let Err(Away(why)) = elsewhere.end(&session).await {
                tracing::warn!(%why, "{} was not told that a session is over", elsewhere.name());
            }
        });
    }
}
