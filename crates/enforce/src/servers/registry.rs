//! Which servers there are: tokens, enrolment, approval, revocation, how each is, and what each is to run with.

use std::collections::BTreeSet;

use incident::wire::{EnrollRequest, Heartbeat, ServerKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use store::database::{Row, Session, Transaction};
use store::values;
use web::audit::Actor;

use super::glass::obey;
use super::token::{Token, check_name};
use crate::{Enforce, Error};

/// Servers are numbered one after another.
const NUMBERING: i64 = 0x6e75_6d62_6572;
/// Heard from so lately, a server is up.
const UP: SignedDuration = SignedDuration::from_secs(45);
/// Heard from so lately, it is late; otherwise it is gone.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Whether a server may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Enrolled, and not let in before somebody approves it.
    Waiting,
    /// Let in.
    Approved,
    /// Shut out for good, whatever it shows.
    Revoked,
}

/// Whether a server is heard from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Within seconds.
    Up,
    /// Not for some seconds.
    Late,
    /// Not for minutes.
    Gone,
    /// Never yet.
    Never,
}

/// A server, for the servers page.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ServerState {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ServerKind,
    /// Whether it may come in.
    pub standing: Standing,
    /// Whether it is heard from.
    pub presence: Presence,
    /// Names and addresses in its certificate.
    pub names: Vec<String>,
    /// When its certificate for Enforce ends.
    pub certificate_ends: Timestamp,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// Who enrolled, approved or revoked it.
    pub changed_by: String,
    /// When it was heard from last.
    pub last_seen: Option<Timestamp>,
    /// From which address.
    pub address: Option<String>,
    /// What it said then.
    pub heartbeat: Option<Heartbeat>,
    /// What somebody set for it here.
    pub settings: Map<String, Value>,
    /// Grows with each change of them.
    pub settings_version: u64,
    /// Who changed them last.
    pub settings_by: String,
}

/// What a token is made for.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The server's name.
    pub name: String,
    /// Further names and addresses that its certificate may have.
    pub names: Vec<String>,
    /// It counts so long.
    pub valid: SignedDuration,
    /// The server waits until somebody approves it.
    pub needs_approval: bool,
}

/// What a token that was shown grants.
pub(crate) struct Granted {
    pub(crate) name: String,
    pub(crate) names: Vec<String>,
    pub(crate) needs_approval: bool,
    pub(crate) by: String,
}

/// The certificate that a server gets.
pub(crate) struct Certified<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ServerKind,
    pub(crate) names: &'a [String],
    pub(crate) serial: &'a str,
    pub(crate) ends: Timestamp,
}

const FIRST: i64 = 0;
/// Whoever reads settings to write them back waits for others who do.
pub(super) const SETTINGS_LOCK: i64 = 0x7365_7474_696e_6773;

impl Enforce {
    /// Makes a token; its text is shown once and kept nowhere.
    pub async fn make_token(&self, new: &NewToken, actor: &Actor) -> Result<String, Error> {
        check_name(&new.name)?;
        for name in &new.names {
            crate::certificates::check_host(name).map_err(|why| Error::Refused(why.to_string()))?;
        }
        let authority = self.certificates.authority.as_ref().ok_or_else(|| {
            Error::Refused("the authority's key is not here: servers cannot be enrolled".to_owned())
        })?;
        let token = Token {
            name: new.name.clone(),
            secret: format!("{}{}", store::keys::random_name()?, store::keys::random_name()?),
            authority: authority.fingerprint()?,
        };
        let now = Timestamp::now();
        let expires = now.saturating_add(new.valid).unwrap_or(now);
        let mut transaction = self.database().begin().await?;
        let sql = "INSERT INTO enroll_token (hash, name, names, needs_approval, made_by, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = values![
            Token::hash(&token.secret),
            new.name.as_str(),
            serde_json::to_string(&new.names).unwrap_or_default(),
            new.needs_approval,
            actor.who.as_str(),
            now.as_millisecond(),
            expires.as_millisecond(),
        ];
        transaction.run(sql, values).await?;
        // What nobody used for a month is forgotten.
        let old = now.as_millisecond() - SignedDuration::from_hours(30 * 24).as_millis() as i64;
        transaction.run("DELETE FROM enroll_token WHERE expires_at < ?", values![old]).await?;
        let detail = format!("counts once, for {} h; hosts: {}", new.valid.as_hours(), new.names.join(", "));
        self.commit(transaction, actor, ["SERVER_TOKEN_MADE", &new.name, &detail]).await?;
        Ok(token.text())
    }

    /// All servers, by name.
    pub async fn servers(&self) -> Result<Vec<ServerState>, Error> {
        let rows = self.database().fetch("SELECT * FROM server ORDER BY name", Vec::new()).await?;
        rows.iter().map(read).collect()
    }

    /// One server.
    pub async fn server(&self, name: &str) -> Result<Option<ServerState>, Error> {
        let rows = self.database().fetch("SELECT * FROM server WHERE name = ?", values![name]).await?;
        rows.first().map(read).transpose()
    }

    /// Lets a waiting server in. False if none of this name waits.
    pub async fn approve_server(&self, name: &str, actor: &Actor) -> Result<bool, Error> {
        self.set_standing(name, "approved", "state = 'waiting'", actor).await
    }

    /// Shuts a server out at once, with the certificate that it has. It can be enrolled again. False if it is not there.
    pub async fn revoke_server(&self, name: &str, actor: &Actor) -> Result<bool, Error> {
        self.set_standing(name, "revoked", "state <> 'revoked'", actor).await
    }

    async fn set_standing(
        &self,
        name: &str,
        state: &str,
        only_if: &str,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        let sql = format!("UPDATE server SET state = ?, changed_by = ? WHERE name = ? AND {only_if}");
        if transaction.run(&sql, values![state, actor.who.as_str(), name]).await? == 0 {
            return Ok(false);
        }
        let action = format!("SERVER_{}", state.to_uppercase());
        self.commit(transaction, actor, [&action, name, ""]).await?;
        Ok(true)
    }

    /// Ends a change of a server, together with its line in the audit log.
    pub(super) async fn commit(
        &self,
        mut transaction: Box<dyn Transaction>,
        actor: &Actor,
        [action, subject, detail]: [&str; 3],
    ) -> Result<(), Error> {
        self.site.audit().add_within(&mut *transaction, actor, action, subject, detail).await?;
        Ok(transaction.commit().await?)
    }

    /// Sets what a server is to run with: dotted keys of its part of the configuration. False if somebody else changed it since
    /// `version`, or the server is not there.
    pub async fn set_server_settings(
        &self,
        name: &str,
        version: u64,
        settings: &Map<String, Value>,
        actor: &Actor,
    ) -> Result<bool, Error> {
        for key in settings.keys() {
            super::settings::check_key(key)?;
        }
        let text = serde_json::to_string(settings).unwrap_or_default();
        let mut transaction = self.database().begin().await?;
        transaction.lock(SETTINGS_LOCK).await?;
        let sql = "SELECT settings FROM server WHERE name = ? AND settings_version = ?";
        let rows = transaction.fetch(sql, values![name, version]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let before = serde_json::from_str(&row.get::<String>("settings")?).unwrap_or_default();
        let sql = "UPDATE server SET settings = ?, settings_version = settings_version + 1, settings_by = ? WHERE name = ? AND settings_version = ?";
        if transaction.run(sql, values![text, actor.who.as_str(), name, version]).await? == 0 {
            return Ok(false);
        }
        self.commit(transaction, actor, ["SERVER_SETTINGS", name, &different(&before, settings)]).await?;
        Ok(true)
    }

    /// What a token grants to this request; it is not used up by that. None: there is none, or it is over, or another request used it.
    /// The one that used it is granted it again: its answer was lost on the way.
    pub(crate) async fn token(&self, request: &EnrollRequest) -> Result<Option<Granted>, Error> {
        let sql = format!("SELECT name, names, needs_approval, made_by FROM enroll_token WHERE {USABLE}");
        let now = Timestamp::now().as_millisecond();
        let values = values![Token::hash(&request.token), now, used_for(request)];
        let rows = self.database().fetch(&sql, values).await?;
        let granted = |row: &Row| {
            Ok(Granted {
                name: row.get("name")?,
                names: serde_json::from_str(&row.get::<String>("names")?).unwrap_or_default(),
                needs_approval: row.get("needs_approval")?,
                by: row.get("made_by")?,
            })
        };
        rows.first().map(granted).transpose()
    }

    /// Uses a token up and enters the server that showed it; one of the same name gives way, its certificate is void. False if
    /// somebody else used the token meanwhile.
    pub(crate) async fn enter_server(
        &self,
        request: &EnrollRequest,
        server: &Certified<'_>,
        granted: &Granted,
        peer: &str,
    ) -> Result<bool, Error> {
        let now = Timestamp::now().as_millisecond();
        let mut transaction = self.database().begin().await?;
        let sql =
            format!("UPDATE enroll_token SET used_at = coalesce(used_at, ?), used_for = ? WHERE {USABLE}");
        let used_for = used_for(request);
        let values = values![now, used_for.as_str(), Token::hash(&request.token), now, used_for.as_str()];
        if transaction.run(&sql, values).await? == 0 {
            return Ok(false);
        }
        // Each its own number.
        transaction.lock(NUMBERING).await?;
        let state = if granted.needs_approval { "waiting" } else { "approved" };
        let sql = "INSERT INTO server (name, kind, state, names, serial, certificate_ends, enrolled_at, changed_by, settings, settings_version, settings_by, number) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, '{}', ?, '', (SELECT coalesce(max(number), 0) + 1 FROM server)) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, state = excluded.state, \
            names = excluded.names, serial = excluded.serial, old_serial = NULL, certificate_ends = excluded.certificate_ends, \
            enrolled_at = excluded.enrolled_at, changed_by = excluded.changed_by";
        let values = values![
            server.name,
            server.kind.as_str(),
            state,
            serde_json::to_string(server.names).unwrap_or_default(),
            server.serial,
            server.ends.as_millisecond(),
            now,
            granted.by.as_str(),
            FIRST,
        ];
        transaction.run(sql, values).await?;
        let ordered = match server.kind {
            ServerKind::Detection => obey(&mut *transaction, server.name).await?,
            ServerKind::Gateway => None,
        };
        if let Some((who, why)) = ordered {
            let actor = Actor { who, ..Actor::default() };
            let audit = self.site.audit();
            audit.add_within(&mut *transaction, &actor, "BREAK_GLASS_ON", server.name, &why).await?;
        }
        let actor = Actor {
            who: server.name.to_owned(),
            role: server.kind.as_str().to_owned(),
            peer: peer.to_owned(),
        };
        let waits = if granted.needs_approval { "; it waits for approval" } else { "" };
        let detail = format!("by a token of {}{waits}", granted.by);
        self.commit(transaction, &actor, ["SERVER_ENROLLED", server.name, &detail]).await?;
        self.sound_alarm().await?;
        Ok(true)
    }

    /// A further certificate of the same server; the one before counts until this one is shown.
    pub(crate) async fn renew_server(&self, server: &Certified<'_>) -> Result<(), Error> {
        let sql = "UPDATE server SET old_serial = serial, serial = ?, certificate_ends = ? WHERE name = ?";
        let mut transaction = self.database().begin().await?;
        transaction.run(sql, values![server.serial, server.ends.as_millisecond(), server.name]).await?;
        Ok(transaction.commit().await?)
    }

    /// Who shows this certificate, if it is one that counts.
    pub(crate) async fn who(
        &self,
        name: &str,
        serial: &str,
    ) -> Result<Option<(ServerKind, Standing)>, Error> {
        let sql = "SELECT kind, state, serial, old_serial FROM server WHERE name = ?";
        let rows = self.database().fetch(sql, values![name]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (current, old) = (row.get::<String>("serial")?, row.get::<Option<String>>("old_serial")?);
        if serial != current && old.as_deref() != Some(serial) {
            return Ok(None);
        }
        if serial == current && old.is_some() {
            let mut transaction = self.database().begin().await?;
            forget_old(&mut *transaction, name, serial).await?;
            transaction.commit().await?;
        }
        Ok(Some((kind(row)?, standing(row)?)))
    }

    /// Keeps what a server says of itself.
    pub(crate) async fn heard_from(
        &self,
        name: &str,
        address: &str,
        heartbeat: &Heartbeat,
    ) -> Result<(), Error> {
        let text = serde_json::to_string(heartbeat).unwrap_or_default();
        let now = Timestamp::now().as_millisecond();
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE server SET last_seen = ?, address = ?, heartbeat = ? WHERE name = ?";
        transaction.run(sql, values![now, address, text, name]).await?;
        Ok(transaction.commit().await?)
    }
}

/// What is different, for the audit log.
fn different(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("the server's own".to_owned(), Value::to_string);
    let different = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let told = different.map(|key| format!("{key}: {} -> {}", shown(before.get(key)), shown(after.get(key))));
    told.collect::<Vec<_>>().join("; ")
}

async fn forget_old(db: &mut dyn Session, name: &str, serial: &str) -> Result<(), Error> {
    let sql = "UPDATE server SET old_serial = NULL WHERE name = ? AND serial = ?";
    db.run(sql, values![name, serial]).await?;
    Ok(())
}

/// A token that may be shown: by its hash, the time, and the request. A server that was revoked since does not come back by it.
const USABLE: &str = "hash = ? AND expires_at > ? AND (used_at IS NULL OR used_for = ? \
    AND NOT EXISTS (SELECT 1 FROM server WHERE server.name = enroll_token.name AND server.state = 'revoked'))";

/// Which request used a token: its certificate request, as a hash.
fn used_for(request: &EnrollRequest) -> String {
    blake3::hash(request.csr.as_bytes()).to_hex().to_string()
}

fn kind(row: &Row) -> Result<ServerKind, Error> {
    let name: String = row.get("kind")?;
    ServerKind::parse(&name).ok_or_else(|| Error::Refused(format!("no server is a {name:?}")))
}

fn standing(row: &Row) -> Result<Standing, Error> {
    Ok(match row.get::<String>("state")?.as_str() {
        "approved" => Standing::Approved,
        "waiting" => Standing::Waiting,
        _ => Standing::Revoked,
    })
}

fn read(row: &Row) -> Result<ServerState, Error> {
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let last_seen = row.get::<Option<i64>>("last_seen")?.map(time);
    let heartbeat: Option<String> = row.get("heartbeat")?;
    Ok(ServerState {
        name: row.get("name")?,
        kind: kind(row)?,
        standing: standing(row)?,
        presence: presence(last_seen, Timestamp::now()),
        names: serde_json::from_str(&row.get::<String>("names")?).unwrap_or_default(),
        certificate_ends: time(row.get("certificate_ends")?),
        enrolled_at: time(row.get("enrolled_at")?),
        changed_by: row.get("changed_by")?,
        last_seen,
        address: row.get("address")?,
        heartbeat: heartbeat.and_then(|text| serde_json::from_str(&text).ok()),
        settings: serde_json::from_str(&row.get::<String>("settings")?).unwrap_or_default(),
        settings_version: row.get::<i64>("settings_version")? as u64,
        settings_by: row.get("settings_by")?,
    })
}

fn presence(last_seen: Option<Timestamp>, now: Timestamp) -> Presence {
    match last_seen.map(|at| now.duration_since(at)) {
        None => Presence::Never,
        Some(age) if age <= UP => Presence::Up,
        Some(age) if age <= LATE => Presence::Late,
        Some(_) => Presence::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_up_then_late_then_gone() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds| presence(Some(now - SignedDuration::from_secs(seconds)), now);
        assert_eq!([ago(10), ago(60), ago(600)], [Presence::Up, Presence::Late, Presence::Gone]);
        assert_eq!(presence(None, now), Presence::Never);
    }
}
