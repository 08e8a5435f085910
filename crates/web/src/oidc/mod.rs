//! Signing in through an OpenID Connect provider: code flow with PKCE, and nothing believed that is not signed for us, just now.
//!
//! A round begins here, goes to the provider in the browser, and comes back with a code. What it began with stays in the browser,
//! sealed in a cookie ([`round`]): nothing is kept for strangers. The code is exchanged for a token that says who it is
//! ([`provider`]), which is checked ([`token`]) before anybody looks at what it says.

mod provider;
mod round;
mod token;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use store::keys::Keys;
use zeroize::Zeroizing;

use crate::Error;
use provider::Provider;
pub(crate) use round::LIFE;
use round::Round;

/// What users of the provider are users of.
pub const HOME: &str = "OIDC";
/// Where a round begins.
pub(crate) const BEGIN: &str = "/sign-in/oidc";
/// Where the provider sends people back to.
pub const DONE: &str = "/sign-in/oidc/done";
/// Values of a claim that are looked at.
const MOST_VALUES: usize = 2_000;

/// What is configured of a provider.
#[derive(Clone)]
pub struct Settings {
    /// What people call it.
    pub name: String,
    /// Its address, as it writes it itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// By what we prove it; none for a public client.
    pub client_secret: Option<Zeroizing<String>>,
    /// The address of this console, without a slash at its end.
    pub console_url: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that users are named after.
    pub name_claim: String,
    /// The claim that gives roles; `a.b` is `b` within `a`.
    pub role_claim: String,
    /// Which of its values is which role here.
    pub roles: BTreeMap<String, String>,
    /// Authorities that it is believed by (PEM); the system's where empty.
    pub authority: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, issuer, client_id, .. } = self;
        f.debug_struct("Settings")
            .field("name", name)
            .field("issuer", issuer)
            .field("client_id", client_id)
            .finish_non_exhaustive()
    }
}

/// Why nobody came in: what the log is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The provider does not answer.
    Away(String),
    /// The round is none of this browser's, is over, or took too long.
    Stale(String),
    /// The provider did not let them in; its own word for why.
    Denied(String),
    /// What came back cannot be believed, or not be used.
    Wrong(String),
}

impl Refusal {
    /// What people are told.
    pub(crate) fn told(&self, name: &str) -> String {
        match self {
            Self::Away(_) => format!(
                "{name} cannot be asked at the moment. Try again in a while; who has a password of this server can sign in with it."
            ),
            Self::Stale(_) => {
                "This sign-in took too long, or was begun anew in another window. Begin it once more."
                    .to_owned()
            }
            Self::Denied(_) => format!("{name} did not let you in. Try again, or ask an administrator."),
            Self::Wrong(_) => format!(
                "What {name} answered cannot be taken. Nobody came in by it; the log of this server tells an administrator why."
            ),
        }
    }

    /// What the log is told.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Away(why) | Self::Stale(why) | Self::Denied(why) | Self::Wrong(why) => why,
        }
    }
}

/// What the browser brings back.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    state: String,
    code: String,
    error: String,
    iss: String,
}

/// Who somebody is, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// By what they are known again: never given to somebody else.
    pub subject: String,
    /// What they call themselves.
    pub name: String,
    /// As colleagues know them.
    pub full_name: String,
    /// Address for notices; may be empty.
    pub mail: String,
    /// The roles here that it means, by name.
    pub roles: Vec<String>,
}

/// Somebody who came back as they should.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) person: Person,
    /// Where they wanted to go.
    pub(crate) to: String,
    /// Names the round: it counts once.
    pub(crate) round: [u8; 32],
}

/// A provider whose users may sign in.
#[derive(Debug)]
pub struct SingleSignOn {
    settings: Settings,
    provider: Provider,
}

impl SingleSignOn {
    /// Refuses settings that cannot work, and says which. The provider is not asked before somebody signs in.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let missing = |what: &str| Err(Error::Bad(format!("{what} is missing")));
        if settings.client_id.is_empty() {
            return missing("client_id");
        }
        if settings.roles.is_empty() {
            return missing("which value of the claim is which role");
        }
        let provider = Provider::new(&settings)?;
        Ok(Self { settings, provider })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The claim that gives roles.
    pub(crate) fn role_claim(&self) -> &str {
        &self.settings.role_claim
    }

    /// Which of the claim's values is which role here.
    pub(crate) fn roles(&self) -> &BTreeMap<String, String> {
        &self.settings.roles
    }

    /// Begins a round: where the browser goes, and what it keeps meanwhile.
    pub(crate) async fn begin(&self, keys: &Keys, now: i64, to: &str) -> Result<(String, String), Refusal> {
        let known = self.provider.known().await?;
        let internal = |error: Error| Refusal::Wrong(error.to_string());
        let round = Round::begin(now, to).map_err(internal)?;
        let kept = round.sealed(keys).map_err(internal)?;
        let mut address = known.authorization_endpoint.clone();
        let mut scope = "openid".to_owned();
        for more in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            scope = format!("{scope} {more}");
        }
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect())
            .append_pair("scope", &scope)
            .append_pair("state", &round.state)
            .append_pair("nonce", &round.nonce)
            .append_pair("code_challenge", &round.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((address.into(), kept))
    }

    /// Ends a round: who came back.
    pub(crate) async fn end(
        &self,
        keys: &Keys,
        now: i64,
        kept: &str,
        back: &Back,
    ) -> Result<Arrival, Refusal> {
        let round = Round::opened(keys, now, kept)
            .ok_or_else(|| Refusal::Stale("no round of this browser, or one that is over".to_owned()))?;
        if !crate::people::same(round.state.as_bytes(), back.state.as_bytes()) {
            return Err(Refusal::Stale("the state is another round's".to_owned()));
        }
        if !back.error.is_empty() {
            return Err(Refusal::Denied(format!("the provider says {}", word(&back.error))));
        }
        let known = self.provider.known().await?;
        // RFC 9207: an answer that another provider's user was talked into bringing here.
        if known.names_itself && back.iss.is_empty()
            || !back.iss.is_empty() && back.iss != self.settings.issuer
        {
            return Err(Refusal::Wrong("the answer comes from another issuer".to_owned()));
        }
        let tokens = self.provider.exchange(&back.code, &round.verifier, &self.redirect()).await?;
        let keys = self.provider.keys_for(&tokens.id_token).await?;
        let mut claims = token::checked(&tokens.id_token, &keys, &self.settings, &round.nonce)?;
        // What is not in the token is asked for: many providers put groups there only.
        let lacks =
            [&self.settings.role_claim, &self.settings.name_claim].map(|path| claim(&claims, path).is_none());
        if lacks.contains(&true)
            && let Some(more) = self.provider.more_about(&tokens).await?
        {
            if more.get("sub") != claims.get("sub") {
                return Err(Refusal::Wrong("what the provider tells more is about somebody else".to_owned()));
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        let person = self.person(&claims)?;
        Ok(Arrival { person, round: *blake3::hash(round.nonce.as_bytes()).as_bytes(), to: round.to })
    }

    fn redirect(&self) -> String {
        format!("{}{DONE}", self.settings.console_url)
    }

    fn person(&self, claims: &Map<String, Value>) -> Result<Person, Refusal> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let subject = text("sub");
        if subject.is_empty() || subject.len() > 255 {
            return Err(Refusal::Wrong("the subject is missing, or longer than 255 octets".to_owned()));
        }
        let named = claim(claims, &self.settings.name_claim).and_then(Value::as_str);
        let name = named.filter(|name| !name.trim().is_empty()).unwrap_or(subject);
        let values = match claim(claims, &self.settings.role_claim) {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).take(MOST_VALUES).collect(),
            _ => Vec::new(),
        };
        let roles = self.settings.roles.iter().filter(|(value, _)| values.contains(&value.as_str()));
        Ok(Person {
            subject: format!("{} {subject}", self.settings.issuer),
            name: name.to_owned(),
            full_name: text("name").to_owned(),
            mail: text("email").to_owned(),
            roles: roles.map(|(_, role)| role.clone()).collect(),
        })
    }
}

/// The claim of this name, or the one that the path leads to: `realm_access.roles`.
fn claim<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// An error code of a stranger, for the log: the letters that such codes have, and not too many.
fn word(text: &str) -> String {
    let fine = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.chars().filter(fine).take(60).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_name_or_by_the_way_to_it() {
        let claims =
            json!({"groups": ["a"], "https://x.example/roles": ["b"], "realm_access": {"roles": ["c"]}});
        let claims = claims.as_object().unwrap();
        assert_eq!(claim(claims, "groups"), Some(&json!(["a"])));
        assert_eq!(claim(claims, "https://x.example/roles"), Some(&json!(["b"])));
        assert_eq!(claim(claims, "realm_access.roles"), Some(&json!(["c"])));
        assert_eq!(claim(claims, "realm_access.roles.x"), None);
        assert_eq!(claim(claims, "none"), None);
    }

    #[test]
    fn of_a_strangers_error_only_a_word_is_logged() {
        assert_eq!(word("access_denied"), "access_denied");
        assert_eq!(word("a\r\nb <script>"), "abscript");
        assert_eq!(word(&"x".repeat(500)).len(), 60);
    }
}
