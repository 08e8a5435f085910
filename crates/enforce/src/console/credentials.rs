//! Named credentials for plug-ins and receivers: kept sealed, used by name, replaced or removed, and never shown again.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{NewSecret, Saved, Secret, SecretKind};
use serde::Deserialize;
use web::layout::{Field, Html, Kind, Page, Stale, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};
use zeroize::Zeroizing;

use super::list::see_other;
use super::{Answer, Console, actor};
use crate::plugins::Certificates;

#[derive(Template)]
#[template(path = "credentials.html")]
struct Credentials {
    form: Html,
    rows: Vec<(Secret, String)>,
    /// The one that is replaced, and what its form carries.
    replaced: Option<(SecretKind, String)>,
    password_fields: Vec<Field>,
    certificate_fields: Vec<Field>,
}

impl Credentials {
    /// What the form of this kind carries.
    fn was(&self, kind: SecretKind) -> &str {
        self.replaced.as_ref().filter(|(replaced, _)| *replaced == kind).map_or("", |(_, mark)| mark)
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    replace: String,
}

#[derive(Deserialize)]
pub(super) struct New {
    name: String,
    kind: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: Zeroizing<String>,
    #[serde(default)]
    certificate: String,
    #[serde(default)]
    key: Zeroizing<String>,
    #[serde(default)]
    authority: String,
    #[serde(default)]
    was: String,
}

#[derive(Deserialize)]
pub(super) struct Gone {
    name: String,
}

/// Where a credential is replaced.
fn address(secret: &Secret) -> String {
    format!("/credentials?replace={}#{}", encoded(&secret.name), secret.kind.as_str())
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let secrets = console.desk.secrets().await?;
    let replaced = secrets.iter().find(|one| one.name == asked.replace && !asked.replace.is_empty()).cloned();
    let name = |kind: SecretKind| {
        let name = replaced.as_ref().filter(|one| one.kind == kind).map_or("", |one| one.name.as_str());
        let field = Field::new(Kind::Text, "name", "Credential name").value(name);
        field.apart(kind.as_str()).required().with("maxlength", "100")
    };
    let content = Credentials {
        form: viewer.form(),
        password_fields: vec![
            name(SecretKind::Password),
            Field::new(Kind::Text, "user", "Access username").with("autocomplete", "off"),
            Field::new(Kind::Password, "password", "Access password").with("autocomplete", "new-password"),
        ],
        certificate_fields: vec![
            name(SecretKind::Certificates),
            Field::new(Kind::Lines(4), "certificate", "Client certificate (PEM)"),
            Field::new(Kind::Lines(4), "key", "Its private key (PEM)"),
            Field::new(Kind::Lines(4), "authority", "Authority of the far end (PEM)"),
        ],
        rows: secrets.into_iter().map(|one| (one.clone(), address(&one))).collect(),
        replaced: replaced.map(|one| (one.kind, one.mark)),
    };
    Ok(Page::new(&viewer, "Credentials").show(&content)?)
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let name = new.name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::Unfit("A credential has a name of 1 to 100 characters.".to_owned()).into());
    }
    let kind = SecretKind::parse(&new.kind)
        .ok_or_else(|| Problem::Bad("A credential is a password or certificates.".to_owned()))?;
    let (shown, value) = match kind {
        SecretKind::Password => password(&new)?,
        SecretKind::Certificates => certificates(&new)?,
    };
    let desk = console.desk.noting(viewer.entry("CREDENTIAL_SAVED", name, kind.as_str()));
    let secret = NewSecret { name, kind, shown: &shown, value: &value };
    match desk.save_secret(&actor(&viewer), secret, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale(secret, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Unfit(why).into()),
    }
    viewer.say(Tone::Done, format!("The credential {name} is kept. Its value is not shown again.")).await?;
    Ok(see_other("/credentials"))
}

/// One of this name is there, or was changed meanwhile, or removed. What was sent is secret: it is not shown, and not sent again
/// from here.
fn stale(new: NewSecret<'_>, now: Option<Secret>) -> Stale {
    let shown = |now: &Secret| {
        let (kind, by) = (now.kind.as_str().to_owned(), now.changed_by.clone());
        facts([("Kind", kind), ("Shows", now.shown.clone()), ("Changed by", by)])
    };
    Stale {
        what: format!("the credential {}", new.name),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: facts([("Kind", new.kind.as_str().to_owned()), ("Shows", new.shown.to_owned())]),
        open: now.as_ref().map_or_else(|| "/credentials".to_owned(), address),
        ..Stale::default()
    }
}

fn password(new: &New) -> Result<(String, Zeroizing<Vec<u8>>), Problem> {
    if new.password.is_empty() {
        return Err(Problem::Unfit("The password is missing.".to_owned()));
    }
    let value = serde_json::json!({ "user": new.user.trim(), "password": new.password.as_str() });
    Ok((format!("user {}", new.user.trim()), Zeroizing::new(value.to_string().into_bytes())))
}

/// They are tried before they are kept: a wrong paste is told now, not when mail waits.
fn certificates(new: &New) -> Result<(String, Zeroizing<Vec<u8>>), Problem> {
    let certificates = Certificates {
        certificate: new.certificate.clone(),
        key: new.key.to_string(),
        authority: new.authority.clone(),
    };
    certificates
        .client()
        .map_err(|why| Problem::Unfit(format!("These certificates cannot be used: {why}.")))?;
    let shown = described(&new.certificate).unwrap_or_else(|| "certificates".to_owned());
    let value = serde_json::to_vec(&certificates).map_err(|why| Problem::Internal(why.to_string()))?;
    Ok((shown, Zeroizing::new(value)))
}

/// The subject and the end of the first certificate.
fn described(pem: &str) -> Option<String> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some(format!("{}, until {}", parsed.subject(), parsed.validity().not_after))
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let name = gone.name.as_str();
    let desk = console.desk.noting(viewer.entry("CREDENTIAL_REMOVED", name, ""));
    match desk.remove_secret(name, |definition| names(definition, name)).await? {
        Ok(true) => {}
        Ok(false) => return Err(Problem::NotFound.into()),
        Err(users) => return Err(Problem::Conflict(format!("It is used by {}.", users.join(", "))).into()),
    }
    viewer.say(Tone::Done, "The credential is removed.").await?;
    Ok(see_other("/credentials"))
}

/// Whether the definition of a plug-in or of a receiver names a credential.
fn names(definition: &str, credential: &str) -> bool {
    let plugin: Result<crate::plugins::Definition, _> = serde_json::from_str(definition);
    let receiver: Result<crate::receivers::Definition, _> = serde_json::from_str(definition);
    plugin.is_ok_and(|one| one.credential() == Some(credential))
        || receiver.is_ok_and(|one| one.credential() == Some(credential))
}
