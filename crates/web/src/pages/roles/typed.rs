//! What an administrator types about a role, read strictly into rights and written back the same.

use std::collections::BTreeSet;

use super::{SEVERITIES, names_folders};
use crate::people::{Condition, Hidden, Privilege, Rights, Role};
use crate::{Error, Problem, Site};

/// What was typed about a role, as it was typed.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) privileges: BTreeSet<Privilege>,
    pub(super) hidden: BTreeSet<Hidden>,
    pub(super) severities: BTreeSet<String>,
    pub(super) policies: String,
    pub(super) folders: String,
    pub(super) attributes: String,
}

impl Typed {
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let strange = || {
            Problem::Bad("The form has a value that is not one of its own: open the page again.".to_owned())
        };
        let mut typed = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => typed.name = value,
                "version" => typed.version = value.parse().map_err(|_| strange())?,
                "privilege" => {
                    typed.privileges.insert(Privilege::parse(&value).ok_or_else(strange)?);
                }
                "hidden" => {
                    typed.hidden.insert(Hidden::parse(&value).ok_or_else(strange)?);
                }
                "severity" if SEVERITIES.iter().any(|(word, _)| *word == value) => {
                    typed.severities.insert(value);
                }
                "severity" => return Err(strange()),
                "policies" => typed.policies = value,
                "folders" => typed.folders = value,
                "attributes" => typed.attributes = value,
                _ => {}
            }
        }
        Ok(typed)
    }

    pub(super) fn of(role: &Role) -> Self {
        let mut typed = Self {
            name: role.name.clone(),
            version: role.version,
            privileges: role.rights.privileges.clone(),
            hidden: role.rights.hidden.clone(),
            ..Self::default()
        };
        let mut lines = Vec::new();
        for condition in &role.rights.access {
            match condition {
                Condition::Severity { any_of } => typed.severities = any_of.clone(),
                Condition::Policy { any_of } => typed.policies = numbers_text(any_of),
                Condition::Folder { any_of } => typed.folders = numbers_text(any_of),
                Condition::Attribute { name, any_of } => {
                    lines.push(format!("{name} = {}", any_of.iter().cloned().collect::<Vec<_>>().join(", ")));
                }
            }
        }
        typed.attributes = lines.join("\n");
        typed
    }

    /// The rights, where such a role means something on this console.
    pub(super) fn rights_at(&self, site: &Site) -> Result<Rights, Error> {
        let rights = self.rights()?;
        if !site.options().folders && names_folders(&rights) {
            let why = "Content incident folders: there are none here, and a role bound to them reaches no incident. Empty the field.";
            return Err(Error::Bad(why.to_owned()));
        }
        Ok(rights)
    }

    pub(super) fn rights(&self) -> Result<Rights, Error> {
        let mut access = Vec::new();
        if !self.severities.is_empty() {
            access.push(Condition::Severity { any_of: self.severities.clone() });
        }
        let policies: BTreeSet<u32> = numbers("Policies", &self.policies)?;
        if !policies.is_empty() {
            access.push(Condition::Policy { any_of: policies });
        }
        let folders: BTreeSet<i64> = numbers("Folders", &self.folders)?;
        if !folders.is_empty() {
            access.push(Condition::Folder { any_of: folders });
        }
        for line in self.attributes.lines().map(str::trim).filter(|line| !line.is_empty()) {
            access.push(attribute(line)?);
        }
        Ok(Rights { privileges: self.privileges.clone(), access, hidden: self.hidden.clone() })
    }
}

fn numbers_text<N: ToString>(numbers: &BTreeSet<N>) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn numbers<N: std::str::FromStr + Ord>(what: &str, text: &str) -> Result<BTreeSet<N>, Error> {
    let parts = text.split([',', ' ', '\n', '\r', ';']).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let wrong = || {
                let part: String = part.chars().take(40).collect();
                Error::Bad(format!("{what}: {part} is not a number. Write numbers with commas between them."))
            };
            part.parse().map_err(|_| wrong())
        })
        .collect()
}

fn attribute(line: &str) -> Result<Condition, Error> {
    let wrong =
        || Error::Bad("Attributes: write one on each line, like: Department = Sales, Marketing".to_owned());
    let (name, values) = line.split_once('=').ok_or_else(wrong)?;
    let any_of: BTreeSet<String> =
        values.split(',').map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect();
    let name = name.trim();
    if name.is_empty() || any_of.is_empty() || line.chars().count() > 1_000 {
        return Err(wrong());
    }
    Ok(Condition::Attribute { name: name.to_owned(), any_of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_conditions_and_comes_back_as_it_was() {
        let pairs = [
            ("name", "Sales"),
            ("version", "3"),
            ("privilege", "view_network_incidents"),
            ("hidden", "sender"),
            ("severity", "high"),
            ("policies", "7, 9 11"),
            ("folders", ""),
            ("attributes", "Department = Sales, Marketing\r\n\r\nCountry=DE"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let typed = Typed::read(pairs).unwrap();
        let rights = typed.rights().unwrap();
        assert_eq!(rights.access.len(), 4);
        assert_eq!(rights.access[1], Condition::Policy { any_of: [7, 9, 11].into() });
        let role = Role { id: 1, name: "Sales".into(), built_in: false, version: 3, rights: rights.clone() };
        assert_eq!(Typed::of(&role).rights().unwrap(), rights);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_to_write() {
        let typed = |policies: &str, attributes: &str| Typed {
            policies: policies.into(),
            attributes: attributes.into(),
            ..Typed::default()
        };
        for (policies, attributes, says) in [
            ("7, x", "", "x is not a number"),
            ("-1", "", "-1 is not a number"),
            ("99999999999", "", "is not a number"),
            ("", "Department", "like: Department ="),
            ("", "= a", "like: Department ="),
            ("", "a = ,", "like: Department ="),
        ] {
            let error = typed(policies, attributes).rights().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(Typed::read(vec![("privilege".into(), "all".into())]).is_err());
    }
}
