//! What a test of all kinds of changes asks: what is kept in a database, which route a path is of, and what a form carries.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use store::database::{Database, Dialect};
use store::values;

/// A change that somebody makes, and the line that tells of it.
pub(crate) struct Kind {
    pub(crate) action: &'static str,
    pub(crate) path: String,
    pub(crate) fields: Vec<(&'static str, String)>,
}

pub(crate) fn kind(action: &'static str, path: impl Into<String>, fields: &[(&'static str, &str)]) -> Kind {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Kind { action, path: path.into(), fields }
}

/// All that is kept, by table, but for these tables and for counts.
pub(crate) async fn kept(db: &dyn Database, left_out: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let sqlite = db.dialect() == Dialect::Sqlite;
    let tables = match sqlite {
        true => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'"
        }
        false => {
            "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%'"
        }
    };
    let mut all = BTreeMap::new();
    for row in db.fetch(tables, Vec::new()).await.unwrap() {
        let table: String = row.get("name").unwrap();
        // Counts are folded now and then.
        if left_out.contains(&table.as_str()) || table.contains("count") {
            continue;
        }
        let whole = match (table.as_str(), sqlite) {
            ("web_session", true) => "hex(hash) || '|' || role_id".to_owned(),
            ("web_session", false) => "encode(hash, 'hex') || '|' || role_id::text".to_owned(),
            (_, true) => {
                let sql = "SELECT name FROM pragma_table_info(?)";
                let columns = db.fetch(sql, values![table.as_str()]).await.unwrap();
                let quoted: Vec<String> = columns
                    .iter()
                    .map(|row| format!("quote(\"{}\")", row.get::<String>("name").unwrap()))
                    .collect();
                quoted.join(" || '|' || ")
            }
            (_, false) => format!("{table}::text"),
        };
        let rows = db.fetch(&format!("SELECT {whole} AS whole FROM {table}"), Vec::new()).await.unwrap();
        let rows = rows.iter().map(|row| row.get::<String>("whole").unwrap());
        all.insert(table, rows.collect());
    }
    all
}

/// Whether a path is of a route.
pub(crate) fn fits(path: &str, template: &str) -> bool {
    let (mut path, mut template) = (path.split('/'), template.split('/'));
    loop {
        match (path.next(), template.next()) {
            (None, None) => return true,
            (Some(step), Some(wanted)) if wanted.starts_with('{') || step == wanted => {}
            _ => return false,
        }
    }
}

/// A path of a route.
pub(crate) fn some_path(template: &str) -> String {
    let steps: Vec<&str> =
        template.split('/').map(|step| if step.starts_with('{') { "1" } else { step }).collect();
    steps.join("/")
}

/// What a hidden field of a page holds, behind some words of it.
pub(crate) fn carried(page: &str, behind: &str, field: &str) -> String {
    let from = page.find(behind).unwrap_or_else(|| panic!("{behind} is missing: {page}"));
    let begins = format!("name=\"{field}\" value=\"");
    page[from..].split(&begins).nth(1).unwrap().split('"').next().unwrap().to_owned()
}
