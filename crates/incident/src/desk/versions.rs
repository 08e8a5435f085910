//! Versions of policy files as rows: what people change in the console, and what changes in the policy directory itself.

use std::collections::BTreeMap;

use store::database::{Row, Session};
use store::values;

use super::{Actor, Desk};
use crate::Error;

/// Changes of policy files are noted one after another.
const FILES: i64 = 0x706f_6c69_6379;
/// Octets of the words about a change.
const WHY: usize = 500;

/// A change of a file of the policy set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: jiff::Timestamp,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// What stood there before; empty: nothing.
    pub before: String,
    /// What stood there then; empty: it was removed.
    pub text: String,
}

impl Desk {
    /// Notes a change of a policy file, in the transaction that ends with the change. The last 100 are shown.
    pub async fn keep_policy_version(
        &self,
        db: &mut dyn Session,
        actor: &Actor,
        file: &str,
        before: &str,
        text: &str,
        why: &str,
    ) -> Result<(), Error> {
        db.lock(FILES).await?;
        let sql = "INSERT INTO policy_version (file, at, who, why, before, text) VALUES (?, ?, ?, ?, ?, ?)";
        let now = jiff::Timestamp::now().as_millisecond();
        let why = crate::seal::shortened(why, WHY);
        db.run(sql, values![file, now, actor.who.as_str(), why, before, text]).await?;
        // Where no file is known yet, all will be as they are found.
        let known = db.fetch("SELECT file FROM policy_file LIMIT 1", Vec::new()).await?;
        if known.is_empty() { Ok(()) } else { self.know_policy_file(db, file, text).await }
    }

    /// Changes of a policy file, newest first.
    pub async fn policy_versions(&self, file: &str) -> Result<Vec<PolicyVersion>, Error> {
        let sql = "SELECT id, at, who, why, before, text FROM policy_version WHERE file = ? ORDER BY id DESC LIMIT 100";
        let version = |row: &Row| {
            Ok(PolicyVersion {
                id: row.get::<i64>("id")? as u64,
                at: crate::read::time(row.get("at")?),
                who: row.get("who")?,
                why: row.get("why")?,
                before: row.get("before")?,
                text: row.get("text")?,
            })
        };
        self.database().fetch(sql, values![file]).await?.iter().map(version).collect()
    }

    /// What policy files were when they were last noted. Until the transaction ends, no other change is.
    pub async fn known_policy_files(&self, db: &mut dyn Session) -> Result<BTreeMap<String, String>, Error> {
        db.lock(FILES).await?;
        let rows = db.fetch("SELECT file, text FROM policy_file", Vec::new()).await?;
        rows.iter().map(|row| Ok((row.get("file")?, row.get("text")?))).collect()
    }

    /// Notes what a file is, without a change; one without text is none.
    pub async fn know_policy_file(&self, db: &mut dyn Session, file: &str, text: &str) -> Result<(), Error> {
        if text.is_empty() {
            db.run("DELETE FROM policy_file WHERE file = ?", values![file]).await?;
            return Ok(());
        }
        let sql = "INSERT INTO policy_file (file, text) VALUES (?, ?) ON CONFLICT (file) DO UPDATE SET text = excluded.text";
        db.run(sql, values![file, text]).await?;
        Ok(())
    }
}
