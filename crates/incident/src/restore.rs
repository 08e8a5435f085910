//! Puts a backup in the place of the embedded database, once it was opened, brought to today's form and found to fit the keys.
//! What was there before is moved aside, never deleted.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use store::database::{self, Location};
use store::key_check;
use store::keys::Keys;

use crate::Error;
use crate::journal::{FILE, MIGRATIONS, own};

/// The database and what SQLite keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Restores the embedded database in `data` from a backup, which is only read; the keys in `data` must be those of the backup. No
/// server may run there. Needs room for two copies more. Where the database that was there before lies now, if there was one.
pub async fn restore(data: &Path, from: &Path) -> Result<Option<PathBuf>, Error> {
    let _lock = own(data).await?;
    let dir = data.join("restoring");
    let good = dir.join("good.db");
    let restored = async {
        make_way(&dir)?;
        let copy = dir.join(FILE);
        fs::copy(from, &copy).map_err(|why| file("cannot copy", from, why))?;
        // A file that a server left behind has its last changes beside it.
        let late = with(from, "-wal");
        if late.exists() {
            fs::copy(&late, with(&copy, "-wal")).map_err(|why| file("cannot copy", &late, why))?;
        }
        let keys = Keys::read(&data.join("keys"))?;
        let database = database::open(&Location::File(copy), MIGRATIONS).await?;
        key_check::fits(&*database, &keys).await?.then_some(()).ok_or(Error::WrongKeys)?;
        let mut transaction = database.begin().await?;
        // A journal that was set back hands over again under another name.
        transaction.run("DELETE FROM journal", Vec::new()).await?;
        transaction.commit().await?;
        // Written anew: nobody has this file open, however long connections to the copy live.
        database.backup(&good).await?;
        Ok::<_, Error>(())
    }
    .await;
    let placed = restored.and_then(|()| put_in_place(data, &good));
    let _ = fs::remove_dir_all(&dir);
    placed
}

/// A file beside another.
fn with(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    name.into()
}

fn make_way(dir: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let _ = fs::remove_dir_all(dir);
    let made = fs::DirBuilder::new().mode(0o700).create(dir);
    made.map_err(|why| file("cannot make", dir, why))
}

fn put_in_place(data: &Path, good: &Path) -> Result<Option<PathBuf>, Error> {
    let (now, at) = (data.join(FILE), Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ"));
    let aside = data.join(format!("{FILE}.before-{at}"));
    let there = now.exists();
    if there {
        for part in PARTS.iter().filter(|part| with(&now, part).exists()) {
            let (old, new) = (with(&now, part), with(&aside, part));
            fs::rename(&old, &new).map_err(|why| file("cannot move aside", &old, why))?;
        }
    }
    fs::rename(good, &now).map_err(|why| file("cannot put in place", &now, why))?;
    let synced = fs::File::open(data).and_then(|dir| dir.sync_all());
    synced.map_err(|why| file("cannot sync", data, why))?;
    Ok(there.then_some(aside))
}

fn file(what: &str, path: &Path, why: std::io::Error) -> Error {
    Error::Store(store::Error::File { what: format!("{what} {}", path.display()), why })
}
