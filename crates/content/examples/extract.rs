//! Prints what inspection sees of files: `extract [--text | --findings] FILE...`; each text with its path, then what stayed closed; or
//! the findings only, with what can be read in two ways.

use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Limits, open_file};

fn main() -> std::io::Result<()> {
    // A system call for each line would cost more than the reading.
    let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    let (mut bare, mut only_findings) = (false, false);
    let limits = Limits::default();
    for argument in std::env::args().skip(1) {
        if argument == "--text" {
            bare = true;
            continue;
        }
        if argument == "--findings" {
            only_findings = true;
            continue;
        }
        let octets = match std::fs::read(&argument) {
            Ok(octets) => octets,
            Err(error) => {
                eprintln!("{argument}: {error}");
                continue;
            }
        };
        let how = How {
            limits: &limits,
            deadline: Instant::now() + Duration::from_secs(20),
            documents: &InProcess,
            passwords: &[],
            digests: false,
        };
        let name = std::path::Path::new(&argument).file_name().and_then(|name| name.to_str());
        let opened = open_file(name.unwrap_or_default(), &octets, &how);
        match only_findings {
            true => show_findings(&argument, &opened, &mut out)?,
            false => show(&opened, bare, &mut out)?,
        }
    }
    out.flush()
}

fn show(opened: &content::Opened<'_>, bare: bool, out: &mut impl Write) -> std::io::Result<()> {
    for segment in &opened.segments {
        match bare {
            true => writeln!(out, "{}", segment.text)?,
            false => {
                let (path, kind) = (opened.path_of(segment), segment.kind.as_str());
                writeln!(out, "[{path} | {kind}] {}", segment.text)?;
            }
        }
    }
    for closed in &opened.unscannable {
        eprintln!("unscannable: {}: {}", closed.path, closed.reason);
    }
    Ok(())
}

fn show_findings(file: &str, opened: &content::Opened<'_>, out: &mut impl Write) -> std::io::Result<()> {
    for closed in &opened.unscannable {
        writeln!(out, "{file}\tunscannable: {}\t{}", closed.reason, closed.path)?;
    }
    for doubtful in &opened.ambiguous {
        writeln!(out, "{file}\tambiguous: {}\t{}", doubtful.reason.as_str(), doubtful.path)?;
    }
    Ok(())
}
