//! `weir enforce archive write`, `list`, `remove` and `restore`: incidents in files, beside a server that may be running.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result};
use enforce::Enforce;
use enforce::archives::Choice;
use incident::Severity;
use incident::archive::{Archive, Fate, InArchive, Removal, Restored};
use jiff::SignedDuration;
use store::archive::{make_key, read_key};
use store::keys::Keys;
use web::audit::Actor;

use crate::cli::{ArchiveChoice, ArchiveKey, ArchiveTask, Format};
use crate::terminal::safe;

/// Does what was asked; ends with 1 where something of it was left.
pub(crate) async fn run(task: &ArchiveTask, enforce: &Enforce, actor: &Actor) -> Result<ExitCode> {
    match task {
        ArchiveTask::Write { file, key, choice, remove } => {
            let choice = chosen(choice)?;
            let key = key_to_write_with(key)?;
            let written = enforce.archive(actor, &choice, &key, file).await?;
            println!(
                "{} holds {} incidents and {} originals, {} octets; sum (BLAKE3, of all but the last 32 octets) {}",
                file.display(),
                written.incidents,
                written.originals,
                written.octets,
                written.sum
            );
            tell_left(&written.left, "not in it");
            let mut whole = written.left.is_empty();
            if *remove {
                whole &= removed(&enforce.remove_archived(actor, &key, file).await?);
            }
            Ok(code(whole))
        }
        ArchiveTask::List { file, key, format } => {
            let mut archive = Archive::open(file, &read_key(&key.file)?)?;
            list(&mut archive, *format)
        }
        ArchiveTask::Remove { file, key } => {
            let removal = enforce.remove_archived(actor, &read_key(&key.file)?, file).await?;
            Ok(code(removed(&removal)))
        }
        ArchiveTask::Restore { file, key, incidents } => {
            let restored = enforce.restore_archived(actor, &read_key(&key.file)?, file, incidents).await?;
            Ok(code(brought_back(&restored, incidents)))
        }
    }
}

fn code(whole: bool) -> ExitCode {
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn key_to_write_with(key: &ArchiveKey) -> Result<Keys> {
    if key.file.exists() {
        return Ok(read_key(&key.file)?);
    }
    let made = make_key(&key.file)?;
    println!(
        "made the key {}; keep it apart from the archive, without it nobody reads that",
        key.file.display()
    );
    Ok(made)
}

fn chosen(choice: &ArchiveChoice) -> Result<Choice> {
    Ok(Choice {
        older_than: choice.older_than.as_deref().map(age).transpose()?,
        policies: choice.policies.clone(),
        statuses: choice.statuses.clone(),
        report: choice.report.clone().zip(choice.of.clone()),
    })
}

fn age(text: &str) -> Result<SignedDuration> {
    let hours = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "d")) => number.parse::<u32>().ok().map(|days| i64::from(days) * 24),
        Some((number, "h")) => number.parse::<u32>().ok().map(i64::from),
        _ => None,
    };
    let hours = hours.with_context(|| format!("{text:?} is no age; write 365d or 36h"))?;
    Ok(SignedDuration::from_hours(hours))
}

fn tell_left(left: &[(u64, String)], where_not: &str) {
    for (id, why) in left {
        eprintln!("incident {id} is {where_not}: {}", safe(why));
    }
}

fn removed(removal: &Removal) -> bool {
    println!("{} incidents are gone from the database", removal.gone.len());
    tell_left(&removal.left, "still in the database");
    removal.left.is_empty()
}

fn brought_back(restored: &[Restored], asked: &[u64]) -> bool {
    let count = |fate| restored.iter().filter(|one| one.fate == fate).count();
    println!("{} incidents are back, {} were there", count(Fate::Back), count(Fate::There));
    let collide = restored.iter().filter(|one| one.fate == Fate::Collides);
    for one in collide {
        eprintln!("incident {} is not back: another incident has its number", one.id);
    }
    let mut missing = asked.iter().filter(|id| restored.iter().all(|one| one.id != **id)).peekable();
    let all = count(Fate::Collides) == 0 && missing.peek().is_none();
    missing.for_each(|id| eprintln!("incident {id} is not in the archive"));
    all
}

fn list(archive: &mut Archive, format: Format) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    if format == Format::Text {
        let about = archive.about();
        writeln!(
            out,
            "made {} by {}; {}; sum {}",
            about.made_at.strftime("%Y-%m-%d %H:%M UTC"),
            safe(&about.made_by),
            safe(&about.chosen),
            archive.sum()
        )?;
    }
    let mut count = 0_u64;
    while let Some(one) = archive.next_listed()? {
        count += 1;
        match format {
            Format::Text => writeln!(out, "{}", line(&one))?,
            Format::Json => writeln!(out, "{}", serde_json::to_string(&one)?)?,
        }
    }
    if format == Format::Text {
        writeln!(out, "{count} incidents")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &InArchive) -> String {
    let severity = Severity::from_number(one.severity).map(|severity| severity.to_string());
    let mut line = format!(
        "{:>6}  {}  {:<8}  {:<19}  {}  {}",
        one.id,
        one.received_at.strftime("%Y-%m-%d %H:%M"),
        severity.unwrap_or_default(),
        safe(&one.status),
        safe(&one.policy),
        safe(if one.sender.is_empty() { "<>" } else { &one.sender }),
    );
    let _ = write!(line, "  {}", safe(&one.subject));
    if !one.has_original {
        line.push_str("  (without its original)");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_days_or_hours() {
        assert_eq!(age("365d").unwrap(), SignedDuration::from_hours(365 * 24));
        assert_eq!(age("36h").unwrap(), SignedDuration::from_hours(36));
        for wrong in ["", "d", "-1d", "1w", "1.5d", "ä"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
