//! `weir index documents`: opens documents as inspection does, in worker processes, several at a time.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Result, anyhow};
use policy::index::{DocumentReader, DocumentsBuilder, Fingerprints, IndexKind};

use super::{Place, bar};
use crate::cli::IndexDocuments;
use crate::mailbox::{self, Item};
use crate::scan::Opener;
use crate::terminal::safe;

/// Days after which an index of documents is stale.
const MAX_AGE: u32 = 90;

/// What came of a file.
struct Read {
    documents: Vec<Fingerprints>,
    /// Its name, if it has no text, and why.
    nothing: Option<(String, String)>,
}

/// Runs the command.
pub(crate) fn run(command: &IndexDocuments) -> Result<ExitCode> {
    let source = command.place.source.clone().unwrap_or_else(|| {
        command.dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
    });
    let place = Place::new(&command.place, IndexKind::Documents)?;
    let max_age = command.place.max_age.unwrap_or(MAX_AGE);
    let mut builder = DocumentsBuilder::new(&place.path, &place.key, &source, max_age, command.common)?;
    let reader = builder.reader();
    let bar = bar(Some(mailbox::count(&command.dirs)), false);
    let mut nothing = Vec::new();
    let files = read_all(command, &reader, &mut |read| {
        bar.inc(1);
        nothing.extend(read.nothing);
        read.documents.into_iter().try_for_each(|document| Ok(builder.add(document)?))
    });
    bar.finish_and_clear();
    let files = files?;
    let report = builder.finish().map_err(|error| anyhow!("{error}; nothing was indexed"))?;
    println!("{} documents from {files} files", report.documents);
    println!(
        "  {} passages, {} of them in more than {} documents and left out",
        report.runs, report.boilerplate, report.common
    );
    if report.nothing_own > 0 {
        println!(
            "  {} documents have nothing of their own: they are found only as a whole",
            report.nothing_own
        );
    }
    for (name, why) in nothing.iter().take(20) {
        println!("  not indexed: {}: {why}", safe(name));
    }
    if nothing.len() > 20 {
        println!("  and {} more", nothing.len() - 20);
    }
    place.print(report.size);
    Ok(ExitCode::SUCCESS)
}

/// Opens all files in several threads and hands on what came of each; gives how many there were.
fn read_all(
    command: &IndexDocuments,
    reader: &DocumentReader,
    take: &mut dyn FnMut(Read) -> Result<()>,
) -> Result<u64> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 16);
    let openers = (0..threads).map(|_| Opener::start()).collect::<Result<Vec<_>>>()?;
    let (to_open, items) = sync_channel::<Item>(threads);
    let (to_take, read) = sync_channel::<Read>(threads * 4);
    let items = Mutex::new(items);
    std::thread::scope(|scope| {
        for opener in &openers {
            let (items, to_take) = (&items, to_take.clone());
            scope.spawn(move || {
                while let Some(item) = next(items) {
                    if to_take.send(open(opener, reader, &item, &command.dirs)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(to_take);
        let feeding = scope.spawn(move || {
            let mut files = 0;
            for dir in &command.dirs {
                mailbox::each(dir, &mut |item| {
                    files += 1;
                    to_open.send(item).map_err(|_| anyhow!("no document can be opened"))
                })?;
            }
            Ok(files)
        });
        let taken = read.into_iter().try_for_each(take);
        let fed = feeding.join().unwrap_or_else(|_| Err(anyhow!("reading the files failed")));
        taken.and(fed)
    })
}

fn next(items: &Mutex<Receiver<Item>>) -> Option<Item> {
    items.lock().ok()?.recv().ok()
}

fn open(opener: &Opener, reader: &DocumentReader, item: &Item, dirs: &[std::path::PathBuf]) -> Read {
    let path = Path::new(&item.name);
    let name = dirs
        .iter()
        .find_map(|dir| path.strip_prefix(dir).ok())
        .filter(|name| !name.as_os_str().is_empty())
        .unwrap_or(path);
    let name = name.to_string_lossy().into_owned();
    opener.open(item, |opened, _| {
        let documents = reader.read(&name, opened);
        let why = || {
            opened.unscannable.first().map_or_else(
                || "it has less than 50 letters and 64 octets".to_owned(),
                |found| found.reason.to_string(),
            )
        };
        let nothing = documents.is_empty().then(|| (name.clone(), why()));
        Read { documents, nothing }
    })
}
