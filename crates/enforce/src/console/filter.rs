//! What the address bar asks for: filters, order and place of a list, read strictly and written back the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use incident::Severity;
use incident::desk::{Condition, Desk, Field, Key, Order, Scalar, Search, Sort};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use web::pages::encoded;
use web::people::{Hidden, Privilege, Rights};
use web::{Problem, Viewer};

use super::Answer;
use super::columns::Column;
use super::seen::severity;
use super::trouble::bad;

/// Columns beside the usual ones.
const COLUMNS: usize = 20;
/// Characters of a filter's text.
const TEXT: usize = 1_000;

/// The filters of a list and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(super) status: Vec<String>,
    pub(super) group: String,
    pub(super) severity: Vec<Severity>,
    pub(super) policy: Vec<u32>,
    pub(super) prevent: Vec<i64>,
    pub(super) server: String,
    pub(super) sender: String,
    pub(super) recipient: String,
    pub(super) subject: String,
    pub(super) value: String,
    pub(super) unscannable: String,
    /// The name of a file in the message, whole.
    pub(super) file: String,
    pub(super) owner: String,
    pub(super) data_owner: String,
    /// Where it has to be remediated.
    pub(super) location: String,
    /// A custom attribute and its value.
    pub(super) attribute: Option<(String, String)>,
    pub(super) message: String,
    pub(super) since: Option<Date>,
    pub(super) until: Option<Date>,
    /// The zone whose days they are; UTC where it is empty.
    pub(super) zone: String,
    pub(super) hidden: bool,
    /// Shown beside the usual ones.
    pub(super) columns: Vec<Column>,
    pub(super) sort: Sort,
    pub(super) ascending: bool,
    pub(super) after: Option<Key>,
    pub(super) backwards: bool,
}

impl Filter {
    /// Reads the pairs of a query; what is not known or makes no sense is said.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut filter = Self::default();
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            if value.chars().count() > TEXT {
                return Err(format!("The filter {name} is too long: at most {TEXT} characters."));
            }
            filter.take(name, value)?;
        }
        Ok(filter)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |wanted: &str| format!("The filter {name} is {wanted}, not {value:?}.");
        let text = value.trim().to_owned();
        match name {
            "status" => self.status.push(text),
            "group" => self.group = text,
            "severity" => {
                self.severity.push(severity(value).ok_or_else(|| wrong("high, medium, low or info"))?);
            }
            "policy" => self.policy.push(value.parse().map_err(|_| wrong("the number of a policy"))?),
            "prevent" => self.prevent.push(value.parse().map_err(|_| wrong("a number"))?),
            "server" => self.server = text,
            "sender" => self.sender = text,
            "recipient" => self.recipient = text,
            "subject" => self.subject = text,
            // A mark of our own in it would ask for something else.
            "value" => self.value = text.chars().filter(|c| !c.is_control()).collect(),
            "unscannable" => self.unscannable = text,
            "file" => self.file = text,
            "owner" => self.owner = text,
            "data-owner" => self.data_owner = text,
            "location" => self.location = text,
            "attribute" => {
                let pair = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
                let pair = pair.filter(|(name, value)| !name.is_empty() && !value.is_empty());
                let (name, value) = pair.ok_or_else(|| wrong("written like Department=Sales"))?;
                self.attribute = Some((name.to_owned(), value.to_owned()));
            }
            "message" => self.message = text,
            "from" => self.since = Some(value.parse().map_err(|_| wrong("a date such as 2026-11-24"))?),
            "to" => self.until = Some(value.parse().map_err(|_| wrong("a date such as 2026-11-24"))?),
            "zone" => {
                TimeZone::get(&text).map_err(|_| wrong("the name of a zone such as Europe/Prague"))?;
                self.zone = text;
            }
            "hidden" => self.hidden = true,
            "columns" => {
                let column = Column::read(value).ok_or_else(|| wrong("a column that can be shown"))?;
                if !self.columns.contains(&column) && self.columns.len() < COLUMNS {
                    self.columns.push(column);
                }
            }
            "sort" => {
                let found = Sort::ALL.into_iter().find(|sort| sort_word(*sort) == value);
                self.sort = found.ok_or_else(|| wrong("the name of a column"))?;
            }
            "order" => self.ascending = value == "up",
            "after" | "before" => {
                self.after =
                    Some(read_key(value).ok_or("The place in the list cannot be read: begin again.")?);
                self.backwards = name == "before";
            }
            _ => return Err(format!("There is no filter {name:?}.")),
        }
        if [self.status.len(), self.severity.len(), self.policy.len(), self.prevent.len()]
            .iter()
            .any(|count| *count > 200)
        {
            return Err("There are too many filters.".to_owned());
        }
        Ok(())
    }

    /// What a viewer asks for. A role cannot find out by asking what it does not see; by a pseudonym it may ask.
    pub(crate) async fn asked(desk: &Desk, viewer: &Viewer, pairs: &[(String, String)]) -> Answer<Self> {
        let filter = Self::read(pairs).map_err(bad)?.answerable(desk).await?;
        match filter.refused(&viewer.role.rights) {
            None => Ok(filter),
            Some(why) => Err(Problem::Forbidden(format!("The role {} {why}.", viewer.role.name)).into()),
        }
    }

    /// Why somebody with these rights may not ask so: what a role does not see, it does not find out by asking either.
    pub(crate) fn refused(&self, rights: &Rights) -> Option<String> {
        if let Some((part, _)) = self.asks_by().iter().find(|(part, asked)| *asked && rights.hides(*part)) {
            return Some(format!("does not see \"{}\" and cannot search or sort by it", part.title()));
        }
        // Whoever sees the last digits only would find the others by trying.
        let guesses = !self.value.is_empty() && !rights.may(Privilege::ViewMatches);
        guesses.then(|| "sees matches masked and cannot search by a matched value".to_owned())
    }

    /// Goes on only if the question can be answered by now: one by a pseudonym takes an index.
    pub(crate) async fn answerable(self, desk: &Desk) -> Result<Self, incident::Error> {
        if web::is_pseudonym(&self.sender).is_some() {
            desk.journal().senders_are_numbered().await?;
        }
        Ok(self)
    }

    /// The parts of incidents that roles may not know, and whether it asks by them.
    fn asks_by(&self) -> [(Hidden, bool); 10] {
        let by_sender = !self.sender.is_empty() && web::is_pseudonym(&self.sender).is_none();
        [
            (Hidden::Sender, by_sender || self.sort == Sort::Sender),
            // Who can look for a colleague among recipients learns who the pseudonym there is.
            (Hidden::Sender, !self.recipient.is_empty()),
            (Hidden::Sender, self.attribute.is_some()),
            (Hidden::Sender, self.columns.iter().any(Column::is_attribute)),
            (Hidden::Sender, !self.data_owner.is_empty()),
            (Hidden::Recipients, !self.recipient.is_empty()),
            (Hidden::Subject, !self.subject.is_empty()),
            (Hidden::Matches, !self.value.is_empty()),
            // Known are the files in which something was found.
            (Hidden::Matches, !self.file.is_empty()),
            (Hidden::Attachments, !self.file.is_empty()),
        ]
    }

    /// What is asked.
    pub(crate) fn condition(&self) -> Condition {
        let mut all = vec![Condition::Is(Field::Hidden, vec![Scalar::Flag(self.hidden)])];
        let mut any = |field: Field, values: Vec<Scalar>| {
            if !values.is_empty() {
                all.push(Condition::Is(field, values));
            }
        };
        let texts = |values: &[String]| values.iter().cloned().map(Scalar::Text).collect::<Vec<_>>();
        let one =
            |value: &str| if value.is_empty() { Vec::new() } else { vec![Scalar::Text(value.to_owned())] };
        any(Field::Status, texts(&self.status));
        any(Field::StatusGroup, one(&self.group));
        any(Field::Severity, self.severity.iter().map(|one| Scalar::Number(*one as i64)).collect());
        any(Field::PolicyId, self.policy.iter().map(|id| Scalar::Number((*id).into())).collect());
        any(Field::PreventStatus, self.prevent.iter().map(|one| Scalar::Number(*one)).collect());
        any(Field::Server, one(&self.server));
        any(Field::MatchedValue, one(&self.value));
        any(Field::Unscannable, one(&self.unscannable));
        if !self.file.is_empty() {
            any(Field::MatchedValue, one(&incident::files::value(&self.file)));
        }
        any(Field::Owner, one(&self.owner));
        any(Field::DataOwnerName, one(&self.data_owner));
        any(Field::RemediationLocation, one(&self.location));
        any(Field::UniqueId, one(&self.message));
        if let Some((name, value)) = &self.attribute {
            all.push(Condition::IsAnyCase(Field::Attribute(name.clone()), vec![value.clone()]));
        }
        if let Some(number) = web::is_pseudonym(&self.sender) {
            all.push(Condition::Is(Field::Pseudonym, vec![Scalar::Number(number as i64)]));
        } else if !self.sender.is_empty() {
            all.push(address(&self.sender, Field::Sender, Field::SenderDomain, Field::Sender));
        }
        if !self.recipient.is_empty() {
            all.push(address(&self.recipient, Field::Recipient, Field::RecipientDomain, Field::Recipients));
        }
        if !self.subject.is_empty() {
            all.push(Condition::contains(Field::Subject, &self.subject));
        }
        let mut bound = |date: Option<Date>, order| {
            if let Some(at) = date.and_then(|date| start_of(date, &self.zone)) {
                all.push(Condition::Compare(Field::ReceivedAt, order, Scalar::Number(at)));
            }
        };
        bound(self.since, Order::GreaterOrEqual);
        // Both days included.
        bound(self.until.and_then(|date| date.tomorrow().ok()), Order::Less);
        Condition::All(all)
    }

    /// The search of a page.
    pub(super) fn search(&self, limit: u32) -> Search {
        Search {
            condition: self.condition(),
            sort: self.sort,
            ascending: self.ascending,
            after: self.after.clone(),
            backwards: self.backwards,
            limit,
        }
    }

    /// The filters and the order as they stand in the address bar, without the place.
    pub(crate) fn query(&self) -> String {
        let mut pairs = self.filters();
        pairs.extend(self.columns.iter().map(|column| ("columns", column.word())));
        if self.sort != Sort::default() {
            pairs.push(("sort", sort_word(self.sort).to_owned()));
        }
        if self.ascending {
            pairs.push(("order", "up".to_owned()));
        }
        joined(&pairs)
    }

    /// The address of the list beginning behind (or ending before) this key.
    pub(super) fn at(&self, key: &Key, backwards: bool) -> String {
        let query = self.query();
        let sign = if query.is_empty() { "" } else { "&" };
        format!("{query}{sign}{}={}", if backwards { "before" } else { "after" }, write_key(key))
    }

    /// The address of the same list in this order; a second click turns it.
    pub(super) fn sorted(&self, sort: Sort) -> String {
        let mut other = Self { after: None, backwards: false, ..self.clone() };
        other.ascending = if other.sort == sort { !other.ascending } else { false };
        other.sort = sort;
        other.query()
    }

    /// Whose days its dates are.
    pub(super) fn zone_name(&self) -> &str {
        if self.zone.is_empty() { "UTC" } else { &self.zone }
    }

    fn filters(&self) -> Vec<(&'static str, String)> {
        let mut pairs: Vec<(&'static str, String)> = Vec::new();
        pairs.extend(self.status.iter().map(|status| ("status", status.clone())));
        pairs.extend(self.severity.iter().map(|severity| ("severity", severity.to_string())));
        pairs.extend(self.policy.iter().map(|policy| ("policy", policy.to_string())));
        pairs.extend(self.prevent.iter().map(|status| ("prevent", status.to_string())));
        let texts = [
            ("group", &self.group),
            ("server", &self.server),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("value", &self.value),
            ("unscannable", &self.unscannable),
            ("file", &self.file),
            ("owner", &self.owner),
            ("data-owner", &self.data_owner),
            ("location", &self.location),
            ("message", &self.message),
        ];
        pairs.extend(
            texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone())),
        );
        pairs.extend(self.attribute.iter().map(|(name, value)| ("attribute", format!("{name}={value}"))));
        pairs.extend(self.since.map(|date| ("from", date.to_string())));
        pairs.extend(self.until.map(|date| ("to", date.to_string())));
        if !self.zone.is_empty() && (self.since.is_some() || self.until.is_some()) {
            pairs.push(("zone", self.zone.clone()));
        }
        if self.hidden {
            pairs.push(("hidden", "yes".to_owned()));
        }
        pairs
    }
}

/// `@domain` is a domain, `local@domain` an address, anything else a part of one.
fn address(text: &str, whole: Field, domain: Field, part: Field) -> Condition {
    match text.split_once('@') {
        Some(("", name)) if !name.is_empty() => Condition::is(domain, name),
        Some((_, name)) if !name.is_empty() => Condition::is(whole, text),
        _ if text == "<>" => Condition::is(whole, ""),
        _ => Condition::contains(part, text),
    }
}

/// The first moment of a day; where clocks skip midnight, the one after.
fn start_of(date: Date, zone: &str) -> Option<i64> {
    let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::get(zone).ok()? };
    let midnight = date.to_zoned_datetime(zone).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

fn joined(pairs: &[(&str, String)]) -> String {
    let parts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    parts.join("&")
}

/// The word of a column in the address bar.
pub(super) fn sort_word(sort: Sort) -> &'static str {
    match sort {
        Sort::Received => "received",
        Sort::Id => "id",
        Sort::Recorded => "recorded",
        Sort::Severity => "severity",
        Sort::Status => "status",
        Sort::PreventStatus => "prevent",
        Sort::Policy => "policy",
        Sort::Sender => "sender",
        Sort::Server => "server",
        Sort::Matches => "matches",
        Sort::Subject => "subject",
        Sort::MessageId => "message-id",
        Sort::PolicyVersion => "policy-version",
        Sort::Owner => "owner",
        Sort::DataOwnerName => "data-owner",
        Sort::Hidden => "hidden",
    }
}

fn write_key(key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn read_key(text: &str) -> Option<Key> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn filters_are_written_back_as_they_were_read() {
        let given = pairs(&[
            ("status", "In Process"),
            ("status", "New"),
            ("severity", "high"),
            ("policy", "17"),
            ("sender", "a&b=c@x.example"),
            ("attribute", "Department=R & D"),
            ("data-owner", "Dana"),
            ("location", "vault 3"),
            ("file", "Offer 2026.xlsx"),
            ("from", "2026-11-01"),
            ("zone", "Europe/Prague"),
            ("columns", "last-seen"),
            ("columns", "server"),
            ("columns", "attribute:Cost centre"),
            ("sort", "severity"),
            ("order", "up"),
        ]);
        let filter = Filter::read(&given).unwrap();
        assert_eq!(
            filter.query(),
            "status=In%20Process&status=New&severity=high&policy=17&sender=a%26b%3Dc%40x.example&file=Offer%202026.xlsx&data-owner=Dana&location=vault%203&attribute=Department%3DR%20%26%20D&from=2026-11-01&zone=Europe/Prague&columns=last-seen&columns=server&columns=attribute%3ACost%20centre&sort=severity&order=up"
        );
        let key = Key { value: Some("1".into()), at: 5, id: 7 };
        let address = filter.at(&key, false);
        let after = address.rsplit_once("after=").unwrap().1;
        assert_eq!(read_key(after), Some(key));
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let hours = |date: &str, zone: &str| {
            let utc = date.parse::<Date>().unwrap().to_zoned_datetime(TimeZone::UTC).unwrap();
            (start_of(date.parse().unwrap(), zone).unwrap() - utc.timestamp().as_millisecond()) / 3_600_000
        };
        assert_eq!(hours("2026-11-27", ""), 0);
        assert_eq!(hours("2026-11-27", "Europe/Prague"), -1);
        assert_eq!(hours("2026-07-01", "Europe/Prague"), -2);
        assert_eq!(hours("2026-11-27", "America/New_York"), 5);
        let none = Filter::read(&pairs(&[("zone", "Europe/Prague")])).unwrap();
        assert_eq!(none.query(), "", "without days there is no zone");
    }

    #[test]
    fn what_makes_no_sense_is_said_and_never_guessed() {
        for (name, value) in [
            ("severity", "worst"),
            ("policy", "x"),
            ("from", "yesterday"),
            ("zone", "Mars/Olympus"),
            ("columns", "password"),
            ("columns", "attribute: "),
            ("attribute", "Department"),
            ("attribute", "=Sales"),
            ("sort", "id; DROP TABLE incident"),
            ("after", "%%%"),
            ("nonsense", "1"),
        ] {
            assert!(Filter::read(&pairs(&[(name, value)])).is_err(), "{name}");
        }
        assert!(Filter::read(&pairs(&[("subject", &"x".repeat(2_000))])).is_err());
    }

    #[test]
    fn an_empty_field_of_a_form_is_no_filter() {
        assert_eq!(Filter::read(&pairs(&[("sender", ""), ("from", "")])).unwrap(), Filter::default());
    }
}
