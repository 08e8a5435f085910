//! Roles: named rights. The built-in ones are made at first start and can be changed; the Administrator's rights cannot.

use store::database::Row;
use store::values;

use super::{ADMINISTRATOR, LOCK, People, Rights, keep_an_administrator, plain};
use crate::Error;

/// A role's number.
pub type RoleId = i64;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Made by the program: it can be changed, but not removed.
    pub built_in: bool,
    /// What it may do.
    pub rights: Rights,
    /// Grows with each change; a change names the one that it was made from.
    pub version: i64,
}

const COLUMNS: &str = "SELECT id, name, built_in, rights, version FROM web_role";

impl People {
    /// All roles, by name.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        let rows = self.database().fetch(&format!("{COLUMNS} ORDER BY name"), Vec::new()).await?;
        rows.iter().map(role).collect()
    }

    /// One role.
    pub async fn role(&self, id: RoleId) -> Result<Option<Role>, Error> {
        let rows = self.database().fetch(&format!("{COLUMNS} WHERE id = ?"), values![id]).await?;
        rows.first().map(role).transpose()
    }

    /// The role of that name, in any case.
    pub async fn role_named(&self, name: &str) -> Result<Option<Role>, Error> {
        let folded = name.trim().to_lowercase();
        Ok(self.roles().await?.into_iter().find(|role| role.name.to_lowercase() == folded))
    }

    /// Adds a role.
    pub async fn add_role(&self, name: &str, rights: &Rights) -> Result<RoleId, Error> {
        let name = plain("The role's name", name, 100)?;
        let mut transaction = self.database().begin().await?;
        transaction.lock(LOCK).await?;
        let sql = "INSERT INTO web_role (name, built_in, rights, version) VALUES (?, ?, ?, 1) \
            ON CONFLICT DO NOTHING RETURNING id";
        let rows = transaction.fetch(sql, values![&*name, false, json(rights)]).await?;
        let id = rows.first().ok_or(Error::Taken(name))?.get("id")?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Changes a role that is still as it was in `version`.
    pub async fn change_role(
        &self,
        id: RoleId,
        version: i64,
        name: &str,
        rights: &Rights,
    ) -> Result<(), Error> {
        let name = plain("The role's name", name, 100)?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let before = db.fetch(&format!("{COLUMNS} WHERE id = ?"), values![id]).await?;
        let before = before.first().map(role).transpose()?.ok_or(Error::Gone)?;
        if before.version != version {
            return Err(Error::Stale);
        }
        if before.built_in && before.name != name {
            return Err(Error::Bad("A built-in role keeps its name: make a role of your own.".to_owned()));
        }
        if before.built_in && before.name == ADMINISTRATOR && before.rights != *rights {
            return Err(Error::Bad(
                "The Administrator's rights are fixed: make a role of your own.".to_owned(),
            ));
        }
        let same =
            db.fetch("SELECT id FROM web_role WHERE name = ? AND id <> ?", values![&*name, id]).await?;
        if !same.is_empty() {
            return Err(Error::Taken(name));
        }
        let sql = "UPDATE web_role SET name = ?, rights = ?, version = version + 1 WHERE id = ?";
        db.run(sql, values![&*name, json(rights), id]).await?;
        keep_an_administrator(db).await?;
        self.commit(transaction).await
    }

    /// Removes a role that nobody has. Sessions and tokens under it end.
    pub async fn remove_role(&self, id: RoleId) -> Result<(), Error> {
        let role = self.role(id).await?.ok_or(Error::Gone)?;
        if role.built_in {
            return Err(Error::Bad("A built-in role cannot be removed.".to_owned()));
        }
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(LOCK).await?;
        let sql = "SELECT u.name FROM web_user u JOIN web_user_role ur ON ur.user_id = u.id \
            WHERE ur.role_id = ? ORDER BY u.folded";
        let rows = db.fetch(sql, values![id]).await?;
        let names = rows.iter().map(|row| Ok(row.get("name")?)).collect::<Result<Vec<String>, Error>>()?;
        if !names.is_empty() {
            return Err(Error::InUse(names));
        }
        db.run("UPDATE web_user SET default_role = NULL WHERE default_role = ?", values![id]).await?;
        db.run("DELETE FROM web_role WHERE id = ?", values![id]).await?;
        self.commit(transaction).await
    }

    pub(super) async fn make_built_in_roles(&self) -> Result<(), Error> {
        let known = self.roles().await?;
        let missing = |name: &str| known.iter().all(|role| role.name != name);
        let administrator = known.iter().find(|role| role.name == ADMINISTRATOR);
        let built_in = Rights::built_in();
        let all = &built_in[0].1;
        if !built_in.iter().any(|(name, _)| missing(name))
            && administrator.is_some_and(|role| role.rights == *all)
        {
            return Ok(());
        }
        let mut transaction = self.database().begin().await?;
        for (name, rights) in &built_in {
            let sql = "INSERT INTO web_role (name, built_in, rights, version) VALUES (?, ?, ?, 1) \
                ON CONFLICT DO NOTHING";
            transaction.run(sql, values![*name, true, json(rights)]).await?;
        }
        // A new version of the program may know more privileges: the Administrator has them all.
        let sql = "UPDATE web_role SET rights = ? WHERE name = ? AND built_in = ?";
        transaction.run(sql, values![json(all), ADMINISTRATOR, true]).await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) fn role(row: &Row) -> Result<Role, Error> {
    Ok(Role {
        id: row.get("id")?,
        name: row.get("name")?,
        built_in: row.get("built_in")?,
        rights: rights(row)?,
        version: row.get("version")?,
    })
}

/// Rights that cannot be read are none.
pub(super) fn rights(row: &Row) -> Result<Rights, Error> {
    let text: String = row.get("rights")?;
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::error!(%error, "the rights of a role cannot be read: it may do nothing");
        Rights::default()
    }))
}

fn json(rights: &Rights) -> String {
    serde_json::to_string(rights).unwrap_or_default()
}
