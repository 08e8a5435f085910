//! `weir extract`: what inspection sees of mails and documents, each as a tree of its parts with their texts; as a line of JSON, or as flat text for scripts.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufWriter, Result as Io, Write};
use std::process::ExitCode;

use anyhow::Result;
use content::{Component, Kind, Opened, Part, Role, Segment};
use serde::Serialize;

use crate::cli::{Extract, Format};
use crate::mailbox;
use crate::scan::{Opener, UNSCANNABLE};
use crate::terminal::safe;

/// Parts inside parts that are drawn deeper and deeper.
const DEEPEST: usize = 40;

/// `weir extract`
pub(crate) fn extract(command: &Extract) -> Result<ExitCode> {
    let opener = Opener::reading_pictures(command.ocr.as_deref())?;
    let mut unscannable = false;
    // One file that was asked for by its name needs no heading.
    let alone = match &command.paths[..] {
        [path] => Some(path.display().to_string()),
        _ => None,
    };
    for path in &command.paths {
        mailbox::each(path, &mut |item| {
            opener.open(&item, |opened, _| {
                unscannable |= !opened.unscannable.is_empty();
                // A system call for each line would cost more than the reading.
                let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
                if command.format == Format::Text && alone.as_ref() != Some(&item.name) {
                    writeln!(out, "==> {} <==", safe(&item.name))?;
                }
                match (command.format, command.flat) {
                    (Format::Json, _) => json(&item.name, opened, &mut out)?,
                    (Format::Text, true) => flat(opened, &mut out)?,
                    (Format::Text, false) => tree(opened, &mut out)?,
                }
                Ok(out.flush()?)
            })
        })?;
    }
    Ok(if unscannable { ExitCode::from(UNSCANNABLE) } else { ExitCode::SUCCESS })
}

// ---- a tree

/// A part with what is in it, each thing in the order in which it was found.
#[derive(Default)]
struct Branch<'a> {
    parts: Vec<usize>,
    segments: Vec<&'a Segment<'a>>,
    findings: Vec<Finding<'a>>,
}

/// What was not opened or is ambiguous, and where below its part.
struct Finding<'a> {
    what: &'static str,
    place: &'a str,
    reason: String,
}

fn tree(opened: &Opened<'_>, out: &mut impl Write) -> Io<()> {
    let mut branches = branches(opened);
    // What is still to be drawn, the next one last, and how deep it stands.
    let tops = opened.parts.iter().filter(|part| part.parent.is_none()).map(|part| (part.id as usize, 0));
    let mut todo: Vec<(usize, usize)> = tops.collect();
    todo.reverse();
    while let Some((index, depth)) = todo.pop() {
        let (part, branch) = (&opened.parts[index], std::mem::take(&mut branches[index]));
        let above = part.parent.and_then(|parent| opened.parts.get(parent as usize));
        let indent = Indent(depth);
        writeln!(out, "{indent}{}  {}", safe(&label(part, above)), Facts(part))?;
        let inner = Indent(depth + 1);
        for finding in &branch.findings {
            let place =
                if finding.place.is_empty() { String::new() } else { format!("{}: ", safe(finding.place)) };
            writeln!(out, "{inner}{}: {place}{}", finding.what, finding.reason)?;
        }
        let named = |segment: &&&Segment<'_>| {
            segment.kind == Kind::FileName && part.name.as_deref() == Some(&*segment.text)
        };
        for segment in branch.segments.iter().filter(|segment| !named(segment)) {
            text(segment, inner, out)?;
        }
        todo.extend(branch.parts.into_iter().rev().map(|part| (part, (depth + 1).min(DEEPEST))));
    }
    Ok(())
}

fn branches<'a>(opened: &'a Opened<'a>) -> Vec<Branch<'a>> {
    let mut branches: Vec<Branch<'a>> = opened.parts.iter().map(|_| Branch::default()).collect();
    for part in &opened.parts {
        // A part stands behind the one that it is in: nothing is in itself.
        if let Some(parent) = part.parent.filter(|parent| *parent < part.id) {
            branches[parent as usize].parts.push(part.id as usize);
        }
    }
    for segment in &opened.segments {
        if let Some(branch) = branches.get_mut(segment.part as usize) {
            branch.segments.push(segment);
        }
    }
    let unscannable = opened
        .unscannable
        .iter()
        .map(|found| (found.part, &found.path, "not opened", found.reason.to_string()));
    let ambiguous = opened
        .ambiguous
        .iter()
        .map(|found| (found.part, &found.path, "ambiguous", found.reason.as_str().to_owned()));
    for (part, path, what, reason) in unscannable.chain(ambiguous) {
        let part = part as usize;
        let place = opened.parts.get(part).map_or(path.as_str(), |part| step(path, &part.path));
        if let Some(branch) = branches.get_mut(part) {
            branch.findings.push(Finding { what, place, reason });
        }
    }
    branches
}

/// The rest of a path below another one.
fn step<'a>(path: &'a str, above: &str) -> &'a str {
    let rest = path.strip_prefix(above).unwrap_or(path);
    rest.strip_prefix(" > ").unwrap_or(rest)
}

/// What a part is called among those beside it.
fn label<'a>(part: &'a Part, above: Option<&Part>) -> Cow<'a, str> {
    if let Some(name) = &part.name {
        return name.into();
    }
    match (part.role, step(&part.path, above.map_or("", |above| above.path.as_str()))) {
        (_, step) if !step.is_empty() => step.into(),
        _ if part.parent.is_none() => "message".into(),
        (Role::Message, _) => "message".into(),
        (Role::Body, _) => "body".into(),
        (Role::Multipart, _) => "parts".into(),
        (Role::Attachment, _) => "attachment".into(),
        (Role::Entry | Role::Embedded, _) => "file".into(),
    }
}

/// Two blanks for each step.
#[derive(Clone, Copy)]
struct Indent(usize);

impl fmt::Display for Indent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:1$}", "", 2 * self.0)
    }
}

/// Kind and size, and what was declared where that says more.
struct Facts<'a>(&'a Part);

impl fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.0;
        match part.role {
            Role::Multipart => write!(f, "[{} octets", part.size)?,
            _ => write!(f, "[{}, {} octets", part.kind, part.size)?,
        }
        if !part.declared.is_empty() {
            write!(f, ", {}", safe(&part.declared))?;
        }
        f.write_str(if part.encrypted { ", encrypted]" } else { "]" })
    }
}

/// A text of one line stands behind its place, others below it.
fn text(segment: &Segment<'_>, indent: Indent, out: &mut impl Write) -> Io<()> {
    if segment.kind == Kind::FileName && segment.place.is_empty() {
        return writeln!(out, "{indent}file name: {}", safe(&segment.text));
    }
    let place = match segment.component {
        Component::Subject => Cow::Borrowed("subject"),
        _ => safe(&segment.place),
    };
    let mut lines = segment.text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), second) = (lines.next(), lines.next()) else { return Ok(()) };
    let kind =
        if segment.kind == Kind::Text { String::new() } else { format!("[{}] ", segment.kind.as_str()) };
    if second.is_none() && !place.is_empty() {
        return writeln!(out, "{indent}{kind}{place}: {}", safe(first));
    }
    if !place.is_empty() || !kind.is_empty() {
        let space = if place.is_empty() { kind.trim_end() } else { &kind };
        writeln!(out, "{indent}{space}{place}:")?;
    }
    for line in [first].into_iter().chain(second).chain(lines) {
        writeln!(out, "{indent}| {}", safe(line))?;
    }
    Ok(())
}

// ---- for programs

#[derive(Serialize)]
struct Extracted<'a> {
    file: &'a str,
    parts: Vec<PartLine<'a>>,
    segments: Vec<SegmentLine<'a>>,
    unscannable: Vec<FindingLine<'a>>,
    ambiguous: Vec<FindingLine<'a>>,
}

#[derive(Serialize)]
struct PartLine<'a> {
    id: u32,
    parent: Option<u32>,
    path: &'a str,
    name: Option<&'a str>,
    kind: &'a str,
    declared: &'a str,
    size: u64,
    encrypted: bool,
}

#[derive(Serialize)]
struct SegmentLine<'a> {
    part: u32,
    path: String,
    kind: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    path: &'a str,
    reason: String,
}

fn extracted<'a>(file: &'a str, opened: &'a Opened<'_>) -> Extracted<'a> {
    let parts = opened.parts.iter().map(|part| PartLine {
        id: part.id,
        parent: part.parent,
        path: &part.path,
        name: part.name.as_deref(),
        kind: part.kind.as_str(),
        declared: &part.declared,
        size: part.size,
        encrypted: part.encrypted,
    });
    let segments = opened.segments.iter().map(|segment| SegmentLine {
        part: segment.part,
        path: opened.path_of(segment),
        kind: segment.kind.as_str(),
        text: &segment.text,
    });
    let unscannable = opened.unscannable.iter();
    let ambiguous = opened.ambiguous.iter();
    Extracted {
        file,
        parts: parts.collect(),
        segments: segments.collect(),
        unscannable: unscannable
            .map(|found| FindingLine { path: &found.path, reason: found.reason.to_string() })
            .collect(),
        ambiguous: ambiguous
            .map(|found| FindingLine { path: &found.path, reason: found.reason.as_str().to_owned() })
            .collect(),
    }
}

fn json(file: &str, opened: &Opened<'_>, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer(&mut *out, &extracted(file, opened))?;
    Ok(writeln!(out)?)
}

fn flat(opened: &Opened<'_>, out: &mut impl Write) -> Io<()> {
    let extracted = extracted("", opened);
    for segment in &extracted.segments {
        writeln!(out, "--- {} [{}]", safe(&segment.path), segment.kind)?;
        for line in segment.text.lines() {
            writeln!(out, "{}", safe(line))?;
        }
    }
    for found in &extracted.ambiguous {
        writeln!(out, "--- ambiguous: {}: {}", safe(found.path), found.reason)?;
    }
    for found in &extracted.unscannable {
        writeln!(out, "--- not opened: {}: {}", safe(found.path), found.reason)?;
    }
    Ok(())
}
