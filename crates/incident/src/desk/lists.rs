//! From which list a question is answered: of the tests that have to hold, the one that fewest incidents meet, as far as a look
//! at the beginning of each tells. Only the speed hangs on it: whatever the list, all tests are asked.

use super::condition::{Condition, Field};
use super::sort::BY_TIME;
use super::{Access, Desk};
use crate::Error;

/// As few are not worth a look at other lists.
const FEW: u64 = 200;

/// Where a statement gets its incidents from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'c> {
    /// As the database thinks best.
    Anywhere,
    /// All of them, by this index of SQLite.
    Index(&'static str),
    /// Those that meet a test.
    List(List<'c>),
}

/// A test that a list answers: incidents that have one of some values.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'c> {
    pub(super) test: &'c Condition,
    /// Of how many values.
    pub(super) values: usize,
}

/// The list that fewest incidents are in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rarest<'c> {
    pub(super) list: List<'c>,
    /// No more than are looked at in a moment.
    pub(super) is_few: bool,
}

/// Where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Rows that carry what lists are cut by, in the order of time for each value.
    Rows(&'static str),
    /// The incidents themselves, by an index.
    Index(Index),
}

/// An index of incidents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    /// How SQLite is told to use it.
    pub(super) name: &'static str,
    /// For each value in the order of this time; none where there are never many.
    time: Option<&'static str>,
}

/// How many meet a test.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Size {
    Exactly(u64),
    /// More than are looked at: so many in a millisecond.
    Many(f64),
}

impl<'c> List<'c> {
    /// None if no list answers it.
    pub(super) fn of(test: &'c Condition) -> Option<Self> {
        let (field, values) = match test {
            Condition::Is(field, values) => (field, values.len()),
            Condition::IsAnyCase(field, texts) => (field, texts.len()),
            Condition::Compare(field @ (Field::ReceivedAt | Field::RecordedAt), ..) => (field, 1),
            _ => return None,
        };
        let any_case = matches!(test, Condition::IsAnyCase(..));
        let list = Self { test, values };
        (place(field).is_some() && (!any_case || field.is_kept_in_any_case())).then_some(list)
    }

    pub(super) fn place(&self) -> Place {
        let field = match self.test {
            Condition::Is(field, _) | Condition::IsAnyCase(field, _) | Condition::Compare(field, ..) => field,
            _ => return BY_NUMBER,
        };
        place(field).unwrap_or(BY_NUMBER)
    }

    /// Its incidents stand in the order of the time when they were received.
    pub(super) fn is_in_order(&self) -> bool {
        // A group of statuses may have several.
        let is_one =
            self.values == 1 && !matches!(self.test, Condition::Is(Field::StatusId | Field::StatusGroup, _));
        is_one && self.time() == Some("received_at")
    }

    fn time(&self) -> Option<&'static str> {
        match self.place() {
            Place::Rows(_) => Some("received_at"),
            Place::Index(index) => index.time,
        }
    }
}

const BY_NUMBER: Place = Place::Index(Index { name: "NOT INDEXED", time: None });

fn place(field: &Field) -> Option<Place> {
    let index = |name, time| Some(Place::Index(Index { name, time: Some(time) }));
    match field {
        Field::Id => Some(BY_NUMBER),
        Field::UniqueId => Some(Place::Index(Index { name: "INDEXED BY incident_by_message", time: None })),
        Field::Status | Field::StatusId | Field::StatusGroup => {
            index("INDEXED BY incident_by_status", "received_at")
        }
        Field::Severity => index("INDEXED BY incident_by_severity", "received_at"),
        Field::PreventStatus => index("INDEXED BY incident_by_prevent_status", "received_at"),
        Field::PolicyId => index("INDEXED BY incident_by_policy_time", "received_at"),
        Field::Sender => index("INDEXED BY incident_by_sender", "received_at"),
        Field::SenderDomain => index("INDEXED BY incident_by_sender_domain", "received_at"),
        Field::Server => index("INDEXED BY incident_by_server", "received_at"),
        Field::Owner => index("INDEXED BY incident_by_owner", "received_at"),
        Field::Pseudonym => index("INDEXED BY incident_by_pseudonym", "received_at"),
        Field::ReceivedAt => index(BY_TIME, "received_at"),
        Field::RecordedAt => index("INDEXED BY incident_by_recording", "recorded_at"),
        Field::Recipient | Field::RecipientDomain | Field::Unscannable => Some(Place::Rows("incident_term")),
        Field::MatchedValue => Some(Place::Rows("match_hash")),
        Field::Attribute(_) => Some(Place::Rows("attribute")),
        _ => None,
    }
}

/// The tests of a question and of what the asker may see: all have to hold.
pub(super) fn tests<'c>(access: &'c Access, condition: &'c Condition) -> Vec<&'c Condition> {
    access.0.parts().into_iter().chain(condition.parts()).collect()
}

impl Desk {
    /// The list of the fewest.
    pub(super) async fn rarest<'c>(&self, tests: &[&'c Condition]) -> Result<Option<Rarest<'c>>, Error> {
        let mut lists: Vec<List<'c>> = tests.iter().filter_map(|test| List::of(test)).collect();
        // What is asked of a time is one list, whatever its ends.
        lists.dedup_by_key(|list| match list.test {
            Condition::Compare(field, ..) => Ok(field),
            test => Err(std::ptr::from_ref(test)),
        });
        let mut rarest: Option<(Size, List<'c>)> = None;
        for list in lists {
            let size = self.size(&list, tests).await?;
            if rarest.is_none_or(|(least, _)| size < least) {
                rarest = Some((size, list));
            }
            if matches!(size, Size::Exactly(few) if few <= FEW) {
                break;
            }
        }
        Ok(rarest.map(|(size, list)| Rarest { list, is_few: matches!(size, Size::Exactly(_)) }))
    }

    /// By its latest incidents: exactly if they are few, otherwise by how dense they stand in time.
    async fn size(&self, list: &List<'_>, tests: &[&Condition]) -> Result<Size, Error> {
        let Some(time) = list.time() else { return Ok(Size::Exactly(list.values as u64)) };
        // What is asked of the time makes each list shorter.
        let is_time = |field: &Field| match time {
            "recorded_at" => *field == Field::RecordedAt,
            _ => *field == Field::ReceivedAt,
        };
        let mut asked = vec![list.test];
        asked.extend(tests.iter().copied().filter(|test| {
            !std::ptr::eq(*test, list.test) && matches!(test, Condition::Compare(field, ..) if is_time(field))
        }));
        let mut probe = self.writer(&format!("SELECT {time} AS at FROM "));
        probe.incidents(&asked, &Source::List(*list), false);
        let order = if list.is_in_order() { format!("ORDER BY {time} DESC ") } else { String::new() };
        probe.values.push((self.stretch + 1).into());
        let sql = format!(
            "SELECT count(*) AS n, coalesce(min(at), 0) AS first, coalesce(max(at), 0) AS last FROM ({} {order}LIMIT ?) AS probed",
            probe.sql
        );
        let rows = self.database().fetch(&sql, probe.values).await?;
        let Some(row) = rows.first() else { return Ok(Size::Exactly(0)) };
        let (n, first, last): (i64, i64, i64) = (row.get("n")?, row.get("first")?, row.get("last")?);
        Ok(match n as u64 {
            few if few <= self.stretch => Size::Exactly(few),
            many => {
                let span = last.saturating_sub(first).saturating_add(1) as f64;
                Size::Many(many as f64 * list.values as f64 / span)
            }
        })
    }

    /// Where incidents come from that no test finds: from one index if the tests can be asked as it goes on.
    pub(super) fn unlisted(tests: &[&Condition], index: &'static str) -> Source<'static> {
        let alone = tests.iter().all(|test| !matches!(test, Condition::Any(_)));
        if alone { Source::Index(index) } else { Source::Anywhere }
    }
}
