//! Break-glass: detection servers ordered to pass and record everything, and the words that stand on each page while some do.

use incident::wire::{Heartbeat, ServerKind};
use serde_json::{Map, Value};
use store::database::Session;
use store::values;
use web::audit::Actor;

use super::registry::{SETTINGS_LOCK, ServerState, Standing};
use crate::{Enforce, Error};

/// The key of the switch.
const BREAK_GLASS: &str = "break_glass";

/// Whether a server passes everything, whoever said so: told by it, or ordered here and not heard of yet.
pub(crate) fn is_broken(server: &ServerState) -> bool {
    let told = server.heartbeat.as_ref().is_some_and(tells);
    let ordered = server.settings.get(BREAK_GLASS) == Some(&Value::Bool(true));
    server.standing == Standing::Approved && (told || ordered)
}

/// Whether a server tells that it passes everything.
fn tells(heartbeat: &Heartbeat) -> bool {
    let key = format!("prevent.{BREAK_GLASS}");
    heartbeat.effective.iter().any(|(name, value, _)| *name == key && value == "true")
}

/// What pages say; empty while no server passes everything.
fn alarm(servers: &[ServerState]) -> String {
    let names: Vec<&str> =
        servers.iter().filter(|server| is_broken(server)).map(|server| server.name.as_str()).collect();
    let (pass, record) = match names.len() {
        0 => return String::new(),
        1 => ("passes", "records"),
        _ => ("pass", "record"),
    };
    format!(
        "Break-glass is on: {} {pass} every message and {record} it. Nothing is blocked, redirected or marked.",
        names.join(", ")
    )
}

/// Tells one server, which gets it with its settings.
async fn order(db: &mut dyn Session, name: &str, on: bool, who: &str) -> Result<(), Error> {
    let rows = db.fetch("SELECT settings FROM server WHERE name = ?", values![name]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let mut settings: Map<String, Value> =
        serde_json::from_str(&row.get::<String>("settings")?).unwrap_or_default();
    if on {
        settings.insert(BREAK_GLASS.to_owned(), true.into());
    } else {
        settings.remove(BREAK_GLASS);
    }
    let text = serde_json::to_string(&settings).unwrap_or_default();
    let sql = "UPDATE server SET settings = ?, settings_version = settings_version + 1, settings_by = ? WHERE name = ?";
    db.run(sql, values![text, who, name]).await?;
    Ok(())
}

/// Keeps the order for servers to come, or ends it. Whether that is different from before.
async fn order_for_all(db: &mut dyn Session, on: bool, who: &str, why: &str) -> Result<bool, Error> {
    let changed = match on {
        true => {
            let sql =
                "INSERT INTO server_order (name, why, ordered_by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
            db.run(sql, values![BREAK_GLASS, why, who]).await?
        }
        false => db.run("DELETE FROM server_order WHERE name = ?", values![BREAK_GLASS]).await?,
    };
    Ok(changed > 0)
}

/// A detection server that comes anew gets what is ordered of all. Who ordered it, and why, if it is.
pub(super) async fn obey(db: &mut dyn Session, name: &str) -> Result<Option<(String, String)>, Error> {
    db.lock(SETTINGS_LOCK).await?;
    let sql = "SELECT why, ordered_by FROM server_order WHERE name = ?";
    let rows = db.fetch(sql, values![BREAK_GLASS]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (who, why): (String, String) = (row.get("ordered_by")?, row.get("why")?);
    order(db, name, true, &who).await?;
    Ok(Some((who, why)))
}

impl Enforce {
    /// Whether servers that are enrolled from now on pass everything.
    pub(crate) async fn break_glass_for_all(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 AS one FROM server_order WHERE name = ?";
        Ok(!self.database().fetch(sql, values![BREAK_GLASS]).await?.is_empty())
    }

    /// Brings what pages say up to date.
    pub(crate) async fn sound_alarm(&self) -> Result<(), Error> {
        self.site.set_alarm(alarm(&self.servers().await?));
        Ok(())
    }

    /// Brings it up to date by what one server tells. While none passes everything, nothing else need be read for that.
    pub(super) async fn sound_alarm_by(&self, heartbeat: &Heartbeat) -> Result<(), Error> {
        if tells(heartbeat) || !self.site.alarm().is_empty() { self.sound_alarm().await } else { Ok(()) }
    }

    /// Orders detection servers (one by name, or all, with those that are enrolled later) to pass and record everything, or ends
    /// that; their other settings stay. All of them and their lines in the audit log, or none. How many there are.
    pub(crate) async fn break_glass(
        &self,
        only: Option<&str>,
        on: bool,
        actor: &Actor,
        why: &str,
    ) -> Result<usize, Error> {
        let servers = self.servers().await?;
        let reached: Vec<&ServerState> = servers
            .iter()
            .filter(|server| server.kind == ServerKind::Detection && server.standing != Standing::Revoked)
            .filter(|server| only.is_none_or(|name| server.name == name))
            .collect();
        let action = if on { "BREAK_GLASS_ON" } else { "BREAK_GLASS_OFF" };
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(SETTINGS_LOCK).await?;
        for server in &reached {
            order(db, &server.name, on, &actor.who).await?;
        }
        let lasts = only.is_none() && order_for_all(db, on, &actor.who, why).await?;
        for server in &reached {
            self.site.audit().add_within(db, actor, action, &server.name, why).await?;
        }
        if lasts {
            self.site
                .audit()
                .add_within(db, actor, action, "all servers that are enrolled from now on", why)
                .await?;
        }
        transaction.commit().await?;
        self.sound_alarm().await?;
        Ok(reached.len())
    }
}
