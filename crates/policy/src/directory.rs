//! People and groups of them from directory exports: LDIF (RFC 2849) and CSV.

use std::collections::{HashMap, HashSet};
use std::fmt;

use base64::Engine as _;

/// Somebody of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Their addresses, in lower case.
    pub addresses: Vec<String>,
    /// What else stands there, by the attribute's or column's name in lower case.
    pub values: HashMap<String, Vec<String>>,
}

/// The people of an LDIF export: entries with `mail` or `proxyAddresses`.
pub fn people_of_ldif(text: &str) -> Result<Vec<Person>, String> {
    let people = entries(text)
        .map_err(|bad| bad.to_string())?
        .into_iter()
        .map(|entry| Person { addresses: entry.addresses(), values: entry.attributes });
    Ok(people.filter(|person| !person.addresses.is_empty()).collect())
}

/// The people of a CSV export with a column `address`, `mail` or `email`; the other columns are what is known of them.
pub fn people_of_csv(text: &str) -> Result<Vec<Person>, String> {
    let mut rows = csv_rows(text);
    let header = header(&mut rows);
    let address = address_column(&header)?;
    let person = |row: Vec<String>| {
        let addresses = row.get(address)?.split(';').map(|one| one.trim().to_lowercase());
        let addresses: Vec<String> = addresses.filter(|one| one.contains('@')).collect();
        let named = header.iter().cloned().zip(row).filter(|(_, value)| !value.trim().is_empty());
        let values = named.map(|(name, value)| (name, vec![value.trim().to_owned()])).collect();
        (!addresses.is_empty()).then_some(Person { addresses, values })
    };
    Ok(rows.filter_map(person).collect())
}

fn header(rows: &mut impl Iterator<Item = Vec<String>>) -> Vec<String> {
    rows.next().unwrap_or_default().iter().map(|name| name.trim().to_lowercase()).collect()
}

fn address_column(header: &[String]) -> Result<usize, &'static str> {
    let names = ["address", "mail", "email", "e-mail"];
    let place = header.iter().position(|name| names.contains(&name.as_str()));
    place.ok_or("the first line names no column `address` or `mail`")
}

/// Why an export cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadExport {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

impl fmt::Display for BadExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl From<&'static str> for BadExport {
    fn from(why: &'static str) -> Self {
        Self { line: 1, why }
    }
}

/// Groups and their members' addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    groups: HashMap<String, HashSet<String>>,
}

impl Directory {
    /// Adds an LDIF export. Groups are entries with `member`, `uniqueMember` or `memberUid`; members' addresses are
    /// their `mail` and `proxyAddresses`. Groups in groups count.
    pub(crate) fn add_ldif(&mut self, text: &str) -> Result<(), BadExport> {
        let entries = entries(text)?;
        let tree = Tree::new(&entries);
        for entry in entries.iter().filter(|entry| entry.is_group()) {
            let members = tree.members(entry);
            for name in entry.names() {
                self.groups.entry(name).or_default().extend(members.iter().cloned());
            }
        }
        for entry in &entries {
            for group in entry.values("memberof") {
                let common = group
                    .split(',')
                    .next()
                    .and_then(|first| first.split_once('='))
                    .map(|(_, name)| name.trim());
                for name in [Some(group.as_str()), common].into_iter().flatten() {
                    self.groups.entry(name.to_lowercase()).or_default().extend(entry.addresses());
                }
            }
        }
        Ok(())
    }

    /// Adds a CSV export with columns `group` and `address`, `mail` or `email`.
    pub(crate) fn add_csv(&mut self, text: &str) -> Result<(), BadExport> {
        let mut rows = csv_rows(text);
        let header = header(&mut rows);
        let group = header.iter().position(|name| ["group", "groups"].contains(&name.as_str()));
        let group = group.ok_or("the first line names no column `group`")?;
        let address = address_column(&header)?;
        for row in rows {
            if let (Some(group), Some(address)) = (row.get(group), row.get(address))
                && address.contains('@')
            {
                for name in group.split(';') {
                    let name = name.trim().to_lowercase();
                    self.groups.entry(name).or_default().insert(address.trim().to_lowercase());
                }
            }
        }
        Ok(())
    }

    /// The addresses of a group, by its name or its distinguished name.
    pub(crate) fn group(&self, name: &str) -> Option<&HashSet<String>> {
        self.groups.get(&name.trim().to_lowercase())
    }

    /// The groups' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }
}

/// An entry: attributes in lower case and their values.
#[derive(Debug, Default)]
struct Entry {
    dn: String,
    attributes: HashMap<String, Vec<String>>,
}

impl Entry {
    fn values(&self, name: &str) -> &[String] {
        self.attributes.get(name).map_or(&[], Vec::as_slice)
    }

    fn is_group(&self) -> bool {
        ["member", "uniquemember", "memberuid"].iter().any(|name| self.attributes.contains_key(*name))
    }

    fn names(&self) -> Vec<String> {
        let common = self.values("cn").iter().chain(self.values("displayname"));
        common.chain([&self.dn]).map(|name| name.to_lowercase()).collect()
    }

    fn addresses(&self) -> Vec<String> {
        let mail = self.values("mail").iter().map(String::as_str);
        let smtp =
            |value: &'_ str| value.len() > 5 && value[..value.len().min(5)].eq_ignore_ascii_case("smtp:");
        let proxies = self.values("proxyaddresses").iter();
        let proxies =
            proxies.filter(|value| value.is_char_boundary(5) && smtp(value)).map(|value| &value[5..]);
        mail.chain(proxies).filter(|address| address.contains('@')).map(str::to_lowercase).collect()
    }
}

/// Entries by name.
struct Tree<'e> {
    by_dn: HashMap<String, &'e Entry>,
    by_uid: HashMap<String, &'e Entry>,
}

impl<'e> Tree<'e> {
    fn new(entries: &'e [Entry]) -> Self {
        let by_dn = entries.iter().map(|entry| (plain_dn(&entry.dn), entry)).collect();
        let by_uid = entries
            .iter()
            .flat_map(|entry| entry.values("uid").iter().map(move |uid| (uid.to_lowercase(), entry)))
            .collect();
        Self { by_dn, by_uid }
    }

    /// Addresses of members, and of members of groups in the group; each group is visited once.
    fn members(&self, group: &'e Entry) -> HashSet<String> {
        let mut seen: HashSet<&str> = HashSet::from([group.dn.as_str()]);
        let mut todo = vec![group];
        let mut all = HashSet::new();
        while let Some(group) = todo.pop() {
            let dns = group.values("member").iter().chain(group.values("uniquemember"));
            let by_dn = dns.filter_map(|dn| self.by_dn.get(&plain_dn(dn)));
            let by_uid =
                group.values("memberuid").iter().filter_map(|uid| self.by_uid.get(&uid.to_lowercase()));
            for member in by_dn.chain(by_uid) {
                all.extend(member.addresses());
                if member.is_group() && seen.insert(&member.dn) {
                    todo.push(member);
                }
            }
        }
        all
    }
}

/// A distinguished name without blanks round its commas and in lower case.
fn plain_dn(dn: &str) -> String {
    dn.split(',').map(str::trim).collect::<Vec<_>>().join(",").to_lowercase()
}

fn entries(export: &str) -> Result<Vec<Entry>, BadExport> {
    let text = export.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace("\n ", "");
    let mut all = Vec::new();
    let mut entry = Entry::default();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            push(&mut all, &mut entry);
            continue;
        }
        if line.starts_with('#') || line == "-" {
            continue;
        }
        let bad = |why| BadExport { line: line_of(export, number), why };
        let (name, value) = line.split_once(':').ok_or_else(|| bad("a line is no `attribute: value`"))?;
        let value = attribute_value(value).ok_or_else(|| bad("a line holds broken base64"))?;
        let name = name.split(';').next().unwrap_or(name).to_lowercase();
        match name.as_str() {
            "version" => {}
            "dn" => entry.dn = value,
            _ => entry.attributes.entry(name).or_default().push(value),
        }
    }
    push(&mut all, &mut entry);
    Ok(all)
}

/// Where a line begins that goes on in lines with a blank before them.
fn line_of(export: &str, number: usize) -> usize {
    let begins = export.lines().enumerate().filter(|(at, line)| *at == 0 || !line.starts_with(' '));
    begins.map(|(at, _)| at + 1).nth(number).unwrap_or(1)
}

fn push(all: &mut Vec<Entry>, entry: &mut Entry) {
    let entry = std::mem::take(entry);
    if !entry.dn.is_empty() {
        all.push(entry);
    }
}

fn attribute_value(value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix(':') else { return Some(value.trim().to_owned()) };
    let octets = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    Some(String::from_utf8_lossy(&octets).into_owned())
}

/// The rows of a CSV text (RFC 4180); the separator is the one of comma, semicolon and tab that the first line has most.
fn csv_rows(text: &str) -> impl Iterator<Item = Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let separator =
        [',', ';', '\t'].into_iter().max_by_key(|c| (first.matches(*c).count(), *c == ',')).unwrap_or(',');
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        chars.peek()?;
        let (mut row, mut field, mut quoted) = (Vec::new(), String::new(), false);
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    field.push('"');
                    chars.next();
                }
                '"' => quoted = !quoted,
                '\n' if !quoted => break,
                c if c == separator && !quoted => row.push(std::mem::take(&mut field)),
                '\r' if !quoted => {}
                c => field.push(c),
            }
        }
        row.push(field);
        Some(row)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(directory: &Directory, group: &str) -> Vec<String> {
        let mut all: Vec<String> = directory.group(group).into_iter().flatten().cloned().collect();
        all.sort();
        all
    }

    #[test]
    fn groups_of_an_ldif_export_are_followed_into_groups() {
        let mut directory = Directory::default();
        let text = "version: 1\n\ndn: uid=ann,dc=example\nobjectClass: person\nmail: Ann@Example.com\nproxyAddresses: SMTP:a@example.com\n\
                    proxyAddresses: x500:/o=x\n\ndn:: dWlkPWLDtmIsZGM9ZXhhbXBsZQ==\nuid: bob\nmail: bob@exam\n ple.com\n\n\
                    # a comment\ndn: cn=Finance,dc=example\ncn: Finance\nmember: uid=ann, dc=example\nmember: cn=Inner,dc=example\n\n\
                    dn: cn=Inner,dc=example\ncn: Inner\nmemberUid: bob\nmember: cn=Finance,dc=example\n";
        directory.add_ldif(text).unwrap();
        assert_eq!(members(&directory, "finance"), ["a@example.com", "ann@example.com", "bob@example.com"]);
        assert_eq!(members(&directory, "CN=Inner,dc=example").len(), 3);
        assert!(directory.group("nobody").is_none());
    }

    #[test]
    fn people_name_their_groups_too() {
        let mut directory = Directory::default();
        directory.add_ldif("dn: cn=x\nmail: x@example.com\nmemberOf: CN=Staff,OU=g\n").unwrap();
        assert_eq!(members(&directory, "staff"), ["x@example.com"]);
    }

    #[test]
    fn people_come_with_all_that_stands_beside_their_addresses() {
        let ldif = "dn: uid=ann\nmail: Ann@Example.com\nproxyAddresses: SMTP:a@example.com\ndepartment: R&D\n\ndn: cn=x\ncn: x\n";
        let ann = &people_of_ldif(ldif).unwrap()[..];
        assert!(matches!(ann, [one] if one.addresses == ["ann@example.com", "a@example.com"]), "{ann:?}");
        assert_eq!(ann[0].values["department"], ["R&D"]);
        let csv = "E-Mail;Department;Manager\nAnn@example.com;\"R;D\"; Eve \nnobody;x;y\nbob@example.com;;\n";
        let people = people_of_csv(csv).unwrap();
        assert_eq!(people.len(), 2);
        assert_eq!(
            (&people[0].values["department"][..], &people[0].values["manager"][..]),
            (&["R;D".to_owned()][..], &["Eve".to_owned()][..])
        );
        assert!(!people[1].values.contains_key("department"), "what is empty is not there");
        assert!(people_of_csv("a,b\n1,2\n").is_err());
    }

    #[test]
    fn a_csv_export_needs_its_two_columns() {
        let mut directory = Directory::default();
        directory.add_csv("name;Mail;group\n\"Smith; Ann\";ann@example.com;Board\nBob;bob@example.com;\"Board;Staff\"\n").unwrap();
        assert_eq!(members(&directory, "board"), ["ann@example.com", "bob@example.com"]);
        assert_eq!(members(&directory, "staff"), ["bob@example.com"]);
        assert!(directory.add_csv("a,b\n1,2\n").is_err());
    }
}
