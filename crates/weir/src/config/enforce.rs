//! `[enforce]`: the Enforce server.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Notices, Span, Syslog};

/// The Enforce server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Enforce {
    /// Where people and programs come in.
    pub(crate) listen: String,
    /// Where detection servers and gateways come in, by mutual TLS.
    pub(crate) servers_listen: String,
    /// Directory of the policies; `policies` in the data directory when empty, begun with the built-in set.
    pub(crate) policies: PathBuf,
    /// Directory of keys, certificates and the embedded database.
    pub(crate) data: PathBuf,
    /// `postgres://USER@HOST/NAME`; the embedded database when empty. It may hold a password: better given by environment.
    pub(crate) database: String,
    /// Metrics and health; none when empty.
    pub(crate) ops_listen: String,
    /// Names and addresses by which servers and people reach it, for its own certificate.
    pub(crate) names: Vec<String>,
    /// Serve the console without TLS; on addresses of this machine alone.
    pub(crate) plain_http: bool,
    /// Certificate chain of the console (PEM); one of our own authority when empty.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// How people reach the console, for links; made from `listen` when empty.
    pub(crate) console_url: String,
    /// Days that original messages are kept; 0: for ever.
    pub(crate) keep_originals_days: u32,
    /// Days that incidents are kept; 0: for ever.
    pub(crate) keep_incidents_days: u32,
    /// How long what is kept of some policies.
    pub(crate) retention: Vec<PolicyRetention>,
    /// How notices of smart response rules, and scheduled reports, leave.
    pub(crate) notices: Notices,
    /// Where log messages of smart response rules go.
    pub(crate) syslog: Syslog,
    /// How people of a provider sign in.
    pub(crate) oidc: Oidc,
    /// Where custom attributes are looked up, in this order.
    pub(crate) lookups: Vec<Lookup>,
    /// An object store for original messages.
    pub(crate) originals: Originals,
}

/// An S3-compatible store that original messages go to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Originals {
    /// Its address; originals stay in the database when empty.
    pub(crate) endpoint: String,
    /// The bucket, which is there already.
    pub(crate) bucket: String,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// What stands before the names of objects.
    pub(crate) prefix: String,
    /// The bucket stands in the path of addresses, not in the host's name.
    pub(crate) path_style: bool,
    /// File with the access key in its first line and the secret key in its second.
    pub(crate) key_file: PathBuf,
    /// PEM file of the authorities to trust; the system's when empty.
    pub(crate) ca: PathBuf,
    /// How long the store may be silent.
    pub(crate) time: Span,
}

impl Default for Originals {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            bucket: String::new(),
            region: "us-east-1".into(),
            prefix: "weir/".into(),
            path_style: true,
            key_file: PathBuf::new(),
            ca: PathBuf::new(),
            time: Span::seconds(10),
        }
    }
}

/// How long what is kept of incidents of some policies; what is not said is as for the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRetention {
    /// Numbers of the policies.
    pub(crate) policies: Vec<u32>,
    /// Days that original messages are kept; 0: for ever.
    pub(crate) keep_originals_days: Option<u32>,
    /// Days that incidents are kept; 0: for ever.
    pub(crate) keep_incidents_days: Option<u32>,
}

/// Fills custom attributes from a file, by a program or from an LDAP server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    /// What histories call it.
    pub(crate) name: String,
    /// A directory export: LDIF if its name ends so, else CSV.
    #[serde(default)]
    pub(crate) file: PathBuf,
    /// Or a program that answers one JSON question with one JSON answer.
    #[serde(default)]
    pub(crate) program: PathBuf,
    /// Or an LDAP server: `ldaps://HOST`, or `ldap://HOST` with `starttls`.
    #[serde(default)]
    pub(crate) ldap: String,
    #[serde(default)]
    pub(crate) starttls: bool,
    /// As whom it is asked; anonymously when empty.
    #[serde(default)]
    pub(crate) bind: String,
    /// File with the password for it.
    #[serde(default)]
    pub(crate) bind_password_file: PathBuf,
    /// Below which entry it is searched.
    #[serde(default)]
    pub(crate) base: String,
    /// By which filter; `{address}` stands for the address.
    #[serde(default = "by_mail")]
    pub(crate) filter: String,
    /// PEM file of the authorities to trust; the system's when empty.
    #[serde(default)]
    pub(crate) ca: PathBuf,
    /// How long the program or the LDAP server may take.
    #[serde(default = "ten_seconds")]
    pub(crate) time: Span,
    /// Whose address is looked up.
    #[serde(default)]
    pub(crate) of: LookupOf,
    /// Which attribute is which column or field.
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LookupOf {
    #[default]
    Sender,
    Recipients,
}

fn by_mail() -> String {
    "(|(mail={address})(proxyAddresses=smtp:{address}))".into()
}

fn ten_seconds() -> Span {
    Span::seconds(10)
}

/// An OpenID Connect provider whose people may sign in at the console.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Oidc {
    /// Its address, as it writes it itself; nobody signs in by a provider when empty.
    pub(crate) issuer: String,
    /// What people call it: stands on the button.
    pub(crate) name: String,
    /// Who this console is there.
    pub(crate) client_id: String,
    /// File with the secret that proves it; none for a public client.
    pub(crate) client_secret_file: PathBuf,
    /// What is asked for beside `openid`.
    pub(crate) scopes: Vec<String>,
    /// The claim that users are named after.
    pub(crate) name_claim: String,
    /// The claim that gives roles; `a.b` is `b` within `a`.
    pub(crate) role_claim: String,
    /// PEM file of the authorities to trust; the system's when empty.
    pub(crate) ca: PathBuf,
    /// Which value of that claim is which role here.
    pub(crate) roles: BTreeMap<String, String>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            name: "OpenID Connect".into(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            scopes: vec!["profile".into(), "email".into()],
            name_claim: "preferred_username".into(),
            role_claim: "groups".into(),
            ca: PathBuf::new(),
            roles: BTreeMap::new(),
        }
    }
}

impl Default for Enforce {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            servers_listen: "127.0.0.1:8100".into(),
            policies: PathBuf::new(),
            data: PathBuf::from("data"),
            database: String::new(),
            ops_listen: String::new(),
            names: Vec::new(),
            plain_http: false,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            console_url: String::new(),
            keep_originals_days: 90,
            keep_incidents_days: 0,
            retention: Vec::new(),
            notices: Notices::default(),
            syslog: Syslog::default(),
            oidc: Oidc::default(),
            lookups: Vec::new(),
            originals: Originals::default(),
        }
    }
}
