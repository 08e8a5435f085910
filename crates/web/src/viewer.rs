//! Who is looking: the user behind a request, in which role, and what that role may do.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::audit::{Actor, Entry};
use crate::guard::cookie;
use crate::layout::Html;
use crate::people::{Hidden, Privilege, Role, RoleId, UserId};
use crate::session::{Said, Tone};
use crate::{Problem, Site};

/// By what a request proved who it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A person's session.
    Session,
    /// An API token.
    Token,
    /// Name and password with the request.
    Password,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// As it stands in the cookie and on the page.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The one that a browser chose.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::parse(cookie(headers, "theme").unwrap_or_default())
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// The user behind a request. As an argument of a handler it is proof that somebody signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The user's number.
    pub user: UserId,
    /// The name that it signs in with.
    pub name: String,
    /// As colleagues know them; may be empty.
    pub full_name: String,
    /// In which role.
    pub role: Role,
    /// All roles that it could choose.
    pub roles: Vec<(RoleId, String)>,
    /// By what it proved to be that user.
    pub means: Means,
    /// Light or dark.
    pub theme: Theme,
    /// From which address.
    pub peer: String,
    /// What waits to be shown.
    pub said: Vec<Said>,
    /// The path and query of the request, to come back to.
    pub here: String,
    /// What forms carry; empty where there is no session.
    pub form_token: String,
    pub(crate) session: Vec<u8>,
    pub(crate) must_change: bool,
    /// Of a guest: what the session is called where the user is kept.
    pub(crate) elsewhere: Option<String>,
    /// Where the user is kept; empty: here.
    pub(crate) home: String,
    pub(crate) site: Site,
}

impl Viewer {
    /// Whether the role may do this.
    pub fn may(&self, privilege: Privilege) -> bool {
        self.role.rights.may(privilege)
    }

    /// Whether the role does not see this.
    pub fn hides(&self, part: Hidden) -> bool {
        self.role.rights.hides(part)
    }

    /// Goes on only if the role may do this.
    pub fn require(&self, privilege: Privilege) -> Result<(), Problem> {
        if self.may(privilege) {
            return Ok(());
        }
        Err(Problem::Forbidden(format!(
            "The role {} lacks the privilege \"{}\". Choose another of your roles, or ask an administrator.",
            self.role.name,
            privilege.title()
        )))
    }

    /// For the audit log and for histories: who, in which role, from where.
    pub fn actor(&self) -> Actor {
        Actor { who: self.name.clone(), role: self.role.name.clone(), peer: self.peer.clone() }
    }

    /// A line of the audit log for a change: what changes something takes it along, and commits both or neither.
    pub fn entry(&self, action: &str, subject: &str, detail: &str) -> Entry {
        self.site.audit().entry(self.actor(), action, subject, detail)
    }

    /// Writes a line to the audit log of what changes nothing here. What cannot be logged must not be done: pass the error on.
    pub async fn log(&self, action: &str, subject: &str, detail: &str) -> Result<(), Problem> {
        Ok(self.site.audit().add(&self.actor(), action, subject, detail).await?)
    }

    /// Leaves a message for the next page.
    pub async fn say(&self, tone: Tone, text: impl Into<String>) -> Result<(), Problem> {
        if self.means != Means::Session {
            return Ok(());
        }
        Ok(self.site.sessions().say(&self.session, Said { tone, text: text.into() }).await?)
    }

    /// The hidden field that each form of the console carries.
    pub fn form(&self) -> Html {
        Html::new(format!("<input type=\"hidden\" name=\"csrf\" value=\"{}\">", self.form_token))
    }

    /// The name to show: the full name, or the one to sign in with.
    pub fn shown_name(&self) -> &str {
        if self.full_name.is_empty() { &self.name } else { &self.full_name }
    }

    /// The console that is looked at.
    pub fn site(&self) -> &Site {
        &self.site
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::SignIn)
    }
}
