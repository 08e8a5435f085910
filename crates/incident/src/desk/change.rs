//! Decisions of people: status, severity, owner, attributes, notes, requests to plug-ins; singly or many at once. One transaction
//! with the history lines that say who, when and from where: all of it or nothing.

use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Row, Session};
use store::values;
use uuid::Uuid;

use super::ageing;
use super::look::one;
use super::remediation::{self, Order};
use super::second::{self, Ask};
use super::statuses::{self, StatusRow};
use super::{Access, Desk, tell};
use crate::seal::shortened;
use crate::{Error, Severity, Status, prevent_status_name};

/// Decisions that forms name are remembered so long.
const ONCE_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Characters of a note.
const NOTE: usize = 20_000;
/// Characters of an attribute's value, a name, an address.
const VALUE: usize = 2_000;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name that histories show.
    pub who: String,
    /// From where.
    pub origin: Option<String>,
}

/// What is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Change {
    /// The name of a status that there is.
    Status(String),
    Severity(Severity),
    /// Whose incident it is; None: nobody's.
    Owner(Option<String>),
    DataOwnerName(Option<String>),
    DataOwnerEmail(Option<String>),
    PreventStatus(i64),
    RemediationLocation(Option<String>),
    /// An empty value takes the attribute away.
    Attribute(String, String),
    Note(String),
    Hidden(bool),
    /// The original message is kept no longer, unless another incident needs it.
    DropOriginal,
}

/// What became of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// It was so already.
    Unchanged,
    /// There is no such incident for this asker.
    NotThere,
    /// It is not as the asker saw it; nothing was done to it.
    Stale,
    /// The same decision was carried out before.
    Repeated,
}

/// What is to be told outside about each of the incidents: once for each incident, rule and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedEffect {
    /// The rule.
    pub rule: String,
    /// `notify/…`, `syslog/…`
    pub kind: String,
    /// What to do, as JSON.
    pub payload: String,
    /// For the history: what was ordered.
    pub words: String,
}

/// What is to become of incidents.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// Which; one that is named twice is decided once.
    pub ids: Vec<u64>,
    /// What is to be different.
    pub changes: Vec<Change>,
    /// What the asker saw there: an incident that differs from it by now is left alone.
    pub seen: Vec<Change>,
    /// When the asker saw them: an incident whose status somebody changed since is left alone.
    pub as_of: Option<Timestamp>,
    /// A UUID of whoever asks: of decisions with the same one the first is carried out.
    pub once: Option<Uuid>,
    /// What plug-ins are asked for, each for one of the incidents.
    pub orders: Vec<Order>,
    /// What is told outside, from the outbox.
    pub effects: Vec<OrderedEffect>,
    /// What waits for a second person.
    pub asks: Option<Ask>,
    /// The request that a second person confirms by it; it is for one incident then.
    pub confirms: Option<u64>,
    /// The ageing rule by which it is made: an incident that the rule acted on since it has its status is left alone.
    pub ageing: Option<u64>,
}

/// The columns that changes look at.
struct Now {
    status: String,
    severity: i64,
    prevent_status: i64,
    owner: Option<String>,
    data_owner_name: Option<String>,
    data_owner_email: Option<String>,
    remediation_location: Option<String>,
    hidden: bool,
    original: Option<i64>,
    /// Milliseconds.
    since: i64,
}

impl Now {
    const COLUMNS: &str = "status, severity, prevent_status, owner, data_owner_name, data_owner_email, remediation_location, \
        hidden, original_id, coalesce(status_at, recorded_at) AS since";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            status: row.get("status")?,
            severity: row.get("severity")?,
            prevent_status: row.get("prevent_status")?,
            owner: row.get("owner")?,
            data_owner_name: row.get("data_owner_name")?,
            data_owner_email: row.get("data_owner_email")?,
            remediation_location: row.get("remediation_location")?,
            hidden: row.get("hidden")?,
            original: row.get("original_id")?,
            since: row.get("since")?,
        })
    }

    /// Whether a change would leave it as it is. Attributes and notes lie elsewhere: of them nothing is known here.
    fn is(&self, change: &Change) -> bool {
        match change {
            Change::Status(name) => self.status == *name,
            Change::Severity(severity) => self.severity == *severity as i64,
            Change::PreventStatus(status) => self.prevent_status == *status,
            Change::Owner(owner) => self.owner == *owner,
            Change::DataOwnerName(name) => self.data_owner_name == *name,
            Change::DataOwnerEmail(address) => self.data_owner_email == *address,
            Change::RemediationLocation(place) => self.remediation_location == *place,
            Change::Hidden(hidden) => self.hidden == *hidden,
            Change::DropOriginal => self.original.is_none(),
            Change::Attribute(..) | Change::Note(_) => false,
        }
    }
}

impl Desk {
    /// Changes incidents: [`Desk::decide`] without what the asker saw and without plug-ins.
    pub async fn change(
        &self,
        access: &Access,
        actor: &Actor,
        ids: &[u64],
        changes: &[Change],
    ) -> Result<Result<Vec<(u64, Changed)>, String>, Error> {
        let decision = Decision { ids: ids.to_vec(), changes: changes.to_vec(), ..Decision::default() };
        self.decide(access, actor, decision).await
    }

    /// Carries a decision out, by number of the incident. If one change makes no sense (a status that there is not), nothing is
    /// changed: the inner error, for whoever asked.
    pub async fn decide(
        &self,
        access: &Access,
        actor: &Actor,
        decision: Decision,
    ) -> Result<Result<Vec<(u64, Changed)>, String>, Error> {
        let Decision { mut ids, mut changes, seen, as_of, once, orders, effects, asks, confirms, ageing } =
            decision;
        let as_of = as_of.map_or(i64::MAX, Timestamp::as_millisecond);
        // In one order: two decisions on the same incidents wait for one another, and not each for the other.
        ids.sort_unstable();
        ids.dedup();
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let statuses = statuses::kept(db).await?;
        for change in &mut changes {
            if let Err(why) = resolve(&statuses, change) {
                return Ok(Err(why));
            }
        }
        if let Some(once) = once
            && !first_time(db, once).await?
        {
            return Ok(Ok(ids.into_iter().map(|id| (id, Changed::Repeated)).collect()));
        }
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let result = match self.locked(db, access, id).await? {
                None => Changed::NotThere,
                Some(now) if now.since > as_of || !seen.iter().all(|seen| now.is(seen)) => Changed::Stale,
                Some(now) if !marked(db, ageing, id, &now).await? => Changed::Unchanged,
                Some(now) => {
                    let mut done = Changed::Unchanged;
                    if let Some(request) = confirms {
                        if let Err(why) = second::confirm(db, id, actor, request).await? {
                            return Ok(Err(why));
                        }
                        done = Changed::Done;
                    }
                    for change in changes.iter().filter(|change| !now.is(change)) {
                        if apply(db, id, actor, &now, change).await? {
                            done = Changed::Done;
                        }
                    }
                    for order in orders.iter().filter(|order| order.incident == id) {
                        remediation::request(db, actor, order).await?;
                        done = Changed::Done;
                    }
                    for effect in &effects {
                        told(db, id, actor, effect).await?;
                        done = Changed::Done;
                    }
                    if let Some(ask) = &asks
                        && second::ask(db, id, actor, ask).await?
                    {
                        done = Changed::Done;
                    }
                    done
                }
            };
            results.push((id, result));
        }
        // What tells of a decision tells of one that changed something.
        match results.iter().any(|(_, result)| *result == Changed::Done) {
            true => self.commit(transaction).await?,
            false => transaction.commit().await?,
        }
        Ok(Ok(results))
    }

    /// The incident as it is until this transaction ends, if the asker may see it.
    async fn locked(&self, db: &mut dyn Session, access: &Access, id: u64) -> Result<Option<Now>, Error> {
        let mut visible = self.select(Now::COLUMNS, access, &one(id));
        if db.dialect() == Dialect::Postgres {
            visible.sql.push_str(" FOR UPDATE");
        }
        db.fetch(&visible.sql, visible.values).await?.first().map(Now::read).transpose()
    }
}

/// Writes down that a decision is carried out; false if it was before. One that waits for another of the same number sees its end.
async fn first_time(db: &mut dyn Session, once: Uuid) -> Result<bool, Error> {
    let now = Timestamp::now();
    let old = (now - ONCE_FOR).as_millisecond();
    db.run("DELETE FROM decision WHERE at < ?", values![old]).await?;
    let sql = "INSERT INTO decision (id, at) VALUES (?, ?) ON CONFLICT DO NOTHING";
    Ok(db.run(sql, values![once.to_string(), now.as_millisecond()]).await? > 0)
}

/// Puts an effect into the outbox, unless it was there before.
async fn told(db: &mut dyn Session, id: u64, actor: &Actor, effect: &OrderedEffect) -> Result<(), Error> {
    let sql = "INSERT INTO effect (incident_id, rule, kind, payload, due_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let now = Timestamp::now().as_millisecond();
    let (rule, kind, payload) = (effect.rule.as_str(), effect.kind.as_str(), effect.payload.as_str());
    let new = db.run(sql, values![id, rule, kind, payload, now]).await? > 0;
    let (action, detail) = match new {
        true => ("RESPONSE_RULE_EXECUTED", format!("{rule}: {}", effect.words)),
        false => (
            "RESPONSE_RULE_SKIPPED",
            format!("{rule}: {}: that was done before, or is under way", effect.words),
        ),
    };
    tell(db, id, actor, action, &detail).await
}

/// False if an ageing rule acted on it before.
async fn marked(db: &mut dyn Session, ageing: Option<u64>, id: u64, now: &Now) -> Result<bool, Error> {
    match ageing {
        None => Ok(true),
        Some(rule) => ageing::mark(db, rule, id, now.since).await,
    }
}

/// The status as the table has it; values within their bounds.
fn resolve(statuses: &[StatusRow], change: &mut Change) -> Result<(), String> {
    let too_long = |text: &str, most: usize| text.chars().count() > most;
    match change {
        Change::Status(name) => {
            let Some(found) = statuses.iter().find(|status| status.name.eq_ignore_ascii_case(name)) else {
                let names: Vec<&str> = statuses.iter().map(|status| status.name.as_str()).collect();
                return Err(format!(
                    "there is no status {:?}; there are {}",
                    shortened(name, 100),
                    names.join(", ")
                ));
            };
            name.clone_from(&found.name);
            Ok(())
        }
        Change::Note(text) if text.trim().is_empty() => Err("the note is empty".to_owned()),
        Change::Note(text) if too_long(text, NOTE) => Err(format!("a note has at most {NOTE} characters")),
        Change::Attribute(name, _) if name.trim().is_empty() || too_long(name, 100) => {
            Err("the name of an attribute has 1 to 100 characters".to_owned())
        }
        Change::Attribute(_, value)
        | Change::Owner(Some(value))
        | Change::DataOwnerName(Some(value))
        | Change::DataOwnerEmail(Some(value))
        | Change::RemediationLocation(Some(value))
            if too_long(value, VALUE) =>
        {
            Err(format!("a value has at most {VALUE} characters"))
        }
        _ => Ok(()),
    }
}

/// Makes it different, and says so in the history. False if it was so already.
async fn apply(
    db: &mut dyn Session,
    id: u64,
    actor: &Actor,
    now: &Now,
    change: &Change,
) -> Result<bool, Error> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let (action, detail) = match change {
        Change::Status(name) => {
            set(db, id, "status", name.as_str()).await?;
            ("SET_STATUS", format!("{} -> {}", now.status, Status::named(name)))
        }
        Change::Severity(severity) => {
            set(db, id, "severity", *severity as i64).await?;
            let before = Severity::from_number(now.severity).map_or("none".to_owned(), |one| one.to_string());
            ("SET_SEVERITY", format!("{before} -> {severity}"))
        }
        Change::PreventStatus(status) => {
            set(db, id, "prevent_status", *status).await?;
            let (before, after) = (prevent_status_name(now.prevent_status), prevent_status_name(*status));
            ("SET_PREVENT_STATUS", format!("{before} -> {after}"))
        }
        Change::Owner(owner) => {
            set(db, id, "owner", owner.as_deref()).await?;
            ("SET_OWNER", text(owner))
        }
        Change::DataOwnerName(name) => {
            set(db, id, "data_owner_name", name.as_deref()).await?;
            ("SET_DATAOWNER_NAME", text(name))
        }
        Change::DataOwnerEmail(address) => {
            set(db, id, "data_owner_email", address.as_deref()).await?;
            ("SET_DATAOWNER_EMAIL", text(address))
        }
        Change::RemediationLocation(place) => {
            set(db, id, "remediation_location", place.as_deref()).await?;
            ("SET_REMEDIATION_LOCATION", text(place))
        }
        Change::Hidden(hidden) => {
            set(db, id, "hidden", *hidden).await?;
            (if *hidden { "INCIDENT_HIDDEN" } else { "INCIDENT_UNHIDDEN" }, String::new())
        }
        Change::DropOriginal => {
            crate::retention::drop_original(db, id as i64).await?;
            ("MESSAGE_NOT_RETAINED", "the original is kept no longer".to_owned())
        }
        Change::Attribute(name, value) => {
            if !set_attribute(db, id, name, value).await? {
                return Ok(false);
            }
            ("ATTRIBUTES_SET", format!("{name}={value}"))
        }
        Change::Note(note) => {
            let sql = "INSERT INTO note (incident_id, at, who, text) VALUES (?, ?, ?, ?)";
            let at = Timestamp::now().as_millisecond();
            db.run(sql, values![id, at, actor.who.as_str(), note.as_str()]).await?;
            ("NOTE_ADDED", note.clone())
        }
    };
    tell(db, id, actor, action, &detail).await?;
    Ok(true)
}

async fn set(
    db: &mut dyn Session,
    id: u64,
    name: &str,
    value: impl Into<store::database::Value>,
) -> Result<(), Error> {
    let values = vec![value.into(), id.into()];
    db.run(&format!("UPDATE incident SET {name} = ? WHERE id = ?"), values).await?;
    Ok(())
}

pub(super) async fn set_attribute(
    db: &mut dyn Session,
    id: u64,
    name: &str,
    value: &str,
) -> Result<bool, Error> {
    let sql = "SELECT value FROM attribute WHERE incident_id = ? AND name = ?";
    let rows = db.fetch(sql, values![id, name]).await?;
    let before = rows.first().map(|row| row.get::<String>("value")).transpose()?;
    if before.as_deref().unwrap_or_default() == value {
        return Ok(false);
    }
    if value.is_empty() {
        db.run("DELETE FROM attribute WHERE incident_id = ? AND name = ?", values![id, name]).await?;
        return Ok(true);
    }
    let sql = "INSERT INTO attribute (incident_id, name, value) VALUES (?, ?, ?) \
        ON CONFLICT (incident_id, name) DO UPDATE SET value = excluded.value";
    db.run(sql, values![id, name, value]).await?;
    statuses::known_attribute(db, name).await?;
    Ok(true)
}
