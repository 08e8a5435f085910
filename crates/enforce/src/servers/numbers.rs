//! The numbers by which programs know detection servers: the product's interface has one beside each name.

use std::collections::BTreeMap;

use store::values;

use crate::{Enforce, Error};

/// Numbers of servers by their names.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<String, i64>);

impl Numbers {
    /// The number of the server of this name; none if none such was enrolled.
    pub(crate) fn of(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// The server that is meant: by its number, or else by its name.
    pub(crate) fn meant<'t>(&'t self, text: &'t str) -> &'t str {
        let number: Option<i64> = text.trim().parse().ok();
        let named = number.and_then(|number| self.0.iter().find(|(_, known)| **known == number));
        named.map_or(text, |(name, _)| name)
    }
}

impl Enforce {
    /// The numbers of all servers that were ever enrolled.
    pub(crate) async fn server_numbers(&self) -> Result<Numbers, Error> {
        let sql = "SELECT name, number FROM server WHERE number IS NOT NULL";
        let rows = self.database().fetch(sql, values![]).await?;
        let numbers = rows.iter().map(|row| Ok((row.get("name")?, row.get("number")?)));
        Ok(Numbers(numbers.collect::<Result<_, Error>>()?))
    }
}
