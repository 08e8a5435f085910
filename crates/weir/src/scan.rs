//! `weir scan`: the inspection of the server, from the command line; and what opens mails and documents for other commands.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use content::worker::{Pool, PoolOptions, Sandbox};
use content::{How, Limits, Opened};
use policy::{Envelope, Inspection, Mail, Match, Set};
use serde::Serialize;

use crate::cli::{Format, Scan};
use crate::mailbox::{self, Item};
use crate::terminal::safe;
use crate::{ocr, policies};

/// Time for one mail or document.
const DEADLINE: Duration = Duration::from_secs(60);

const VIOLATIONS: u8 = 1;
pub(crate) const UNSCANNABLE: u8 = 3;

/// Opens mails and documents as the server does, with workers.
pub(crate) struct Opener {
    pool: Pool,
    limits: Limits,
}

impl Opener {
    /// Starts the workers; a kernel without seccomp is no reason to refuse a look at a file.
    pub(crate) fn start() -> Result<Self> {
        Self::reading_pictures(None)
    }

    /// As [`start`](Self::start), and the text in pictures is read in these languages.
    pub(crate) fn reading_pictures(languages: Option<&str>) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program cannot be found")?;
        let ocr = ocr::options(&program, languages.unwrap_or_default(), 1, Sandbox::BestEffort)?;
        let options =
            PoolOptions { program, args: vec!["worker".into()], size: 1, sandbox: Sandbox::BestEffort, ocr };
        Ok(Self {
            pool: Pool::start(options).context("document workers cannot be started")?,
            limits: Limits::default(),
        })
    }

    /// What opens documents.
    pub(crate) fn documents(&self) -> &Pool {
        &self.pool
    }

    /// Opens `item` and hands on what was found.
    pub(crate) fn open<T>(&self, item: &Item, then: impl FnOnce(&Opened<'_>, Instant) -> T) -> T {
        let deadline = Instant::now() + DEADLINE;
        let how =
            How { limits: &self.limits, deadline, documents: &self.pool, passwords: &[], digests: true };
        let opened = match item.is_mail {
            true => content::open(&item.octets, &how),
            false => content::open_file(file_name(&item.name), &item.octets, &how),
        };
        then(&opened, deadline)
    }
}

fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

/// Inspects a mail with the envelope that its header suggests.
pub(crate) fn inspect(set: &Set, item: &Item, opened: &Opened<'_>, deadline: Instant) -> Inspection {
    let envelope = Envelope::of_header(opened);
    let mail = Mail {
        envelope: &envelope,
        opened,
        size: item.octets.len() as u64,
        now: jiff::ZonedDateTime::now(),
        deadline,
    };
    set.inspect(&mail)
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    violations: Vec<ViolationLine<'a>>,
    unscannable: Vec<UnscannableLine>,
}

#[derive(Serialize)]
struct ViolationLine<'a> {
    policy: &'a str,
    severity: String,
    matches: u64,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    condition: &'a str,
    path: &'a str,
    kind: &'a str,
    offset: usize,
    text: String,
    context: String,
}

#[derive(Serialize)]
struct UnscannableLine {
    path: String,
    reason: String,
}

/// `weir scan`
pub(crate) fn scan(command: &Scan) -> Result<ExitCode> {
    let set = policies::load(command.policies.as_deref().unwrap_or(Path::new("")), Path::new("data"))?.set;
    let set = Arc::new(set);
    let opener = Opener::reading_pictures(command.ocr.as_deref())?;
    let (mut violating, mut unscannable) = (false, false);
    for path in &command.paths {
        mailbox::each(path, &mut |item| {
            let inspection = opener.open(&item, |opened, deadline| inspect(&set, &item, opened, deadline));
            let violations = violations(&inspection, command.unmask);
            let line = Line { file: &item.name, violations, unscannable: unscannable_lines(&inspection) };
            violating |= !line.violations.is_empty();
            unscannable |= !line.unscannable.is_empty();
            print(&line, command.format)
        })?;
    }
    Ok(match (violating, unscannable) {
        (true, _) => ExitCode::from(VIOLATIONS),
        (false, true) => ExitCode::from(UNSCANNABLE),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// What could not be inspected is listed by itself; the built-in policy that answers for it is not a violation of its own here.
fn violations(inspection: &Inspection, unmask: bool) -> Vec<ViolationLine<'_>> {
    let real =
        inspection.violations.iter().filter(|violation| violation.policy.id != policy::NOT_FULLY_INSPECTED);
    real.map(|violation| ViolationLine {
        policy: &violation.policy.name,
        severity: violation.severity.to_string(),
        matches: violation.match_count,
        findings: violation.matches.iter().map(|found| finding(found, unmask)).collect(),
    })
    .collect()
}

fn finding(found: &Match, unmask: bool) -> Finding<'_> {
    let (text, context) = if unmask {
        (found.text.clone(), format!("{}{}{}", found.before, found.text, found.after))
    } else {
        let masked = found.masked();
        (masked.clone(), format!("{}{masked}{}", found.masked_before(), found.masked_after()))
    };
    Finding {
        rule: &found.rule,
        condition: &found.condition,
        path: &found.path,
        kind: &found.kind,
        offset: found.offset,
        text,
        context,
    }
}

fn unscannable_lines(inspection: &Inspection) -> Vec<UnscannableLine> {
    let lines = inspection.unscannable.iter();
    lines
        .map(|found| UnscannableLine { path: found.path.clone(), reason: found.reason.to_string() })
        .collect()
}

fn print(line: &Line<'_>, format: Format) -> Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string(line)?);
        return Ok(());
    }
    if line.violations.is_empty() && line.unscannable.is_empty() {
        println!("{}: nothing found", safe(line.file));
    }
    for violation in &line.violations {
        println!(
            "{}: {} ({}), {} match{}",
            safe(line.file),
            violation.policy,
            violation.severity,
            violation.matches,
            if violation.matches == 1 { "" } else { "es" }
        );
        for found in &violation.findings {
            let place = if found.path.is_empty() { "message" } else { found.path };
            println!("    {} in {} at {}: {}", found.rule, safe(place), found.offset, safe(&found.context));
        }
    }
    for found in &line.unscannable {
        let place = if found.path.is_empty() { "message" } else { &found.path };
        println!("{}: not inspected: {}: {}", safe(line.file), safe(place), found.reason);
    }
    Ok(())
}
