//! How a gateway lets people of Enforce in: Enforce checks who they are, and is asked again whether they still may.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Somebody signs in at a gateway as a user of Enforce.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// What was typed.
    pub step: SignInStep,
    /// The address that it came from, for the audit log.
    pub peer: String,
}

/// A step of signing in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignInStep {
    /// Name and password.
    Password {
        /// As it was typed.
        name: String,
        /// As it was typed.
        password: Zeroizing<String>,
    },
    /// The code of the second factor.
    Code {
        /// What stands for the password.
        ticket: String,
        /// As it was typed.
        code: String,
    },
}

impl fmt::Debug for SignInStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInStep(…)")
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInAnswer {
    /// It is this person, whose session at Enforce has this name.
    Welcome {
        /// Who.
        person: Person,
        /// In hexadecimal digits; it opens nothing but [`super::paths::SESSION`], and only for the gateway that asked.
        session: String,
    },
    /// A code is wanted too; the ticket stands for the password for a few minutes.
    NeedsCode {
        /// To be sent back with the code.
        ticket: String,
    },
    /// The password is right, and has to be changed at Enforce first.
    ChangePassword,
    /// Why is for Enforce's log only.
    Refused,
}

/// A user of Enforce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name to sign in with.
    pub name: String,
    /// As colleagues know them.
    pub full_name: String,
    /// Roles at Enforce, by name.
    pub roles: Vec<String>,
}

/// About a session that began with [`SignInAnswer::Welcome`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionQuestion {
    /// Its name.
    pub session: String,
    /// It is over at the gateway.
    pub end: bool,
}

/// Whose session it is; nobody's once it is over, or its user is shut out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// Whose.
    pub person: Option<Person>,
}
