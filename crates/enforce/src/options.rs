//! What an Enforce server is told: plain data.

use std::path::PathBuf;

use content::worker::PoolOptions;
use effects::EffectSettings;
use incident::Retention;
use store::database::Location;

use crate::lookup::Lookup;
use crate::originals::OriginalStore;

/// What an Enforce server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where people come in: console and API.
    pub listen: String,
    /// Where servers come in, by mutual TLS.
    pub servers_listen: String,
    /// Directory of keys, certificates and the embedded database.
    pub data: PathBuf,
    /// The database; the embedded one in `data` if not given.
    pub database: Option<Location>,
    /// Directory of the policies: the one truth.
    pub policies: PathBuf,
    /// Directory of the keys of indexes.
    pub index_keys: PathBuf,
    /// How people's port is protected.
    pub console: ConsoleTls,
    /// Names and addresses by which servers and people reach it, for its own certificate.
    pub names: Vec<String>,
    /// Address of the console for links in notices and histories; made from `listen` where empty.
    pub console_url: String,
    /// Version of the program.
    pub version: String,
    /// How long originals and incidents are kept.
    pub retention: Retention,
    /// How notices and log messages of smart response rules, and scheduled reports, leave. Where incidents are shown is said by
    /// the console's address.
    pub effects: EffectSettings,
    /// The processes that open documents of mails which people try policies on; none: documents stay closed, and pages say so.
    pub documents: Option<PoolOptions>,
    /// The provider whose people may sign in at the console; where the console is is said by its address.
    pub single_sign_on: Option<web::oidc::Settings>,
    /// Where custom attributes are looked up, in this order.
    pub lookups: Vec<Lookup>,
    /// Where originals go from now on; into the database where not given.
    pub originals: Option<OriginalStore>,
}

/// How people's port is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleTls {
    /// Plain http: on loopback only.
    Plain,
    /// TLS with a certificate of our own authority.
    Own,
    /// TLS with these PEM files.
    Files {
        /// Chain, our own certificate first.
        chain: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}
