//! A directory export as a lookup: read when it is first needed, and anew whenever it has changed.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use policy::directory::{Person, people_of_csv, people_of_ldif};
use tokio::sync::Mutex;

use super::Known;

/// Octets of a file.
const MOST: u64 = 512 << 20;

/// What tells that a file is another one by now.
type Mark = (SystemTime, u64);

/// People by address.
type People = HashMap<String, Arc<Known>>;

/// What came of reading it.
type Loaded = Result<Arc<People>, String>;

#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// The columns that anybody wants: the others are not kept.
    columns: BTreeSet<String>,
    read: Mutex<Option<(Mark, Loaded)>>,
}

impl File {
    pub(super) fn new<'c>(path: &Path, columns: impl Iterator<Item = &'c String>) -> Self {
        let columns = columns.map(|column| column.to_lowercase()).collect();
        Self { path: path.to_owned(), columns, read: Mutex::default() }
    }

    pub(super) async fn ask(&self, address: &str) -> Result<Known, String> {
        let known = self.people().await?.get(address).cloned();
        Ok(known.map(|known| (*known).clone()).unwrap_or_default())
    }

    async fn people(&self) -> Loaded {
        let shown = self.path.display();
        let meta =
            tokio::fs::metadata(&self.path).await.map_err(|why| format!("{shown} cannot be read: {why}"))?;
        let mark = (meta.modified().map_err(|why| format!("{shown}: {why}"))?, meta.len());
        let mut read = self.read.lock().await;
        if let Some((_, people)) = read.as_ref().filter(|(known, _)| *known == mark) {
            return people.clone();
        }
        if meta.len() > MOST {
            return Err(format!("{shown} is larger than {MOST} octets"));
        }
        let (path, columns) = (self.path.clone(), self.columns.clone());
        let people = tokio::task::spawn_blocking(move || load(&path, &columns)).await;
        let people = people.unwrap_or_else(|why| Err(why.to_string())).map(Arc::new);
        let people = people.map_err(|why| format!("{shown} cannot be read: {why}"));
        *read = Some((mark, people.clone()));
        people
    }
}

fn load(path: &Path, columns: &BTreeSet<String>) -> Result<People, String> {
    let octets = std::fs::read(path).map_err(|why| why.to_string())?;
    let text = String::from_utf8_lossy(&octets);
    let ldif = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("ldif"));
    let all = if ldif { people_of_ldif(&text)? } else { people_of_csv(&text)? };
    let mut people = People::new();
    for Person { addresses, values } in all {
        let known: Known = values.into_iter().filter(|(name, _)| columns.contains(name)).collect();
        let known = Arc::new(known);
        for address in addresses {
            // Of two lines about the same address the first counts.
            people.entry(address).or_insert_with(|| known.clone());
        }
    }
    Ok(people)
}
