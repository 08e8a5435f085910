//! Delivery into a Maildir: whole and synced under `tmp`, then visible under `new`. The name is made from the queue entry, so that
//! a delivery whose outcome a crash hid is found again instead of being made twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use smtp::spool::Edit;

use super::attempt::Fate;
use super::run::{Batch, Runner};
use crate::Gateway;
use crate::filter::Changes;
use crate::header::Header;

/// A file of a Maildir.
struct Letter<'a> {
    name: String,
    sender: &'a str,
    recipients: Vec<&'a str>,
    prefix: &'a [u8],
    octets: &'a [u8],
    edits: &'a [Edit],
}

pub(crate) async fn deliver(runner: &Runner, dir: &Path, batch: &Batch, octets: &[u8]) -> Vec<Fate> {
    let ids: Vec<u64> = batch.entries.iter().map(|entry| entry.id).collect();
    if let Err(error) = runner.handing(&ids).await {
        return vec![Fate::Later(format!("our own database: {error}")); ids.len()];
    }
    let pass_header = runner.gateway.options().pass_header.as_str();
    let header = Header::read(octets);
    let (prefix, edits) = header.leaving(pass_header, &batch.changes);
    let write = || {
        batch
            .entries
            .iter()
            .map(|entry| {
                let hash = runner.gateway.inner.keys.hash("gateway maildir", entry.id.to_be_bytes());
                let name: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
                let letter = Letter {
                    name: format!("{}.{name}.weir", entry.id),
                    sender: &address(&entry.mail),
                    recipients: vec![entry.recipient.as_str()],
                    prefix: &prefix,
                    octets,
                    edits: &edits,
                };
                match letter.put(dir) {
                    Ok(()) => Fate::Delivered(format!("in {}", dir.display())),
                    Err(why) => Fate::Later(format!("{}: {why}", dir.display())),
                }
            })
            .collect()
    };
    tokio::task::block_in_place(write)
}

/// Delivers a message that is not kept: the sender hears of it at once.
pub(crate) fn deliver_at_once(
    gateway: &Gateway,
    dir: &Path,
    (sender, recipients): (&str, &[&str]),
    octets: &[u8],
    changes: &Changes,
) -> io::Result<()> {
    let header = Header::read(octets);
    let (prefix, edits) = header.leaving(&gateway.options().pass_header, changes);
    let name = format!("{}.weir", uuid::Uuid::now_v7().simple());
    let recipients = recipients.to_vec();
    Letter { name, sender, recipients, prefix: &prefix, octets, edits: &edits }.put(dir)
}

impl Letter<'_> {
    /// Return-Path is added as at any final delivery (RFC 5321 4.4), and one Delivered-To a recipient.
    fn put(&self, dir: &Path) -> io::Result<()> {
        for name in ["tmp", "new", "cur"] {
            fs::create_dir_all(dir.join(name))?;
        }
        if self.is_there(dir)? {
            return Ok(());
        }
        let (tmp, new) = (dir.join("tmp").join(&self.name), dir.join("new").join(&self.name));
        let mut file =
            io::BufWriter::new(OpenOptions::new().write(true).create(true).truncate(true).open(&tmp)?);
        write!(file, "Return-Path: <{}>\r\n", self.sender)?;
        for recipient in &self.recipients {
            write!(file, "Delivered-To: {recipient}\r\n")?;
        }
        file.write_all(self.prefix)?;
        let mut at = 0;
        for Edit { range, replacement } in self.edits {
            file.write_all(&self.octets[at..range.start as usize])?;
            file.write_all(replacement)?;
            at = range.end as usize;
        }
        file.write_all(&self.octets[at..])?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&tmp, &new)?;
        File::open(dir.join("new"))?.sync_all()
    }

    /// A mail program moves a file to `cur` and adds flags to its name.
    fn is_there(&self, dir: &Path) -> io::Result<bool> {
        if dir.join("new").join(&self.name).exists() || dir.join("cur").join(&self.name).exists() {
            return Ok(true);
        }
        for entry in fs::read_dir(dir.join("cur"))? {
            if entry?.file_name().to_string_lossy().starts_with(&format!("{}:", self.name)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn address(mail: &[u8]) -> String {
    match super::attempt::parsed(b"MAIL FROM:", mail) {
        Ok(smtp::command::Command::Mail(mail)) => mail.path.address().to_owned(),
        _ => String::new(),
    }
}
