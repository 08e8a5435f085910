//! Custom attributes that are looked up: who sent a message, or got it, as a directory or a program of one's own knows them.
//!
//! Lookups are asked in their order; each fills what those before it did not. Taking incidents in never waits for them: [`worker`]
//! does them afterwards, and tries again where one fails.

mod file;
mod ldap;
mod program;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;

use effects::SyslogTls;
use incident::desk::{LookedUp, LookupDue};

use crate::Error;
use crate::console::plain;
use file::File;
pub use ldap::Ldap;

/// Recipients that are looked up of one message.
const MOST_RECIPIENTS: usize = 20;
/// Characters of a value.
const LONGEST: usize = 500;
/// Values of one attribute.
const MOST_VALUES: usize = 50;

/// What is known of an address: the column's or field's name in lower case, and its values.
type Known = BTreeMap<String, Vec<String>>;

/// One lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// What histories call it.
    pub name: String,
    /// What is asked.
    pub source: Source,
    /// Of whom.
    pub of: Of,
    /// Which attribute is which column or field.
    pub attributes: BTreeMap<String, String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A directory export: LDIF if its name ends so, else CSV. Read anew when it changes.
    File(PathBuf),
    /// A program that gets one JSON question and answers with one.
    Program {
        /// Where it is.
        path: PathBuf,
        /// How long it may take.
        seconds: u32,
    },
    /// An LDAP server.
    Ldap(Ldap),
}

/// Whose address is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The sender's.
    Sender,
    /// Each recipient's.
    Recipients,
}

/// All lookups, in order.
#[derive(Debug)]
pub(crate) struct Lookups(Vec<Ready>);

#[derive(Debug)]
struct Ready {
    lookup: Lookup,
    asks: Asks,
}

/// What is asked, with what is kept between two questions.
#[derive(Debug)]
enum Asks {
    File(File),
    Program(PathBuf, u32),
    Ldap(Box<Ldap>, SyslogTls),
}

/// What came of asking all of them about one incident.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) values: Vec<LookedUp>,
    /// Why some could not be asked.
    pub(crate) trouble: Vec<String>,
}

/// Refuses lookups that make no sense, and says which.
pub fn check(lookups: &[Lookup]) -> Result<(), Error> {
    let refused =
        |lookup: &Lookup, why: &str| Err(Error::Refused(format!("the lookup {:?}: {why}", lookup.name)));
    for (number, lookup) in lookups.iter().enumerate() {
        if lookup.name.trim().is_empty() || lookup.name.chars().count() > 60 {
            return refused(lookup, "its name has 1 to 60 characters");
        }
        if lookups[..number].iter().any(|other| other.name == lookup.name) {
            return refused(lookup, "there is another one of this name");
        }
        if lookup.attributes.is_empty() {
            return refused(lookup, "it fills no attribute: say which one is which column");
        }
        let fits = |name: &String| !name.trim().is_empty() && name.chars().count() <= 60;
        if !lookup.attributes.keys().all(fits) {
            return refused(lookup, "an attribute has a name of 1 to 60 characters");
        }
        match &lookup.source {
            Source::Program { path, .. } if !path.is_absolute() => {
                return refused(lookup, "its program is given by its whole path");
            }
            Source::Program { seconds, .. } if !(1..=60).contains(seconds) => {
                return refused(lookup, "its program may take 1 to 60 seconds");
            }
            Source::Ldap(ldap) => ldap.check().or_else(|why| refused(lookup, &why))?,
            _ => {}
        }
    }
    Ok(())
}

impl Lookups {
    /// Refuses what [`check`] refuses.
    pub(crate) fn new(lookups: &[Lookup]) -> Result<Self, Error> {
        check(lookups)?;
        let ready = |lookup: &Lookup| {
            let asks = match &lookup.source {
                Source::File(path) => Asks::File(File::new(path, lookup.attributes.values())),
                Source::Program { path, seconds } => Asks::Program(path.clone(), *seconds),
                Source::Ldap(ldap) => Asks::Ldap(Box::new(ldap.clone()), ldap.tls().map_err(Error::Refused)?),
            };
            Ok(Ready { lookup: lookup.clone(), asks })
        };
        Ok(Self(lookups.iter().map(ready).collect::<Result<_, Error>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks each in turn, for what those before it did not know.
    pub(crate) async fn ask(&self, due: &LookupDue) -> Found {
        let mut found = Found::default();
        for ready in &self.0 {
            let lookup = &ready.lookup;
            let wanted: Vec<(&String, &String)> = lookup
                .attributes
                .iter()
                .filter(|(name, _)| !found.values.iter().any(|one| one.name == **name))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let mut values: BTreeMap<&String, Vec<String>> = BTreeMap::new();
            for address in addresses(lookup.of, due) {
                match ready.ask(&address, due.incident).await {
                    Ok(known) => {
                        for (name, column) in &wanted {
                            let said = known.get(&column.to_lowercase()).into_iter().flatten();
                            let all = values.entry(name).or_default();
                            for value in said.map(|value| told(value)).filter(|value| !value.is_empty()) {
                                if all.len() < MOST_VALUES && !all.contains(&value) {
                                    all.push(value);
                                }
                            }
                        }
                    }
                    Err(why) => {
                        found.trouble.push(format!("{}: {why}", lookup.name));
                        break;
                    }
                }
            }
            let filled = values.into_iter().filter(|(_, all)| !all.is_empty());
            found.values.extend(filled.map(|(name, all)| LookedUp {
                name: name.clone(),
                value: all.join("; ").chars().take(LONGEST).collect(),
                by: lookup.name.clone(),
            }));
        }
        found
    }
}

impl Ready {
    async fn ask(&self, address: &str, incident: u64) -> Result<Known, String> {
        match &self.asks {
            Asks::File(file) => file.ask(address).await,
            Asks::Program(path, seconds) => {
                program::ask(path, *seconds, &self.lookup.name, address, incident).await
            }
            Asks::Ldap(ldap, tls) => {
                ldap.ask(address, self.lookup.attributes.values().cloned().collect(), tls).await
            }
        }
    }
}

/// Those to ask about, in lower case, each once.
fn addresses(of: Of, due: &LookupDue) -> Vec<String> {
    let all = match of {
        Of::Sender => std::slice::from_ref(&due.sender),
        Of::Recipients => &due.recipients[..],
    };
    let mut addresses: Vec<String> = Vec::new();
    for address in all.iter().map(|address| address.trim().to_lowercase()) {
        if !address.is_empty() && !addresses.contains(&address) && addresses.len() < MOST_RECIPIENTS {
            addresses.push(address);
        }
    }
    addresses
}

/// A value as it is kept: seen whole, on one line, not endless.
fn told(value: &str) -> String {
    let line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    plain(line.trim())
}
